"""A stage that synthesises speech with Soniox, over one connection for the whole session."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.errors import ConfigError
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.flow.wire_log import WireLog
from voicekit.soniox.api.config import tts_config
from voicekit.soniox.api.limits import TTS_RATES
from voicekit.soniox.api.region import Endpoints, region_of
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.connection.access import Access, Auth, KeySource
from voicekit.soniox.connection.transport import TrioWebsocket, WebsocketTransport
from voicekit.soniox.tts.planner import StreamPlanner
from voicekit.soniox.tts.pool import TtsPool
from voicekit.soniox.tts.reply_speech import ReplySpeech


class SonioxTts(Pipeable):
    """Speaks with Soniox's realtime API, in the sink's format if the service supports it.

    `config` contains the model, the voice, the language and the speed; the default language is English. If `key` or the
    addresses are not given, they come from the environment (see `voicekit.soniox.api.region`); if `key` is a function,
    it is called before each connection. `wire_log` is called with every message. Words are sent as they arrive; to send
    whole sentences, put `sentences()` before this voice. With `eager`, a stream is opened before the first word, which
    saves its start-up time.

    Raises ConfigError for an invalid configuration or a missing key. `open` raises the service's error if the first
    connection fails; a permanent error that occurs before anything has been spoken also ends the call. After that, a
    reply raises ServiceError if its speech can't be obtained, and the next reply tries again.
    """

    name = "soniox tts"
    accepts = None

    def __init__(
        self,
        config: TtsConfig | None = None,
        *,
        key: KeySource = None,
        auth: Auth = "header",
        endpoints: Endpoints | None = None,
        eager: bool = True,
        transport: WebsocketTransport | None = None,
        wire_log: WireLog | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self.produces: AudioFormat | None = None
        self._config = config if config is not None else TtsConfig()
        tts_config(self._config, PCM16K)  # an early check for invalid options
        self._url = (endpoints or Endpoints.find()).tts
        self.region = region_of(self._url)
        self._access = Access(key, auth)
        self._eager = eager
        self._transport = transport or TrioWebsocket()
        self.wire_log = wire_log
        self._roll = roll
        self._current: ReplySpeech | None = None
        self._pace = 1.0  # the voice's pace, learned from the last reply

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        """Return a mono format with the sink's encoding. The rate is the sink's or, if the service does not support
        that rate, the next higher one."""
        rate = next((rate for rate in TTS_RATES if rate >= wanted.rate), TTS_RATES[-1])
        self.produces = AudioFormat(rate, wanted.encoding)
        self._config = msgspec.structs.replace(tts_config(self._config, self.produces), return_timestamps=True)
        return self.produces

    def cut(self) -> None:
        """Cancel the speech that is being synthesised for the current reply; the `cancel` message to the service is
        queued before this method returns."""
        if self._current is not None:
            self._current.stop()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        if self.produces is None:
            raise ConfigError(f"{self.name}: expected negotiate() to be called first, with the sink's format")
        pool = TtsPool(self._url, self._access, self._transport, wire_log=self.wire_log, roll=self._roll)
        with alone():
            async with trio.open_nursery() as nursery:
                await nursery.start(pool.keep)
                yield partial(self._run, pool)
                nursery.cancel_scope.cancel()

    async def _run(self, pool: TtsPool, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        assert self.produces is not None
        speed = self._config.speed or 1.0
        planner = StreamPlanner(speed=speed, eager=self._eager, pace=self._pace, roll=self._roll)
        self._current = speech = ReplySpeech(pool, self._config, self.produces, planner)
        with alone():
            await speech.run(inbox, outbox)
        self._pace = planner.pace
