"""Contract checks: one line in your test checks whether your part fulfils its contract.

async def test_my_voice_keeps_the_contract(autojump_clock):
    await check_tts(lambda: MyVoice(speed=1.2))

Each check takes a factory, because it needs many copies of the part. It runs some to their end several times, cancels
others at many awaits, reads the output of some slowly, and leaves the output of others unread. If a part breaks a
promise of its contract, the check raises an AssertionError that names the promise. The checks run in virtual time
(pytest-trio's `autojump_clock`), and run functions passed to `in_thread` in the event loop, not in threads.
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
