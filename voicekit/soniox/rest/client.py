"""The client of the REST API: it has one connection pool, one key, and an attribute for each kind of object.

async with SonioxClient() as soniox:
    file = await soniox.files.upload("interview.mp3")
    made = await soniox.transcriptions.create(TranscriptionRequest(file_id=file.id))
    await soniox.transcriptions.wait(made.id)
    print((await soniox.transcriptions.transcript(made.id)).text)
"""

from __future__ import annotations

import random
from collections.abc import Callable
from types import TracebackType

import httpx

from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.connection.access import Access, KeySource
from voicekit.soniox.rest.account import ConcurrencyOf, Keys, Models, Usage
from voicekit.soniox.rest.files import Files
from voicekit.soniox.rest.http.driver import Http
from voicekit.soniox.rest.http.retry import Patience
from voicekit.soniox.rest.schema.answers import File, Voice
from voicekit.soniox.rest.speech import Speech
from voicekit.soniox.rest.transcriptions import Transcriptions
from voicekit.soniox.rest.voices import Voices


class SonioxClient:
    """Soniox over HTTP. Open the client with `async with`, in trio; many tasks may use it at the same time.

    `key` and `region` are the same as for the realtime services; by default they are SONIOX_API_KEY and SONIOX_REGION.
    `endpoints` sets other addresses. Raises ConfigError if there is no key. `http` replaces httpx's own transport, for
    proxies, certificates and tests. `roll` returns random numbers that vary the waits before retries.
    """

    def __init__(
        self,
        key: KeySource = None,
        *,
        region: str | None = None,
        endpoints: Endpoints | None = None,
        patience: Patience | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        where = endpoints or Endpoints.find(region)
        self._http = Http(Access(key), patience or Patience(), http, roll)
        self.files = Files(self._http, f"{where.rest}/v1/files", File)
        self.transcriptions = Transcriptions(self._http, f"{where.rest}/v1/transcriptions", self.files)
        self.voices = Voices(self._http, f"{where.rest}/v1/voices", Voice)
        self.models = Models(self._http, where.rest)
        self.keys = Keys(self._http, where.rest)
        self.usage = Usage(self._http, where.rest)
        self.concurrency = ConcurrencyOf(self._http, where.rest)
        self.speech = Speech(self._http, where.tts_rest)

    async def __aenter__(self) -> SonioxClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
