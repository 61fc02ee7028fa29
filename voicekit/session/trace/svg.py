"""Draws a waterfall as a self-contained picture: SVG 1.1, without scripts or fonts, for dark and light pages."""

from __future__ import annotations

from xml.sax.saxutils import escape

from voicekit.session.trace.bars import Bar, Waterfall
from voicekit.session.trace.drawing import summary

COLOURS = {
    "voice detector": "#c99700",
    "final transcript": "#0f8b8d",
    "endpoint": "#e0a800",
    "turn decision": "#8e44ad",
    "handler's first word": "#2463b0",
    "first sentence": "#5b9bd5",
    "voice's first byte": "#2e8b57",
    "playout": "#c0392b",
    "leading silence": "#8a8a8a",
}
WIDTH, ROW, LABEL, NUMBER, MARGIN = 900, 26, 170, 80, 16
"""Sizes in pixels."""


def as_svg(fall: Waterfall, recorded: float | None = None) -> str:
    """Draw `fall` as an SVG document; `recorded` is the length of the wait in the recording."""
    first = min([fall.start, *(bar.ahead[0] for bar in fall.bars if bar.ahead is not None)])
    scale = (WIDTH - LABEL - NUMBER - 2 * MARGIN) / ((fall.end - first) or 1.0)
    texts = summary(fall, recorded)
    height = ROW * (2 + len(fall.bars) + len(texts)) + MARGIN
    parts = [_text(MARGIN, ROW, f"turn {fall.number}: {fall.text}", "font-weight='bold'")]
    for row, bar in enumerate(fall.bars):
        parts.extend(_row(bar, ROW * (row + 2), first, scale))
    below = ROW * (2 + len(fall.bars))
    parts.extend(_text(MARGIN, below + ROW * row, " ".join(text.split())) for row, text in enumerate(texts))
    return "\n".join([_opened(height), *parts, "</svg>\n"])


def _opened(height: int) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}'"
        " font-family='sans-serif' font-size='13' fill='#222'>\n"
        f"<rect width='{WIDTH}' height='{height}' fill='#fff'/>"
    )


def _row(bar: Bar, base: int, first: float, scale: float) -> list[str]:
    parts = [_text(MARGIN, base, bar.name)]
    if bar.ahead is not None:
        parts.append(_box(bar.name, *bar.ahead, base, first, scale, " fill-opacity='0.3'"))
    parts.append(_box(bar.name, bar.start, bar.end, base, first, scale, ""))
    parts.append(_text(WIDTH - MARGIN, base, f"{round(1000 * bar.seconds):,} ms", "text-anchor='end'"))
    return parts


def _box(name: str, start: float, end: float, base: int, first: float, scale: float, more: str) -> str:
    x, width = MARGIN + LABEL + (start - first) * scale, max(1.0, (end - start) * scale)
    colour = COLOURS.get(name, "#444")
    return f"<rect x='{x:.1f}' y='{base - 14}' width='{width:.1f}' height='18' fill='{colour}'{more}/>"


def _text(x: float, y: float, text: str, more: str = "") -> str:
    gap = " " if more else ""
    return f"<text x='{x:g}' y='{y:g}'{gap}{more}>{escape(text)}</text>"
