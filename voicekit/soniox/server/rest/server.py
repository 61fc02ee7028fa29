"""The service's side of the REST API, without a socket, a clock or an engine.

    server = RestServer(Account(["secret"]))
    exchange = server.begin(Request("POST", "/v1/files", headers), now)
    effects = exchange.receive(data, now)       for each piece of the body, while there is no answer yet
    effects = exchange.end(now)                 the body is complete: there is an answer, or something to Speak
    effects = exchange.lost(now)                or else: the client is gone before its answer was complete

Effects are what the driver is to do: keep bytes under an id, forget them, transcribe, prepare a voice, call a webhook.
What the engine makes of it is said to the server, with `processing`, `completed`, `failed`, `prepared`, `notified`.
After a Speak, the driver says `speaking` and sends that head, then sound, then `spoken`; or `refuse` before any sound.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from voicekit.soniox.api import limits as realtime
from voicekit.soniox.rest.schema.answers import TranscriptToken
from voicekit.soniox.rest.schema.usage_answers import UsageLog
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.rest.exchange import RestExchange
from voicekit.soniox.server.rest.files import Quotas, ServedFiles
from voicekit.soniox.server.rest.keys import Ceilings, ServedKeys
from voicekit.soniox.server.rest.models import Catalogue
from voicekit.soniox.server.rest.shared import (
    EPOCH,
    Begun,
    Desk,
    Dropped,
    Effect,
    FileChunk,
    FileKept,
    Notify,
    PrepareVoice,
    RestAnswer,
    RestRequest,
    Route,
    Speak,
    Transcribe,
)
from voicekit.soniox.server.rest.speech import ServedSpeech
from voicekit.soniox.server.rest.transcriptions import ServedTranscriptions
from voicekit.soniox.server.rest.usage import ServedUsage
from voicekit.soniox.server.rest.voices import ServedVoices

__all__ = [
    "RestServer", "RestExchange", "RestRequest", "RestAnswer", "Catalogue", "Ceilings", "Quotas",
    "Effect", "Begun", "FileChunk", "FileKept", "Dropped", "Transcribe", "PrepareVoice", "Speak", "Notify",
]  # fmt: skip


class RestServer:
    """All endpoints of one account. What it shares with the websockets is the `account`: keys, and what runs."""

    def __init__(
        self,
        account: Account | None = None,
        *,
        catalogue: Catalogue | None = None,
        offer: Offer | None = None,
        quotas: Quotas | None = None,
        ceilings: Ceilings | None = None,
        epoch: datetime = EPOCH,
        mint: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        """`offer` is what may be spoken; `epoch` is the date of `now` 0.0; `mint` makes what no one can guess."""
        catalogue, quotas = catalogue or Catalogue(), quotas or Quotas()
        self._desk = Desk(account or Account(), epoch, mint)
        self._files = ServedFiles(self._desk, quotas)
        self._jobs = ServedTranscriptions(
            self._desk, self._files, quotas, catalogue.transcribing(), realtime.STT_LANGUAGES
        )
        self._voices = ServedVoices(
            self._desk, quotas, [m.id for m in catalogue.tts_models if m.supports_voice_cloning]
        )
        self._usage = ServedUsage(self._desk)
        self._speech = ServedSpeech(self._desk, self._voices, self._usage, offer or Offer())
        rooms = (self._files, self._jobs, catalogue, self._voices, self._usage, self._speech)
        self.routes: list[Route] = [route for room in rooms for route in room.routes()]
        self.routes += ServedKeys(self._desk, ceilings or Ceilings()).routes()

    @property
    def account(self) -> Account:
        return self._desk.account

    def begin(self, request: RestRequest, now: float) -> RestExchange:
        """The head of a request has come. The exchange may have its answer already: a wrong key, an unknown address."""
        return RestExchange(self._desk, self.routes, self._speech, request, now)

    # --- the engine ---

    def processing(self, transcription: str, *, duration_ms: int | None = None) -> None:
        """The engine has begun, and perhaps knows already how long the sound is."""
        self._jobs.processing(transcription, duration_ms)

    def completed(
        self, transcription: str, tokens: Sequence[TranscriptToken], now: float, *, duration_ms: int | None = None
    ) -> list[Effect]:
        """A transcription is done, and these are its words; perhaps there is somebody to notify."""
        effects = self._jobs.completed(transcription, tokens, duration_ms)
        job = self._jobs.job(transcription)
        if job is not None:
            date = self._desk.date(now)
            log = UsageLog(
                uuid=transcription,
                request_scope="api",
                client_reference_id=job.now.client_reference_id or "",
                model=job.now.model,
                start_time=job.now.created_at,
                end_time=date,
                input_audio_duration_ms=job.now.audio_duration_ms or 0,
                output_text_tokens=len(tokens),
            )
            self._usage.add(log)
        return effects

    def failed(self, transcription: str, error_type: str, message: str) -> list[Effect]:
        """A transcription can't be done; perhaps there is somebody to notify."""
        return self._jobs.failed(transcription, error_type, message)

    def notified(self, transcription: str, status_code: int) -> None:
        """The webhook answered with this status."""
        self._jobs.notified(transcription, status_code)

    def prepared(self, voice: str, model: str, error: tuple[str, str] | None = None) -> None:
        """A voice is ready for `model`; with `error`, a type and a sentence, it can't be made so."""
        self._voices.prepared(voice, model, error)

    def count_streams(self, now: float) -> None:
        """Note, for the history, how many realtime sessions and streams run; to be said whenever one begins."""
        self._usage.count(now)

    def log(self, entry: UsageLog) -> None:
        """Add what was used elsewhere, such as in a realtime session."""
        self._usage.add(entry)
