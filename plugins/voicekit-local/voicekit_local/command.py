"""`voicekit local-server`: loads the engines, starts the server, and prints its address and how to use it."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from typing import Final

import trio

from voicekit.flow.groups import alone
from voicekit.soniox.api.region import KEY_VARIABLE, URL_VARIABLES, ApiKey, Endpoints
from voicekit.soniox.api.server_hello import ServerHello, write_hello
from voicekit_local.engines.choose import choose_aligner, choose_recogniser, choose_voice
from voicekit_local.loading import Show, load_all
from voicekit_local.server import HOST, LocalServer, account_for
from voicekit_local.studio import Studio
from voicekit_local.workers import Workers

HELP = "serve the Soniox protocol from this machine, with a local recogniser and voice"

SWITCH_S: Final = 0.001
"""Seconds for which one Python thread may block the others: the engines' threads compete with the event loop."""

BAR: Final = 30
"""Characters in a full progress bar."""


def main(arguments: Sequence[str]) -> int:
    """Serve until Ctrl-C or, if embedded, until standard input ends."""
    parser = argparse.ArgumentParser(prog="voicekit local-server", description=HELP)
    parser.add_argument(
        "--host", default=HOST, help=f"the address to serve on (default {HOST}: only this machine can connect)"
    )
    parser.add_argument("--port", type=int, default=0, help="the port to serve on (default: any free port)")
    parser.add_argument(
        "--key", help="the key that clients must send; make it hard to guess (default: a new random key)"
    )
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        help="allow web pages from this origin, such as https://app.example; may be repeated",
    )
    parser.add_argument(
        "--legacy-key", action="store_true", help="also accept the key in a message, where old clients put it"
    )
    parser.add_argument(
        "--embedded", action="store_true", help="exit when standard input closes (for use by other programs)"
    )
    options = parser.parse_args(arguments)
    if options.key is not None:
        ApiKey(options.key)  # raises ConfigError if the key can't be sent in a header
    sys.setswitchinterval(SWITCH_S)
    trio.run(_serve, options)
    return 0


async def _serve(options: argparse.Namespace) -> None:
    with alone():
        async with trio.open_nursery() as nursery:
            if options.embedded:
                nursery.start_soon(_until_input_ends, nursery.cancel_scope)
            await _load_and_serve(options)


async def _load_and_serve(options: argparse.Namespace) -> None:
    recogniser, aligner = choose_recogniser(), choose_aligner()
    voice = choose_voice(aligner.engine)
    if not options.embedded:
        print(recogniser.why, aligner.why, voice.why, sep="\n", file=sys.stderr)
    await load_all([recogniser.engine, aligner.engine, voice.engine], _show())
    workers = Workers()
    key = options.key or secrets.token_urlsafe(24)
    account = account_for(key, workers, legacy=options.legacy_key)
    server = LocalServer(
        Studio(recogniser.engine, aligner.engine, voice.engine, workers), account, origins=options.origin
    )
    async with server.serving(options.port, options.host) as endpoints:
        _announce(ServerHello(endpoints, key), embedded=options.embedded)
        await trio.sleep_forever()


async def _until_input_ends(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        while await stdin.receive_some():
            pass
    scope.cancel()


def _announce(greeting: ServerHello, *, embedded: bool) -> None:
    if embedded:
        sys.stdout.buffer.write(write_hello(greeting))
        sys.stdout.buffer.flush()
        return
    print(_instructions(greeting.endpoints, greeting.key), file=sys.stdout, flush=True)


def _instructions(endpoints: Endpoints, key: str) -> str:
    addresses = [f"export {variable}={getattr(endpoints, name)}" for name, variable in URL_VARIABLES.items()]
    lines = ["Ready. For programs that are to use it:", "", f"export {KEY_VARIABLE}={key}", *addresses]
    return "\n".join([*lines, "", "Ctrl-C ends it."])


def _show() -> Show:
    """How to show progress: as a bar on a terminal, as lines elsewhere."""
    return _bar if sys.stderr.isatty() else _line


def _bar(doing: str, done: float) -> None:
    full = round(BAR * done)
    end = "\n" if done >= 1.0 else ""
    print(
        f"\r\x1b[K[{'#' * full}{' ' * (BAR - full)}] {100 * done:3.0f} % {doing}", end=end, file=sys.stderr, flush=True
    )


def _line(doing: str, done: float) -> None:
    print(f"{doing} {100 * done:.0f} %", file=sys.stderr, flush=True)
