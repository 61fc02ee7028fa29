"""What happened in a turn, as bars end to end: from the caller's last audible sample to the agent's first one.

Each bar ends when something was reached and begins where the one before it ended, so that together they are the whole
wait and nothing is counted twice. Work that was done while something else was still waited for (an answer to what the
caller had said so far) makes its bar short or empty; it is kept beside the bar as `ahead`.
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
"""What a reply reaches, in this order, and the bar that ends there."""

SILENCE = "leading silence"


@dataclass(frozen=True, slots=True)
class Bar:
    """From `start` to `end` (seconds of the log) the caller waited for `name`. `ahead`: since when until when at most
    it was worked at before that."""

    name: str
    start: float
    end: float
    ahead: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The wait of one turn. `complete` is False where the reply was never audible: then the last bars are missing."""

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
    """The bars of `turn`; None where its session was not traced, or the reply came to nothing at all."""
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
    """Bars from what was reached, when, and since when it was worked at."""
    bars: list[Bar] = []
    for name, end, since in ends:
        begin = bars[-1].end if bars else start
        ahead = (since, min(end, begin)) if since < min(end, begin) else None
        bars.append(Bar(name, begin, max(begin, end), ahead))
    return tuple(bars)
