"""Divides the wait in a turn, from the caller's last audible sample to the agent's first, into consecutive bars.

Each bar begins where the previous bar ends, and ends at a milestone. So together the bars make up the whole wait, and
no time is counted twice. Some work is done ahead of time, for example guessing an answer while the caller may still be
speaking. The bar for such work is short or empty, and the time that the work took is kept as the bar's `ahead`.
"""

from __future__ import annotations

from dataclasses import dataclass

from voicekit.session.trace.reading import TurnTimes

DECIDED = "turn decision"

STEPS = {
    "word": "handler's first word",
    "text": "first sentence",
    "sound": "voice's first byte",
    "air": "playout",
}
"""The milestones of a reply, in order, and the name of the bar that ends at each."""

SILENCE = "leading silence"


@dataclass(frozen=True, slots=True)
class Bar:
    """The caller waited for the step `name` from `start` to `end`, in seconds since the session started. If some of
    this step's work was done earlier, `ahead` is when that work began and ended."""

    name: str
    start: float
    end: float
    ahead: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The wait in one turn, as bars. If `complete` is False, the reply was never audible, and the last bars are
    missing."""

    number: int
    text: str
    bars: tuple[Bar, ...]
    complete: bool

    @property
    def start(self) -> float:
        return self.bars[0].start

    @property
    def end(self) -> float:
        return self.bars[-1].end

    @property
    def seconds(self) -> float:
        return self.end - self.start


def waterfall(turn: TurnTimes) -> Waterfall | None:
    """The bars for `turn`; None if the session was not traced, or if the reply never began."""
    reached = turn.reached
    if not reached:
        return None
    start = turn.committed if turn.user_until is None else turn.user_until
    heard = sorted((at, name) for name, at in turn.heard.items() if start < at <= turn.committed)
    ends = [*((name, at, at) for at, name in heard), (DECIDED, turn.committed, turn.committed)]
    since = reached.get("begun", turn.committed)
    for step, name in STEPS.items():
        if step not in reached:
            break
        ends.append((name, reached[step], since))
        since = reached[step]
    complete = "air" in reached and turn.silence is not None
    if complete:
        ends.append((SILENCE, reached["air"] + (turn.silence or 0.0), since))
    return Waterfall(turn.number, turn.text, _end_to_end(ends, start), complete)


def _end_to_end(ends: list[tuple[str, float, float]], start: float) -> tuple[Bar, ...]:
    """Make bars from `ends`: for each bar its name, its end, and when the work on it began."""
    bars: list[Bar] = []
    for name, end, since in ends:
        begin = bars[-1].end if bars else start
        ahead = (since, min(end, begin)) if since < min(end, begin) else None
        bars.append(Bar(name, begin, max(begin, end), ahead))
    return tuple(bars)
