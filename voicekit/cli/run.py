"""`voicekit run [BOT] --source SPEC --sink SPEC`: run one spoken call with a bot, and show it."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import trio

from voicekit.cli.bot import find_bot, plugins_beside
from voicekit.cli.live import Live
from voicekit.cli.progress import Teller
from voicekit.cli.recordings import folder_for
from voicekit.cli.spec import read_part, read_policy
from voicekit.cli.terminal import Parser
from voicekit.errors import DeviceError, ServiceError
from voicekit.events import SessionEnded
from voicekit.extend import Plugins, Registry, Role, Use
from voicekit.flow.threads import in_thread
from voicekit.reply.handler import Turn
from voicekit.session.bot import Bot, asked_for, instead
from voicekit.session.callfolder import CallFolder, open_call_folder
from voicekit.session.running import run_session, served
from voicekit.session.screen import Screen
from voicekit.session.session import Session
from voicekit.turn.policy import Policy

HELP = "run one spoken call with a bot"

FAILED: Final = 1
SIGNALLED: Final = {"SIGINT": 128 + signal.SIGINT, "SIGTERM": 128 + signal.SIGTERM}
"""The exit status of a call that a signal ended, as shells report it."""

SPEC: Final = "NAME[:VALUE][,OPTION=VALUE...]"

PARTS: Final[dict[Role, str]] = {
    "source": "where the caller's audio comes from, as in file:caller.wav",
    "vad": "the voice activity detector, as in silero:threshold=0.6, or none, to leave detection to the stt",
    "stt": "the speech recogniser, as in soniox:language=de, or none, for typed words only",
    "tts": "the speech synthesiser, as in soniox:voice=Maya,language=de",
    "sink": "where the bot's audio goes, as in file:bot.wav",
}


def main(arguments: Sequence[str]) -> int:
    """Run the call to its end. Returns 1 if it failed, and 130 if Ctrl-C ended it."""
    parser = call_parser("run", f"{HELP}; without SONIOX_API_KEY, a local server hears and speaks (voicekit-local)")
    parser.set_defaults(sink="null")
    record = "save the audio of both sides, the events and the services' messages in this new folder"
    parser.add_argument("--record", metavar="FOLDER", help=record)
    keep = "save each recording in a new subfolder of FOLDER, and delete those older than DAYS"
    parser.add_argument("--keep", type=float, metavar="DAYS", help=keep)
    options = parser.parse_args(arguments)
    if options.source is None:
        parser.error("the following arguments are required: --source")
    if options.keep is not None and options.record is None:
        parser.error("--keep needs --record FOLDER")
    plan = read_call(options, Bot(_repeat))
    return trio.run(hold, plan, options)


def call_parser(verb: str, description: str, *, typed: bool = False) -> Parser:
    """A parser with the options of every command that runs a call. For a `typed` call, there is no option to show what
    blocks the event loop.
    """
    parser = Parser(prog=f"voicekit {verb}", description=description)
    bot = (
        "a Python file with a handler, or the name of a registered handler (default: a bot that repeats what it hears)"
    )
    parser.add_argument("bot", metavar="BOT", nargs="?", help=bot)
    for role, text in PARTS.items():
        parser.add_argument(f"--{role}", metavar=SPEC, help=text)
    policy = "change one field of the policy, as in turn.settle=1.2; may be repeated"
    parser.add_argument("--policy", metavar="FIELD=VALUE", action="append", default=[], help=policy)
    parser.add_argument("--greeting", metavar="TEXT", help="the bot's first words")
    if not typed:
        parser.add_argument(
            "--blocked", action="store_true", help="also show what blocks the event loop, and for how long"
        )
    return parser


@dataclass(frozen=True)
class CallPlan:
    """A call as requested on the command line. `parts` are keyword arguments for a Session; for a typed call, they
    include only what was requested.
    """

    bot: Bot
    parts: dict[str, Any]
    plugins: Plugins


def read_call(options: argparse.Namespace, usual: Bot, *, typed: bool = False) -> CallPlan:
    """Make a CallPlan from the parsed options of `call_parser`; if no BOT is given, the bot is `usual`. The command
    line overrides the bot's file.

    For a `typed` call, the stt, tts and vad come only from the command line. Raises ConfigError for anything invalid,
    before anything is started.
    """
    plugins = plugins_beside(options.bot)
    registry = plugins.registry
    bot = usual if options.bot is None else find_bot(options.bot, plugins)
    bot = replace(bot, policy=read_policy(bot.policy if bot.policy is not None else Policy(), options.policy))
    if options.greeting is not None or any(each.startswith("call.greeting=") for each in options.policy):
        bot = replace(bot, greeting=options.greeting)
    given: dict[str, Any] = {}
    for role in PARTS:
        if (spec := getattr(options, role)) is not None:
            given[role] = None if spec == "none" and role in ("stt", "vad") else read_part(spec, role, registry)
    if "tts" in given:
        given["tts"] = instead(bot.tts, given["tts"])
    parts = given if typed else bot.spoken(registry, **given)
    return CallPlan(
        bot, {**parts, **{role: _ready(role, parts[role], registry) for role in PARTS if role in parts}}, plugins
    )


def _ready(role: Role, thing: Any, registry: Registry) -> Any:
    """`thing`, built if it was given by name. A part that may need a stand-in is built only as a trial, and returned
    unbuilt.
    """
    use = asked_for(role, thing, registry)
    if use is None:
        return thing
    if registry.find(role, use.name).needs is None:
        return instead(thing, use.build(registry, role))
    Use(use.name, **{"key": "not-needed-yet", **use.options}).build(registry, role)
    return thing


async def hold(plan: CallPlan, options: argparse.Namespace, begin: str | None = None) -> int:
    """Run the call, print it, and return the exit status; `begin` is printed when the caller may speak."""
    tell = Teller()
    live: Live | None = None
    folder: CallFolder | None = None
    record = getattr(options, "record", None)
    try:
        async with AsyncExitStack() as stack:
            if record is not None:
                folder = await stack.enter_async_context(
                    open_call_folder(await in_thread(folder_for, Path(record), options.keep))
                )
            parts = await stack.enter_async_context(served(plan.parts, plan.plugins.registry, tell))
            session = Session(plugins=plan.plugins, **parts)
            if folder is not None:
                folder.record(session)
            live = Live(session, blocked=options.blocked, begin=begin)
            session.watch(live.note)
            ended = await run_session(session)
            live.screen.check()
            return _status(ended)
    except (ServiceError, DeviceError) as error:
        if live is None or not live.started:
            raise
        tell(str(error))
        return FAILED
    finally:
        if live is not None and live.started:
            live.screen.show(f"{live.summary()}\n")
        if folder is not None and folder.path.is_dir():
            Screen().show(f"recorded in {folder.path}\n")


def _status(ended: SessionEnded) -> int:
    return SIGNALLED.get(ended.why, 0)


def _repeat(turn: Turn) -> str | None:
    return f"You said: {turn.text}" if turn.text else None
