"""trio in a thread beside an asyncio program: the program's own routes and voicekit's calls in one process.

    async with voicekit.aio.Host() as host:                              # in the app's lifespan
        ...
    ended = await host.run(make_session, host.wire(websocket))           # in a route

Each loop has its own thread, so a route that blocks does not interrupt the audio of calls. Only the program's loop
handles signals. Frames go from one thread to the other through `run_sync_soon` and `call_soon_threadsafe`, into bounded
queues.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

import trio

from voicekit.aio.socket import AsgiWebSocket, HostedWire
from voicekit.call.connection import open_call
from voicekit.call.wire import Wire
from voicekit.errors import VoicekitError
from voicekit.flow.groups import alone, is_cancellation

END_S = 3.0
"""A cancelled session may take this many seconds to end, including its goodbye on the wire. Two are usually enough."""


class Host:
    """Runs voicekit on trio in its own thread for the duration of a block: `async with Host() as host`.

    Leaving the block cancels the running sessions, waits until they have ended, and ends the thread; tasks still
    waiting in `run` get a VoicekitError. The host belongs to the event loop on which it was entered.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._token: trio.lowlevel.TrioToken
        self._nursery: trio.Nursery
        self._thread: threading.Thread | None = None
        self._open = False

    async def __aenter__(self) -> Host:
        if self._thread is not None:
            raise VoicekitError("a Host can be opened only once; create another")
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._over = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, name="voicekit trio", daemon=True)
        self._thread.start()
        await self._ready
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._open = False
        self._cross(self._cancel_all)
        done, _ = await asyncio.wait({self._over}, timeout=END_S)
        if done and self._thread is not None:
            self._thread.join()  # returns soon: the thread has nothing left to do

    def wire(self, websocket: AsgiWebSocket, wire: Wire | None = None) -> HostedWire:
        """A connection over an accepted Starlette or FastAPI `websocket`, to be passed to `run`.

        `wire` is a carrier's protocol or your own; the default sends PCM16 mono at 16 kHz in binary messages.
        """
        return HostedWire(websocket, wire)

    async def run(self, make: Callable[..., Any], wire: HostedWire | None = None) -> Any:
        """Run a session in trio and return what its `run` returns. An error in the session is raised unchanged.

        `make` is called in trio's thread, because the session's parts must be made there. If there is a `wire`, `make`
        gets the `Call` on that wire. `make` may be an async function that runs on trio. Cancelling `run` cancels the
        session, and waits at most 3 s for it to end.
        """
        if not self._open:
            raise VoicekitError("this Host is not open: use it inside `async with Host() as host`")
        session = _Hosted(self._loop, make, wire)
        moving = [] if wire is None else wire.attach(self._loop, self._cross)
        self._cross(self._begin, session)
        try:
            await asyncio.wait({session.ended})  # if cancelled, this leaves the future unchanged
            return session.ended.result()
        except asyncio.CancelledError:
            self._cross(session.cancel)
            await asyncio.wait({session.ended}, timeout=END_S)
            if session.ended.done():
                session.ended.exception()  # marks the exception as retrieved
            raise
        finally:
            for task in moving:
                task.cancel()
            if moving:
                await asyncio.wait(moving, timeout=END_S)

    # trio's side

    def _main(self) -> None:
        error: BaseException | None = None
        try:
            trio.run(self._serve)
        except BaseException as raised:  # every error is passed on to the waiting tasks
            error = raised
        _settle(self._loop, self._ready, None, error)
        _settle(self._loop, self._over, error, None)

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            _settle(self._loop, self._ready, None, None)
            await trio.sleep_forever()

    def _begin(self, session: _Hosted) -> None:
        self._nursery.start_soon(session.hold)

    def _cancel_all(self) -> None:
        self._nursery.cancel_scope.cancel()

    def _cross(self, function: Callable[..., object], *arguments: object) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function, *arguments)


class _Hosted:
    """One session in trio, and the future that its asyncio side waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, make: Callable[..., Any], wire: HostedWire | None) -> None:
        self.ended: asyncio.Future[Any] = loop.create_future()
        self._loop = loop
        self._make = make
        self._wire = wire
        self._scope: trio.CancelScope | None = None
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()

    async def hold(self) -> None:
        """Run the session to its end. An error in the session is passed to the asyncio side, not raised here."""
        value: Any = None
        error: BaseException | None = None
        try:
            with alone(), trio.CancelScope() as self._scope:
                if self._cancelled:
                    self._scope.cancel()
                value = await self._run()
            if self._scope.cancelled_caught:
                error = VoicekitError("the session was cancelled")
        except BaseException as raised:
            error = VoicekitError("the host was closed during the session") if is_cancellation(raised) else raised
            if not isinstance(raised, Exception):
                raise
        finally:
            _settle(self._loop, self.ended, value, error)

    async def _run(self) -> Any:
        if self._wire is None:
            return await (await _made(self._make())).run()
        async with open_call(self._wire, self._wire.wire) as call:
            return await (await _made(self._make(call))).run()


async def _made(session: Any) -> Any:
    return await session if inspect.isawaitable(session) else session


def _settle(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], value: object, error: BaseException | None
) -> None:
    """Set the result of `future` from trio's thread; if the loop is closed, nothing waits for the future."""

    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    with suppress(RuntimeError):
        loop.call_soon_threadsafe(settle)
