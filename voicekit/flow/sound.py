"""Transforms for audio: cut it into windows, change its encoding, change its rate.

The pure classes of `voicekit.audio` do the work; this module gives them the format from the stream's context, and
scales the positions in marks if the rate changes. Anything that is not audio passes immediately. So a mark can overtake
the few ms of audio that a window or a filter still holds, but the position in the mark stays exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from voicekit.audio.chunk import Chunker
from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.audio.resample import Resampler
from voicekit.errors import ConfigError, FormatMismatch
from voicekit.events import SpeechStarted, SpeechStopped, WordMark
from voicekit.flow.transform import Each, StreamContext, Transform, TransformPart


def chunk(samples: int) -> TransformPart[Any, Any]:
    """A transform that re-cuts audio into frames of exactly `samples` samples; see `voicekit.audio.chunk`.

    Raises ConfigError if `samples` is below 1.
    """
    Chunker(samples)  # a wrong number raises ConfigError here, and not when a stream starts
    return TransformPart(f"chunk({samples})", lambda context: Chunker(samples))


def encode_as(target: AudioFormat) -> TransformPart[Any, Any]:
    """A transform that changes the encoding and the number of channels to those of `target`, but never the rate.

    Starting it raises ConfigError if the format of the stream is not known, or has another rate.
    """
    name = f"encode_as({target})"

    def start(context: StreamContext) -> Transform[Any, Any]:
        source = _known(context, name)
        if source.rate != target.rate:
            raise FormatMismatch(f"{name!r} got {source} and can't change the rate; use resample()")
        return _encoding(target)

    return TransformPart(name, start, produces=target)


def resample(target: AudioFormat) -> TransformPart[Any, Any]:
    """A transform that converts audio of any format to `target`; see `voicekit.audio.resample`.

    Positions of frames, Gaps and marks are scaled. If only encoding or channels differ, no filter is loaded, and audio
    that already has the format passes unchanged. Starting it raises ConfigError if the format is not known.
    """
    name = f"resample({target})"

    def start(context: StreamContext) -> Transform[Any, Any]:
        source = _known(context, name)
        return _encoding(target) if source.rate == target.rate else _Resampling(source, target)

    return TransformPart(name, start, produces=target, loads=("numpy", "soxr"))


def _known(context: StreamContext, name: str) -> AudioFormat:
    if context.format is None:
        raise ConfigError(f"{name!r} must know the format of its sound, but no stage before it defines `produces`")
    return context.format


def _encoding(target: AudioFormat) -> Transform[Any, Any]:
    def encoded(item: object) -> object:
        if not isinstance(item, AudioFrame) or item.format == target:
            return item
        return AudioFrame(convert(item.pcm, item.format, target), item.at, target)

    return Each(encoded)


class _Resampling:
    """A Resampler that also scales marks and passes everything else."""

    __slots__ = ("_resampler",)

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._resampler = Resampler(source, target)

    def feed(self, item: object) -> Iterable[object]:
        if isinstance(item, AudioFrame | Gap):
            return self._resampler.feed(item)
        if isinstance(item, SpeechStarted | SpeechStopped | WordMark):
            return (replace(item, at=self._resampler.position(item.at)),)
        return (item,)

    def finish(self) -> Iterable[object]:
        return self._resampler.finish()
