"""One connection for speech, which all replies share, and which is kept open until the voice is closed.

A reply starts streams on the connection, and each stream gets its events. If the connection is lost, its streams fail,
and a new connection is opened immediately, so that the next reply finds it open. A reply that finds no connection fails
with the error in `trouble`, so a lost connection ends a reply and not the call.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf
from typing import Protocol

import trio

from voicekit.contracts import tell
from voicekit.errors import ProtocolError, ServiceError
from voicekit.events import Trouble
from voicekit.flow.backoff import SOON, Backoff
from voicekit.flow.wire_log import WireLog
from voicekit.soniox.api.errors import Failed, Retry
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.connection.access import Access
from voicekit.soniox.connection.shell import Shell, open_shell
from voicekit.soniox.connection.transport import OPENING_S, Unconnected, WebsocketTransport
from voicekit.soniox.tts.connection import SERVICE, TtsConnection, TtsEvent
from voicekit.soniox.tts.live_stream import StreamFailed, StreamGone, StreamSound
from voicekit.soniox.tts.stream import SpeechStream

STEADY_S = 10.0
"""Seconds after which even an unused connection counts as one that worked."""


class Waiter(Protocol):
    """A reply that is notified when the connection or one of the reply's streams has changed. `look_again` must not
    wait."""

    def look_again(self) -> None: ...


class TtsPool:
    """Holds the current connection, or waits for the next. All methods except `keep` are synchronous."""

    def __init__(
        self,
        url: str,
        access: Access,
        transport: WebsocketTransport,
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
        self._streams: dict[str, SpeechStream] = {}  # this connection's streams, by id
        self._waiting: set[Waiter] = set()
        self._wanted = trio.Event()
        self._lost = trio.Event()
        self._failure: Failed | None = None  # the failure of the last connection, or of the last attempt to connect
        self._opened = False
        self._has_spoken = False
        self.trouble: ServiceError | ProtocolError | None = None
        """Why there is no connection; None while there is one, or before the first failure."""
        self.hopeless = False
        """Whether another attempt can't help; a new reply makes the pool try again nevertheless."""

    @property
    def has_room(self) -> bool:
        """Whether a stream can be started now."""
        return self._core is not None and self._core.has_room

    def attend(self, waiter: Waiter) -> None:
        """Notify `waiter` whenever something changes, until `leave` is called. This also ends the wait before the next
        attempt to connect."""
        self._waiting.add(waiter)
        self.hopeless = False
        self._wanted.set()

    def leave(self, waiter: Waiter) -> None:
        """Stop notifying `waiter`. A second call has no effect."""
        self._waiting.discard(waiter)

    def start(self, config: TtsConfig, stream: SpeechStream) -> None:
        """Start `stream`; call this only if there is room."""
        assert self._core is not None, "there is room only on a connection"
        stream.id = self._core.start(config, trio.current_time(), stall_s=stream.stall_s)
        self._streams[stream.id] = stream

    def send(self, stream: SpeechStream, text: str, *, end: bool) -> None:
        """Send more text to a stream; this has no effect if the stream has failed in the meantime."""
        if self._core is not None and self._streams.get(stream.id) is stream:
            self._core.text(stream.id, text, trio.current_time(), end=end)

    def cancel(self, stream: SpeechStream) -> None:
        """Stop a stream, which then gets no further events."""
        if self._streams.get(stream.id) is stream:
            del self._streams[stream.id]
            if self._core is not None:
                self._core.cancel(stream.id, trio.current_time())

    def flush(self) -> None:
        """Send all messages that were queued since the last flush."""
        if self._shell is not None:
            self._shell.flush()

    async def keep(self, task_status: trio.TaskStatus[None]) -> None:
        """Keep a connection open until cancelled; the task counts as started when the first connection is open.

        Raises the service's error if nothing has ever been spoken and another attempt can't help. The service often
        reports a wrong key or an unknown voice only after the connection has opened; such an error also ends the call.
        """
        self._backoff = Backoff(self._roll, give_up_s=OPENING_S, since=trio.current_time())
        while True:
            await self._hold(task_status)
            failed, now = self._failure, trio.current_time()
            assert failed is not None, "a connection is lost when it has failed"
            again = self._backoff.failed(now, failed.waits(new_keys=self._access.mints))
            if again is None and not self._has_spoken:
                raise failed.error
            if again is None and self._backoff.failures == 1:  # the last connection worked, so another may work too
                again = now + SOON.first
            self.hopeless = again is None
            self._look_again()
            self._wanted = trio.Event()
            with trio.move_on_at(inf if again is None else again):
                await self._wanted.wait()
            self.hopeless = False

    async def _hold(self, task_status: trio.TaskStatus[None]) -> None:
        """Hold one connection until it is lost; `_failure` then has the reason."""
        self._lost, self._failure = trio.Event(), None
        try:
            address = await self._access.address(self._url)
            core = TtsConnection(trio.current_time(), redact=address.redact)
            async with open_shell(self._transport, address, core, self._handle, self._wire_log) as self._shell:
                self._core, self.trouble = core, None
                if not self._opened:
                    self._opened = True
                    self._backoff = Backoff(self._roll, steady_s=STEADY_S)
                    task_status.started()
                self._backoff.works(trio.current_time())
                self._look_again()
                await self._lost.wait()
        except Unconnected as error:
            self._fail(error.failure(SERVICE))
        except ServiceError as error:  # no key could be obtained
            self._fail(Failed(error, Retry.BACKOFF if error.retryable else Retry.NEVER))
        finally:
            self._core = self._shell = None

    def _handle(self, event: TtsEvent) -> None:
        if isinstance(event, Failed):
            self._streams.clear()
            self._core = self._shell = None
            self._fail(event)
            return
        if isinstance(event, StreamSound):
            self._has_spoken = True
            self._backoff.reset()
        ended = isinstance(event, StreamFailed | StreamGone)
        stream = self._streams.pop(event.stream, None) if ended else self._streams.get(event.stream)
        if stream is not None:
            stream.hear(event, trio.current_time())
        if isinstance(event, StreamFailed) and self._core is not None and self._core.failure is None:
            self._fell_through(event.failure)
        if stream is not None or ended:
            self._look_again()

    def _fell_through(self, failure: Failed) -> None:
        """Handle the failure of a stream whose connection still works; if no stream has ever spoken, none will."""
        if failure.retry is Retry.NEVER and not self._has_spoken:
            self._fail(failure)
        else:
            tell.get()(Trouble(SERVICE, failure.error))

    def _fail(self, failure: Failed) -> None:
        """Report a lost or useless connection to the session immediately, and wake the waiting replies."""
        self._failure, self.trouble = failure, failure.error
        if self._opened:
            tell.get()(Trouble(SERVICE, failure.error))
        self._lost.set()
        self._look_again()

    def _look_again(self) -> None:
        for listener in list(self._waiting):
            listener.look_again()
