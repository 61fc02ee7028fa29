"""Connects to an MCP server and makes tools of what it offers. The official client does the talking, on trio.

A connection may serve any number of calls at once, and lives as long as the block that opened it: what a server starts
up for is not paid anew in each call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import CallToolResult, TextContent
from mcp.types import Tool as Offered

from voicekit.errors import ConfigError, Unavailable
from voicekit.flow.groups import alone
from voicekit.flow.opened import opened
from voicekit.llm import Tool, ToolPolicy, remote_tool
from voicekit.llm.messages import ToolSpec
from voicekit.llm.tools import as_name

OPEN_TIMEOUT = 20.0
"""Seconds: a server that is started for us may first have to load what it serves."""

MOST_PAGES = 50
"""Of a list of tools; a model could not choose among as many."""

Server: TypeAlias = str | Sequence[str] | Any
"""A URL, a command with its arguments, or whatever else the official client connects to."""


@asynccontextmanager
async def open_mcp(
    server: Server,
    *,
    prefix: str = "",
    only: Sequence[str] | None = None,
    policies: Mapping[str, ToolPolicy] | None = None,
    environment: Mapping[str, str] | None = None,
    open_timeout: float = OPEN_TIMEOUT,
) -> AsyncIterator[list[Tool]]:
    """The tools of `server`, for as long as this is open.

    `prefix` stands before their names, to keep those of two servers apart; `only` those of these names (the server's
    own) are taken, and `policies` say for some of them how they are run. Of the others, those that the server calls
    read-only may run in a speculative turn, and the rest may not. `environment` is added to the few variables that a
    command is given. Raises Unavailable where the server can't be reached, ConfigError where it has not what is asked.
    """
    connection = _Connection(_parameters(server, environment))
    async with opened(connection, timeout=open_timeout) as (client,):
        offered = {each.name: each for each in await _offered(client)}
        _check(only, offered, "only")
        _check(policies, offered, "policies")
        chosen = [each for name, each in offered.items() if only is None or name in only]
        yield [_tool(client, each, prefix, (policies or {}).get(each.name)) for each in chosen]


@dataclass(frozen=True, slots=True)
class _Connection:
    """Opens a client in a task of its own and in bounded time, as everything is opened."""

    server: Any
    name: str = "MCP server"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Client]:
        ready = False
        try:
            with alone():
                async with Client(self.server) as client:
                    ready = True
                    yield client
        except Exception as error:  # of the client's, its transports' or the system's: it could not connect
            if ready:
                raise
            raise Unavailable(
                f"MCP: can't connect: {type(error).__name__}: {error}", service="mcp", retryable=True
            ) from error


def _parameters(server: Server, environment: Mapping[str, str] | None) -> Any:
    if isinstance(server, str):
        if not server.startswith(("http://", "https://")):
            raise ConfigError(f"open_mcp: expected a URL, or a command as a list of words, got {server!r}")
        return server
    if not isinstance(server, Sequence):
        return server
    command, *arguments = server
    return StdioServerParameters(command=command, args=arguments, env=dict(environment) if environment else None)


async def _offered(client: Client) -> list[Offered]:
    """Everything that the server offers, page by page."""
    tools: list[Offered] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def _check(names: Iterable[str] | None, offered: Mapping[str, Offered], option: str) -> None:
    for name in names or ():
        if name not in offered:
            raise ConfigError(f"open_mcp: {option}: the server has no tool {name!r}; it has: {', '.join(offered)}")


def _tool(client: Client, offered: Offered, prefix: str, policy: ToolPolicy | None) -> Tool:
    async def call(arguments: Mapping[str, Any]) -> str:
        return text_of(await client.call_tool(offered.name, dict(arguments)))

    hints = offered.annotations
    read_only = hints is not None and hints.read_only_hint is True
    spec = ToolSpec(as_name(prefix + offered.name), offered.description or offered.title or "", offered.input_schema)
    return remote_tool(spec, call, policy or ToolPolicy(side_effects=not read_only))


def text_of(result: CallToolResult) -> str:
    """What a model reads of a result: its texts, and what else there is by its kind alone."""
    parts = [part.text if isinstance(part, TextContent) else f"[{part.type}]" for part in result.content]
    return "\n".join(parts)
