"""Measures how long the caller waited for each reply, and makes one TurnTimed for each reply that was heard.

The detector's marks show at which sample speech ended. The time at which that sample was spoken is calculated from the
mark that arrived with the least delay. So the wait is counted from the end of the speech itself, not from the later
moment at which the detector was sure of it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import trio
from msgspec import Struct

from voicekit.contracts import Reply
from voicekit.events import (
    Audible,
    BargeInTimed,
    Decided,
    Final,
    SessionEvent,
    SpeechStarted,
    SpeechStopped,
    TurnAct,
    TurnCommitted,
    TurnTimed,
)


class _Committed(Struct, frozen=True):
    """A turn whose reply has not been heard; times are on trio's clock. `quiet` is when speech ended, None if there was
    no speech."""

    turn: int
    reason: str
    at: float
    quiet: float | None
    final: float | None


_TIMED = frozenset({SpeechStarted, SpeechStopped, Final, Decided, TurnCommitted, Audible})
"""The events that a TurnTimer follows; most events are others."""


class TurnTimer:
    """Measures the wait for each reply from a session's events. `reply` returns the reply in progress."""

    def __init__(self, reply: Callable[[], Reply | None]) -> None:
        self.rate = 16_000
        self._reply = reply
        self._began = inf  # the time at which the first sample from the source was spoken
        self._quiet: int | None = None  # the sample at which the caller's last speech ended
        self._voice: float | None = None  # the time at which the caller's latest speech began
        self._final: float | None = None
        self._committed: _Committed | None = None

    def follow_up(self, event: SessionEvent) -> TurnTimed | BargeInTimed | None:
        """The TurnTimed event that results from `event`, if any."""
        kind = type(event)
        if kind not in _TIMED:
            return None
        now = trio.current_time()
        if kind is Final:
            self._final = now
            return None
        match event:
            case SpeechStarted(at):
                self._began = min(self._began, now - at / self.rate)
                self._quiet = None
                self._voice = self._began + at / self.rate
            case SpeechStopped(at):
                self._began = min(self._began, now - at / self.rate)
                self._quiet = at
            case Decided(TurnAct.CUT, turn) if self._voice is not None and turn is not None:
                voice, self._voice = self._voice, None
                return BargeInTimed(turn, now - voice)
            case TurnCommitted(turn, _, reason):
                spoken = reason == "speech" and self._quiet is not None
                quiet = self._began + (self._quiet or 0) / self.rate if spoken else None
                self._committed = _Committed(turn, reason, now, quiet, self._final)
            case Audible(turn):
                committed, self._committed = self._committed, None
                reply = self._reply()
                if committed is not None and reply is not None and committed.turn == reply.turn == turn:
                    return _timed(committed, reply.first_word, now)
        return None


def _timed(committed: _Committed, word: float | None, now: float) -> TurnTimed:
    quiet, at = committed.quiet, committed.at
    return TurnTimed(
        committed.turn,
        committed.reason,
        None if quiet is None or committed.final is None else max(0.0, committed.final - quiet),
        None if quiet is None else max(0.0, at - quiet),
        0.0 if word is None else max(0.0, word - at),
        None if word is None else now - max(word, at),
        now - (at if quiet is None else quiet),
    )
