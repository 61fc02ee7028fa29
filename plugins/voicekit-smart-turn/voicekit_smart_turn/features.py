"""The input of the network: a log-mel spectrogram of eight seconds, in the format of Whisper's encoder. Pure.

The definition comes from "Robust Speech Recognition via Large-Scale Weak Supervision" (Radford et al., 2022). The audio
is first normalised to mean 0 and variance 1. There is a frame of 25 ms every 10 ms, and 80 triangular filters of equal
area on Slaney's mel scale up to 8 kHz. The logarithm is limited to 8 decades below the loudest value, and scaled to
about -1 to 1.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
SECONDS = 8
SAMPLES = RATE * SECONDS

_FRAME = 400
_HOP = 160
_MELS = 80
_TOP = 8_000.0
_LINEAR = 200.0 / 3.0  # Hz per mel below 1,000 Hz (the first 15 mel)
_KNEE_HZ, _KNEE = 1_000.0, 15.0
_STEP = np.log(6.4) / 27.0  # the logarithm of the frequency ratio per mel above 1,000 Hz
_FLOOR = 1e-10
_TINY = 1e-7  # avoids a division by 0 for silence, which has a variance of 0


def log_mel(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The spectrogram, [80, 800], of the last eight seconds of `sound` at RATE; silence precedes a shorter `sound`."""
    heard = np.zeros(SAMPLES, np.float64)
    last = sound[-SAMPLES:]
    heard[SAMPLES - len(last) :] = last
    heard = (heard - heard.mean()) / np.sqrt(heard.var() + _TINY)
    padded = np.pad(heard, _FRAME // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP][:-1]
    power = np.abs(np.fft.rfft(frames * _window())) ** 2
    logs = np.log10(np.maximum(_FLOOR, _filters() @ power.T))
    limited = np.maximum(logs, logs.max() - 8.0)
    features: NDArray[np.float32] = ((limited + 4.0) / 4.0).astype(np.float32)
    return features


@cache
def _window() -> NDArray[np.float64]:
    """A periodic Hann window."""
    return np.hanning(_FRAME + 1)[:-1]


@cache
def _filters() -> NDArray[np.float64]:
    """The mel filters, [80, 201]."""
    edges = _hertz(np.linspace(0.0, _KNEE + np.log(_TOP / _KNEE_HZ) / _STEP, _MELS + 2))
    bins = np.linspace(0.0, RATE / 2, _FRAME // 2 + 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    filters: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)
    return filters


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mels < _KNEE, mels * _LINEAR, _KNEE_HZ * np.exp(_STEP * (mels - _KNEE)))
