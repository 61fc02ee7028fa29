"""`voicekit run [BOT] --source SPEC --sink SPEC`: hold one spoken call with a bot, and show it."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import trio

from voicekit.cli.bot import find_handler, plugins_beside
from voicekit.cli.live import Live
from voicekit.cli.progress import Teller
from voicekit.cli.spec import read_part
from voicekit.errors import DeviceError, ServiceError
from voicekit.events import SessionEnded
from voicekit.extend import Plugins, Settings
from voicekit.reply.handler import Turn
from voicekit.session.callfolder import CallFolder, open_call_folder
from voicekit.session.local import soniox_or_local
from voicekit.session.running import run_session
from voicekit.session.session import Session
from voicekit.turn.policy import CallPolicy, Policy

HELP = "hold one spoken call with a bot"

FAILED: Final = 1
SIGNALLED: Final = {"SIGINT": 128 + signal.SIGINT, "SIGTERM": 128 + signal.SIGTERM}
"""The exit status of a call that a signal ended, as shells report it."""


def main(arguments: Sequence[str]) -> int:
    """Hold the call to its end; 1 when it failed, 130 when Ctrl-C ended it."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    plugins = plugins_beside(options.bot)
    settings = _settings(rest, plugins)
    handler = find_handler(options.bot, plugins) if options.bot is not None else _repeat
    parts = {
        "handler": handler,
        "source": read_part(options.source, "source", plugins.registry).build(plugins.registry, "source"),
        "sink": read_part(options.sink, "sink", plugins.registry).build(plugins.registry, "sink"),
        "policy": Policy(call=CallPolicy(greeting=options.greeting)),
        "plugins": plugins,
    }
    return trio.run(_hold, parts, settings, options.record)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voicekit run",
        description=f"{HELP}: with Soniox where SONIOX_API_KEY is set, else with a local server (voicekit-local).",
        epilog="Plugins add settings of their own, as --PLUGIN-SETTING VALUE; `voicekit plugins` lists them.",
        allow_abbrev=False,
    )
    bot = "a Python file with a handler in it, or the name of a handler (without one: says back what it hears)"
    parser.add_argument("bot", metavar="BOT", nargs="?", help=bot)
    source = "where the caller's sound comes from: file:caller.wav, or another source by its name"
    parser.add_argument("--source", required=True, metavar="NAME[:VALUE][,OPTION=VALUE...]", help=source)
    sink = "where the bot's sound is played: file:bot.wav, or another sink by its name (null)"
    parser.add_argument("--sink", default="null", metavar="NAME[:VALUE][,OPTION=VALUE...]", help=sink)
    record = "write the sound of both sides, the events and the messages of the services into this new folder"
    parser.add_argument("--record", metavar="FOLDER", help=record)
    parser.add_argument("--greeting", metavar="TEXT", help="what the bot says first")
    return parser


def _settings(arguments: Sequence[str], plugins: Plugins) -> Settings:
    """What the flags of the plugins say, and for the rest the environment."""
    parser = argparse.ArgumentParser(prog="voicekit run", usage="voicekit run [BOT] ...", allow_abbrev=False)
    for option in plugins.options:
        parser.add_argument(f"--{option.key}", dest=option.key)
    return plugins.options.resolve(vars(parser.parse_args(arguments)), os.environ)


def _repeat(turn: Turn) -> str | None:
    return f"You said: {turn.text}" if turn.text else None


async def _hold(parts: dict[str, Any], settings: Settings, record: str | None) -> int:
    tell = Teller()
    live: Live | None = None
    folder: CallFolder | None = None
    try:
        async with AsyncExitStack() as stack:
            if record is not None:
                folder = await stack.enter_async_context(open_call_folder(record))
            service = await stack.enter_async_context(soniox_or_local(tell))
            logging = {} if folder is None else {"wire_log": folder.wire_log}
            session = Session(stt=service.transcriber(**logging), tts=service.voice(**logging), **parts)
            session.settings = settings
            if folder is not None:
                folder.record(session)
            live = Live(session)
            session.watch(live.note)
            return _status(await run_session(session))
    except (ServiceError, DeviceError) as error:
        if live is None or not live.started:
            raise
        tell(str(error))
        return FAILED
    finally:
        if live is not None and live.started:
            print(live.summary())
        if folder is not None and folder.path.is_dir():
            print(f"recorded in {folder.path}")


def _status(ended: SessionEnded) -> int:
    return SIGNALLED.get(ended.why, 0)
