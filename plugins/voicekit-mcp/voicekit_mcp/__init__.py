"""Tools of MCP servers, for any language model: `open_mcp` connects, and the word `mcp` on the command line shows them.

async with open_mcp(["python", "server.py"]) as tools:
    await voicekit.run(openai(model="...", tools=tools))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicekit.extend import Commands, hookimpl

if TYPE_CHECKING:
    from voicekit_mcp.client import open_mcp

__all__ = ["open_mcp"]


@hookimpl
def voicekit_commands(commands: Commands) -> None:
    commands.add("mcp", show, help="list the tools of an MCP server, given its command or its URL")


def show(arguments: list[str]) -> int:
    """What `voicekit mcp COMMAND ...` does."""
    from voicekit_mcp.command import show

    return show(arguments)


def __getattr__(name: str) -> Any:
    """`open_mcp` is imported when it is asked for: the protocol's package is large."""
    if name == "open_mcp":
        from voicekit_mcp.client import open_mcp

        return open_mcp
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
