"""`voicekit call +15550001 --bot BOT --transport twilio --public-url https://...`: call somebody with a bot."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from voicekit.call.info import EndReason
from voicekit.call.transport import ListeningTransport
from voicekit.cli.bot import find_bot, plugins_beside
from voicekit.cli.spec import read_part
from voicekit.cli.terminal import Parser
from voicekit.errors import ConfigError
from voicekit_serve.bots import answering, with_greeting
from voicekit_serve.calling import call_out, dialing

PUBLIC_URL = "VOICEKIT_PUBLIC_URL"

HELD = {EndReason.CALLER, EndReason.BOT, EndReason.TRANSFERRED, EndReason.LIMIT, EndReason.DRAINED}
"""How a call with a conversation can end."""


def main(arguments: Sequence[str]) -> int:
    """Make one call. Returns 0 if there was a conversation, and 1 if nobody answered or the call was lost."""
    parser = Parser(prog="voicekit call", description="let a bot call a number, over a carrier")
    parser.add_argument("to", metavar="NUMBER", help="the number to call, such as +15550001, or a sip: address")
    parser.add_argument(
        "--bot", metavar="BOT", required=True, help="a Python file with a handler, or the name of a registered handler"
    )
    parser.add_argument(
        "--transport", metavar="NAME[,OPTION=VALUE...]", required=True, help="a carrier, such as twilio"
    )
    url = f"the address at which the carrier reaches this program, such as a tunnel's (${PUBLIC_URL}); not for Asterisk"
    parser.add_argument("--public-url", default=os.environ.get(PUBLIC_URL), help=url)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="the port to listen on (8080)")
    parser.add_argument(
        "--ring",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="seconds to let the telephone ring before giving up (30)",
    )
    parser.add_argument(
        "--limit", type=float, metavar="SECONDS", help="seconds after which the carrier must end the call"
    )
    parser.add_argument(
        "--keys", default="", metavar="KEYS", help="keys to send when the call is answered; w is a pause"
    )
    parser.add_argument("--detect-machine", action="store_true", help="have the carrier detect answering machines")
    parser.add_argument("--greeting", metavar="TEXT", help="the bot's first words")
    parser.add_argument("--record", metavar="FOLDER", type=Path, help="record the call, in a new folder inside FOLDER")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    plugins = plugins_beside(options.bot)
    bot = with_greeting(find_bot(options.bot, plugins), options.greeting)
    transport = dialing(
        read_part(options.transport, "transport", plugins.registry).build(plugins.registry, "transport")
    )
    if not options.public_url and not isinstance(transport, ListeningTransport):
        raise ConfigError(
            f"call: expected --public-url or {PUBLIC_URL}: the carrier must be able to reach this program"
        )
    if options.record is not None:
        options.record.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def run() -> EndReason:
        async with answering(bot, plugins, _tell, options.record) as answer:
            _tell(f"calling over {transport.name}")
            end = await call_out(
                answer,
                transport,
                options.to,
                ring=options.ring,
                dialing={"limit": options.limit, "keys": options.keys, "detect_machine": options.detect_machine},
                public_url=options.public_url or f"http://{options.host}:{options.port}",
                host=options.host,
                port=options.port,
                drain=0.0,
            )
            _tell(f"the call ended: {end.reason}")
            return end.reason

    return 0 if trio.run(run) in HELD else 1


def _tell(line: str) -> None:
    print(f"voicekit: {line}", file=sys.stderr, flush=True)
