"""The command line: `voicekit VERB ...`. One file per verb; each only parses its arguments and prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from voicekit.cli import chat, plugins
from voicekit.errors import VoicekitError
from voicekit.extend import Commands, load_plugins

VERBS: dict[str, tuple[str, Callable[[Sequence[str]], int]]] = {
    "chat": (chat.HELP, chat.main),
    "plugins": (plugins.HELP, plugins.main),
}

USAGE_ERROR = 2
"""The exit status for what was asked wrongly, or what is missing here; 1 is for what went wrong while it ran."""

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


def _run(arguments: list[str]) -> int:
    verbs = dict(VERBS)
    if not arguments or arguments[0] not in verbs:
        for command in _from_plugins():
            verbs.setdefault(command.name, (command.help, command.run))
    parser = argparse.ArgumentParser(prog="voicekit", description="Realtime voice agents on trio.")
    subparsers = parser.add_subparsers(metavar="VERB", required=True)
    for verb, (help_text, run) in sorted(verbs.items()):
        subparsers.add_parser(verb, help=help_text, add_help=False).set_defaults(run=run)
    chosen, rest = parser.parse_known_args(arguments[:1])
    return int(chosen.run([*rest, *arguments[1:]]))


def _from_plugins() -> Sequence[Any]:
    commands = Commands()
    load_plugins(strict=False).commands(commands)
    return list(commands)
