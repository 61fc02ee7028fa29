"""`voicekit chat BOT`: talk to a bot by typing. The whole pipeline runs, with silence in place of sound."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import trio

from voicekit.cli.bot import find_handler, plugins_beside
from voicekit.session.console import chat

HELP = "talk to a bot by typing"


def main(arguments: Sequence[str]) -> int:
    """Hold a typed conversation until the input ends or the bot ends it."""
    parser = argparse.ArgumentParser(prog="voicekit chat", description=HELP)
    parser.add_argument("bot", metavar="BOT", help="a Python file with a handler in it, or the name of a handler")
    parser.add_argument("--greeting", help="what the bot says first")
    options = parser.parse_args(arguments)
    plugins = plugins_beside(options.bot)
    trio.run(chat, find_handler(options.bot, plugins), options.greeting, plugins)
    return 0
