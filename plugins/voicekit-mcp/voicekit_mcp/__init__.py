"""Tools from MCP servers, for any language model: `open_mcp` connects to a server, and `voicekit mcp` lists its tools.

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
    """Run `voicekit mcp COMMAND ...`."""
    from voicekit_mcp.command import show

    return show(arguments)


def __getattr__(name: str) -> Any:
    """Import `open_mcp` on first use, because the protocol's package is large."""
    if name == "open_mcp":
        from voicekit_mcp.client import open_mcp

        return open_mcp
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
