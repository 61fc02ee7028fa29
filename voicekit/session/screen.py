"""Prints text about a call, using only characters that the console supports, and never lets an error end the call."""

from __future__ import annotations

import sys
from typing import TextIO


class Screen:
    """Prints to `out`, by default standard output; `show` never raises."""

    def __init__(self, out: TextIO | None = None, *, terminal: bool | None = None) -> None:
        self._out = out if out is not None else sys.stdout
        self.terminal = self._out.isatty() if terminal is None else terminal
        self.gone: Exception | None = None
        """Why no text can be printed any more; None while printing works. After an error, no further text is
        printed."""

    def show(self, text: str) -> None:
        """Print `text` unchanged, without adding a newline."""
        if self.gone is not None:
            return
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        try:
            print(text.encode(encoding, "replace").decode(encoding), end="", file=self._out, flush=True)
        except (OSError, ValueError) as error:  # the output is closed, a pipe without a reader, or on a full disk
            self.gone = error

    def check(self) -> None:
        """Raise BrokenPipeError if some of the output could not be written; call this at the end of a program, not
        during a call."""
        if isinstance(self.gone, BrokenPipeError):
            raise self.gone
