"""Users' own voices on the service's side; the engine prepares each voice for the models that can use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.schema.answers import Voice, VoiceModel
from voicekit.soniox.rest.schema.requests import RecomputeRequest, VoiceFields
from voicekit.soniox.server.rest.files import Quotas, arrived
from voicekit.soniox.server.rest.reading import Shelf, answer, checked, read
from voicekit.soniox.server.rest.refusal import Problem
from voicekit.soniox.server.rest.shared import (
    Dropped,
    FileKept,
    PrepareVoice,
    RestAnswer,
    RestCall,
    RestDesk,
    RestRoute,
)

TO_BE_DONE: Final = ("not_computed", "failed")


class ServedVoices:
    """Creates, prepares, lists and deletes voices, and takes the engine's reports."""

    def __init__(self, desk: RestDesk, quotas: Quotas, models: Sequence[str]) -> None:
        self._desk = desk
        self._models = models
        self._voices: Shelf[Voice] = Shelf("voice", quotas.voices)

    def routes(self) -> list[RestRoute]:
        return [
            RestRoute("POST", "/v1/voices", self._create, uploads=limits.VOICE_BYTES, admit=self._voices.admit),
            *self._voices.routes(self._delete, lambda number: {"total": number}),
            RestRoute("POST", "/v1/voices/{id}/recompute", self._recompute),
        ]

    def prepared(self, name: str, model: str, error: tuple[str, str] | None = None) -> None:
        """Record that the voice is ready for `model`, or has failed with an error type and a message."""
        voice = self._voices.get(name)
        if voice is not None:
            kind, message = error or (None, None)
            status = "ready" if error is None else "failed"
            self._set(voice, VoiceModel(model=model, status=status, error_type=kind, error_message=message))

    def refuse(self, name: str, model: str) -> Problem | None:
        """Why this voice can't be used; None if it can be used, or is not a user's own voice."""
        voice = self._voices.get(name)
        found = None if voice is None else next((one for one in voice.models if one.model == model), None)
        if voice is None or (found is not None and found.status == "ready"):
            return None
        if found is not None and found.status == "failed":
            return Problem("voice_failed", f"Voice {name} could not be prepared for model {model}.")
        return Problem("voice_not_prepared", f"Voice {name} is not prepared for model {model}.")

    def knows(self, name: str) -> bool:
        return self._voices.get(name) is not None

    def _create(self, call: RestCall) -> RestAnswer:
        upload = arrived(call)
        name = checked(upload.fields, VoiceFields, required=("name",), where="body").name
        if any(voice.name == name for voice in self._voices):
            raise Problem("voice_name_conflict", f"A voice with the name {name!r} already exists.")
        voice = Voice(
            id=upload.id,
            name=name,
            filename=upload.filename,
            created_at=self._desk.date(call.now),
            models=tuple(VoiceModel(model=model) for model in self._models),
        )
        self._voices.put(voice.id, voice)
        call.effects.append(FileKept(voice.id, upload.size))
        return answer(201, self._prepare(call, voice, self._models))

    def _recompute(self, call: RestCall) -> RestAnswer:
        voice = self._voices.find(call.ids[0])
        wanted = read(call, RecomputeRequest).model
        if wanted is not None and wanted not in self._models:
            raise Problem("model_not_available", "The requested model is not available.")
        return answer(200, self._prepare(call, voice, self._models if wanted is None else [wanted]))

    def _prepare(self, call: RestCall, voice: Voice, models: Sequence[str]) -> Voice:
        for one in voice.models:
            if one.model in models and one.status in TO_BE_DONE:
                voice = self._set(voice, VoiceModel(model=one.model, status="processing"))
                call.effects.append(PrepareVoice(voice.id, one.model))
        return voice

    def _set(self, voice: Voice, status: VoiceModel) -> Voice:
        models = tuple(status if one.model == status.model else one for one in voice.models)
        voice = msgspec.structs.replace(voice, models=models)
        self._voices.put(voice.id, voice)
        return voice

    def _delete(self, call: RestCall) -> RestAnswer:
        done = self._voices.drop(call)
        call.effects.append(Dropped(call.ids[0]))
        return done
