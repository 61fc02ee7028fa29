"""Draws scenes as SVG, with a timeline that shows when the caller and the bot were audible. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from voicekit_scenes.judged import Judged
from voicekit_scenes.scene import Due
from voicekit_scenes.shown import told_outcome

LEFT: Final = 170
PER_SECOND: Final = 22
ROW: Final = 40
TOP: Final = 46
BAR: Final = 11
NOTES: Final = 330
GOOD: Final = "#2a7d4f"
BAD: Final = "#b3261e"
CALLER: Final = {Due.ANSWER: "#3b6fb6", Due.YIELD: "#7a4fb0", Due.HUSH: "#7a4fb0"}
NOISE: Final = "#c07f1e"
BOT: Final = "#4d4d4d"


def picture(judged: Sequence[Judged], title: str) -> str:
    """The scenes as SVG. Each has a row, with the caller above, the bot below, and the result on the right."""
    seconds = max((one.seconds for one in judged), default=1.0)
    width = LEFT + round(seconds * PER_SECOND) + NOTES
    height = TOP + ROW * len(judged) + 30
    body = "\n".join([*_head(title, seconds, height), *(line for row in enumerate(judged) for line in _row(*row))])
    style = "text{font:11px sans-serif;fill:#222}.t{font-size:14px;font-weight:bold}.n{font-size:10px}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f'<style>{style}</style>\n<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )


def _head(title: str, seconds: float, height: int) -> Iterator[str]:
    yield f'<text class="t" x="10" y="20">{escape(title)}</text>'
    legend = (
        ("caller speaks", CALLER[Due.ANSWER]),
        ("caller interrupts", CALLER[Due.YIELD]),
        ("no interruption", NOISE),
        ("bot", BOT),
    )
    for place, (name, colour) in enumerate(legend):
        yield f'<rect x="{LEFT + place * 130}" y="28" width="12" height="9" fill="{colour}"/>'
        yield f'<text class="n" x="{LEFT + 16 + place * 130}" y="36">{name}</text>'
    for second in range(0, int(seconds) + 1, 5):
        x = LEFT + second * PER_SECOND
        yield f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{height - 24}" stroke="#ddd"/>'
        yield f'<text class="n" x="{x}" y="{height - 10}" text-anchor="middle">{second} s</text>'


def _row(place: int, one: Judged) -> Iterator[str]:
    y = TOP + place * ROW
    colour = GOOD if one.good else BAD
    if place % 2:
        yield f'<rect x="0" y="{y}" width="100%" height="{ROW}" fill="#000" fill-opacity="0.03"/>'
    yield f'<text x="10" y="{y + 23}" style="fill:{colour}">{escape(one.scene.name)}</text>'
    for heard in one.heard:
        yield _bar(heard.start, heard.end, y + 6, CALLER.get(heard.due, NOISE))
    for stretch in one.bot:
        yield _bar(stretch.start, stretch.end, y + 22, BOT)
    told = ", ".join(map(told_outcome, one.outcomes))
    x = LEFT + one.seconds * PER_SECOND + 8
    yield f'<text class="n" x="{x:.0f}" y="{y + 23}" style="fill:{colour}">{escape(told)}</text>'


def _bar(start: float, end: float, y: int, colour: str) -> str:
    x, width = LEFT + start * PER_SECOND, max(1.0, (end - start) * PER_SECOND)
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
