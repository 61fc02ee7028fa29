"""What the commands for Soniox's HTTP API share: options, a client, tables, JSON, and a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, TextIO

from voicekit.cli.terminal import GREEN, Parser, StatusLine, coloured, columns, complain

if TYPE_CHECKING:
    from voicekit.soniox.rest import SonioxClient

FAILED: Final = 1
"""The exit status if the service refused the request or could not be reached, or if any of several files failed."""

BAR: Final = 24


def parser_of(verb: str, help_text: str) -> Parser:
    """A parser with the options that all commands for Soniox's service have in common."""
    parser = Parser(prog=f"voicekit {verb}", description=f"{help_text} (Soniox)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--region", metavar="NAME", help="us, eu or jp (default: SONIOX_REGION, or us)")
    return parser


def with_client(region: str | None, work: Callable[[SonioxClient], Awaitable[int]]) -> int:
    """Run `work` with a client; if the service reports an error, print it as one sentence."""
    import trio

    from voicekit.cli.progress import Teller
    from voicekit.errors import DeviceError, ProtocolError, ServiceError
    from voicekit.flow.groups import alone
    from voicekit.soniox.local import soniox_or_local
    from voicekit.soniox.rest import SonioxClient

    async def main() -> int:
        async with AsyncExitStack() as stack:
            where = {} if region is not None else (await stack.enter_async_context(soniox_or_local(Teller()))).options()
            return await work(await stack.enter_async_context(SonioxClient(region=region, **where)))

    try:
        with alone():
            return trio.run(main)
    except (ServiceError, ProtocolError, DeviceError) as error:
        complain(str(error))
        return FAILED


def write_json(what: Any) -> None:
    """Print a structure from the service, or a list or dict of structures, as JSON on standard output."""
    from voicekit.soniox.rest.schema.as_json import as_json

    print(as_json(what))


def write_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table. Its columns are as wide as necessary, and the last one is cut at the edge of a terminal."""
    texts = [[str("" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in [list(head), *texts]) for place in range(len(head))]
    most = columns() if sys.stdout.isatty() else None
    for row in [list(head), *texts]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print(line[:most])


class ProgressBar(StatusLine):
    """A progress bar that shows how many items are done, and what is happening now."""

    def __init__(self, total: int, out: TextIO | None = None) -> None:
        super().__init__(out)
        self._total = total
        self._parts: dict[int, float] = {}
        self._done = 0

    def note(self, item: int, part: float, what: str) -> None:
        """Record how much of the work on an item is done (`part`, from 0 to 1); `what` describes the current step."""
        self._parts[item] = part
        filled = int(BAR * sum(self._parts.values()) / self._total)
        bar = f"{coloured('#' * filled, GREEN)}{'-' * (BAR - filled)}"
        self.draw(f"[{bar}] {self._done} of {self._total}  {what[: columns() - BAR - 20]}")

    def done(self, item: int, what: str) -> None:
        """Record that an item has been completed or has failed."""
        self._done += 1
        self.note(item, 1.0, what)
