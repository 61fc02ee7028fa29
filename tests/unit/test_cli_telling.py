"""What the user is told before a call."""

from __future__ import annotations

import io

from voicekit.cli.progress import CELLS, Teller
from voicekit.cli.terminal import CLEAR

LINES = ("loading the voice 0 %", "loading the voice 50 %", "loading the voice 100 %", "ready", "preparing 7 %", "done")


def told(*, terminal: bool) -> str:
    out = io.StringIO()
    tell = Teller(out, terminal=terminal)
    for line in LINES:
        tell(line)
    return out.getvalue()


def test_a_terminal_has_a_bar():
    """What is told in per cent moves a bar on one line, which ends with it or with what is told next."""
    half, whole, little = (f"{'█' * n}{'░' * (CELLS - n)}" for n in (CELLS // 2, CELLS, CELLS * 7 // 100))
    voice = [f"{'░' * CELLS}   0 %", f"{half}  50 %", f"{whole} 100 %"]
    bar, ready, rest, done, end = told(terminal=True).split("\n")
    assert bar == "".join(f"{CLEAR}{shown}  loading the voice" for shown in voice)
    assert rest == f"{CLEAR}{little}   7 %  preparing"
    assert (ready, done, end) == ("voicekit: ready", "voicekit: done", "")


def test_elsewhere_each_is_a_line():
    """A log holds what was told, without a bar."""
    assert told(terminal=False) == "".join(f"voicekit: {line}\n" for line in LINES)
