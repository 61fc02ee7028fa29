"""`voicekit mcp COMMAND ...` or `voicekit mcp URL`: the tools of a server, as a model sees them."""

from __future__ import annotations

import sys
from typing import TextIO

import trio

from voicekit.errors import VoicekitError
from voicekit_mcp.client import open_mcp

USAGE = "usage: voicekit mcp COMMAND [ARGUMENT ...] | voicekit mcp URL"


def show(arguments: list[str], out: TextIO | None = None) -> int:
    """Print the tools of the server that `arguments` name, and return the exit status."""
    out = out or sys.stdout
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=out)
        return 0 if arguments else 2
    try:
        trio.run(_show, arguments, out)
    except VoicekitError as error:
        print(f"voicekit mcp: {error}", file=sys.stderr)
        return 1
    return 0


async def _show(arguments: list[str], out: TextIO) -> None:
    server = arguments[0] if arguments[0].startswith(("http://", "https://")) else arguments
    async with open_mcp(server) as tools:
        for tool in tools:
            parameters = ", ".join(tool.spec.parameters.get("properties", {}))
            effects = "" if tool.policy.side_effects else "  (read-only)"
            print(f"{tool.name}({parameters}){effects}", file=out)
            for line in tool.spec.description.splitlines():
                print(f"    {line}".rstrip(), file=out)
