"""Connects to an MCP server, and makes tools from the server's list. The official client speaks the protocol, on trio.

A connection lasts as long as the block that opened it, and can serve any number of calls at the same time. So the
server starts once, instead of once for every call. If the connection is lost, we connect once more before a tool fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio
import trio
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp.types import CONNECTION_CLOSED, INVALID_REQUEST, CallToolResult, TextContent
from mcp.types import Tool as Offered

from voicekit.errors import ConfigError, Unavailable, VoicekitError, redacted
from voicekit.flow.groups import alone
from voicekit.flow.opened import opened
from voicekit.llm import Tool, ToolPolicy, remote_tool
from voicekit.llm.messages import ToolSpec
from voicekit.llm.tools import as_name

OPEN_TIMEOUT = 20.0
"""Seconds for connecting and reading the list of tools: a new server may first have to load its data."""

MOST_TOOLS = 64
"""The maximum number of tools from one server. Each request contains all of them, and models choose badly from many."""

MOST_PAGES = 50
"""How many pages of a list of tools are read."""

LONGEST_NAME = 128
"""The longest name of a server's tool, in characters; models accept 64."""

LONGEST_DESCRIPTION = 8_192
"""The longest description of a tool, and the longest schema, in characters."""

MOST_SAID = 300
"""How many characters of an error's text are shown."""

Server: TypeAlias = str | Sequence[str] | Any
"""A URL, a command with its arguments, or anything else the official client connects to."""


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
    """Connect to `server` and yield its tools; the end of the block disconnects.

    `prefix` is put before each tool's name, to distinguish the tools of two servers. `only` selects tools by the
    names that the server uses, and `policies` say how to run some of them. A tool without a policy may run in a
    speculative turn only if the server declares it read-only. `environment` is added to the few environment variables
    that a server's command gets.

    Raises Unavailable if connecting and reading the list of tools fails or takes longer than `open_timeout` seconds.
    Raises ConfigError if a tool in `only` or `policies` is missing, or if there are too many tools for a model.
    """
    secrets = tuple((environment or {}).values())
    connection = _Connection(_parameters(server, environment), secrets)
    with alone():
        async with trio.open_nursery() as nursery:
            link = _Link(connection, open_timeout, nursery)
            offered = {each.name: each for each in (await link.connected()).offered}
            _check(only, offered, "only")
            _check(policies, offered, "policies")
            chosen = [each for name, each in offered.items() if only is None or name in only]
            _check_size(chosen)
            yield [_tool(link, each, prefix, (policies or {}).get(each.name)) for each in chosen]
            nursery.cancel_scope.cancel()


@dataclass
class _Session:
    """One connection and its tools; `lost` is set once it has failed."""

    client: Client
    offered: Sequence[Offered]
    lost: trio.Event


@dataclass(frozen=True, slots=True)
class _Connection:
    """Opens a session with the server. Errors never contain `secrets`."""

    server: Any
    secrets: Sequence[str]
    name: str = "MCP server"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[_Session]:
        ready, server, lost = False, self.server, trio.Event()
        if isinstance(server, StdioServerParameters):
            server = _watched(stdio_client(server), lost)
        try:
            with alone():
                async with Client(server) as client:
                    session = _Session(client, await _offered(client), lost)
                    ready = True
                    yield session
        except Exception as error:  # the client, its transport or the system may raise any error
            if ready or isinstance(error, VoicekitError):
                raise
            raise self.unavailable("can't connect", error) from None  # the cause's text may contain a password

    def unavailable(self, what: str, error: Exception) -> Unavailable:
        said = redacted(f"{type(error).__name__}: {error}", *self.secrets)[:MOST_SAID]
        return Unavailable(f"MCP: {what}: {said}", service="mcp", retryable=True)


@asynccontextmanager
async def _watched(transport: Any, lost: trio.Event) -> AsyncIterator[tuple[Any, Any]]:
    """`transport`, but `lost` is set as soon as the server ends; the client would notice only at the next call."""

    async def pass_on(messages: Any, to: Any) -> None:
        async for message in messages:
            await to.send(message)
        lost.set()
        to.close()

    async with transport as (read, write):
        to, out = anyio.create_memory_object_stream[Any](0)
        with to, out:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pass_on, read, to)
                yield out, write
                nursery.cancel_scope.cancel()


