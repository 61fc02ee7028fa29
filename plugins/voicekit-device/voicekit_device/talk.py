"""`voicekit talk [BOT.py]`: a spoken conversation through this computer's microphone and speaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

import trio

from voicekit import Bot, Say, Turn
from voicekit.cli.run import call_parser, hold, read_call
from voicekit.cli.terminal import Parser
from voicekit.errors import ConfigError
from voicekit.extend.install import how_to_install
from voicekit_device.cards import Direction, choose
from voicekit_device.microphone import Microphone
from voicekit_device.portaudio import PortAudio
from voicekit_device.room import Echo
from voicekit_device.speaker import Speaker

HELP = "talk to a bot with the microphone and the speaker"

GREETING = "Hello! Say something, and I will say it again. Say goodbye to end the call."


BEGIN: Final = "listening; Ctrl-C ends the call"


async def parrot(turn: Turn, say: Say) -> None:
    """The default bot: it repeats the caller's words."""
    if "goodbye" in turn.text.lower() or "good bye" in turn.text.lower():
        turn.end("Goodbye!")
    else:
        await say(f"You said: {turn.text}")


def main(arguments: Sequence[str]) -> int:
    """Run a conversation until it ends. The exit statuses are those of `voicekit run`."""
    if "--browser" in arguments:
        return _in_the_browser(arguments)
    options = _parser().parse_args(arguments)
    cards = PortAudio()
    wanted: dict[Direction, str | None] = {"microphone": options.microphone, "speaker": options.speaker}
    for direction, name in wanted.items():
        choose(cards, name, direction)  # reports a missing device now, before a server is started
    plan = read_call(options, Bot(parrot, greeting=GREETING))
    plan.parts.setdefault("source", Microphone(options.microphone, echo=options.echo, cards=cards))
    plan.parts.setdefault("sink", Speaker(options.speaker, cards=cards))
    return trio.run(hold, plan, options, BEGIN)


def _in_the_browser(arguments: Sequence[str]) -> int:
    """Run the same command of voicekit-browser. Raises ConfigError if that plugin is not installed."""
    try:
        from voicekit_browser.command import main as talk_in_browser
    except ImportError:
        distribution = "voicekit-browser"
        raise ConfigError(f"--browser comes with {distribution}, {how_to_install(distribution)}") from None
    return talk_in_browser(arguments)


def _parser() -> Parser:
    parser = call_parser("talk", HELP)
    parser.add_argument(
        "--browser", action="store_true", help="talk to the bot from a web page (needs voicekit-browser)"
    )
    parser.add_argument("--microphone", metavar="NAME", help="name of the input device, or a unique part of its name")
    parser.add_argument(
        "--speaker", metavar="NAME", help="name of the output device, or a unique part; see `voicekit devices`"
    )
    parser.add_argument(
        "--echo",
        choices=get_args(Echo),
        default="half-duplex",
        help="half-duplex: the bot does not listen while it speaks; headphones: the bot always listens",
    )
    return parser
