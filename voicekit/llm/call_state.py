"""The data that a model's handler keeps during a call: its connection, its tool calls, and a limit on the tools that
report later.

This state is opened when the handler is first called, or earlier. Its task runs beside the conversation, and both end
with the call. A handler that is called outside a session has a new state for each turn.

An interruption costs the connection, since closing it is the only way to stop an answer. So another connection is
opened immediately, while the caller is still speaking. A service may also close an idle connection. So a connection
that has been idle for a while is checked when the caller begins to speak, and replaced if it is gone.
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
"""Seconds that an idle connection is kept: callers may be silent for long. Services close it at some point."""

IDLE = 10.0
"""Seconds for which an idle connection is trusted. Services keep an idle connection for five seconds to some minutes,
most of them for one minute. Checking a connection costs a request, and a question that comes during the check costs
another connection.
"""

CLOSE_TIMEOUT = 0.3
"""Seconds to close TLS at the end of the call."""

LATE_AT_ONCE = 8
"""How many tools that report later may run at the same time in one call; further ones wait."""

CONNECTIONS = 8
"""The maximum number of connections per call: for a reply, the previous reply that is still unwinding, and tools that
report later.
"""


@runtime_checkable
class Watchable(Protocol):
    """A call whose events can be watched, such as a Session."""

    def watch(self, watcher: Callable[[SessionEvent], object]) -> None: ...


@dataclass
class CallState:
    """The state of one handler in one call. `begun` contains, by turn number, the turns in which the handler was
    called, and their tool calls.

    `model` is the model to connect to; connecting may take up to `patience` seconds.
    """

    client: httpx.AsyncClient
    model: Model
    patience: float
    start_soon: Callable[..., None]
    begun: dict[int, tuple[Turn, list[ModelStep]]] = field(default_factory=dict)
    late: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(LATE_AT_ONCE))
    _cold: trio.Event = field(default_factory=trio.Event)
    # the number of tasks that use the connection: a reply, an earlier reply that is still unwinding, tools that report
    # later
    _uses: int = 0
    _idle_since: float = inf

    def begin(self, turn: Turn) -> list[ModelStep]:
        """A new, empty list for the steps of `turn`, which is being answered now. Steps of a discarded guess with the
        same number are dropped.
        """
        self.begun[turn.number] = turn, []
        return self.begun[turn.number][1]

    def steps(self, now: Turn | None = None) -> dict[int, list[ModelStep]]:
        """The steps by turn number: those of turn `now`, and those of committed turns."""
        return {number: steps for number, (turn, steps) in self.begun.items() if turn is now or happened(turn)}

    def forget(self, before: int) -> None:
        """Drop the steps of turns before turn `before`."""
        for number in [number for number in self.begun if number < before]:
            del self.begun[number]

    def cold(self) -> None:
        """Record that the connection is lost, so that another is opened for the next question."""
        self._cold.set()

    def hear(self, event: SessionEvent) -> None:
        """When the caller begins to speak, check a connection that has been idle for a long time, because a question
        will follow.
        """
        if isinstance(event, SpeechStarted) and not self._uses and trio.current_time() - self._idle_since >= IDLE:
            self.cold()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside the `with`, the connection counts as in use, not as idle."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1
            self._idle_since = trio.current_time()

    async def connect(self) -> None:
        """Open a connection by sending an empty request; the service's response does not matter."""
        try:
            with self.in_use(), trio.fail_after(self.patience):
                await self.client.head(self.model.url)
        except (httpx.HTTPError, trio.TooSlowError) as error:
            mute = f"no answer to HEAD in {self.patience:g} s"
            why = mute if isinstance(error, trio.TooSlowError) else f"{type(error).__name__}: {error}"
            tell.get()(Trouble("handler", lost(self.model, f"{self.model.url}: {why}")))

    async def run(self) -> None:
        """Keep a connection open until cancelled."""
        try:
            while True:
                await self._cold.wait()
                self._cold = trio.Event()
                await self.connect()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_TIMEOUT):
                await self.client.aclose()


class CallStates(dict[object, CallState]):
    """The states of one call, by handler; kept in the call's stash."""


@asynccontextmanager
async def call_state(
    handler: object, session: CallView, model: Model, transport: httpx.AsyncBaseTransport | None, connect: float
) -> AsyncIterator[CallState]:
    """The state of `handler` in `session`, opened if necessary. Without a session, a new state is opened, which ends
    with the block.

    The state connects to `model` within `connect` seconds, through `transport` if there is one.
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
        if states.setdefault(handler, made) is made:  # false if another task has added its own first
            session.start_soon(made.run)
            if isinstance(session, Watchable):
                session.watch(made.hear)
    yield states[handler]


def happened(turn: Turn) -> bool:
    """Whether `turn` is committed. A discarded guess is never committed, and its number goes to another turn."""
    return turn.commitment is None or turn.commitment.is_set()


async def _client(transport: httpx.AsyncBaseTransport | None, connect: float) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEEP_WARM)
    timeout = httpx.Timeout(None, connect=connect)
    if transport is not None:
        return httpx.AsyncClient(transport=transport, timeout=timeout)
    return httpx.AsyncClient(verify=await in_thread(_trusted), limits=limits, timeout=timeout)


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that TLS trusts. Reading them takes 20 ms, so it is done once, and in a thread."""
    import httpcore  # noqa: F401  # otherwise httpx would import it on the event loop, which takes another 20 ms

    return httpx.create_ssl_context()
