"""Scenes: callers who pause, interrupt, cough and hum, and a score for how well a bot takes turns with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from voicekit import hookimpl

if TYPE_CHECKING:
    from voicekit.extend import Commands


def _scenes(arguments: Sequence[str]) -> int:
    from voicekit_scenes.command import main

    return main(arguments)


@hookimpl
def voicekit_commands(commands: Commands) -> None:
    commands.add("scenes", _scenes, help="test a bot's turn-taking in scripted scenes, and score it")
