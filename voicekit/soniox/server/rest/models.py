"""The models that a server offers over HTTP, for recognition and speech, and the voices that come with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from voicekit.soniox.api import limits as realtime
from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.schema.answers import Language, ModelVoice, SharedVoice, SttModel, TtsModel
from voicekit.soniox.rest.schema.requests import SharedVoicesQuery
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.rest.reading import answer, checked, page
from voicekit.soniox.server.rest.refusal import Problem
from voicekit.soniox.server.rest.shared import RestAnswer, RestCall, RestRoute

NO_DELAY: Final = realtime.MODELS_WITHOUT_ENDPOINT_DELAY
M = TypeVar("M", SttModel, TtsModel)


def _neutral(name: str) -> SharedVoice:
    """A voice of which only the name is known. It has a gender and an age, since the vendor's clients refuse a voice
    without them."""
    return SharedVoice(id=name, gender="neutral", age="middle_aged")


def _languages(codes: Iterable[str]) -> tuple[Language, ...]:
    return tuple(Language(code=code, name=code) for code in sorted(codes))


def _stt_models(offer: Offer) -> tuple[SttModel, ...]:
    """The current models, and the same models under their old names, with their capabilities."""
    translation = "all_languages" if offer.translates else None
    now = SttModel(
        id=realtime.STT_MODEL,
        name="Speech-to-Text Real-time v5",
        context_version=2,
        transcription_mode="real_time",
        languages=_languages(offer.stt_languages if offer.understood is None else offer.understood),
        supports_language_hints_strict=True,
        supports_max_endpoint_delay=True,
        supports_endpoint_sensitivity=True,
        supports_endpoint_latency_adjustment=True,
        endpoint_latency_adjustment_max_level=realtime.ENDPOINT_LATENCY_LEVEL[1],
        one_way_translation=translation,
        two_way_translation=translation,
    )
    untuned = msgspec.structs.replace(
        now,
        supports_endpoint_sensitivity=False,
        supports_endpoint_latency_adjustment=False,
        endpoint_latency_adjustment_max_level=0,
    )
    delayless = msgspec.structs.replace(untuned, supports_max_endpoint_delay=False)
    whole = msgspec.structs.replace(
        delayless, id=limits.ASYNC_MODEL, name="Speech-to-Text Async v5", transcription_mode="async"
    )
    older = [_alias(delayless if name in NO_DELAY else untuned, name, now.id) for name in realtime.STT_ALIASES]
    return (now, whole, *older, *(_alias(whole, name, whole.id) for name in limits.ASYNC_ALIASES))


def _tts_models(offer: Offer) -> tuple[TtsModel, ...]:
    model = TtsModel(
        id=realtime.TTS_MODEL,
        name="Text-to-Speech Real-time v2",
        languages=_languages(offer.tts_languages),
        supports_timestamps=True,
        supports_voice_cloning=offer.clones,
        voice_cloning_max_audio_duration_ms=20_000 if offer.clones else None,
        supports_speed_adjustment=True,
        speed_min=realtime.TTS_SPEED[0],
        speed_max=realtime.TTS_SPEED[1],
        supports_silence_reduction=True,
    )
    plain = msgspec.structs.replace(model, supports_silence_reduction=False)
    return (model, *(_alias(plain, name, model.id) for name in realtime.TTS_ALIASES))


def _alias(model: M, name: str, current: str) -> M:
    return msgspec.structs.replace(model, id=name, aliased_model_id=current)


_VOICES = (
    SharedVoice(id="Adrian", description="A calm voice.", gender="male", age="middle_aged", accent="american",
                use_case=("narration", "conversational"), style=("calm",)),
    SharedVoice(id="Maya", description="A warm voice.", gender="female", age="young", accent="american",
                use_case=("conversational",), style=("warm",)),
    SharedVoice(id="Arthur", description="A deep voice.", gender="male", age="old", accent="british",
                use_case=("narration",), style=("warm", "calm")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models and voices on offer."""

    stt_models: tuple[SttModel, ...]
    tts_models: tuple[TtsModel, ...]
    voices: tuple[SharedVoice, ...] = _VOICES

    @classmethod
    def of(cls, offer: Offer) -> Catalogue:
        """The models in `offer`, and its voices. If it accepts any voice, some of the service's voices are listed."""
        known = {voice.id: voice for voice in _VOICES}
        voices = _VOICES if offer.voices is None else tuple(known.get(name) or _neutral(name) for name in offer.voices)
        return cls(_stt_models(offer), _tts_models(offer), voices)

    def routes(self) -> list[RestRoute]:
        return [
            RestRoute("GET", "/v1/models", lambda call: answer(200, {"models": self.stt_models})),
            RestRoute("GET", "/v1/tts-models", lambda call: answer(200, {"models": self.speaking()})),
            RestRoute("GET", "/v1/shared-voices", self._shared),
        ]

    def speaking(self) -> tuple[TtsModel, ...]:
        """The models for speech, each with its voices."""
        voices = tuple(ModelVoice(id=one.id, description=one.description, gender=one.gender) for one in self.voices)
        return tuple(
            model if model.voices else msgspec.structs.replace(model, voices=voices) for model in self.tts_models
        )

    def transcribing(self) -> frozenset[str]:
        """The names of the models for whole files."""
        return frozenset(model.id for model in self.stt_models if model.transcription_mode == "async")

    def _shared(self, call: RestCall) -> RestAnswer:
        single = {
            name: values[0] for name, values in call.query.items() if name in ("model", "gender", "age", "accent")
        }
        tags = {name: call.query[name] for name in ("use_case", "style") if name in call.query}
        query = checked({**single, **tags}, SharedVoicesQuery, required=("model",), where="query")
        if query.model not in {model.id for model in self.tts_models}:
            raise Problem("model_not_available", "The requested model is not available.")
        wanted = [(place, voice) for place, voice in enumerate(self.voices, 1) if _fits(voice, query)]
        return page(call, "voices", wanted, most=limits.SHARED_PAGE, usual=100)


def _fits(voice: SharedVoice, query: SharedVoicesQuery) -> bool:
    plain = all(getattr(query, name) in (None, getattr(voice, name)) for name in ("gender", "age", "accent"))
    return plain and set(query.use_case or ()) <= set(voice.use_case) and set(query.style or ()) <= set(voice.style)
