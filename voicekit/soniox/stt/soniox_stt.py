"""A stage that transcribes audio with Soniox, over as many connections as necessary.

Audio goes into a ring buffer and from there to the service; it leaves the ring when its words are final. If a
connection is lost, the audio without final words is sent again on a new connection, one and a half times as fast as
real time until it has caught up. The transcript continues as if nothing had happened. Without a connection, the ring
fills up; it holds one minute of audio.

    inbox ─fill▶ ring ▶ SttSession ▶ shell ─write▶ service ─read▶ shell ▶ SttSession ▶ transcript ▶ outbox
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any

import trio

from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError, ServiceError
from voicekit.events import Interim, Progress
from voicekit.flow.backoff import Backoff
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.retried import TryAgain, retried
from voicekit.flow.stage import Run
from voicekit.flow.store import Full, count, latest_of
from voicekit.flow.transform import Pipeable
from voicekit.flow.wire_log import WireLog
from voicekit.soniox.api.config import stt_config
from voicekit.soniox.api.region import Endpoints, region_of
from voicekit.soniox.api.wire import SttConfig
from voicekit.soniox.connection.access import Access, Auth, KeySource
from voicekit.soniox.connection.shell import open_shell
from voicekit.soniox.connection.transport import OPENING_S, TrioWebsocket, Unconnected, WebsocketTransport
from voicekit.soniox.stt.listening import Listening, SttConnection
from voicekit.soniox.stt.session import SERVICE, SttSession

ENDPOINTS = SttConfig(enable_endpoint_detection=True)
"""The default configuration: the service detects endpoints, since it does this best."""

SAID = 256
"""The maximum number of transcripts that may wait for a slow consumer."""

GIVE_UP_S = 120.0
"""Seconds without an answer from the service after which the call fails: by then, the caller has usually hung up."""

STEADY_S = 5.0
"""Seconds of answers after which a connection counts as healthy: its next failure then counts as the first one."""


class SonioxStt(Pipeable):
    """Transcribes with Soniox's realtime API.

    `config` is filled in to match the format of the audio. If `key` or the addresses are not given, they come from the
    environment (see `voicekit.soniox.api.region`); if `key` is a function, it is called before each connection. With
    `finalize_on_pause`, which is for turn-taking by the VAD, the stage requests final words whenever the VAD detects
    the end of speech. `wire_log` is called with every message.

    Raises ConfigError for an invalid configuration or a missing key. `open` and `run` raise the service's error
    (Unauthenticated, QuotaExceeded or ServiceError) if another attempt can't help. `run` raises Unavailable after two
    minutes without a connection.
    """

    name = "soniox stt"
    produces = None
    finalizes = True

    def __init__(
        self,
        config: SttConfig = ENDPOINTS,
        *,
        key: KeySource = None,
        auth: Auth = "header",
        endpoints: Endpoints | None = None,
        finalize_on_pause: bool = False,
        transport: WebsocketTransport | None = None,
        wire_log: WireLog | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self.accepts: AudioFormat | None = None
        self.config = config
        self._access = Access(key, auth)
        self._url = (endpoints or Endpoints.find()).stt
        self.region = region_of(self._url)
        self._finalize_on_pause = finalize_on_pause
        self._transport = transport or TrioWebsocket()
        self.wire_log = wire_log
        self._roll = roll
        self._listening: Listening | None = None

    @property
    def endpoints(self) -> bool:
        return bool(self.config.enable_endpoint_detection)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that the configuration expects."""
        return tuple(self.config.language_hints or ())

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        """Return the offered format, whatever it is. Raises ConfigError if the configuration does not match it."""
        stt_config(self.config, offered)
        self.accepts = offered
        return offered

    def finalize(self, at: int) -> None:
        """Request final words for all audio up to sample `at`, in a pause, as soon as this audio has been sent. See the
        contract `Stt`.

        The service answers in about 0.26 s. Without a connection, or while nothing is being transcribed, this has no
        effect.
        """
        if self._listening is not None:
            self._listening.finalize(at)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        """Connect in advance, so that a wrong key or address is detected before any audio flows, and so that the first
        word is not delayed.
        """
        if self.accepts is None:
            raise ConfigError(f"{self.name}: expected negotiate() to be called first, with the format of the sound")
        with alone():
            async with trio.open_nursery() as nursery:
                first: SttConnection = await nursery.start(self._open_first)
                yield partial(self._run, self.accepts, [first])
                nursery.cancel_scope.cancel()

    async def _open_first(self, task_status: trio.TaskStatus[SttConnection]) -> None:
        """Hold a connection until a run takes it over, or the stage is closed."""

        async def attempt() -> None:
            try:
                async with self._connection(0) as connection:
                    task_status.started(connection)
                    await connection.left.wait()
            except Unconnected as error:
                failure = error.failure(SERVICE)
                raise TryAgain(failure.error, failure.waits(new_keys=self._access.mints)) from None

        await retried(attempt, Backoff(self._roll, give_up_s=OPENING_S, since=trio.current_time()))

    async def _run(
        self, sound: AudioFormat, opened: list[SttConnection], inbox: Inlet[Any], outbox: Outlet[Any]
    ) -> None:
        """Transcribe one stream; `opened` has the connection that was opened in advance, until it is used."""

        def connects(base: int) -> AbstractAsyncContextManager[SttConnection]:
            return nullcontext(opened.pop()) if opened else self._connection(base)

        backoff = Backoff(self._roll, give_up_s=GIVE_UP_S, steady_s=STEADY_S)
        with alone():
            async with _never_waiting(outbox) as said, trio.open_nursery() as nursery:
                self._listening = listening = Listening(sound, said, connects, backoff, new_keys=self._access.mints)
                nursery.start_soon(listening.fill, inbox)
                try:
                    await listening.listen()
                finally:
                    self._listening = None
                nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def _connection(self, base: int) -> AsyncIterator[SttConnection]:
        try:
            address = await self._access.address(self._url)
        except ServiceError as error:
            if not error.retryable:
                raise
            raise Unconnected(f"there is no key: {error}") from error
        core = SttSession(
            self.config, self.accepts, base=base, finalize_on_pause=self._finalize_on_pause, redact=address.redact
        )
        connection = SttConnection(core)
        async with open_shell(self._transport, address, core, connection.handle, self.wire_log) as shell:
            connection.flush = shell.flush
            yield connection


@asynccontextmanager
async def _never_waiting(outbox: Outlet[Any]) -> AsyncIterator[Outlet[Any]]:
    """An outlet that takes transcripts without waiting: `outbox` itself, or a link to it if sending to `outbox` may
    wait."""
    if outbox.statistics().full is not Full.WAIT:
        yield outbox
        return
    conflate = latest_of(Interim, Progress)
    said, saying = open_link(SAID, Full.FAIL, weigh=count, name="transcripts", conflate=conflate)
    with said, saying:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pass_on, saying, outbox)
            yield said
            said.close()


async def _pass_on(saying: Inlet[Any], outbox: Outlet[Any]) -> None:
    async for event in saying:
        await outbox.send(event)
