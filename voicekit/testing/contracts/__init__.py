"""Contract checks: does your part fulfil its contract? One line in your test checks it.

async def test_my_voice_keeps_the_contract(autojump_clock):
    await check_tts(lambda: MyVoice(speed=1.2))

Each check gets a factory, because it uses many new parts: it runs them to the end, repeatedly, cancels them at every
await, reads slowly or not at all. A broken promise is an AssertionError whose message names it. The checks run in
virtual time (pytest-trio's `autojump_clock`), with the work of `in_thread` done in the event loop.
"""

from voicekit.testing.contracts.call import check_call
from voicekit.testing.contracts.handler import check_handler
from voicekit.testing.contracts.sink import check_sink
from voicekit.testing.contracts.source import check_source
from voicekit.testing.contracts.stage import check_stage
from voicekit.testing.contracts.stt import check_stt
from voicekit.testing.contracts.tts import check_tts
from voicekit.testing.contracts.vad import check_vad

__all__ = [
    "check_source",
    "check_vad",
    "check_stt",
    "check_handler",
    "check_tts",
    "check_sink",
    "check_stage",
    "check_call",
]
