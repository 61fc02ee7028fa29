"""Hysteresis: turns the probabilities of windows into "speech began" and "speech stopped". Pure; times are in samples.

A *run* lasts while at least `start_voiced` of the last `start_windows` windows are voiced. A run is speech as soon as
its certain part lasts `min_speech`. Runs of speech that are less than `hangover` apart count as one. So a click neither
begins speech nor prolongs it, and a pause between words does not end it.

The certain part of a run is the run without its last `trail` samples. A detector with its own hangover still reports
speech for a while after the speech has ended, and `trail`, an attribute of the detector's stream, is the minimum length
of this hangover. Subtracting it matters: every few seconds, webrtcvad mistakes a single window of a quiet room for
speech, and its hangover turns this window into four. With the rule "three of four" alone, every such blip would pass,
and speech would seem to end 60 ms late.

A position is where something happened, not where it was decided: speech starts where its first voiced window starts,
and stops where its last voiced window ends. The start is decided when the run is long enough (100 ms later, with
webrtcvad and the defaults), and the stop is decided `hangover` after the end.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from voicekit.errors import ConfigError
from voicekit.events import SpeechStarted, SpeechStopped


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """Decides when speech has begun and when it has ended. Raises ConfigError for numbers that no stream could satisfy.

    `threshold`: a window with at least this probability is voiced. `start_voiced` of the last `start_windows` windows
    must be voiced to start speech; by default, one of four may be wrong. `min_speech` (s) is the shortest sound that
    counts as speech. It should exceed one window of 20 ms, which may be a click, but not by much, because a higher
    minimum delays barge-in. `hangover` (s) is the longest pause within speech; the closures of stop consonants and
    short breaths are shorter.
    """

    threshold: float = 0.5
    start_voiced: int = 3
    start_windows: int = 4
    min_speech: float = 0.03
    hangover: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigError(f"gate: expected a threshold above 0 and at most 1, got {self.threshold!r}")
        if not 1 <= self.start_voiced <= self.start_windows:
            got = f"{self.start_voiced!r} of {self.start_windows!r}"
            raise ConfigError(f"gate: expected start_voiced from 1 to start_windows, got {got}")
        for name, seconds in (("min_speech", self.min_speech), ("hangover", self.hangover)):
            if not 0 <= seconds < math.inf:
                raise ConfigError(f"gate: expected a {name} of 0 s or more, got {seconds!r}")


class Gate:
    """One stream's gate at `rate` Hz: emits SpeechStarted and SpeechStopped alternately, at positions that never
    decrease.

    `trail` is the number of samples for which the detector still reports speech after the speech has ended.
    """

    __slots__ = ("_hangover", "_heard_to", "_needed", "_policy", "_recent", "_since", "_speaking", "_trail")

    def __init__(self, policy: GatePolicy, rate: int, trail: int = 0) -> None:
        self._policy = policy
        self._trail = trail
        self._needed = round(policy.min_speech * rate) + trail
        self._hangover = round(policy.hangover * rate)
        # for each window: whether it is voiced, and its first sample
        self._recent: deque[tuple[bool, int]] = deque(maxlen=policy.start_windows)
        self._since: int | None = None  # the sample at which the current run of voiced windows began
        self._heard_to = 0  # the sample at which the last speech ended
        self._speaking = False

    def feed(self, probability: float, window_samples: int, at: int) -> SpeechStarted | SpeechStopped | None:
        """Take the probability for the window that begins at `at` and has `window_samples` samples. Windows arrive in
        order and don't overlap.
        """
        voiced = probability >= self._policy.threshold
        end = at + window_samples
        self._recent.append((voiced, at))
        self._follow_run()
        if voiced and self._since is not None and end - self._since >= self._needed:
            self._heard_to = end - self._trail
            return self._begin(self._since)
        return None if voiced else self._end_after_hangover(end)

    @property
    def speaking(self) -> bool:
        """Whether speech has begun but not stopped."""
        return self._speaking

    def lose(self, samples: int, at: int) -> SpeechStopped | None:
        """Record that audio is missing. The gap counts as unvoiced, and a run in progress ends there."""
        self._recent.clear()
        self._since = None
        return self._end_after_hangover(at + samples)

    def finish(self) -> SpeechStopped | None:
        """End the stream, and with it any speech in progress."""
        return self._stop() if self._speaking else None

    def _follow_run(self) -> None:
        if sum([voiced for voiced, _ in self._recent]) < self._policy.start_voiced:
            self._since = None
        elif self._since is None:
            self._since = next(at for voiced, at in self._recent if voiced)

    def _begin(self, at: int) -> SpeechStarted | None:
        if self._speaking:
            return None
        self._speaking = True
        return SpeechStarted(at)

    def _end_after_hangover(self, now: int) -> SpeechStopped | None:
        """SpeechStopped, if the hangover has passed and no run is in progress: a run soon either becomes speech or
        ends.
        """
        over = self._speaking and self._since is None and now - self._heard_to >= self._hangover
        return self._stop() if over else None

    def _stop(self) -> SpeechStopped:
        self._speaking = False
        # Windows of the speech that has just ended must not count towards the start of the next speech, as they could
        # with a very short hangover.
        while self._recent and self._recent[0][1] < self._heard_to:
            self._recent.popleft()
        return SpeechStopped(self._heard_to)
