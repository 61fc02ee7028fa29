"""What a model's handler keeps for as long as a call lasts: its connection, its notes, and a place for late tools.

It is opened when the handler is first asked, or before; it runs beside the conversation, and ends with the call. A
handler that is tried out on its own has one for each turn.

An interruption costs the connection, since closing it is the only way to stop an answer. So another one is made at
once: the caller is still speaking then, and does not have to wait for it.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

import httpx
import trio

from voicekit.contracts import tell
from voicekit.events import Trouble
from voicekit.flow.groups import alone
from voicekit.flow.threads import in_thread
from voicekit.llm.conversation import Step
from voicekit.reply.handler import CallView, NoCall, Turn

KEEP_WARM = 300.0
"""Seconds that an idle connection is kept: callers may be silent for long. Services close it sooner or later."""

CLOSE_TIMEOUT = 0.3
"""Seconds for the goodbyes of TLS, when the call is over."""

CONNECTIONS = 8
"""Of one call: a reply and the one before it that is still unwinding, and tools that report."""


@dataclass
class Backstage:
    """Of one handler in one call. `begun` are the turns that it was asked and what it called in them, by number."""

    client: httpx.AsyncClient
    url: str
    start_soon: Callable[..., None]
    begun: dict[int, tuple[Turn, list[Step]]] = field(default_factory=dict)
    _cold: trio.Event = field(default_factory=trio.Event)

    def begin(self, turn: Turn) -> list[Step]:
        """The steps of `turn`, which is answered anew; what a speculation of this number has left is forgotten."""
        self.begun[turn.number] = turn, []
        return self.begun[turn.number][1]

    def steps(self, now: Turn | None = None) -> dict[int, list[Step]]:
        """What was called, by turn: in `now`, and in turns that really happened."""
        return {number: steps for number, (turn, steps) in self.begun.items() if turn is now or happened(turn)}

    def forget(self, before: int) -> None:
        """Drop what was called before turn `before`."""
        for number in [number for number in self.begun if number < before]:
            del self.begun[number]

    def cold(self) -> None:
        """The connection is lost: make another for the next question."""
        self._cold.set()

    async def connect(self) -> None:
        """Have a connection. What the service answers to nothing asked does not matter."""
        try:
            await self.client.head(self.url)
        except httpx.HTTPError as error:
            tell.get()(Trouble("handler", error))

    async def run(self) -> None:
        """Keep a connection for as long as this is let run."""
        try:
            while True:
                await self._cold.wait()
                self._cold = trio.Event()
                await self.connect()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_TIMEOUT):
                await self.client.aclose()


class Backstages(dict[object, Backstage]):
    """Those of one call, by handler; kept in its stash."""


@asynccontextmanager
async def backstage(
    handler: object, session: CallView, url: str, transport: httpx.AsyncBaseTransport | None, connect: float
) -> AsyncIterator[Backstage]:
    """The backstage of `handler` in `session`, opened if need be; where there is no call, it ends with the block.

    `url` is where it connects to, within `connect` seconds, through `transport` if there is one.
    """
    if isinstance(session, NoCall):
        with alone():
            async with trio.open_nursery() as nursery:
                stage = Backstage(await _client(transport, connect), url, nursery.start_soon)
                nursery.start_soon(stage.run)
                yield stage
                nursery.cancel_scope.cancel()
        return
    stages = session.stash.get(Backstages)
    if stages is None:
        stages = session.stash[Backstages] = Backstages()
    if handler not in stages:
        made = Backstage(await _client(transport, connect), url, session.start_soon)
        if stages.setdefault(handler, made) is made:  # nobody was quicker
            session.start_soon(made.run)
    yield stages[handler]


def happened(turn: Turn) -> bool:
    """Whether `turn` is committed; a speculation that is thrown away never is, and its number goes to another."""
    return turn.commitment is None or turn.commitment.is_set()


async def _client(transport: httpx.AsyncBaseTransport | None, connect: float) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEEP_WARM)
    timeout = httpx.Timeout(None, connect=connect)
    if transport is not None:
        return httpx.AsyncClient(transport=transport, timeout=timeout)
    return httpx.AsyncClient(verify=await in_thread(_trusted), limits=limits, timeout=timeout)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom TLS trusts. Reading the certificates takes 20 ms, so it is done once, and in a thread."""
    import httpcore  # noqa: F401  # what httpx would import on the event loop, which takes as long again

    return httpx.create_ssl_context()
