"""The service's side of the REST API, without a socket, a clock or an engine.

    server = RestServer(Account(["secret"]))
    exchange = server.begin(Request("POST", "/v1/files", headers), now)
    effects = exchange.receive(data, now)       for each piece of the body, while there is no answer yet
    effects = exchange.end(now)                 the body is complete: there is an answer, or a Speak effect
    effects = exchange.lost(now)                instead, if the client is gone before its answer is complete

Effects are instructions for the driver: keep bytes under an id, drop them, transcribe, prepare a voice, call a webhook.
The engine reports to `server.jobs` (`processing`, `completed`, `failed`, `notified`) and `server.voices` (`prepared`).
After a Speak, the driver calls `speaking`, sends the returned headers and then the audio, and calls `spoken`. If there
is no audio, it calls `refuse` instead.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from voicekit.soniox.server.account import Account
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.rest.exchange import RestExchange
from voicekit.soniox.server.rest.files import Quotas, ServedFiles
from voicekit.soniox.server.rest.keys import ServedKeys
from voicekit.soniox.server.rest.models import Catalogue
from voicekit.soniox.server.rest.shared import (
    EPOCH,
    Begun,
    Dropped,
    Effect,
    FileChunk,
    FileKept,
    Notify,
    PrepareVoice,
    RestAnswer,
    RestDesk,
    RestRequest,
    RestRoute,
    Speak,
    Transcribe,
)
from voicekit.soniox.server.rest.speech import ServedSpeech
from voicekit.soniox.server.rest.transcriptions import ServedTranscriptions
from voicekit.soniox.server.rest.usage import ServedUsage
from voicekit.soniox.server.rest.voices import ServedVoices

__all__ = [
    "RestServer", "RestExchange", "RestRequest", "RestAnswer", "Catalogue", "Quotas",
    "Effect", "Begun", "FileChunk", "FileKept", "Dropped", "Transcribe", "PrepareVoice", "Speak", "Notify",
]  # fmt: skip


class RestServer:
    """All endpoints of one account. The websocket servers share `account`, which holds the keys and the numbers of
    running sessions and streams.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        catalogue: Catalogue | None = None,
        offer: Offer | None = None,
        quotas: Quotas | None = None,
        epoch: datetime = EPOCH,
        mint: Callable[[], str] = secrets.token_urlsafe,
        stoppable: bool = False,
        origins: Callable[[str], bool] | None = None,
    ) -> None:
        """`offer` is what the engines support, `epoch` is the date at time 0.0, and `mint` creates strings that can't
        be guessed.

        With `stoppable`, a transcription can be deleted while it is being processed; the engine then gets a Dropped
        with its id. `origins` decides, from the `Origin` of a web page, whether the page may use the API; without
        `origins`, pages are neither given nor refused permission.
        """
        offer, quotas = offer or Offer(), quotas or Quotas()
        catalogue = catalogue or Catalogue.of(offer)
        self._desk = RestDesk(account or Account(), epoch, mint)
        files, usage = ServedFiles(self._desk, quotas), ServedUsage(self._desk)
        self.jobs = ServedTranscriptions(self._desk, files, usage, quotas, catalogue.transcribing(), offer, stoppable)
        self.voices = ServedVoices(
            self._desk,
            quotas,
            [m.id for m in catalogue.tts_models if m.supports_voice_cloning and m.aliased_model_id is None],
        )
        self._speech = ServedSpeech(self._desk, self.voices, offer)
        self._origins = origins
        rooms = (files, self.jobs, catalogue, self.voices, usage, self._speech, ServedKeys(self._desk))
        self.routes: list[RestRoute] = [route for room in rooms for route in room.routes()]

    @property
    def account(self) -> Account:
        return self._desk.account

    def begin(self, request: RestRequest, now: float) -> RestExchange:
        """Begin the exchange for a request after its headers have arrived. The exchange may already have an answer, for
        example because of a wrong key.
        """
        return RestExchange(self._desk, self.routes, self._speech, request, now, self._origins)
