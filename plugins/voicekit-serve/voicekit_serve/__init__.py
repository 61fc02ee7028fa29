"""A server for many calls: one port for the carriers' webhooks and sockets, for health checks and for metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from voicekit import hookimpl

if TYPE_CHECKING:
    from voicekit.extend import Commands


def _serve(arguments: Sequence[str]) -> int:
    from voicekit_serve.command import main

    return main(arguments)


def _call(arguments: Sequence[str]) -> int:
    from voicekit_serve.call_command import main

    return main(arguments)


@hookimpl
def voicekit_commands(commands: Commands) -> None:
    commands.add("serve", _serve, help="answer calls with a bot, over one or more carriers")
    commands.add("call", _call, help="let a bot call a number, over a carrier")
