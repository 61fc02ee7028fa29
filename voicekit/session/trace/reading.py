"""Reads an event log back: what happened in each turn, and when. Pure; it takes lines of text.

Of the log of a session that was not traced it makes what it can: turns without bars.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_LINE = re.compile(r"\s*(\d+\.\d+) (.*)")
_COMMITTED = re.compile(r'reply (\d+) (?:to "(.*)"|\((\w+)\))$')
_MILESTONE = re.compile(r"reply (\d+) trace: (\w+) (-?\d+\.\d+)$")


@dataclass(slots=True)
class TurnTimes:
    """Turn `number`: when it was `committed`, what the ears had said by then, and its milestones (seconds of the log).

    `heard` has "voice detector" (the caller is quiet), "final transcript" and "endpoint", those that came after the
    caller's last audible sample, which is at `user_until`; None where nobody has spoken. `silence` is a duration.
    """

    number: int
    text: str
    committed: float
    heard: dict[str, float] = field(default_factory=dict)
    user_until: float | None = None
    reached: dict[str, float] = field(default_factory=dict)
    silence: float | None = None


def read_turns(lines: Iterable[str]) -> list[TurnTimes]:
    """The turns of a log, in order; lines of any other kind are passed over."""
    reader = _Reader()
    for line in lines:
        found = _LINE.match(line)
        if found is not None:
            reader.take(float(found[1]), found[2].rstrip())
    return [reader.turns[number] for number in sorted(reader.turns)]


class _Reader:
    def __init__(self) -> None:
        self.turns: dict[int, TurnTimes] = {}
        self._heard: dict[str, float] = {}
        self._early: dict[int, dict[str, float]] = {}  # of replies that began before their turn was committed
        self._silences: dict[int, float] = {}

    def take(self, at: float, what: str) -> None:
        if what == "user sounds":
            self._heard.pop("voice detector", None)
        elif what == "user is quiet":
            self._heard["voice detector"] = at
        elif what.startswith('final "'):
            self._heard["final transcript"] = at
        elif what == "endpoint":
            self._heard["endpoint"] = at
        else:
            self._take_reply(at, what)

    def _take_reply(self, at: float, what: str) -> None:
        takers: tuple[tuple[re.Pattern[str], Callable[[float, re.Match[str]], None]], ...] = (
            (_MILESTONE, self._reach),
            (_COMMITTED, self._commit),
        )
        for pattern, take in takers:
            found = pattern.match(what)
            if found is not None:
                take(at, found)
                return

    def _commit(self, at: float, found: re.Match[str]) -> None:
        number = int(found[1])
        self.turns[number] = TurnTimes(
            number,
            found[2] or f"({found[3]})",
            at,
            self._heard,
            reached=self._early.setdefault(number, {}),
            silence=self._silences.get(number),
        )
        self._heard = {}

    def _reach(self, at: float, found: re.Match[str]) -> None:
        number, what, seconds = int(found[1]), found[2], float(found[3])
        turn = self.turns.get(number)
        if what == "begun":  # a reply may be begun anew: what the one before it had reached is void
            self._early.setdefault(number, {}).clear()
            self._silences.pop(number, None)
        if what == "silence":
            self._silences[number] = seconds
            if turn is not None:
                turn.silence = seconds
        elif what == "user":
            if turn is not None:
                turn.user_until = at - seconds
        else:
            self._early.setdefault(number, {})[what] = at - seconds
