"""One speech connection, held and warm for as long as the voice is open, and shared by its replies.

A reply starts streams on it and is told what comes of them. When the connection is lost, the streams fail, and a new
one is made at once, so that the next reply finds it open. Nothing here raises a service's error: a reply asks for
`trouble` and raises it itself, so that a lost connection ends a reply and not the call.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import trio

from voicekit.contracts import tell
from voicekit.errors import ProtocolError, ServiceError
from voicekit.events import Trouble
from voicekit.soniox.errors import Failed, Retry, delay, lost, refused_handshake
from voicekit.soniox.region import ApiKey
from voicekit.soniox.shell import Shell, WireLog, open_shell
from voicekit.soniox.speech import Sound, SoundEnded, StreamFailed, StreamGone
from voicekit.soniox.transport import Address, Transport, Unconnected
from voicekit.soniox.tts import SERVICE, TtsConnection, TtsEvent
from voicekit.soniox.wire import TtsConfig


class Listener(Protocol):
    """Who started a stream. Called by the connection's reader: must not wait."""

    def hear(self, event: Sound | SoundEnded | StreamFailed | StreamGone) -> None: ...
    def look_again(self) -> None:
        """The connection has come, gone, or has room again."""
        ...


class Mouth:
    """The connection that there is, or will be. All but `keep` is synchronous."""

    def __init__(
        self,
        url: str,
        key: str | Callable[[], str] | None,
        transport: Transport,
        *,
        wire_log: WireLog | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self._url = url
        self._key = key
        self._transport = transport
        self._wire_log = wire_log
        self._roll = roll
        self._core: TtsConnection | None = None
        self._shell: Shell[TtsEvent] | None = None
        self._listeners: dict[str, Listener] = {}
        self._waiting: set[Listener] = set()
        self._lost = trio.Event()
        self._worked = False
        self.trouble: ServiceError | ProtocolError | None = None
        """Why there is no connection; None while there is one, or before the first failure."""
        self.hopeless = False
        """Trying again is no use."""

    @property
    def has_room(self) -> bool:
        """Whether a stream can be started now."""
        return self._core is not None and self._core.has_room

    def attend(self, listener: Listener) -> None:
        """Have `listener` look again whenever something changes, until it leaves."""
        self._waiting.add(listener)

    def leave(self, listener: Listener) -> None:
        """Cancel the streams of `listener`, at once, and tell it nothing more. Twice is once."""
        self._waiting.discard(listener)
        for stream in [stream for stream, owner in self._listeners.items() if owner is listener]:
            self.cancel(stream)

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
            self.flush()

    def flush(self) -> None:
        if self._shell is not None:
            self._shell.flush()

    async def keep(self, task_status: trio.TaskStatus[None]) -> None:
        """Keep a connection open until cancelled; started when there is one. Raises only before that."""
        failures = 0
        started = False
        while True:
            failed = await self._hold(None if started else task_status)
            if self._worked:
                started, failures, self._worked = True, 0, False
            failures += 1
            self.trouble = failed.error
            wait = delay(failed.retry, failures, self._roll())
            self.hopeless = wait is None or (failed.retry is Retry.NEW_KEY and not callable(self._key))
            if not started and self.hopeless:
                raise failed.error
            if started:
                tell.get()(Trouble(SERVICE, failed.error))
            self._look_again()
            await trio.sleep(float("inf") if self.hopeless or wait is None else wait)

    async def _hold(self, task_status: trio.TaskStatus[None] | None) -> Failed:
        """Hold one connection until it is lost; how it was."""
        self._lost = trio.Event()
        try:
            async with self._connection() as core:
                if task_status is not None:
                    task_status.started()
                self._worked = True
                self._look_again()
                await self._lost.wait()
                assert core.failure is not None, "it is lost when its core has failed"
                return core.failure
        except Unconnected as error:
            if error.status is not None:
                return refused_handshake(error.status, "", service=SERVICE)
            return lost(f"can't connect: {error}", service=SERVICE)
        finally:
            self._core = self._shell = None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[TtsConnection]:
        key = ApiKey.find(self._key() if callable(self._key) else self._key)
        core = TtsConnection(trio.current_time(), redact=key.redact)
        address = Address(self._url, headers=key.headers())
        async with open_shell(self._transport, address, core, self._handle, self._wire_log) as shell:
            self._core, self._shell, self.trouble = core, shell, None
            yield core

    def _handle(self, event: TtsEvent) -> None:
        if isinstance(event, Failed):
            self._listeners.clear()
            self._core = self._shell = None
            self._lost.set()
            self._look_again()
            return
        ended = isinstance(event, StreamFailed | StreamGone)
        owner = self._listeners.pop(event.stream, None) if ended else self._listeners.get(event.stream)
        if owner is not None:
            owner.hear(event)
        if ended:
            self._look_again()

    def _look_again(self) -> None:
        for listener in list(self._waiting):
            listener.look_again()
