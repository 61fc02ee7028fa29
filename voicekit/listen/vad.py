"""Voice activity detectors: webrtcvad (the default), plain energy, and one that confirms the result of another.

webrtcvad is a cheap gate (3 us per 20 ms), not a judge: it also lets through hold music, ringing and clicks
(benchmarks/vad_on_noise.py). With `ConfirmedBy`, a better and more expensive judge gets only the audio that the cheap
gate passes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicekit.contracts import Vad, VadStream
from voicekit.errors import ConfigError

if TYPE_CHECKING:
    import webrtcvad

WEBRTC_MODES = (0, 1, 2, 3)
WEBRTC_RATES = (8_000, 16_000, 32_000, 48_000)
WINDOW_S = 0.02  # webrtcvad accepts 10, 20 or 30 ms; 20 ms costs half as much as 10 ms, and adds less delay than 30 ms
# In each mode, webrtcvad reports speech for at least this many 20 ms windows after the last window that it judged to
# be speech. This is its own hangover (kOverHangMax1 in WebRTC's vad_core.c; confirmed by tests), which can't be turned
# off.
WEBRTC_TRAIL = (4, 4, 3, 3)
# The number of windows with sound that webrtcvad must hear before its verdicts count: it starts with an assumed noise
# floor, and mistakes the first one or two windows in any room for speech.
WEBRTC_LEARNS = 5
ENERGY_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
ENERGY_SLOPE_DB = 20.0  # the probability rises from 0 to 1 over this many decibels around the threshold
FULL_SCALE = 32_768.0


def _require_rate(name: str, rates: Sequence[int], rate: int) -> None:
    if rate not in rates:
        raise ConfigError(f"{name}: expected one of the rates {', '.join(map(str, rates))} Hz, got {rate!r}")


@dataclass(frozen=True, slots=True)
class WebRtcVad:
    """Google's WebRTC detector in 20 ms windows; `mode` from 0 (lenient) to 3 (strict). Returns only 0 or 1.

    While it learns the room's noise, during the first 100 ms that aren't digital silence, it returns 0. Raises
    ConfigError for any other mode.
    """

    mode: int = 2

    def __post_init__(self) -> None:
        if self.mode not in WEBRTC_MODES:
            raise ConfigError(f"webrtcvad: expected mode 0, 1, 2 or 3, got {self.mode!r}")

    @property
    def rates(self) -> Sequence[int]:
        return WEBRTC_RATES

    def start(self, rate: int) -> VadStream:
        _require_rate("webrtcvad", self.rates, rate)
        import webrtcvad

        return _WebRtcStream(webrtcvad.Vad(self.mode), self.mode, rate)


class _WebRtcStream:
    __slots__ = ("_detector", "_learns", "_rate", "trail", "window")

    def __init__(self, detector: webrtcvad.Vad, mode: int, rate: int) -> None:
        self._detector = detector
        self._rate = rate
        self._learns = WEBRTC_LEARNS
        self.window = round(WINDOW_S * rate)
        self.trail = WEBRTC_TRAIL[mode] * self.window

    def probability(self, pcm: bytes) -> float:
        voiced = self._detector.is_speech(pcm, self._rate)
        if self._learns:
            self._learns -= any(pcm)
            return 0.0
        return 1.0 if voiced else 0.0


@dataclass(frozen=True, slots=True)
class EnergyVad:
    """Anything louder than `threshold_dbfs` is speech: for quiet rooms and for tests. This detector has no
    dependencies.

    The level is the root mean square, relative to full scale, without the DC offset. At the threshold the probability
    is 0.5, and 10 dB above it 1. Raises ConfigError for a threshold outside -96 to 0.
    """

    threshold_dbfs: float = -40.0

    def __post_init__(self) -> None:
        if not -96.0 <= self.threshold_dbfs < 0.0:
            raise ConfigError(f"energy VAD: expected a threshold from -96 to 0 dBFS, got {self.threshold_dbfs!r}")

    @property
    def rates(self) -> Sequence[int]:
        return ENERGY_RATES

    def start(self, rate: int) -> VadStream:
        _require_rate("energy VAD", self.rates, rate)
        return _EnergyStream(self.threshold_dbfs, round(WINDOW_S * rate))


class _EnergyStream:
    __slots__ = ("_samples", "_threshold", "window")

    def __init__(self, threshold_dbfs: float, window: int) -> None:
        self._threshold = threshold_dbfs
        self._samples = struct.Struct(f"<{window}h")
        self.window = window

    def probability(self, pcm: bytes) -> float:
        samples = self._samples.unpack(pcm)
        # hypot squares and adds in C: 4 us for 320 samples, while a Python loop takes 20
        power = math.hypot(*samples) ** 2 / self.window - (sum(samples) / self.window) ** 2
        if power <= 0:
            return 0.0
        level = 10 * math.log10(power / FULL_SCALE**2)
        return min(1.0, max(0.0, 0.5 + (level - self._threshold) / ENERGY_SLOPE_DB))


@dataclass(frozen=True, slots=True)
class ConfirmedBy:
    """Reports speech that `first` passes and `judge` confirms. Most of the audio that `first` rejects never reaches the
    judge.

    The windows are those of `first`. While `first` reports a probability below `threshold`, the result is 0. Otherwise,
    the result is the judge's latest verdict. Before that, the judge processes the audio since its previous verdict, in
    its own windows: at most `pre_roll` seconds, but at least one window. So it never has to process long silences.

    `trail` is that of `first`, so a blip that `first` prolongs is cut back to its real length. Raises ConfigError if
    the two detectors have no rate in common.
    """

    first: Vad
    judge: Vad
    threshold: float = 0.5
    pre_roll: float = 0.2  # seconds of earlier audio that the judge gets as context; this costs Silero 1 ms

    def __post_init__(self) -> None:
        if not self.rates:
            got = f"{list(self.first.rates)} and {list(self.judge.rates)} Hz"
            raise ConfigError(f"confirming VAD: expected two VADs with a common sample rate, got {got}")

    @property
    def rates(self) -> Sequence[int]:
        return tuple(rate for rate in self.first.rates if rate in self.judge.rates)

    def start(self, rate: int) -> VadStream:
        _require_rate("confirming VAD", self.rates, rate)
        return _ConfirmedStream(
            self.first.start(rate), self.judge.start(rate), self.threshold, round(self.pre_roll * rate)
        )


class _ConfirmedStream:
    __slots__ = ("_first", "_judge", "_keep", "_size", "_threshold", "_unjudged", "_verdict", "trail", "window")

    def __init__(self, first: VadStream, judge: VadStream, threshold: float, pre_roll: int) -> None:
        self._first = first
        self._judge = judge
        self._threshold = threshold
        self._size = 2 * judge.window
        # at least one window, so that the judge can give a verdict on each word
        self._keep = 2 * max(pre_roll, judge.window)
        self._unjudged = bytearray()
        self._verdict = 0.0
        self.window = first.window
        self.trail: int = getattr(first, "trail", 0)

    def probability(self, pcm: bytes) -> float:
        self._unjudged += pcm
        if self._first.probability(pcm) < self._threshold:
            del self._unjudged[: -self._keep]
            return 0.0
        self._catch_up()
        return self._verdict

    def _catch_up(self) -> None:
        while len(self._unjudged) >= self._size:
            self._verdict = self._judge.probability(bytes(self._unjudged[: self._size]))
            del self._unjudged[: self._size]
