"""Tells the user, on stderr, what goes on before a call: a line each, and a bar for what is told in per cent."""

from __future__ import annotations

import re
import sys
from typing import Final, TextIO

CLEAR: Final = "\r\x1b[K"
CELLS: Final = 30

_SHARE: Final = re.compile(r"(.*?)\s*(\d{1,3}) ?%")


class Teller:
    """`tell(line)`; "loading the voice 50 %" moves a bar on a terminal, and is a line like any other elsewhere."""

    def __init__(self, out: TextIO | None = None, *, terminal: bool | None = None) -> None:
        self._out = out if out is not None else sys.stderr
        self._terminal = self._out.isatty() if terminal is None else terminal
        self._bar = ""  # what the bar on the last line is about; empty where there is none

    def __call__(self, line: str) -> None:
        share = _SHARE.fullmatch(line) if self._terminal else None
        if share is None:
            self._end_bar()
            print(f"voicekit: {line}", file=self._out, flush=True)
            return
        about, done = share[1], min(100, int(share[2]))
        if about != self._bar:
            self._end_bar()
        self._bar = about
        full = CELLS * done // 100
        print(f"{CLEAR}{'█' * full}{'░' * (CELLS - full)} {done:3} %  {about}", end="", file=self._out, flush=True)
        if done == 100:
            self._end_bar()

    def _end_bar(self) -> None:
        if self._bar:
            print(file=self._out, flush=True)
        self._bar = ""
