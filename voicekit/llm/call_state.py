"""What a model's handler keeps while a call lasts: its connection, its notes, and a place for late tools.

It is opened when the handler is first asked, or before; it runs beside the conversation, and ends with the call. A
handler that is tried out on its own has one for each turn.

An interruption costs the connection, since closing it is the only way to stop an answer. So another one is made at
once: the caller is still speaking then, and does not have to wait for it. A service may also close one that is idle, so
after a while the connection is tried when the caller begins to speak, and made anew where it is gone.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from math import inf
from typing import Protocol, runtime_checkable

import httpx
import trio

from voicekit.contracts import tell
from voicekit.events import SessionEvent, SpeechStarted, Trouble
from voicekit.flow.groups import alone
from voicekit.flow.threads import in_thread
from voicekit.llm.conversation import ModelStep
from voicekit.llm.faults import lost
from voicekit.llm.model import Model
from voicekit.reply.handler import CallView, NoCall, Turn

KEEP_WARM = 300.0
"""Seconds that an idle connection is kept: callers may be silent for long. Services close it sooner or later."""

IDLE = 10.0
"""Seconds for which a connection is trusted. Services keep an idle one from five seconds to some minutes, mostly one;
and trying one that is there costs a request, and a question that comes meanwhile a connection."""

CLOSE_TIMEOUT = 0.3
"""Seconds for the goodbyes of TLS, when the call is over."""

LATE_AT_ONCE = 8
"""Tools that report later and run at once in a call; the others wait until one of them is done."""

CONNECTIONS = 8
"""Of one call: a reply and the one before it that is still unwinding, and tools that report."""


@runtime_checkable
class Watchable(Protocol):
    """A call that shows its events, as a Session does."""

    def watch(self, watcher: Callable[[SessionEvent], object]) -> None: ...


@dataclass
class CallState:
    """Of one handler in one call. `begun` are the turns that it was asked and what it called in them, by number.

    `model` is where it connects to, within `patience` seconds.
    """

    client: httpx.AsyncClient
    model: Model
    patience: float
    start_soon: Callable[..., None]
    begun: dict[int, tuple[Turn, list[ModelStep]]] = field(default_factory=dict)
    late: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(LATE_AT_ONCE))
    _cold: trio.Event = field(default_factory=trio.Event)
    # current users of the connection: a reply, a previous reply that is still unwinding, tools that report
    _uses: int = 0
    _idle_since: float = inf

    def begin(self, turn: Turn) -> list[ModelStep]:
        """The steps of `turn`, which is answered anew; what a speculation of this number has left is forgotten."""
        self.begun[turn.number] = turn, []
        return self.begun[turn.number][1]

    def steps(self, now: Turn | None = None) -> dict[int, list[ModelStep]]:
        """What was called, by turn: in `now`, and in turns that really happened."""
        return {number: steps for number, (turn, steps) in self.begun.items() if turn is now or happened(turn)}

    def forget(self, before: int) -> None:
        """Drop what was called before turn `before`."""
        for number in [number for number in self.begun if number < before]:
            del self.begun[number]

    def cold(self) -> None:
        """The connection is lost: make another for the next question."""
        self._cold.set()

    def hear(self, event: SessionEvent) -> None:
        """Try a connection that has long been idle when the caller begins to speak: a question will follow."""
        if isinstance(event, SpeechStarted) and not self._uses and trio.current_time() - self._idle_since >= IDLE:
            self.cold()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While the connection is used, it is not idle."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1
            self._idle_since = trio.current_time()

    async def connect(self) -> None:
        """Have a connection. What the service answers to nothing asked does not matter."""
        try:
            with self.in_use(), trio.fail_after(self.patience):
                await self.client.head(self.model.url)
        except (httpx.HTTPError, trio.TooSlowError) as error:
            mute = f"no answer to HEAD in {self.patience:g} s"
            why = mute if isinstance(error, trio.TooSlowError) else f"{type(error).__name__}: {error}"
            tell.get()(Trouble("handler", lost(self.model, f"{self.model.url}: {why}")))

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


class CallStates(dict[object, CallState]):
    """Those of one call, by handler; kept in its stash."""


@asynccontextmanager
async def call_state(
    handler: object, session: CallView, model: Model, transport: httpx.AsyncBaseTransport | None, connect: float
) -> AsyncIterator[CallState]:
    """The state of `handler` in `session`, opened if need be; if there is no call, it ends with the block.

    It connects to `model` within `connect` seconds, through `transport` if there is one.
    """
    if isinstance(session, NoCall):
        with alone():
            async with trio.open_nursery() as nursery:
                state = CallState(await _client(transport, connect), model, connect, nursery.start_soon)
                nursery.start_soon(state.run)
                yield state
                nursery.cancel_scope.cancel()
        return
    states = session.stash.get(CallStates)
    if states is None:
        states = session.stash[CallStates] = CallStates()
    if handler not in states:
        made = CallState(await _client(transport, connect), model, connect, session.start_soon)
        if states.setdefault(handler, made) is made:  # unless another thread was faster
            session.start_soon(made.run)
            if isinstance(session, Watchable):
                session.watch(made.hear)
    yield states[handler]


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
