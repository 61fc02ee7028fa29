"""Prints the tables of `voicekit/writing/marks.py`: `python -m tests.unit.unicode_marks`; it needs `regex`."""

from __future__ import annotations

import sys

import regex

PROPERTIES = {
    "SENTENCE_MARKS": r"\p{Sentence_Terminal}",
    "CLAUSE_MARKS": r"[\p{Terminal_Punctuation}--\p{Sentence_Terminal}]",
}
LINE = 112


def having(pattern: str) -> list[int]:
    """The characters of the Basic Multilingual Plane that match; no language that is spoken here needs others."""
    matches = regex.compile(pattern, regex.V1).match
    return [code for code in range(0x10000) if not 0xD800 <= code < 0xE000 and matches(chr(code))]


def as_class(codes: list[int]) -> list[str]:
    """`codes` as the ranges of a character class."""
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return [f"\\u{low:04x}" + f"-\\u{high:04x}" * (high > low) for low, high in ranges]


def table(name: str, pattern: str) -> str:
    lines = [""]
    for piece in as_class(having(pattern)):
        if len(lines[-1] + piece) > LINE:
            lines.append("")
        lines[-1] += piece
    return f"{name}: Final = (\n" + "".join(f'    "{line}"\n' for line in lines) + ")\n"


if __name__ == "__main__":
    sys.stdout.write("\n".join(table(name, pattern) for name, pattern in PROPERTIES.items()))
