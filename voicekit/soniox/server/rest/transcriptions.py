"""Transcriptions on the service's side. They are queued, then processed, and in the end completed or failed. They can't
be deleted while they are being processed.

    QUEUED --processing--> PROCESSING --completed--> COMPLETED        QUEUED, PROCESSING --failed--> ERROR

The engine changes the status of a transcription. Its reports about a deleted transcription have no effect.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from voicekit.errors import LocalProtocolError
from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.schema.answers import Transcription, TranscriptText, TranscriptToken
from voicekit.soniox.rest.schema.requests import TranscriptionRequest
from voicekit.soniox.rest.schema.usage_answers import UsageLog
from voicekit.soniox.server.checks import Offer, refuse_hints
from voicekit.soniox.server.rest.files import Quotas, ServedFiles, counted
from voicekit.soniox.server.rest.reading import Shelf, answer, read, violation
from voicekit.soniox.server.rest.refusal import Problem, invalid
from voicekit.soniox.server.rest.shared import (
    Dropped,
    Effect,
    Notify,
    RestAnswer,
    RestCall,
    RestDesk,
    RestRoute,
    Transcribe,
)
from voicekit.soniox.server.rest.usage import ServedUsage

MODELS: Final = frozenset({limits.ASYNC_MODEL})
MASK: Final = "********"
_BEFORE: Final = {"processing": ("queued",), "completed": ("processing",), "error": ("queued", "processing")}
"""The possible previous statuses for each status that the engine sets."""


@dataclass(slots=True)
class Job:
    """A transcription, its request and, as soon as they exist, its words."""

    now: Transcription
    request: TranscriptionRequest
    tokens: tuple[TranscriptToken, ...] = ()


class ServedTranscriptions:
    """Creates, lists and deletes transcriptions, and takes the engine's reports."""

    def __init__(
        self,
        desk: RestDesk,
        files: ServedFiles,
        usage: ServedUsage,
        quotas: Quotas,
        models: Collection[str] = MODELS,
        offer: Offer | None = None,
        stoppable: bool = False,
    ) -> None:
        """`stoppable` allows clients to delete a transcription that is being processed; Soniox does not allow this."""
        self._desk, self._files, self._usage, self._pending = desk, files, usage, quotas.pending
        self._models, self._offer, self._stoppable = models, offer or Offer(), stoppable
        self._jobs: Shelf[Job] = Shelf("transcription", quotas.transcriptions, lambda job: job.now)

    def routes(self) -> list[RestRoute]:
        return [
            RestRoute("POST", "/v1/transcriptions", self._create),
            *self._jobs.routes(self._delete, counted),
            RestRoute("GET", "/v1/transcriptions/{id}/transcript", self._transcript),
        ]

    # --- from the engine ---

    def processing(self, name: str, *, duration_ms: int | None = None) -> None:
        """Record that the engine has begun. `duration_ms` is the length of the audio, if the engine already knows
        it."""
        self._move(name, "processing", audio_duration_ms=duration_ms)

    def completed(
        self, name: str, tokens: Sequence[TranscriptToken], now: float, *, duration_ms: int | None = None
    ) -> list[Effect]:
        """Record that a transcription is completed with these words, and return the webhook to call, if any."""
        job = self._move(name, "completed", audio_duration_ms=duration_ms)
        if job is None:
            return []
        job.tokens = tuple(tokens)
        self._usage.add(
            UsageLog(
                uuid=name,
                request_scope="api",
                client_reference_id=job.now.client_reference_id or "",
                model=job.now.model,
                start_time=job.now.created_at,
                end_time=self._desk.date(now),
                input_audio_duration_ms=job.now.audio_duration_ms or 0,
                output_text_tokens=len(tokens),
            )
        )
        return _notify(job)

    def failed(self, name: str, error_type: str, message: str) -> list[Effect]:
        """Record that a transcription has failed with this type and message, and return the webhook to call,
        if any."""
        job = self._move(name, "error", error_type=error_type, error_message=message)
        return [] if job is None else _notify(job)

    def notified(self, name: str, status_code: int) -> None:
        """Record that the webhook was called and has answered with this status."""
        job = self._jobs.get(name)
        if job is not None:
            job.now = msgspec.structs.replace(job.now, webhook_status_code=status_code)

    def _move(self, name: str, status: str, **changes: object) -> Job | None:
        job = self._jobs.get(name)
        if job is None:
            return None
        if job.now.status not in _BEFORE[status]:
            raise LocalProtocolError(f"transcription {name}: can't change from {job.now.status} to {status}")
        known = {field: value for field, value in changes.items() if value is not None}
        job.now = msgspec.structs.replace(job.now, status=status, **known)
        return job

    # --- from the client ---

    def _create(self, call: RestCall) -> RestAnswer:
        request = read(call, TranscriptionRequest, required=("model",))
        self._check(request)
        self._admit()
        filename = None if request.file_id is None else self._files.shelf.find(request.file_id).filename
        made = Transcription(
            id=self._desk.new_id(),
            status="queued",
            created_at=self._desk.date(call.now),
            model=request.model,
            audio_url=request.audio_url,
            file_id=request.file_id,
            filename=filename or posixpath.basename(urlsplit(request.audio_url or "").path),
            language_hints=request.language_hints,
            enable_speaker_diarization=bool(request.enable_speaker_diarization),
            enable_language_identification=bool(request.enable_language_identification),
            webhook_url=request.webhook_url,
            webhook_auth_header_name=request.webhook_auth_header_name,
            webhook_auth_header_value=None if request.webhook_auth_header_value is None else MASK,
            client_reference_id=request.client_reference_id,
        )
        self._jobs.put(made.id, Job(made, request))
        call.effects.append(Transcribe(made.id, request))
        return answer(201, made)

    def _check(self, request: TranscriptionRequest) -> None:
        if request.model not in self._models:
            raise Problem("model_not_available", "The requested model is not available.")
        if request.audio_url is not None and not self._offer.downloads:
            raise _wrong("audio_url", "a file_id", "This server does not download files. Upload the file.")
        spoken = request.translation
        if spoken is not None and not self._offer.translates:
            raise _wrong("translation", "no translation", "Model does not support translations.")
        targets = [] if spoken is None else [spoken.target_language, spoken.language_a, spoken.language_b]
        if any(code not in self._offer.stt_languages for code in targets if code):
            raise _wrong("translation", "known languages", "Invalid translation target language.")
        why = refuse_hints(request.language_hints or (), self._offer)
        if why is not None:
            raise _wrong("language_hints", "languages of this model, each once", why)

    def _admit(self) -> None:
        if sum(not job.now.done for job in self._jobs) >= self._pending:
            raise Problem("limit_exceeded", f"At most {self._pending} transcriptions can be pending.")
        self._jobs.admit()

    def _delete(self, call: RestCall) -> RestAnswer:
        job = self._jobs.find(call.ids[0])
        if self._stoppable and not job.now.done:
            call.effects.append(Dropped(job.now.id))
        elif job.now.status == "processing":
            raise Problem("transcription_invalid_state", "A transcription cannot be deleted while it is processing.")
        # The transcription's file stays. The reference states that it is deleted too, but the vendor's newest client
        # then deletes the file itself, and would fail if it were gone.
        return self._jobs.drop(call)

    def _transcript(self, call: RestCall) -> RestAnswer:
        job = self._jobs.find(call.ids[0])
        if job.now.status != "completed":
            raise Problem("transcription_invalid_state", f"The transcription is {job.now.status}, not completed.")
        text = "".join(token.text for token in job.tokens if token.translation_status != "translation")
        return answer(200, TranscriptText(id=job.now.id, text=text, tokens=job.tokens))


def _wrong(field: str, expected: str, message: str) -> Problem:
    return invalid([violation(f"body.payload.{field}", expected)], message)


def _notify(job: Job) -> list[Effect]:
    """The post to the webhook, if the request named one."""
    url, name, value = job.now.webhook_url, job.request.webhook_auth_header_name, job.request.webhook_auth_header_value
    if url is None:
        return []
    proof = () if name is None or value is None else ((name, value),)
    body = msgspec.json.encode({"id": job.now.id, "status": job.now.status})
    return [Notify(job.now.id, url, (("content-type", "application/json"), *proof), body)]
