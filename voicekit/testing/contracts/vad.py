"""Checks a voice activity detector against its contract."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from voicekit.errors import ConfigError
from voicekit.testing.contracts.promise import check_members, promise, telling

SECONDS = 0.6
"""Seconds of each kind of sound: enough for a detector to decide."""

PULSE, PERIOD = 0.0015, 0.0083
"""The length and the distance of the buzz's pulses, in seconds: a pulse train of 120 Hz is as harmonic as a vowel."""

SAME = 1e-6
"""Two verdicts that differ by less than this count as equal, since models may compute in a different order."""


def check_vad(make: Callable[[], Any]) -> None:
    """Check the detectors that `make` returns, with generated silence, noise and buzzing.

    `start` must return a VadStream for each of `rates`, and raise ConfigError for any other rate. A VadStream must
    declare its `window` in samples, and return a probability from 0 to 1 for each window. VadStreams that are used
    alternately must not affect each other.
    """
    part = make()
    check_members("vad", part)
    rates = list(part.rates)
    sane = bool(rates) and all(isinstance(rate, int) and rate > 0 for rate in rates)
    promise(sane, part, f"must state `rates` as whole numbers of Hz, not {part.rates!r}")
    _refuses(part, next(rate for rate in range(7_999, 0, -1) if rate not in rates))
    for rate in rates:
        _keeps_streams_apart(make(), rate)


def _refuses(part: Any, rate: int) -> None:
    raised: Exception | None = None
    try:
        part.start(rate)
    except Exception as error:  # the error is checked below
        raised = error
    proper = isinstance(raised, ConfigError)
    promise(proper, part, f"must raise ConfigError for {rate} Hz, which is none of its rates, not {raised!r}")


def _keeps_streams_apart(part: Any, rate: int) -> None:
    """Check that a stream is judged in the same way alone and alternately with another stream."""
    first, second = _started(part, rate), _started(part, rate)
    mine = _windows(rate, first.window, "noise", "buzz", "silence")
    others = _windows(rate, second.window, "buzz", "silence", "noise")
    together = []
    for window, other in zip(mine, others, strict=True):
        together.append(_verdict(part, first, window))
        _verdict(part, second, other)
    third = _started(part, rate)
    alone = [_verdict(part, third, window) for window in mine]
    apart = all(abs(one - two) <= SAME for one, two in zip(alone, together, strict=True))
    promise(apart, part, "mixes up its streams: it judges the same sound differently beside another stream")


def _started(part: Any, rate: int) -> Any:
    with telling(part, f"when it was started at {rate} Hz"):
        stream = part.start(rate)
    whole = isinstance(stream.window, int) and stream.window > 0
    promise(whole, part, f"must state `window` as a number of samples at {rate} Hz, not {stream.window!r}")
    trail = getattr(stream, "trail", 0)
    promise(isinstance(trail, int) and trail >= 0, part, f"must state `trail` as a number of samples, not {trail!r}")
    return stream


def _verdict(part: Any, stream: Any, window: bytes) -> float:
    with telling(part, f"for a window of {stream.window} samples, as it wants them"):
        verdict = stream.probability(window)
        likely = 0 <= verdict <= 1
    promise(likely, part, f"must return a probability from 0 to 1, but returned {verdict!r}")
    return float(verdict)


def _windows(rate: int, window: int, *sounds: str) -> list[bytes]:
    """The sounds one after the other, as whole windows of PCM16 mono."""
    count = int(SECONDS * rate) // window * window or window
    pcm = b"".join(_pcm(sound, rate, count) for sound in sounds)
    return [pcm[start : start + 2 * window] for start in range(0, len(pcm), 2 * window)]


def _pcm(sound: str, rate: int, samples: int) -> bytes:
    if sound == "silence":
        return bytes(2 * samples)
    if sound == "noise":
        return random.Random(rate).randbytes(2 * samples)
    loud, quiet = (height.to_bytes(2, "little", signed=True) for height in (12_000, -2_000))
    return b"".join(loud if n / rate % PERIOD < PULSE else quiet for n in range(samples))
