"""Silero VAD v6: a small neural network that tells speech from every other sound.

Judging 32 ms of audio takes one core 0.1 to 0.2 ms (benchmarks/vad_on_speech.py), so it runs in the event loop. Making
the first detector loads the network, which takes 0.1 to 0.2 s. All streams share the network; each adds only 3 kB of
memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from voicekit.contracts import VadStream
from voicekit.errors import ConfigError
from voicekit.listen.vad import ConfirmedBy, WebRtcVad

MODEL = Path(__file__).with_name("model") / "silero_vad.onnx"

RATES = (8_000, 16_000)
"""The rates on which the network was trained."""

WINDOWS_PER_SECOND = 31.25
"""The network accepts only windows of 32 ms."""

CONTEXT = 8
"""The network gets each window with the end of the previous one, which is this fraction of a window: an eighth."""

MEMORY = (2, 1, 128)
"""The shape of the memory that the network keeps for a stream."""

FULL_SCALE = 32_768.0


class SileroVad:
    """Judges speech in windows of 32 ms at 8 or 16 kHz.

    The result is scaled so that the network's `threshold` becomes 0.5; a higher threshold is stricter. Loads
    onnxruntime, numpy and, for the first detector, the network. Raises ConfigError unless the threshold is above 0
    and below 1.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        if not 0 < threshold < 1:
            raise ConfigError(f"silero: expected a threshold above 0 and below 1, got {threshold!r}")
        self._threshold = threshold
        self._network = _network()

    def __repr__(self) -> str:
        return f"SileroVad(threshold={self._threshold!r})"

    @property
    def rates(self) -> Sequence[int]:
        return RATES

    def start(self, rate: int) -> VadStream:
        if rate not in RATES:
            raise ConfigError(f"silero: expected a rate of {' or '.join(map(str, RATES))} Hz, got {rate!r}")
        return _SileroStream(self._network, rate, self._threshold)


def confirmed(mode: int = 2, threshold: float = 0.5) -> ConfirmedBy:
    """A detector that first asks webrtcvad, in the given `mode`; Silero must agree before sound counts as speech.

    In a quiet room this costs hardly more than webrtcvad alone.
    """
    return ConfirmedBy(WebRtcVad(mode), SileroVad(threshold))


class _SileroStream:
    """One stream's memory, and the end of its last window."""

    __slots__ = ("_input", "_memory", "_network", "_numpy", "_rate", "_threshold", "window")

    def __init__(self, network: Any, rate: int, threshold: float) -> None:
        import numpy

        self.window = round(rate / WINDOWS_PER_SECOND)
        self._network = network
        self._numpy = numpy
        self._threshold = threshold
        self._rate = numpy.array(rate, numpy.int64)
        self._memory = numpy.zeros(MEMORY, numpy.float32)
        self._input = numpy.zeros((1, self.window // CONTEXT + self.window), numpy.float32)

    def probability(self, pcm: bytes) -> float:
        heard = self._input
        heard[:, : -self.window] = heard[:, -(self.window // CONTEXT) :]
        heard[0, -self.window :] = self._numpy.frombuffer(pcm, "<i2") / FULL_SCALE
        verdict, self._memory = self._network.run(None, {"input": heard, "state": self._memory, "sr": self._rate})
        return _centred(float(verdict[0, 0]), self._threshold)


def _centred(probability: float, threshold: float) -> float:
    """`probability`, scaled on both sides of `threshold` so that `threshold` becomes 0.5; 0 and 1 stay the same."""
    if probability < threshold:
        return probability / threshold / 2
    return 0.5 + (probability - threshold) / (1 - threshold) / 2


@cache
def _network() -> Any:
    """The network, ready for any number of streams. It uses one thread, because it is too small to divide."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # otherwise onnxruntime sends usage data to its makers
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
