"""What the verbs that talk to Soniox over HTTP have in common: options, a client, tables, JSON, and a bar."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from voicekit.cli.progress import CLEAR

if TYPE_CHECKING:
    from voicekit.soniox.rest import SonioxClient

FAILED: Final = 1
"""The exit status when the service refused or was not reached, and when any of several files failed."""

GREEN, PLAIN = "\x1b[32m", "\x1b[0m"
BAR: Final = 24


def parser_of(verb: str, help_text: str, **more: Any) -> argparse.ArgumentParser:
    """A parser with what all these verbs know."""
    parser = argparse.ArgumentParser(prog=f"voicekit {verb}", description=f"{help_text} (Soniox)", **more)
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--region", metavar="NAME", help="us, eu or jp (SONIOX_REGION, else us)")
    return parser


def with_client(region: str | None, work: Callable[[SonioxClient], Awaitable[int]]) -> int:
    """Run `work` with a client, and say in one sentence what the service had against it."""
    import trio

    from voicekit.errors import DeviceError, ProtocolError, ServiceError
    from voicekit.flow.groups import alone
    from voicekit.soniox.rest import SonioxClient

    async def main() -> int:
        async with SonioxClient(region=region) as soniox:
            return await work(soniox)

    try:
        with alone():
            return trio.run(main)
    except (ServiceError, ProtocolError, DeviceError) as error:
        complain(str(error))
        return FAILED


def complain(message: str) -> None:
    print(f"voicekit: {message}", file=sys.stderr)


def write_json(what: Any) -> None:
    """Any of the service's structures, or lists and dicts of them, as JSON on the standard output."""
    from voicekit.soniox.rest.schema.as_json import as_json

    print(as_json(what))


def write_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as they must be; the last one is cut off at the edge of a terminal."""
    texts = [[str("" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in [list(head), *texts]) for place in range(len(head))]
    most = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else None
    for row in [list(head), *texts]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print(line[:most])


class ProgressBar:
    """One line on a terminal that is written over: how many are done, and what happens now. Silent elsewhere."""

    def __init__(self, total: int, out: TextIO | None = None) -> None:
        self._out = sys.stderr if out is None else out
        self._shows = self._out.isatty()
        self._colour = (GREEN, PLAIN) if "NO_COLOR" not in os.environ else ("", "")
        self._total = total
        self._parts: dict[int, float] = {}
        self._done = 0

    def note(self, item: int, part: float, what: str) -> None:
        """`part` of an item's work is done, from 0 to 1; `what` happens with it now."""
        self._parts[item] = part
        if self._shows:
            filled = int(BAR * sum(self._parts.values()) / self._total)
            on, off = self._colour
            bar = f"{on}{'#' * filled}{off}{'-' * (BAR - filled)}"
            room = shutil.get_terminal_size((100, 24)).columns - BAR - 20
            print(f"{CLEAR}[{bar}] {self._done} of {self._total}  {what[:room]}", end="", file=self._out, flush=True)

    def done(self, item: int, what: str) -> None:
        """An item is over, for better or worse."""
        self._done += 1
        self.note(item, 1.0, what)

    def say(self, line: str) -> None:
        """A line of its own, above the bar."""
        self.clear()
        print(line, file=self._out, flush=True)

    def clear(self) -> None:
        if self._shows:
            print(CLEAR, end="", file=self._out, flush=True)
