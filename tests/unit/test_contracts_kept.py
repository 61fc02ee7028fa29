"""The contract checks, on parts that keep their promises: the package's own."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.call.caller import CallSource
from voicekit.errors import ConfigError
from voicekit.flow import each, stage
from voicekit.listen import ConfirmedBy, EnergyVad, FileSource, SilenceSource, ToneSource, WebRtcVad
from voicekit.play.file_sink import FileSink
from voicekit.play.sink import NullSink, RecordingSink
from voicekit.reply.quiet import QuietTts
from voicekit.testing import (
    FakeTts,
    Script,
    ScriptedSource,
    ScriptedStt,
    ScriptedVad,
    check_handler,
    check_sink,
    check_source,
    check_stage,
    check_stt,
    check_tts,
    check_vad,
)

RECORDING = Path(__file__).parents[1] / "data" / "speech" / "cards-001.flac"
TELEPHONE = AudioFormat(8_000, "mulaw")


def script() -> Script:
    """Two seconds and a bit: a whole number of the blocks in which scripted sound counts its positions."""
    user = Script()
    user.says("hello there", at=0.1, for_=0.6)
    user.types("hello", at=0.3)
    user.stays(until=2.048)
    return user


def speech() -> AudioFrame:
    return AudioFrame(script().pcm(0, PCM16K.samples(2.048), PCM16K.rate), 0, PCM16K)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: SilenceSource(duration=0.5), id="silence"),
        pytest.param(lambda: SilenceSource(TELEPHONE, duration=0.5, live=False), id="silence, not live"),
        pytest.param(lambda: ToneSource(duration=0.5), id="tone"),
        pytest.param(lambda: ToneSource(format=AudioFormat(8_000, channels=2), duration=0.5, live=False), id="stereo"),
        pytest.param(lambda: FileSource(RECORDING), id="file"),
        pytest.param(lambda: FileSource(RECORDING, paced=True, trailing_silence=0.3), id="file, paced"),
        pytest.param(lambda: ScriptedSource(script()), id="scripted"),
        pytest.param(lambda: ScriptedSource(script(), live=False), id="scripted, not live"),
    ],
)
async def test_our_sources_keep_the_contract(autojump_clock, make):
    """Silence, tone, file and script pass `check_source`, live and not."""
    await check_source(make)


@pytest.mark.slow
@pytest.mark.parametrize("live", [True, False])
async def test_a_source_that_never_ends_can_be_checked_too(autojump_clock, live):
    """With `ends=False` the check takes a while of the sound and cancels the rest."""
    await check_source(lambda: SilenceSource(live=live), ends=False)


@pytest.mark.slow
async def test_the_source_of_a_call_keeps_the_contract_once(autojump_clock):
    """The caller's sound comes as it comes, over one wire: with holes, with keys, and with a hang-up at the end."""
    async with trio.open_nursery() as nursery, AsyncExitStack() as made:

        async def talk(source: CallSource) -> None:
            for number in range(50):
                source.hear(bytes(320), trio.current_time())
                if number == 20:
                    source.press("5")
                await trio.sleep(1.0 if number == 30 else 0.02)
            source.finish()

        def make() -> CallSource:
            source = CallSource(AudioFormat(8_000))
            made.callback(source.close)
            nursery.start_soon(talk, source)
            return source

        await check_source(make, once=True)


@pytest.mark.parametrize(
    "make",
    [WebRtcVad, EnergyVad, ScriptedVad, lambda: ConfirmedBy(WebRtcVad(), EnergyVad())],
    ids=["webrtc", "energy", "scripted", "confirmed"],
)
def test_our_detectors_keep_the_contract(make):
    """All detectors pass `check_vad`, which needs no event loop."""
    check_vad(make)


@pytest.mark.slow
@pytest.mark.parametrize("endpoints", [True, False])
async def test_our_transcriber_keeps_the_contract(autojump_clock, endpoints):
    """The scripted ears pass `check_stt`, with and without endpoints."""
    await check_stt(lambda: ScriptedStt(script(), endpoints=endpoints), speech())


async def early(turn: Any, say: Any) -> None:
    turn.end("Goodbye!")
    await trio.sleep(0.5)
    await say("I must go. ")
    await trio.sleep(0.5)
    await say("Really.")


async def generating(turn: Any) -> Any:
    yield "One. "
    await trio.sleep(1.0)
    yield "Two."


@pytest.mark.parametrize(
    "answer", [early, generating, lambda turn: None, "Good morning!"], ids=["pushing", "generating", "silent", "text"]
)
async def test_handlers_of_every_shape_keep_the_contract(autojump_clock, answer):
    """A handler that pushes, a generator, a function without an answer and a text pass `check_handler`."""
    await check_handler(lambda: answer)


@pytest.mark.parametrize("make", [FakeTts, QuietTts])
async def test_our_voices_keep_the_contract(autojump_clock, make):
    """The fake voice and the quiet one pass `check_tts`."""
    await check_tts(make)


@pytest.mark.slow
@pytest.mark.parametrize("make", [NullSink, RecordingSink])
@pytest.mark.parametrize(
    "options",
    [{}, {"latency": 0.2}, {"speed": 0.1}, {"format": TELEPHONE}, {"pausable": False, "latency": 0.02}],
    ids=["plain", "late", "slow", "telephone", "not pausable"],
)
async def test_our_sinks_keep_the_contract(autojump_clock, make, options):
    """The sinks that play by the clock pass `check_sink`: late ones, slow ones, and those that can't pause."""
    await check_sink(lambda: make(**options))


@pytest.mark.slow
async def test_our_file_sink_keeps_the_contract(autojump_clock, tmp_path):
    """A sound file as a sink passes `check_sink`; the check does the work of threads on the spot."""
    await check_sink(lambda: FileSink(tmp_path / "bot.wav"))


@stage
async def passing(inbox, outbox):
    async for item in inbox:
        await outbox.send(item)


@stage
async def counting(inbox, outbox):
    """Says nothing until its inbox ends."""
    count = 0
    async for _ in inbox:
        count += 1
    await outbox.send(count)


@pytest.mark.parametrize("make", [lambda: passing, lambda: counting, lambda: passing | each(str) | passing])
async def test_stages_and_lines_of_them_keep_the_contract(autojump_clock, make):
    """A plain stage, one that has nothing to say until the end, and a line of several pass `check_stage`."""
    await check_stage(make, range(10))


async def test_a_check_wants_virtual_time():
    """On the real clock a check would take minutes: it says what is missing instead."""
    with pytest.raises(ConfigError, match="fixture autojump_clock"):
        await check_stage(lambda: passing)
