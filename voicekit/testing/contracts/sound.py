"""Checks a stream of audio: all frames in one format, with whole samples, and at the right positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.testing.contracts.promise import promise


def check_sound(part: Any, said: Iterable[Any], format: AudioFormat) -> int:  # noqa: A002  # the field's word
    """Check the frames and gaps in `said`, and return how many samples they span; other items are ignored."""
    at = 0
    for item in said:
        if isinstance(item, AudioFrame):
            promise(item.format == format, part, f"`produces` {format}, but emitted {item!r}")
            whole = len(item.pcm) % format.sample_bytes == 0
            promise(whole, part, f"cut a sample in two: {len(item.pcm)} bytes in {item!r}")
        if isinstance(item, AudioFrame | Gap):
            promise(item.at == at, part, f"emitted {item!r} where sample {at} was due; lost sound must be a Gap")
            at = item.end
    return at


def cut(sound: AudioFrame, seconds: float, at: int = 0) -> Iterator[AudioFrame]:
    """Yield `sound` as frames of `seconds` seconds, each with its own copy of the bytes; positions begin at `at`."""
    size = sound.format.samples(seconds) * sound.format.sample_bytes
    for start in range(0, len(sound.pcm), size):
        frame = AudioFrame(bytes(bytearray(sound.pcm[start : start + size])), at, sound.format)
        at = frame.end
        yield frame
