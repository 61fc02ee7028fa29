"""One speech connection, held and warm for as long as the voice is open, and shared by its replies.

A reply starts streams on it and is told what comes of them. When the connection is lost, the streams fail, and a new
one is made at once, so that the next reply finds it open. A reply that finds none asks for `trouble` and raises it
itself, so that a lost connection ends a reply and not the call.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf
from typing import Protocol

import trio

from voicekit.contracts import tell
from voicekit.errors import ProtocolError, ServiceError
from voicekit.events import Trouble
from voicekit.flow.wire_log import WireLog
from voicekit.soniox.api.errors import Failed, Retry, delay, lost, refused_handshake
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.connection.access import Access
from voicekit.soniox.connection.shell import Shell, open_shell
from voicekit.soniox.connection.transport import Transport, Unconnected
from voicekit.soniox.tts.connection import SERVICE, TtsConnection, TtsEvent
from voicekit.soniox.tts.live_stream import SoundEnded, StreamFailed, StreamGone, StreamSound

OPENING_S = 5.0
"""Seconds in which a new attempt at the first connection may begin: an attempt takes up to four, a session waits ten,
and it is better told what was wrong than that it took too long."""

STEADY_S = 10.0
"""Seconds after which a connection on which nothing was said counts as one that worked, too."""


class Listener(Protocol):
    """Who started a stream. Called by the connection's reader: must not wait."""

    def hear(self, event: StreamSound | SoundEnded | StreamFailed | StreamGone) -> None: ...
    def look_again(self) -> None:
        """The connection has come, gone, or has room again."""
        ...


class TtsPool:
    """The connection that there is, or will be. All but `keep` is synchronous."""

    def __init__(
        self,
        url: str,
        access: Access,
        transport: Transport,
        *,
        wire_log: WireLog | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self._url = url
        self._access = access
        self._transport = transport
        self._wire_log = wire_log
        self._roll = roll
        self._core: TtsConnection | None = None
        self._shell: Shell[TtsEvent] | None = None
        self._listeners: dict[str, Listener] = {}
        self._waiting: set[Listener] = set()
        self._wanted = trio.Event()
        self._lost = trio.Event()
        self._failure: Failed | None = None  # of the last connection, or attempt at one
        self._opened = False
        self._has_spoken = False  # on this connection
        self._ever_spoken = False
        self.trouble: ServiceError | ProtocolError | None = None
        """Why there is no connection; None while there is one, or before the first failure."""
        self.hopeless = False
        """Trying again is no use, until another reply asks for it."""

    @property
    def has_room(self) -> bool:
        """Whether a stream can be started now."""
        return self._core is not None and self._core.has_room

    def attend(self, listener: Listener) -> None:
        """Have `listener` look again whenever something changes, until it leaves; connect now if there is a wait."""
        self._waiting.add(listener)
        self.hopeless = False
        self._wanted.set()

    def leave(self, listener: Listener) -> None:
        """Cancel the streams of `listener`, at once, and tell it nothing more. Twice is once."""
        self._waiting.discard(listener)
        for stream in [stream for stream, owner in self._listeners.items() if owner is listener]:
            self.cancel(stream)
        self.flush()

    def start(self, config: TtsConfig, listener: Listener) -> str:
        """Start a stream; only where there is room."""
        assert self._core is not None, "there is room only on a connection"
        stream = self._core.start(config, trio.current_time())
        self._listeners[stream] = listener
        return stream

    def send(self, stream: str, text: str, *, end: bool) -> None:
        """More text for a stream; nothing, if that has failed meanwhile."""
        if self._core is not None and stream in self._listeners:
            self._core.text(stream, text, trio.current_time(), end=end)

    def cancel(self, stream: str) -> None:
        """Stop a stream: nothing more of it is told."""
        if self._listeners.pop(stream, None) is not None and self._core is not None:
            self._core.cancel(stream, trio.current_time())

    def flush(self) -> None:
        """Have sent what was said since the last flush."""
        if self._shell is not None:
            self._shell.flush()

    async def keep(self, task_status: trio.TaskStatus[None]) -> None:
        """Keep a connection open until cancelled; started when there is one.

        Raises what the service says as long as nothing was ever spoken and trying again is no use. A wrong key or the
        name of no voice is often told of after the connection has opened, and ends the call as if before.
        """
        give_up_at = trio.current_time() + OPENING_S
        failures = 0
        while True:
            began = trio.current_time()
            await self._hold(task_status)
            failed = self._failure
            assert failed is not None, "a connection is lost when it has failed"
            worked = self._has_spoken or (self._opened and trio.current_time() >= began + STEADY_S)
            failures = 1 if worked else failures + 1
            wait = self._wait(failed.retry, failures)
            too_late = not self._opened and wait is not None and trio.current_time() + wait >= give_up_at
            if too_late or (wait is None and not self._ever_spoken):
                raise failed.error
            if wait is None and worked:
                wait = self._wait(Retry.BACKOFF, 1)
            self.hopeless = wait is None
            self._look_again()
            self._wanted = trio.Event()
            with trio.move_on_after(inf if wait is None else wait):
                await self._wanted.wait()
            self.hopeless = False

    def _wait(self, retry: Retry, failures: int) -> float | None:
        if retry is Retry.NEW_KEY and not self._access.mints:
            return None
        return delay(retry, failures, self._roll())

    async def _hold(self, task_status: trio.TaskStatus[None]) -> None:
        """Hold one connection until it is lost; `_failure` says how."""
        self._lost, self._failure, self._has_spoken = trio.Event(), None, False
        try:
            async with self._connection():
                if not self._opened:
                    self._opened = True
                    task_status.started()
                self._look_again()
                await self._lost.wait()
        except Unconnected as error:
            known = refused_handshake(error.status, "", service=SERVICE) if error.status is not None else None
            self._fail(known or lost(f"can't connect: {error}", service=SERVICE))
        except ServiceError as error:  # there is no key
            self._fail(Failed(error, Retry.BACKOFF if error.retryable else Retry.NEVER))
        finally:
            self._core = self._shell = None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[None]:
        address = await self._access.address(self._url)
        core = TtsConnection(trio.current_time(), redact=address.redact)
        async with open_shell(self._transport, address, core, self._handle, self._wire_log) as shell:
            self._core, self._shell, self.trouble = core, shell, None
            yield

    def _handle(self, event: TtsEvent) -> None:
        if isinstance(event, Failed):
            self._listeners.clear()
            self._core = self._shell = None
            self._fail(event)
            return
        if isinstance(event, StreamSound):
            self._has_spoken = self._ever_spoken = True
        ended = isinstance(event, StreamFailed | StreamGone)
        owner = self._listeners.pop(event.stream, None) if ended else self._listeners.get(event.stream)
        if owner is not None:
            owner.hear(event)
        if isinstance(event, StreamFailed) and self._core is not None and self._core.failure is None:
            self._fell_through(event.failure)
        if ended:
            self._look_again()

    def _fell_through(self, failure: Failed) -> None:
        """A stream has failed and its connection has not; where none ever spoke, none will."""
        if failure.retry is Retry.NEVER and not self._ever_spoken:
            self._fail(failure)
        else:
            tell.get()(Trouble(SERVICE, failure.error))

    def _fail(self, failure: Failed) -> None:
        """The connection is lost, or is no use: tell the session at once, and whoever waits."""
        self._failure, self.trouble = failure, failure.error
        if self._opened:
            tell.get()(Trouble(SERVICE, failure.error))
        self._lost.set()
        self._look_again()

    def _look_again(self) -> None:
        for listener in list(self._waiting):
            listener.look_again()
