"""The file source: at the consumer's pace or like a live microphone, in virtual time and from a real thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import soundfile
import trio
from trio.testing import MockClock

from voicekit.audio.file import SoundFileReader
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Source
from voicekit.errors import ConfigError
from voicekit.flow.groups import alone
from voicekit.flow.link import open_link
from voicekit.flow.pipeline import pipeline
from voicekit.flow.sound import resample
from voicekit.flow.stage import Stage
from voicekit.flow.store import Full
from voicekit.flow.threads import inline
from voicekit.listen.file_source import FileSource

SECOND = 16_000
TONE = (12_000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(3 * SECOND) / SECOND)).astype("<i2")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A WAV of 2.51 s."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, TONE[: 2 * SECOND + 8_160], SECOND)
    return path


@pytest.fixture
def in_line() -> Iterator[None]:
    """Reads happen on the spot, because the autojump clock does not wait for threads."""
    token = inline.set(True)
    yield
    inline.reset(token)


async def played(stage: Stage[object, object], capacity: int = 100 * SECOND) -> list[tuple[float, AudioFrame]]:
    """Everything that one run of `stage` says, each with the time at which it came."""
    heard: list[tuple[float, AudioFrame]] = []
    start = trio.current_time()
    nothing, inbox = open_link(1)
    outbox, ours = open_link(capacity)

    async def listen() -> None:
        async for frame in ours:
            heard.append((trio.current_time() - start, frame))

    with alone(), nothing, inbox, outbox, ours:
        async with stage.open() as run, trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await run(inbox, outbox)
            outbox.close()
    return heard


def sound_of(heard: list[tuple[float, AudioFrame]]) -> bytes:
    return b"".join(frame.pcm for _, frame in heard)


async def test_a_file_is_played_to_the_bit(path: Path) -> None:
    """Frames of 20 ms, numbered without a hole, hold exactly the file; the last is as long as what is left."""
    heard = await played(FileSource(path))
    assert sound_of(heard) == TONE[: 2 * SECOND + 8_160].tobytes()
    assert [frame.at for _, frame in heard] == list(range(0, 40_160, 320))
    assert [frame.samples for _, frame in heard] == [320] * 125 + [160]


async def test_trailing_silence_follows_without_a_seam(path: Path) -> None:
    """Silence completes the last frame of the file and goes on for the time asked for."""
    heard = await played(FileSource(path, trailing_silence=1.5, frame_ms=30))
    pcm = sound_of(heard)
    assert pcm == TONE[: 2 * SECOND + 8_160].tobytes() + bytes(2 * 24_000)
    assert {frame.samples for _, frame in heard[:-1]} == {480}
    assert [frame.at for _, frame in heard] == list(range(0, 64_160, 480))


def test_a_source_is_a_source(path: Path) -> None:
    """It fulfils the contract, says what it produces before it is opened, and is live only when it is paced."""
    source = FileSource(path)
    assert isinstance(source, Source)
    assert (source.name, source.live, source.produces) == ("file", False, PCM16K)
    assert FileSource(path, paced=True).live
    assert str(path) in repr(source)


@pytest.mark.usefixtures("in_line")
async def test_a_paced_file_keeps_the_time_of_a_microphone(path: Path, autojump_clock: MockClock) -> None:
    """Each frame comes at the instant at which its last sample would have been recorded, silence included."""
    heard = await played(FileSource(path, paced=True, trailing_silence=0.5))
    assert heard[-1][1].end == 48_160
    assert [when for when, _ in heard] == pytest.approx([frame.end / SECOND for _, frame in heard])


@pytest.mark.usefixtures("in_line")
async def test_a_late_consumer_does_not_shift_the_schedule(path: Path, autojump_clock: MockClock) -> None:
    """After a stall the frames that are due come at once, and the rest at their own times: nothing drifts."""
    source = FileSource(path, paced=True)
    nothing, inbox = open_link(1)
    outbox, ours = open_link(320)
    times: list[float] = []

    async def stall_and_listen() -> None:
        await trio.sleep(1.0)
        async for _ in ours:
            times.append(trio.current_time())

    start = trio.current_time()
    with nothing, inbox, outbox, ours:
        async with source.open() as run, trio.open_nursery() as nursery:
            nursery.start_soon(stall_and_listen)
            await run(inbox, outbox)
            outbox.close()
    due = [min(n * 320 + 320, 40_160) / SECOND for n in range(126)]
    assert [time - start for time in times] == pytest.approx([max(1.0, moment) for moment in due])


@pytest.mark.usefixtures("in_line")
async def test_an_unpaced_file_takes_no_time_and_waits_for_its_consumer(path: Path, autojump_clock: MockClock) -> None:
    """Backpressure holds the reading: no more sound is out than the link may hold."""
    nothing, inbox = open_link(1)
    outbox, ours = open_link(3_200)
    with nothing, inbox, outbox, ours:
        async with FileSource(path).open() as run, trio.open_nursery() as nursery:
            nursery.start_soon(run, inbox, outbox)
            await trio.sleep(5)
            assert outbox.statistics().peak == 3_200
            nursery.cancel_scope.cancel()


async def test_a_run_after_a_cancelled_one_starts_at_the_beginning(path: Path) -> None:
    """A cancelled run leaves nothing behind in the source."""
    source = FileSource(path)
    nothing, inbox = open_link(1)
    outbox, ours = open_link(640)
    with nothing, inbox, outbox, ours:
        async with source.open() as run, trio.open_nursery() as nursery:
            nursery.start_soon(run, inbox, outbox)
            assert (await ours.receive()).at == 0
            nursery.cancel_scope.cancel()
    assert sound_of(await played(source)) == TONE[: 2 * SECOND + 8_160].tobytes()


@pytest.mark.usefixtures("in_line")
async def test_a_live_file_behind_a_link_that_drops_never_waits(path: Path, autojump_clock: MockClock) -> None:
    """A paced file is done when its time is over, although nobody listens."""
    nothing, inbox = open_link(1)
    outbox, ours = open_link(3_200, Full.DROP_OLDEST)
    start = trio.current_time()
    with nothing, inbox, outbox, ours:
        async with FileSource(path, paced=True).open() as run:
            await run(inbox, outbox)
        assert trio.current_time() - start == pytest.approx(2.51)
        assert outbox.statistics().dropped == 40_160 - outbox.statistics().level


async def test_a_line_resamples_a_file(tmp_path: Path) -> None:
    """Source and resampler make one stage, whose format is known before it runs and whose positions are true."""
    path = tmp_path / "odd.wav"
    soundfile.write(path, TONE[:11_025], 11_025)
    whole = pipeline(FileSource(path), resample(PCM16K))
    assert whole.produces == PCM16K
    heard = await played(whole)
    assert [frame.at for _, frame in heard[1:]] == [frame.end for _, frame in heard[:-1]]
    assert heard[-1][1].end == SECOND


async def test_a_file_that_was_replaced_is_a_config_error(path: Path) -> None:
    """A line that was built for one format never gets another."""
    source = FileSource(path)
    soundfile.write(path, TONE, 8_000)
    with pytest.raises(ConfigError, match="changed from pcm16 16000 Hz mono to pcm16 8000 Hz mono"):
        await played(source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trailing_silence": -1.0}, "trailing_silence: expected 0 seconds or more, got -1.0"),
        ({"frame_ms": 0}, "frame_ms: expected at least the length of one sample at 16000 Hz, got 0 ms"),
        ({"frame_ms": -20}, "frame_ms: expected at least the length of one sample at 16000 Hz, got -20 ms"),
    ],
)
def test_impossible_options_are_config_errors(path: Path, options: dict[str, float], message: str) -> None:
    """Found in the constructor, before anything is opened."""
    with pytest.raises(ConfigError, match=message):
        FileSource(path, **options)  # type: ignore[arg-type]


async def test_reading_does_not_hold_the_loop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening and decoding happen in a thread, about a second of sound at a time."""
    reads: list[tuple[int, bool]] = []
    read = SoundFileReader.read

    def watched(reader: SoundFileReader, samples: int) -> AudioFrame | None:
        reads.append((samples, threading.current_thread() is threading.main_thread()))
        return read(reader, samples)

    monkeypatch.setattr(SoundFileReader, "read", watched)
    await played(FileSource(path))
    assert reads == [(SECOND, False)] * 4  # reads of 1 s, 1 s and 0.51 s, and the end of the file
