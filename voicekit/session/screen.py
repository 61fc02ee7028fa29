"""What is shown of a call never ends it: text goes out in whatever letters the console has, or not at all."""

from __future__ import annotations

import sys
from typing import TextIO


class Screen:
    """Prints to `out`, the standard output unless another is given. Nothing is raised here."""

    def __init__(self, out: TextIO | None = None, *, terminal: bool | None = None) -> None:
        self._out = out if out is not None else sys.stdout
        self.terminal = self._out.isatty() if terminal is None else terminal
        self.gone: Exception | None = None
        """Why nothing can be shown any more; then nothing is tried again."""

    def show(self, text: str) -> None:
        """Print `text` as it is, without an end of line of its own."""
        if self.gone is not None:
            return
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        try:
            print(text.encode(encoding, "replace").decode(encoding), end="", file=self._out, flush=True)
        except (OSError, ValueError) as error:  # closed, a pipe without a reader, or a full disk
            self.gone = error

    def check(self) -> None:
        """Raise BrokenPipeError if nobody has read all that was shown: for the end of a program, not for a call."""
        if isinstance(self.gone, BrokenPipeError):
            raise self.gone
