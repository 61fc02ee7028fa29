"""Checks configurations as the service does, and rejects invalid ones with the service's own messages if these are
known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from voicekit.soniox.api import limits
from voicekit.soniox.api.wire import Context, SttConfig, Translation, TtsConfig
from voicekit.soniox.api.wrongs import context_length
from voicekit.soniox.server.refusal import Refusal, invalid

STT_MODELS: Final = frozenset({limits.STT_MODEL, *limits.STT_ALIASES})
TTS_MODELS: Final = frozenset({limits.TTS_MODEL, *limits.TTS_ALIASES})
MODELS_WITHOUT_SILENCE_REDUCTION: Final = frozenset(limits.TTS_ALIASES)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server supports: models, formats, languages, voices (None if any name is accepted), translation,
    downloads, cloned voices.

    `understood` lists the languages that the recogniser knows, or is None for all languages; hints that name none of
    these languages are rejected.
    """

    stt_models: Collection[str] = STT_MODELS
    stt_formats: Collection[str] = (*limits.STT_CONTAINERS, *limits.STT_RAW_FORMATS)
    stt_languages: Collection[str] = limits.STT_LANGUAGES
    understood: Collection[str] | None = None
    translates: bool = True
    downloads: bool = True
    clones: bool = True
    tts_models: Collection[str] = TTS_MODELS
    tts_formats: Collection[str] = limits.TTS_FORMATS
    tts_languages: Collection[str] = limits.TTS_LANGUAGES
    voices: Collection[str] | None = None


def refuse_stt(config: SttConfig, offer: Offer) -> Refusal | None:
    """Return the reason for rejecting `config`; None if it is accepted."""
    if config.model not in offer.stt_models:
        return Refusal("model_not_available", "Invalid model specified.")
    return _first(
        lambda: _sound(config, offer.stt_formats),
        lambda: refuse_hints(config.language_hints or (), offer),
        lambda: _context(config.context),
        lambda: _endpoints(config),
        lambda: _translation(config.translation, offer),
        lambda: _reference(config.client_reference_id),
    )


def refuse_tts(stream_id: str, config: TtsConfig, offer: Offer) -> Refusal | None:
    """Return the reason for rejecting a stream with `config`; None if it is accepted."""
    missing = next((name for name in ("model", "language", "voice", "audio_format") if not getattr(config, name)), None)
    if missing is not None:
        return invalid(f"Missing required field: {missing}")
    for name in ("model", "language", "voice"):
        if len(getattr(config, name)) > limits.TTS_FIELD_LENGTH:
            return invalid(f"{name} is too long (max length {limits.TTS_FIELD_LENGTH}).")
    if config.model not in offer.tts_models:
        return Refusal("model_not_available", "The requested model is not available.")
    return _first(
        lambda: _too_long("stream_id", stream_id),
        lambda: _offered("language", config.language, offer.tts_languages, config),
        lambda: _offered("voice", config.voice, offer.voices, config),
        lambda: _speech(config, offer.tts_formats),
        lambda: _reference(config.client_reference_id),
    )


def _first(*checks: Callable[[], str | None]) -> Refusal | None:
    message = next((found for found in (check() for check in checks) if found is not None), None)
    return None if message is None else invalid(message)


def _sound(config: SttConfig, formats: Collection[str]) -> str | None:
    if not config.audio_format:
        return "Missing audio format."
    if config.audio_format not in formats:
        return f"Invalid audio data format: {config.audio_format}"
    if config.audio_format not in limits.STT_RAW_FORMATS:
        return None
    if not config.sample_rate or config.sample_rate < 0:
        return "Audio data sample rate must be specified for PCM formats."
    if config.num_channels not in (1, 2):
        return "Audio data channels must be specified for PCM formats."
    return None


def refuse_hints(hints: Sequence[str], offer: Offer) -> str | None:
    """Return the reason for rejecting these language hints; None if they are accepted."""
    if len(set(hints)) < len(hints):
        return "Language hints must be unique."
    if len(hints) > limits.HINTS or not set(hints) <= set(offer.stt_languages):
        return "Invalid language hint."
    understood = offer.understood
    if not hints or understood is None or set(hints) & set(understood):
        return None
    return f"Invalid language hint. This server understands: {', '.join(sorted(understood))}."


def _context(context: Context | str | None) -> str | None:
    too_long = context_length(context) > limits.CONTEXT_LENGTH
    return f"Context is too long (max length {limits.CONTEXT_LENGTH})." if too_long else None


def _endpoints(config: SttConfig) -> str | None:
    for name, bounds, without in (
        ("max_endpoint_delay_ms", limits.ENDPOINT_DELAY_MS, limits.MODELS_WITHOUT_ENDPOINT_DELAY),
        ("endpoint_sensitivity", limits.ENDPOINT_SENSITIVITY, limits.MODELS_WITHOUT_ENDPOINT_TUNING),
        ("endpoint_latency_adjustment_level", limits.ENDPOINT_LATENCY_LEVEL, limits.MODELS_WITHOUT_ENDPOINT_TUNING),
    ):
        value = getattr(config, name)
        if value is not None and config.model in without:
            return f"Model does not support {name}."
        if value is not None and not bounds[0] <= value <= bounds[1]:
            return f"{name} must be between {bounds[0]} and {bounds[1]}."
    return None


def _translation(translation: Translation | None, offer: Offer) -> str | None:
    if translation is None:
        return None
    if not offer.translates:
        return "Model does not support translations."
    if translation.type == "one_way":
        wanted: tuple[str | None, ...] = (translation.target_language,)
    elif translation.type == "two_way":
        wanted = (translation.language_a, translation.language_b)
    else:
        return "Start request is malformed."
    return None if all(code in offer.stt_languages for code in wanted) else "Invalid translation target language."


def _reference(reference: str | None) -> str | None:
    too_long = reference is not None and len(reference) > limits.ID_LENGTH
    return f"Client reference ID is too long (max length {limits.ID_LENGTH})." if too_long else None


def _too_long(name: str, value: str) -> str | None:
    return f"{name} is too long (max length {limits.ID_LENGTH})." if len(value) > limits.ID_LENGTH else None


def _offered(name: str, value: str | None, offered: Collection[str] | None, config: TtsConfig) -> str | None:
    unknown = offered is not None and value not in offered
    return f"Invalid {name} '{value}' for model '{config.model}'." if unknown else None


def _speech(config: TtsConfig, formats: Collection[str]) -> str | None:
    raw = config.audio_format in limits.TTS_RAW_FORMATS
    if config.audio_format not in formats:
        return f"Invalid audio format '{config.audio_format}'."
    if config.sample_rate is None and raw:
        return "Missing required field: sample_rate"
    if config.sample_rate is not None and config.sample_rate not in limits.TTS_RATES:
        return f"Invalid sample rate '{config.sample_rate}'."
    if config.bitrate is not None and (raw or config.bitrate not in limits.TTS_BITRATES):
        return f"Invalid bitrate '{config.bitrate}'."
    if config.speed is not None and not limits.TTS_SPEED[0] <= config.speed <= limits.TTS_SPEED[1]:
        return f"speed must be between {limits.TTS_SPEED[0]} and {limits.TTS_SPEED[1]}."
    if config.reduce_silence and config.model in MODELS_WITHOUT_SILENCE_REDUCTION:
        return "Model does not support silence reduction."
    return None
