"""`voicekit talk [BOT.py]`: a spoken conversation with the microphone and the speaker of this computer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, get_args

import trio

from voicekit import CallPolicy, Policy, Say, Session, Turn
from voicekit.cli.bot import find_handler, plugins_beside
from voicekit.cli.live import Live
from voicekit.events import SessionEnded, SessionEvent, SessionStarted
from voicekit.extend import Plugins
from voicekit.session.local import soniox_or_local
from voicekit.session.running import run_session
from voicekit_device.cards import Direction, choose
from voicekit_device.microphone import Microphone
from voicekit_device.portaudio import PortAudio
from voicekit_device.room import Echo
from voicekit_device.speaker import Speaker

HELP = "talk to a bot with the microphone and the speaker"

GREETING = "Hello! Say something, and I will say it again. Say goodbye to end the call."


async def parrot(turn: Turn, say: Say) -> None:
    """The bot that is there without another one."""
    if "goodbye" in turn.text.lower() or "good bye" in turn.text.lower():
        turn.end("Goodbye!")
    else:
        await say(f"You said: {turn.text}")


def main(arguments: Sequence[str]) -> int:
    """Hold a conversation until somebody ends it."""
    options = _parser().parse_args(arguments)
    handler, greeting, plugins = _bot(options.bot)
    cards = PortAudio()
    wanted: dict[Direction, str | None] = {"microphone": options.microphone, "speaker": options.speaker}
    for direction, name in wanted.items():
        choose(cards, name, direction)  # what is missing is said now, and not after a server was started
    microphone = Microphone(options.microphone, echo=options.echo, cards=cards)
    speaker = Speaker(options.speaker, cards=cards)
    if options.greeting is not None:
        greeting = options.greeting
    trio.run(talk, handler, microphone, speaker, greeting, options.vad, plugins)
    return 0


async def talk(
    handler: Any,
    microphone: Any,
    speaker: Any,
    greeting: str | None,
    vad: str = "webrtc",
    plugins: Plugins | None = None,
) -> SessionEnded:
    """Hold the conversation, with Soniox or, without a key, the local server, and print it to standard output."""
    async with soniox_or_local() as service:
        session = Session(
            handler=handler,
            source=microphone,
            vad=vad,
            stt=service.transcriber(),
            tts=service.voice(),
            sink=speaker,
            policy=Policy(call=CallPolicy(greeting=greeting)),
            plugins=plugins,
        )
        session.watch(_say_that_it_listens)
        session.watch(Live(session).note)
        return await run_session(session)


def _say_that_it_listens(event: SessionEvent) -> None:
    if isinstance(event, SessionStarted):
        print("listening; Ctrl-C ends the call", file=sys.stdout, flush=True)


def _bot(path: str | None) -> tuple[Any, str | None, Plugins]:
    """The handler, what it says first, and the plugins beside it."""
    plugins = plugins_beside(path)
    return (parrot, GREETING, plugins) if path is None else (find_handler(path, plugins), None, plugins)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="voicekit talk", description=HELP)
    parser.add_argument(
        "bot",
        metavar="BOT",
        nargs="?",
        help="a Python file with a handler in it, or a handler that a plugin has registered",
    )
    parser.add_argument("--microphone", metavar="NAME", help="part of its name will do (`voicekit devices` lists them)")
    parser.add_argument("--speaker", metavar="NAME", help="part of its name will do")
    parser.add_argument(
        "--echo",
        choices=get_args(Echo),
        default="half-duplex",
        help="half-duplex: the bot does not listen while it speaks; headphones: it does, and can be interrupted",
    )
    parser.add_argument("--vad", default="webrtc", metavar="NAME", help="what tells speech from other sounds (webrtc)")
    parser.add_argument("--greeting", help="what the bot says first")
    return parser
