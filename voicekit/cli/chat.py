"""`voicekit chat BOT`: talk to a bot by typing. The whole pipeline runs, with silence instead of sound."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import trio

from voicekit.cli.run import call_parser, read_call
from voicekit.session.bot import Bot
from voicekit.session.console import chat

HELP = "talk to a bot by typing"


def main(arguments: Sequence[str]) -> int:
    """Run a typed conversation until the input ends or the bot hangs up."""
    parser = call_parser("chat", HELP, typed=True)
    options = parser.parse_args(arguments)
    if options.bot is None:
        parser.error("the following arguments are required: BOT")
    plan = read_call(options, Bot(None), typed=True)
    trio.run(partial(chat, plan.bot, plan.plugins, **plan.parts))
    return 0
