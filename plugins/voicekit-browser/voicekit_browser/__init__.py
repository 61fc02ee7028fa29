"""Talk to a bot from a web page: the page itself, its wire, a client for your own pages, and RTVI."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from voicekit import hookimpl
from voicekit_browser.doors import mint_token

if TYPE_CHECKING:
    from voicekit.extend import Commands, Registry

__all__ = ["mint_token"]


def _talk(arguments: list[str]) -> int:
    from voicekit_browser.command import main

    return main(arguments)


@hookimpl
def voicekit_register(registry: Registry) -> None:
    registry.transport("browser", "voicekit_browser.transport:Browser")


@hookimpl
def voicekit_commands(commands: Commands) -> None:
    if find_spec("voicekit_device") is None:  # if voicekit-device is installed, its `talk` calls ours for --browser
        commands.add("talk", _talk, help="talk to a bot in the browser: talk --browser BOT")
