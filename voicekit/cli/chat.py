"""`voicekit chat BOT.py`: talk to a bot by typing. The whole pipeline runs, with silence in place of sound."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import trio

from voicekit.cli.bot import load_handler
from voicekit.extend import load_plugins
from voicekit.session.console import chat

HELP = "talk to a bot by typing"


def main(arguments: Sequence[str]) -> int:
    """Hold a typed conversation until the input ends or the bot ends it."""
    parser = argparse.ArgumentParser(prog="voicekit chat", description=HELP)
    parser.add_argument("bot", metavar="BOT.py", help="a Python file with a handler in it")
    parser.add_argument("--greeting", help="what the bot says first")
    options = parser.parse_args(arguments)
    voicefile = Path(options.bot).with_name("voicefile.py")
    plugins = load_plugins(voicefile=voicefile if voicefile.is_file() else None)
    trio.run(chat, load_handler(options.bot), options.greeting, plugins)
    return 0
