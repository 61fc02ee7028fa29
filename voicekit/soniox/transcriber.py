"""The ears: a stage that has Soniox transcribe what it is sent, on as many connections as it takes.

Sound goes into a ring and from there to the service; what has become final leaves the ring. When a connection is
lost, a new one hears again what was not final yet, at one and a half times real time until it has caught up, and the
transcript goes on as if nothing had been. While there is no connection the ring fills; up to a minute nothing is lost.

    inbox ─fill▶ ring ─feed▶ SttSession ▶ shell ▶ service ▶ shell ▶ events ─say▶ outbox
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError
from voicekit.events import Interim, Progress
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.stage import Run
from voicekit.flow.store import Full
from voicekit.flow.transform import Pipeable
from voicekit.soniox.config import stt_config
from voicekit.soniox.errors import Retry, delay
from voicekit.soniox.listening import Connection, Listening, unconnected
from voicekit.soniox.region import ApiKey, Endpoints
from voicekit.soniox.shell import WireLog, open_shell
from voicekit.soniox.stt import SttSession
from voicekit.soniox.transport import Address, Transport, TrioWebsocket, Unconnected
from voicekit.soniox.wire import SttConfig

ENDPOINTS = SttConfig(enable_endpoint_detection=True)
"""Without any configuration, the service finds the ends of utterances; that is what it is best at."""

SAID = 256
"""Transcripts that may wait for whoever reads them."""


class SonioxTranscriber(Pipeable):
    """Transcribes with Soniox's realtime API.

    `config` is completed with the format of the sound. `key` and the addresses come from the environment where they
    are not given (see `voicekit.soniox.region`). With `finalize_on_pause`, the end of speech as the VAD hears it is
    followed by a request to make everything final: for turn-taking by the VAD. `wire_log` is told of every message.

    ConfigError here for a bad configuration or a missing key. `run` raises what the service said when trying again is
    no use: Unauthenticated, QuotaExceeded, or ServiceError; and Unavailable after two minutes without a connection.
    """

    name = "soniox stt"
    produces = None

    def __init__(
        self,
        config: SttConfig = ENDPOINTS,
        *,
        key: str | Callable[[], str] | None = None,
        endpoints: Endpoints | None = None,
        finalize_on_pause: bool = False,
        transport: Transport | None = None,
        wire_log: WireLog | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self.accepts: AudioFormat | None = None
        self.config = config
        if not callable(key):
            ApiKey.find(key)  # so that a missing one is found before anything opens
        self._key = key
        self._url = (endpoints or Endpoints.find()).stt
        self._finalize_on_pause = finalize_on_pause
        self._transport = transport or TrioWebsocket()
        self._wire_log = wire_log
        self._roll = roll

    @property
    def endpoints(self) -> bool:
        return bool(self.config.enable_endpoint_detection)

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
        failures = 0
        while True:
            try:
                async with self._connection(0) as first:
                    yield partial(self._run, [first])
                    return
            except Unconnected as error:
                failed = unconnected(error)
            failures += 1
            wait = delay(failed.retry, failures, self._roll())
            if wait is None or failed.retry is Retry.NEW_KEY:
                raise failed.error
            await trio.sleep(wait)

    async def _run(self, opened: list[Connection], inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        """Transcribe one stream; `opened` holds the connection that was made in advance, until it is used."""
        assert self.accepts is not None
        said, saying = open_link(SAID, Full.FAIL, weigh=_one, name="transcripts", conflate=_superseded)
        listening = Listening(self.accepts, said, self._connection, new_keys=callable(self._key), roll=self._roll)
        with said, saying, alone():
            async with trio.open_nursery() as nursery:
                filling = trio.CancelScope()
                nursery.start_soon(_say, saying, outbox)
                nursery.start_soon(_fill, listening, inbox, filling)
                await listening.listen(opened.pop() if opened else None)
                filling.cancel()
                said.close()

    @asynccontextmanager
    async def _connection(self, base: int) -> AsyncIterator[Connection]:
        key = ApiKey.find(self._key() if callable(self._key) else self._key)
        core = SttSession(
            self.config, self.accepts, base=base, finalize_on_pause=self._finalize_on_pause, redact=key.redact
        )
        connection = Connection(core)
        address = Address(self._url, headers=key.headers())
        async with open_shell(self._transport, address, core, connection.handle, self._wire_log) as shell:
            connection.shell = shell
            yield connection


async def _fill(listening: Listening, inbox: Inlet[Any], scope: trio.CancelScope) -> None:
    with scope:
        await listening.fill(inbox)


async def _say(saying: Inlet[Any], outbox: Outlet[Any]) -> None:
    async for event in saying:
        await outbox.send(event)


def _one(event: object) -> int:
    return 1


def _superseded(event: object) -> type | None:
    return type(event) if isinstance(event, Interim | Progress) else None
