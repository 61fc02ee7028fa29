"""Shows on stderr what happens before a call: a line for each step, and a bar for progress that is reported as a
percentage.
"""

from __future__ import annotations

import re
from typing import Final, TextIO

from voicekit.cli.terminal import StatusLine

CELLS: Final = 30

_SHARE: Final = re.compile(r"(.*?)\s*(\d{1,3}) ?%")


class Teller:
    """A function that shows each line passed to it. On a terminal, a line such as "loading the voice 50 %" moves a bar
    instead.
    """

    def __init__(self, out: TextIO | None = None, *, terminal: bool | None = None) -> None:
        self._bar = StatusLine(out, terminal=terminal)
        self._about = ""  # the text beside the progress bar; empty if no bar is shown

    def __call__(self, line: str) -> None:
        share = _SHARE.fullmatch(line) if self._bar.shows else None
        about = share[1] if share is not None else ""
        if self._about and about != self._about:
            print(file=self._bar.out, flush=True)
        self._about = about
        if share is None:
            print(f"voicekit: {line}", file=self._bar.out, flush=True)
            return
        done = min(100, int(share[2]))
        full = CELLS * done // 100
        self._bar.draw(f"{'█' * full}{'░' * (CELLS - full)} {done:3} %  {about}")
        if done == 100:
            print(file=self._bar.out, flush=True)
            self._about = ""
