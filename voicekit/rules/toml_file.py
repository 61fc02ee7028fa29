"""Reads a TOML file key by key, so that every mistake is reported with its file, line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from voicekit.errors import ConfigError
from voicekit.rules.lines import RuleLine, vary

TomlPath: TypeAlias = tuple[str | int, ...]
"""The path to a value: keys, and for each array of tables the index of the table, from 0."""

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_KEY = re.compile(r"""[\w-]+|"([^"]*)"|'([^']*)'""")


class Section:
    """A table in a TOML file."""

    def __init__(self, file: str, lines: dict[TomlPath, int], at: TomlPath, values: dict[str, Any]) -> None:
        self._file = file
        self._lines = lines
        self._at = at
        self._values = values

    @property
    def keys(self) -> list[str]:
        return list(self._values)

    def get(self, key: str) -> Any:
        """The value of `key`; None if `key` is missing."""
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        value = self.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "text")
        return value

    def texts(self, key: str) -> list[str] | None:
        """The list of strings under `key`; a single string becomes a list of one. None if `key` is missing."""
        value = self.get(key)
        if value is None or (isinstance(value, list) and value and all(isinstance(item, str) for item in value)):
            return value
        if isinstance(value, str):
            return [value]
        raise self.wrong(key, "text, or a list of texts")

    def line(self, key: str) -> RuleLine | None:
        """The line under `key`: text to be spoken, or several wordings to choose from."""
        texts = self.texts(key)
        if texts is None or len(texts) == 1:
            return texts[0] if texts is not None else None
        with self.blamed(key):
            return vary(*texts)

    def flag(self, key: str) -> bool:
        value = self.get(key)
        if not isinstance(value, bool | None):
            raise self.wrong(key, "true or false")
        return bool(value)

    def section(self, key: str) -> Section:
        """The table under `key`; an empty table if `key` is missing."""
        value = self.get(key)
        if not isinstance(value, dict | None):
            raise self.wrong(key, f"a table, [{_dotted((*self._at, key))}]")
        return Section(self._file, self._lines, (*self._at, key), value or {})

    def sections(self, key: str) -> list[Section]:
        """The tables inside the table `key`, such as [key.first] and [key.second]."""
        return [self.section(key).section(name) for name in self.section(key).keys]

    def array(self, key: str) -> list[Section]:
        """The array of tables `key`, each of which is written under [[key]]."""
        value = self.get(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            raise self.wrong(key, f"tables, each under [[{_dotted((*self._at, key))}]]")
        return [Section(self._file, self._lines, (*self._at, key, n), item) for n, item in enumerate(value or [])]

    @property
    def name(self) -> str:
        """The last key on the path to this table."""
        return str(self._at[-1])

    def check(self, known: str) -> None:
        """Raise ConfigError for a key that is not among `known`, which is a str of names separated by spaces."""
        for key in self._values:
            if key not in known.split():
                close = get_close_matches(key, known.split(), n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"expected {', '.join(sorted(known.split()))}"
                raise ConfigError(f"{self._place(key)}: unknown key {key!r} ({hint})")

    def wrong(self, key: str, expected: str) -> ConfigError:
        value = self._values.get(key)
        got = "nothing" if value is None else f"{value!r:.80}"
        return ConfigError(f"{self._place(key)}: expected {expected}, got {got}")

    @contextmanager
    def blamed(self, key: str = "") -> Iterator[None]:
        """Add the place of `key`, or of this table, to any ConfigError raised inside the block, unless the error
        already names a place."""
        try:
            yield
        except ConfigError as error:
            if str(error).startswith((f"{self._file}, line ", f"{self._file}: ")):
                raise
            raise ConfigError(f"{self._place(key)}: {error}") from error

    def _place(self, key: str) -> str:
        at = (*self._at, key) if key else self._at
        line = next((self._lines[at[:length]] for length in range(len(at), 0, -1) if at[:length] in self._lines), None)
        return ": ".join([self._file if line is None else f"{self._file}, line {line}", *([_dotted(at)] if at else [])])


def read_toml(path: str | PathLike[str]) -> Section:
    """Read the whole file at `path`. Raises ConfigError if it is missing, or is not TOML."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{file}: can't read this TOML file with rules: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: expected TOML in UTF-8: {error}") from error
    return Section(str(file), _lines_of(text), (), values)


def _lines_of(text: str) -> dict[TomlPath, int]:
    """The line on which each table and each key begins, as far as this can be found without a parser."""
    lines: dict[TomlPath, int] = {}
    counts: dict[TomlPath, int] = {}
    table: TomlPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _resolved(_parts(header[2]), counts)
            if header[1] == "[[":
                lines.setdefault(table, number)
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*table, *_parts(assignment[1])), number)
    return lines


def _resolved(parts: TomlPath, counts: dict[TomlPath, int]) -> TomlPath:
    """`parts` with the index of the latest table inserted after each array of tables, except after the last part."""
    at: TomlPath = ()
    for place, part in enumerate(parts):
        at = (*at, part)
        if at in counts and place < len(parts) - 1:
            at = (*at, counts[at])
    return at


def _parts(key: str) -> TomlPath:
    return tuple(found[1] or found[2] or found[0] for found in _KEY.finditer(key))


def _dotted(at: TomlPath) -> str:
    """The path in TOML's notation, with tables counted from 1: `rule[2].phrases`."""
    written = ""
    for part in at:
        written += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if written else ''}{part}"
    return written
