"""Sound as parts of a line: chunk, encode_as, resample."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from voicekit.audio.codec import convert
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError, FormatMismatch
from voicekit.events import Endpoint, SpeechStarted, SpeechStopped, WordMark
from voicekit.flow.sound import chunk, encode_as, resample
from voicekit.flow.transform import StreamContext, TransformPart

LINE = AudioFormat(8_000, "mulaw")
PCM8K = AudioFormat(8_000)


def through(part: TransformPart[Any, Any], given: AudioFormat, *items: object) -> list[Any]:
    transform = part.start(StreamContext(given))
    return [made for item in items for made in transform.feed(item)] + [*transform.finish()]


def test_chunk_cuts_each_stream_anew() -> None:
    """What one stream leaves unfinished never reaches the next."""
    part = chunk(320)
    first = part.start(StreamContext(PCM16K))
    assert list(first.feed(AudioFrame(bytes(600), 0, PCM16K))) == []
    assert through(part, PCM16K, AudioFrame(bytes(40), 0, PCM16K)) == [AudioFrame(bytes(40), 0, PCM16K)]


def test_chunk_refuses_a_window_without_samples_at_once() -> None:
    """The error comes where the line is written, not when sound flows."""
    with pytest.raises(ConfigError, match="window"):
        chunk(0)


def test_encode_as_changes_frames_and_nothing_else() -> None:
    """Frames keep their place; gaps and marks pass untouched."""
    pcm = bytes(range(40))
    out = through(encode_as(LINE), PCM8K, AudioFrame(pcm, 7, PCM8K), Gap(3, 27), SpeechStarted(8))
    assert out == [AudioFrame(convert(pcm, PCM8K, LINE), 7, LINE), Gap(3, 27), SpeechStarted(8)]


def test_encode_as_declares_what_it_produces() -> None:
    """A line can tell the format behind it without running."""
    assert encode_as(LINE).produces == resample(LINE).produces == LINE


def test_encode_as_refuses_another_rate() -> None:
    """Changing the rate is never done by the way."""
    with pytest.raises(FormatMismatch, match=r"encode_as\(mulaw 8000 Hz mono\)' got pcm16 16000 Hz mono"):
        encode_as(LINE).start(StreamContext(PCM16K))


@pytest.mark.parametrize("part", [encode_as(LINE), resample(LINE)], ids=["encode_as", "resample"])
def test_a_stream_of_unknown_format_is_refused(part: TransformPart[Any, Any]) -> None:
    """What can't know its input says so before any sound flows."""
    with pytest.raises(ConfigError, match="must know the format of its sound"):
        part.start(StreamContext(None))


def test_resample_scales_marks() -> None:
    """A mark points to the same instant before and after; other items pass unchanged."""
    marks = [SpeechStarted(240), SpeechStopped(480), WordMark("yes", 361, 3), Endpoint(240), "text"]
    assert through(resample(PCM16K), AudioFormat(24_000), *marks) == [
        SpeechStarted(160),
        SpeechStopped(320),
        WordMark("yes", 241, 3),
        Endpoint(240),
        "text",
    ]


def test_resample_scales_frames_and_gaps() -> None:
    """Sound and holes lie where they lay, at the new rate."""
    out = through(
        resample(PCM16K), PCM8K, AudioFrame(bytes(320), 0, PCM8K), Gap(80, 160), AudioFrame(bytes(2), 240, PCM8K)
    )
    assert Gap(160, 320) in out
    sound = [item for item in out if isinstance(item, AudioFrame)]
    assert sum(frame.samples for frame in sound) == 322
    assert {frame.format for frame in sound} == {PCM16K}
    assert sound[-1].end == 482


def test_resample_to_the_same_format_is_the_identity() -> None:
    """The very same frame comes out."""
    frame = AudioFrame(bytes(640), 0, PCM16K)
    (out,) = through(resample(PCM16K), PCM16K, frame)
    assert out is frame


def test_resample_at_the_same_rate_only_converts() -> None:
    """From a telephone line to PCM16 there is no filter and no delay."""
    assert through(resample(PCM8K), LINE, AudioFrame(b"\xff\x00", 3, LINE)) == [
        AudioFrame(convert(b"\xff\x00", LINE, PCM8K), 3, PCM8K)
    ]


def test_a_call_at_one_format_loads_neither_soxr_nor_numpy() -> None:
    """Cutting and the identity resampling of 16 kHz PCM cost no heavy import."""
    code = """if True:
        import sys
        from voicekit.audio.format import PCM16K
        from voicekit.audio.frame import AudioFrame
        from voicekit.flow.sound import chunk, resample
        from voicekit.flow.transform import StreamContext
        for part in (resample(PCM16K), chunk(320)):
            assert list(part.start(StreamContext(PCM16K)).feed(AudioFrame(bytes(640), 0, PCM16K)))
        print([name for name in ("numpy", "soxr", "soundfile") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
