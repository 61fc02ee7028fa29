"""The command line: `voicekit VERB ...`. One file per verb; each only parses its arguments and prints."""

from __future__ import annotations

import os
import site
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from voicekit.cli.missing import no_package, no_verb
from voicekit.cli.terminal import USAGE_ERROR, Parser, complain
from voicekit.errors import VoicekitError
from voicekit.extend import Command, Commands, Plugins, load_plugins
from voicekit.flow.groups import alone

VERBS = (
    "chat",
    "doctor",
    "init",
    "key",
    "log",
    "models",
    "plugins",
    "run",
    "speak",
    "trace",
    "transcribe",
    "usage",
    "voices",
)
"""voicekit's own commands; each is a module of this package with a line of HELP and a `main`."""

FAILED = 1
"""The exit status for a failure at run time; 2 is for a wrong command line, or for something that is missing."""

TRACEBACK = "--traceback"
"""The option with which every command shows errors with their full traceback."""

UNREAD = 141
"""The exit status if the reader of the output is gone, as in `voicekit run ... | head -1`."""

INTERRUPTED = 130
"""The exit status that shells report for a program that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. An error is printed to stderr as one sentence; --traceback shows it
    in full.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that is missing from the code page must not end a call
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    whole = TRACEBACK in arguments
    try:
        with alone():
            status = _run([each for each in arguments if each != TRACEBACK])
            sys.stdout.flush()
            return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains again at exit
        return UNREAD
    except VoicekitError as error:
        if whole:
            raise
        complain(_one_line(str(error)))
        return USAGE_ERROR
    except Exception as error:  # any error is shown on one line, with its origin
        if whole:
            raise
        complain(_one_line(_described(error)))
        return FAILED


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _described(error: Exception) -> str:
    """The error, and where it was raised: the innermost line of the bot's own code, if there is one."""
    first: BaseException = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    ours = (str(Path(__file__).parents[1]), *site.getsitepackages(), str(Path(os.__file__).parent))
    frames = traceback.extract_tb(first.__traceback__)
    own = [each for each in frames if not each.filename.startswith((*ours, "<"))] or frames
    where = f"{own[-1].filename}:{own[-1].lineno}, " if own else ""
    return f"{type(first).__name__}: {first} ({where}{TRACEBACK} shows all)"


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in VERBS:
        run: Callable[[Sequence[str]], int] = import_module(f"{__name__}.{arguments[0]}").main
        return run(arguments[1:])
    plugins = load_plugins(strict=False)
    commands = Commands()
    plugins.commands(commands)
    added = {command.name: command for command in commands}
    if arguments and arguments[0] in added:
        return _run_added(added[arguments[0]], arguments[1:])
    return _without_verb(arguments, added, plugins)


def _run_added(command: Command, arguments: list[str]) -> int:
    try:
        return command.run(arguments)
    except ModuleNotFoundError as error:
        raise no_package(command.name, error.name, command.plugin) from error


def _without_verb(arguments: list[str], added: dict[str, Command], plugins: Plugins) -> int:
    """Print help, or explain that the verb does not exist."""
    parser = Parser(
        prog="voicekit", description=f"Realtime voice agents on trio. {TRACEBACK} shows the full traceback of an error."
    )
    parser.add_argument("--version", action="version", version=f"voicekit {_version()}")
    subparsers = parser.add_subparsers(metavar="VERB", required=True)
    helps = {verb: import_module(f"{__name__}.{verb}").HELP for verb in VERBS}
    helps.update((name, command.help) for name, command in added.items())
    if arguments and not arguments[0].startswith("-"):
        raise no_verb(arguments[0], helps, plugins)
    for verb, text in sorted(helps.items()):
        subparsers.add_parser(verb, help=text, add_help=False)
    parser.parse_args(arguments)
    return USAGE_ERROR


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("voicekit")
    except PackageNotFoundError:
        return "(not installed: run from its sources)"
