"""The command line: `voicekit VERB ...`. One file per verb; each only parses its arguments and prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from voicekit.cli.missing import no_package, no_verb
from voicekit.errors import VoicekitError
from voicekit.extend import Command, Commands, Plugins, load_plugins

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
"""Our own; each is a module of this package with a line of HELP and a `main`."""

USAGE_ERROR = 2
"""The exit status for what was asked wrongly, or what is missing here; 1 is for what went wrong while it ran."""

UNREAD = 141
"""The same for one whose output nobody reads any more, as in `voicekit run ... | head -1`."""

INTERRUPTED = 130
"""What a shell reports for a program that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status. Errors of ours are one sentence on stderr, without a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(list(arguments))
    except VoicekitError as error:
        print(f"voicekit: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more at its end
        return UNREAD


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
    """What the user gets who asks for help, or for what there is not."""
    parser = argparse.ArgumentParser(prog="voicekit", description="Realtime voice agents on trio.")
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
