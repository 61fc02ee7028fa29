"""What a model's handler keeps for as long as a call lasts: its connection, its notes, and a place for late tools.

It is opened when the handler is first asked (or before, see `warm`), runs beside the conversation, and ends with the
call. A handler that is tried out on its own has one for each turn.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

import httpx
import trio

from voicekit.flow.groups import alone
from voicekit.flow.threads import in_thread
from voicekit.llm.conversation import Step
from voicekit.reply.handler import CallView, NoCall

KEEP_WARM = 300.0
"""Seconds that an idle connection is kept: callers may be silent for long. Services close it sooner or later."""

CLOSE_TIMEOUT = 0.3
"""Seconds for the goodbyes of TLS, when the call is over."""

CONNECTIONS = 8
"""Of one call: a reply and the one before it that is still unwinding, and tools that report."""


@dataclass
class Backstage:
    """Of one handler in one call. `steps` are the calls that were made, by the number of their turn."""

    client: httpx.AsyncClient
    start_soon: Callable[..., None]
    steps: dict[int, list[Step]] = field(default_factory=dict)

    async def run(self) -> None:
        """Keep the connection for as long as this is let run."""
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_TIMEOUT):
                await self.client.aclose()


class Backstages(dict[object, Backstage]):
    """Those of one call, by handler; kept in its stash."""


@asynccontextmanager
async def backstage(
    handler: object, session: CallView, transport: httpx.AsyncBaseTransport | None, connect: float
) -> AsyncIterator[Backstage]:
    """The backstage of `handler` in `session`, opened if need be; where there is no call, it ends with the block."""
    if isinstance(session, NoCall):
        with alone():
            async with trio.open_nursery() as nursery:
                stage = Backstage(await _client(transport, connect), nursery.start_soon)
                nursery.start_soon(stage.run)
                yield stage
                nursery.cancel_scope.cancel()
        return
    stages = session.stash.get(Backstages)
    if stages is None:
        stages = session.stash[Backstages] = Backstages()
    if handler not in stages:
        stages[handler] = made = Backstage(await _client(transport, connect), session.start_soon)
        session.start_soon(made.run)
    yield stages[handler]


async def _client(transport: httpx.AsyncBaseTransport | None, connect: float) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEEP_WARM)
    timeout = httpx.Timeout(None, connect=connect)
    if transport is not None:
        return httpx.AsyncClient(transport=transport, timeout=timeout)
    return httpx.AsyncClient(verify=await in_thread(_trusted), limits=limits, timeout=timeout)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom TLS trusts. Reading the certificates takes 20 ms, so it is done once, and in a thread."""
    return httpx.create_ssl_context()
