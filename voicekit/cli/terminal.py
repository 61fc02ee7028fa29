"""Overwriting and colouring text, and cutting it to the terminal's width, for every command that prints."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import Any, Final, NoReturn, TextIO

CLEAR: Final = "\r\x1b[K"
"""Return to the beginning of the line, and clear it."""

DIM: Final = "\x1b[2m"
GREEN: Final = "\x1b[32m"
PLAIN: Final = "\x1b[0m"


USAGE_ERROR: Final = 2
"""The exit status for a wrong command line, or for something that is missing; 1 is for a failure at run time."""


def coloured(text: str, colour: str) -> str:
    """`text` in `colour`, unless NO_COLOR forbids colours."""
    return text if "NO_COLOR" in os.environ else f"{colour}{text}{PLAIN}"


def columns() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def complain(message: str) -> None:
    """Print one line on standard error."""
    print(f"voicekit: {message}", file=sys.stderr, flush=True)


class Parser(argparse.ArgumentParser):
    """A parser that accepts no abbreviated options, and reports wrong usage in one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message} (see {self.prog} --help)\n")


class StatusLine:
    """A status line that is overwritten on a terminal, and not drawn elsewhere."""

    def __init__(self, out: TextIO | None = None, *, terminal: bool | None = None) -> None:
        self.out = sys.stderr if out is None else out
        self.shows = self.out.isatty() if terminal is None else terminal

    def draw(self, text: str) -> None:
        if self.shows:
            print(f"{CLEAR}{text}", end="", file=self.out, flush=True)

    def clear(self) -> None:
        self.draw("")

    def line(self, text: str) -> None:
        """Print a separate line, above the status line."""
        self.clear()
        print(text, file=self.out, flush=True)
