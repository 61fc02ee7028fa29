"""Draws a waterfall in a terminal: a line for each bar, with its length in milliseconds, optionally in colour."""

from __future__ import annotations

from voicekit.session.trace.bars import SILENCE, Bar, Waterfall

COLOURS = {
    "voice detector": 33,
    "final transcript": 36,
    "endpoint": 33,
    "turn decision": 35,
    "handler's first word": 34,
    "first sentence": 34,
    "voice's first byte": 32,
    "playout": 31,
    SILENCE: 90,
}
"""ANSI colours, by the part that works: listening yellow and cyan, turn purple, handler blue, voice green, playout
red."""

LABEL = 22
NUMBER = 10
LEAST_WIDTH = 50
EIGHTHS = " ▏▎▍▌▋▊▉█"
AHEAD = "░"


def draw(fall: Waterfall, *, width: int = 100, colour: bool = True, recorded: float | None = None) -> str:
    """Draw `fall` as text at most `width` columns wide; `recorded` is the length of the wait in the recording."""
    room = max(width, LEAST_WIDTH) - LABEL - NUMBER - 1
    first = min([fall.start, *(bar.ahead[0] for bar in fall.bars if bar.ahead is not None)])
    scale = room / ((fall.end - first) or 1.0)
    lines = [_title(fall, max(width, LEAST_WIDTH))]
    for bar in fall.bars:
        drawn = _bar(bar, first, scale).ljust(room)
        if colour:
            drawn = f"\x1b[{COLOURS.get(bar.name, 37)}m{drawn}\x1b[0m"
        lines.append(f"{bar.name:{LABEL}}{drawn}{_milliseconds(bar.seconds):>{NUMBER}}".rstrip())
    return "\n".join([*lines, *summary(fall, recorded)])


def as_numbers(fall: Waterfall, recorded: float | None = None) -> dict[str, object]:
    """`fall` in a form for programs: the length of each bar in seconds, by name and in order."""
    return {
        "turn": fall.number,
        "seconds": round(fall.seconds, 4),
        "complete": fall.complete,
        "recorded": None if recorded is None else round(recorded, 4),
        "bars": {bar.name: round(bar.seconds, 4) for bar in fall.bars},
    }


def summary(fall: Waterfall, recorded: float | None) -> list[str]:
    """Lines with the sum of the bars, the recorded wait, and the difference between them."""
    if not fall.complete:
        return [f"{'together':{LABEL}}{_milliseconds(fall.seconds)}; the reply was never audible"]
    lines = [f"{'together':{LABEL}}{_milliseconds(fall.seconds)}"]
    if recorded is not None:
        rest = recorded - fall.seconds
        share = f" ({abs(rest) / recorded:.1%})" if recorded else ""
        lines.append(f"{'in the recording':{LABEL}}{_milliseconds(recorded)}")
        lines.append(f"{'unexplained':{LABEL}}{_milliseconds(rest)}{share}")
    return lines


def _title(fall: Waterfall, width: int) -> str:
    title = f"turn {fall.number}: {fall.text}"
    return title if len(title) <= width else title[: width - 3] + "..."


def _bar(bar: Bar, first: float, scale: float) -> str:
    """The bar at its place, in eighths of a column; work that was done ahead is lighter."""
    row = ""
    if bar.ahead is not None:
        since, until = (round((moment - first) * scale) for moment in bar.ahead)
        row = " " * since + AHEAD * max(1, until - since)
    start, end = (bar.start - first) * scale, (bar.end - first) * scale
    row = row.ljust(int(start))
    whole, part = divmod(round((end - int(start)) * 8), 8)
    if end - start < 1 / 16:
        return row if bar.ahead is not None else row + EIGHTHS[1] * (bar.seconds > 0)
    return row + EIGHTHS[8] * whole + (EIGHTHS[part] if part else "")


def _milliseconds(seconds: float) -> str:
    return f"{round(1000 * seconds):,} ms"