class _Link:
    """The connection that all tools of a server share; if it is lost, the next call of a tool connects again."""

    def __init__(self, connection: _Connection, timeout: float, nursery: trio.Nursery) -> None:
        self._connection = connection
        self._timeout = timeout
        self._nursery = nursery
        self._session: _Session | None = None
        self._connecting = trio.Lock()

    async def connected(self) -> _Session:
        """The current session; if that is lost, a new one. Raises Unavailable if connecting fails or takes too long."""
        async with self._connecting:
            if self._session is None or self._session.lost.is_set():
                self._session = await self._nursery.start(self._keep)
            return self._session

    async def call(self, name: str, arguments: dict[str, Any], *, again: bool) -> CallToolResult:
        """The tool's answer. If the connection has been lost, connects again before the call.

        If the connection is lost during the call, the tool may already have run, so the call is retried only if
        `again` allows it. Raises Unavailable, or the error that the server sends instead of a result.
        """
        session = await self.connected()
        try:
            return await session.client.call_tool(name, arguments)
        except (MCPError, trio.ClosedResourceError, trio.BrokenResourceError) as error:
            if isinstance(error, MCPError) and not _is_lost(error):
                raise
            session.lost.set()
            never_arrived = isinstance(error, MCPError) and error.code == INVALID_REQUEST
            if not again and not never_arrived:
                raise self._connection.unavailable("the connection was lost during a call", error) from None
        return await (await self.connected()).client.call_tool(name, arguments)

    async def _keep(self, task_status: trio.TaskStatus[_Session]) -> None:
        session: _Session | None = None
        try:
            async with opened(self._connection, timeout=self._timeout) as (session,):
                task_status.started(session)
                await session.lost.wait()
        except Exception:
            if session is None:
                raise
            session.lost.set()  # the next call connects again, or raises an error that says why it can't


def _parameters(server: Server, environment: Mapping[str, str] | None) -> Any:
    if isinstance(server, str):
        if not server.startswith(("http://", "https://")):
            raise ConfigError(f"open_mcp: expected a URL, or a command as a list of words, got {server!r}")
        return server
    if not isinstance(server, Sequence):
        return server
    command, *arguments = server
    return StdioServerParameters(command=command, args=arguments, env=dict(environment) if environment else None)


def _is_lost(error: MCPError) -> bool:
    """Whether `error` means that the connection is lost, or that the server has forgotten the session."""
    return error.code == CONNECTION_CLOSED or (error.code == INVALID_REQUEST and "terminated" in str(error))


async def _offered(client: Client) -> list[Offered]:
    """All tools that the server offers, read page by page."""
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
            some = ", ".join(each[:LONGEST_NAME] for each in list(offered)[:MOST_TOOLS])
            raise ConfigError(f"open_mcp: {option}: the server has no tool {name!r}; it has: {some}")


def _check_size(chosen: Sequence[Offered]) -> None:
    """Raise ConfigError if there are too many tools, or too long ones, to send them with every request to a model."""
    if len(chosen) > MOST_TOOLS:
        raise ConfigError(f"open_mcp: expected at most {MOST_TOOLS} tools, got {len(chosen)}: choose some with `only`")
    for each in chosen:
        sizes = {
            "name": (len(each.name), LONGEST_NAME),
            "description": (len(each.description or each.title or ""), LONGEST_DESCRIPTION),
            "schema": (len(str(each.input_schema)), LONGEST_DESCRIPTION),
        }
        for what, (size, most) in sizes.items():
            if size > most:
                raise ConfigError(
                    f"open_mcp: expected a {what} of at most {most} characters, got {size} for the tool "
                    f"{each.name[:LONGEST_NAME]!r}; leave this tool out with `only`"
                )


def _tool(link: _Link, offered: Offered, prefix: str, policy: ToolPolicy | None) -> Tool:
    hints = offered.annotations
    read_only = hints is not None and hints.read_only_hint is True
    policy = policy or ToolPolicy(side_effects=not read_only)
    again = not policy.side_effects or (hints is not None and hints.idempotent_hint is True)

    async def call(arguments: Mapping[str, Any]) -> str:
        return text_of(await link.call(offered.name, dict(arguments), again=again))

    spec = ToolSpec(as_name(prefix + offered.name), offered.description or offered.title or "", offered.input_schema)
    return remote_tool(spec, call, policy)


def text_of(result: CallToolResult) -> str:
    """A result as text for a model; each part that is not text is replaced by the name of its kind."""
    parts = [part.text if isinstance(part, TextContent) else f"[{part.type}]" for part in result.content]
    return "\n".join(parts)
