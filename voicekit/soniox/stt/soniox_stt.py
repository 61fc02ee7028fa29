"""The ears: a stage that has Soniox transcribe what it is sent, on as many connections as it takes.

Sound goes into a ring and from there to the service; what has become final leaves the ring. When a connection is
lost, a new one hears again what was not final yet, at one and a half times real time until it has caught up, and the
transcript goes on as if nothing had been. While there is no connection the ring fills; up to a minute nothing is lost.

    inbox ─fill▶ ring ─feed▶ SttSession ▶ shell ▶ service ▶ shell ▶ events ─say▶ outbox
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
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.stage import Run
from voicekit.flow.store import Full
from voicekit.flow.transform import Pipeable
from voicekit.soniox.api.config import stt_config
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.api.wire import SttConfig
from voicekit.soniox.connection.access import Access, Auth, KeySource
from voicekit.soniox.connection.shell import WireLog, open_shell
from voicekit.soniox.connection.transport import Transport, TrioWebsocket, Unconnected
from voicekit.soniox.stt.listening import Listening, SttConnection, unconnected
from voicekit.soniox.stt.mending import SttRecovery
from voicekit.soniox.stt.session import SttSession

ENDPOINTS = SttConfig(enable_endpoint_detection=True)
"""Without any configuration, the service finds the ends of utterances; that is what it is best at."""

SAID = 256
"""Transcripts that may wait for whoever reads them."""

OPENING_S = 5.0
"""Seconds in which a new attempt to connect may begin before a call: an attempt takes up to four, a session waits ten,
and it is better told what was wrong than that it took too long."""


class SonioxStt(Pipeable):
    """Transcribes with Soniox's realtime API.

    `config` is completed with the format of the sound. A key or addresses that are not given come from the
    environment (see `voicekit.soniox.api.region`); a `key` that is a function is called for each connection.
    With `finalize_on_pause`, the end of speech as the VAD hears it is followed by a request to make everything final:
    for turn-taking by the VAD. `wire_log` is told of every message.

    ConfigError here for a bad configuration or a missing key. Opening and `run` raise what the service said when
    trying again is no use: Unauthenticated, QuotaExceeded, or ServiceError; and `run` Unavailable after two minutes
    without a connection.
    """

    name = "soniox stt"
    produces = None

    def __init__(
        self,
        config: SttConfig = ENDPOINTS,
        *,
        key: KeySource = None,
        auth: Auth = "header",
        endpoints: Endpoints | None = None,
        finalize_on_pause: bool = False,
        transport: Transport | None = None,
        wire_log: WireLog | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self.accepts: AudioFormat | None = None
        self.config = config
        self._access = Access(key, auth)
        self._url = (endpoints or Endpoints.find()).stt
        self._finalize_on_pause = finalize_on_pause
        self._transport = transport or TrioWebsocket()
        self._wire_log = wire_log
        self._roll = roll

    @property
    def endpoints(self) -> bool:
        return bool(self.config.enable_endpoint_detection)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that it was told to expect."""
        return tuple(self.config.language_hints or ())

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        """Takes what is offered, whatever it is; ConfigError when the configuration does not go with it."""
        stt_config(self.config, offered)
        self.accepts = offered
        return offered

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        """Connect, so that a wrong key or address is known before any sound flows, and the first word is not late."""
        if self.accepts is None:
            raise ConfigError(f"{self.name}: negotiate() is asked first, with the format of the sound")
        with alone():
            async with trio.open_nursery() as nursery:
                first: SttConnection = await nursery.start(self._open_first)
                yield partial(self._run, self.accepts, [first])
                nursery.cancel_scope.cancel()

    async def _open_first(self, task_status: trio.TaskStatus[SttConnection]) -> None:
        """Hold a connection until it is left, or everything is closed."""
        mending = self._mending()
        deadline = trio.current_time() + OPENING_S
        while True:
            try:
                async with self._connection(0) as connection:
                    task_status.started(connection)
                    await connection.left.wait()
                    return
            except Unconnected as error:
                failure = unconnected(error)
            retry_at = mending.failed(failure, trio.current_time())
            if retry_at >= deadline:
                raise failure.error
            await trio.sleep_until(retry_at)

    async def _run(
        self, sound: AudioFormat, opened: list[SttConnection], inbox: Inlet[Any], outbox: Outlet[Any]
    ) -> None:
        """Transcribe one stream; `opened` holds the connection that was made in advance, until it is used."""
        said, saying = open_link(SAID, Full.FAIL, weigh=_one, name="transcripts", conflate=_superseded)

        def connects(base: int) -> AbstractAsyncContextManager[SttConnection]:
            return nullcontext(opened.pop()) if opened else self._connection(base)

        listening = Listening(sound, said, connects, self._mending())
        with said, saying, alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_say, saying, outbox)
                filling = trio.CancelScope()
                nursery.start_soon(_within, filling, listening.fill, inbox)
                await listening.listen()
                filling.cancel()
                said.close()

    def _mending(self) -> SttRecovery:
        return SttRecovery(new_keys=self._access.mints, roll=self._roll)

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
        async with open_shell(self._transport, address, core, connection.handle, self._wire_log) as shell:
            connection.flush = shell.flush
            yield connection


async def _within(scope: trio.CancelScope, fill: Any, inbox: Inlet[Any]) -> None:
    with scope:
        await fill(inbox)


async def _say(saying: Inlet[Any], outbox: Outlet[Any]) -> None:
    async for event in saying:
        await outbox.send(event)


def _one(event: object) -> int:
    return 1


def _superseded(event: object) -> type | None:
    return type(event) if isinstance(event, Interim | Progress) else None
