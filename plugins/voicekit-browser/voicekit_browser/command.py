"""`voicekit talk --browser [BOT]`: talk to a bot on a web page on this computer, and see what the bot does."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Sequence

import trio

from voicekit.cli.bot import find_bot, plugins_beside
from voicekit.cli.terminal import Parser
from voicekit.errors import ConfigError
from voicekit.extend import Plugins
from voicekit.session.bot import Bot
from voicekit_browser.parrot import GREETING, parrot
from voicekit_browser.transport import Browser
from voicekit_serve.bots import answering, with_greeting
from voicekit_serve.server import serve
from voicekit_serve.site import CallSite

PORT = 8080


def main(arguments: Sequence[str]) -> int:
    """Serve the page until Ctrl-C, and return 0."""
    options = _parser().parse_args(arguments)
    plugins = plugins_beside(options.bot)
    bot = Bot(parrot, greeting=GREETING) if options.bot is None else find_bot(options.bot, plugins)
    trio.run(_serve, with_greeting(bot, options.greeting), plugins, options)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="voicekit talk", description="talk to a bot from a page in your browser")
    bot = (
        "a Python file with a handler, or the name of a registered handler (default: a bot that repeats what it hears)"
    )
    parser.add_argument("bot", metavar="BOT", nargs="?", help=bot)
    parser.add_argument("--browser", action="store_true", required=True, help="talk to the bot from a local web page")
    parser.add_argument("--port", type=int, default=PORT, help=f"the page's port ({PORT}; 0 for any free port)")
    parser.add_argument("--greeting", metavar="TEXT", help="the bot's first words")
    parser.add_argument("--no-open", action="store_true", help="print the address, but do not open a browser")
    return parser


async def _serve(bot: Bot, plugins: Plugins, options: argparse.Namespace) -> None:
    port = options.port or await _free_port()
    address = f"http://localhost:{port}"
    async with answering(bot, plugins, _tell) as answer, trio.open_nursery() as nursery:

        async def listening(task_status: trio.TaskStatus[CallSite]) -> None:
            try:
                await serve(answer, Browser(""), public_url=address, port=port, drain=0.0, task_status=task_status)
            except OSError as error:
                raise ConfigError(f"port {port}: {error.strerror}; choose another with --port") from error

        await nursery.start(listening)
        _tell(f"talk to the bot at {address}/ (Ctrl-C ends it)")
        if not options.no_open:
            await trio.to_thread.run_sync(webbrowser.open, f"{address}/", abandon_on_cancel=True)


async def _free_port() -> int:
    with trio.socket.socket() as socket:
        await socket.bind(("127.0.0.1", 0))
        return int(socket.getsockname()[1])


def _tell(line: str) -> None:
    print(f"voicekit: {line}", file=sys.stderr, flush=True)
