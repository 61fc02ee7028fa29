"""Configurations: filled in from the format of the sound, and checked before anything is sent.

The service answers a wrong field with an error and closes; a check here names the field, what it may be and what it
was, before any socket opens.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeGuard

import msgspec

from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError
from voicekit.soniox.api import limits
from voicekit.soniox.api.wire import Context, SttConfig, Translation, TtsConfig

_STT_NAMES = {"pcm16": "pcm_s16le", "float32": "pcm_f32le", "mulaw": "mulaw", "alaw": "alaw"}
_TTS_NAMES = {"pcm16": "pcm_s16le", "float32": "pcm_f32le", "mulaw": "pcm_mulaw", "alaw": "pcm_alaw"}
_USUAL_CODES = {"nb": "no", "nn": "no", "fil": "tl"}
"""Codes in use elsewhere that this service refuses, and what it calls the language."""


def stt_config(config: SttConfig, sound: AudioFormat) -> SttConfig:
    """`config` for hearing `sound`, with the current model where it names none, checked."""
    made = msgspec.structs.replace(
        config,
        model=config.model or limits.STT_MODEL,
        audio_format=_STT_NAMES[sound.encoding],
        sample_rate=sound.rate,
        num_channels=sound.channels,
    )
    check_stt(made)
    return made


def tts_config(config: TtsConfig, sound: AudioFormat) -> TtsConfig:
    """`config` for speaking as `sound`, with the current model, a voice and English where it names none, checked."""
    if sound.channels != 1:
        raise ConfigError(f"Soniox speech: expected a mono format, got {sound}")
    made = msgspec.structs.replace(
        config,
        model=config.model or limits.TTS_MODEL,
        language=config.language or limits.TTS_LANGUAGE,
        voice=config.voice or limits.TTS_VOICE,
        audio_format=_TTS_NAMES[sound.encoding],
        sample_rate=sound.rate,
    )
    check_tts(made)
    return made


def check_stt(config: SttConfig) -> None:
    """ConfigError for the first field that the service would refuse."""
    _text("model", config.model)
    _sound(config)
    _hints(config.language_hints)
    _context(config.context)
    _endpoints(config)
    _translation(config.translation)
    _at_most("client_reference_id", config.client_reference_id, limits.ID_LENGTH)


def check_tts(config: TtsConfig) -> None:
    """ConfigError for the first field that the service would refuse."""
    for field in ("model", "language", "voice"):
        _text(field, getattr(config, field))
        _at_most(field, getattr(config, field), limits.TTS_FIELD_LENGTH)
    _one_of("audio_format", config.audio_format, limits.TTS_FORMATS)
    _one_of(
        "sample_rate", config.sample_rate, limits.TTS_RATES, optional=config.audio_format not in limits.TTS_RAW_FORMATS
    )
    if config.bitrate is not None:
        _one_of("bitrate", config.bitrate, limits.TTS_BITRATES)
        _one_of("audio_format (with a bitrate)", config.audio_format, limits.TTS_LOSSY_FORMATS)
    _between("speed", config.speed, limits.TTS_SPEED)
    _at_most("client_reference_id", config.client_reference_id, limits.ID_LENGTH)


def context_length(context: Any) -> int:
    """The characters of all strings in a Context, or of the string that stands for one."""
    if isinstance(context, str):
        return len(context)
    if isinstance(context, msgspec.Struct):
        return sum(context_length(getattr(context, field)) for field in context.__struct_fields__)
    return sum(context_length(part) for part in context or ())


def _sound(config: SttConfig) -> None:
    _one_of("audio_format", config.audio_format, (*limits.STT_CONTAINERS, *limits.STT_RAW_FORMATS))
    if config.audio_format in limits.STT_RAW_FORMATS:
        rate = config.sample_rate
        if not _is_int(rate) or rate <= 0:
            raise _wrong("sample_rate", f"a positive number of Hz, as {config.audio_format} has no header", rate)
        _one_of("num_channels", config.num_channels, (1, 2))


def _hints(hints: Sequence[str] | None) -> None:
    if hints is None:
        return
    if isinstance(hints, str):
        raise _wrong("language_hints", "a sequence of language codes", hints)
    if len(hints) > limits.HINTS:
        raise _wrong("language_hints", f"at most {limits.HINTS} codes", len(hints))
    if len(set(hints)) < len(hints):
        raise _wrong("language_hints", "each code once", hints)
    for code in hints:
        _code("language_hints", code)


def _context(context: Context | str | None) -> None:
    length = context_length(context)
    if length > limits.CONTEXT_LENGTH:
        raise _wrong("context", f"at most {limits.CONTEXT_LENGTH} characters in all", length)


def _endpoints(config: SttConfig) -> None:
    _between("max_endpoint_delay_ms", config.max_endpoint_delay_ms, limits.ENDPOINT_DELAY_MS, whole=True)
    _between("endpoint_sensitivity", config.endpoint_sensitivity, limits.ENDPOINT_SENSITIVITY)
    _between(
        "endpoint_latency_adjustment_level",
        config.endpoint_latency_adjustment_level,
        limits.ENDPOINT_LATENCY_LEVEL,
        whole=True,
    )
    if config.model in limits.MODELS_WITHOUT_ENDPOINT_DELAY:
        _unset("max_endpoint_delay_ms", config)
    if config.model in limits.MODELS_WITHOUT_ENDPOINT_TUNING:
        _unset("endpoint_sensitivity", config)
        _unset("endpoint_latency_adjustment_level", config)


def _translation(translation: Translation | None) -> None:
    if translation is None:
        return
    _one_of("translation.type", translation.type, ("one_way", "two_way"))
    wanted = ("target_language",) if translation.type == "one_way" else ("language_a", "language_b")
    for field in ("target_language", "language_a", "language_b"):
        code = getattr(translation, field)
        if field in wanted:
            _text(f"translation.{field}", code)
            _code(f"translation.{field}", code)
        elif code is not None:
            raise _wrong(f"translation.{field}", f"nothing in a {translation.type} translation", code)


def _code(field: str, code: str) -> None:
    if code in _USUAL_CODES:
        raise _wrong(field, f"{_USUAL_CODES[code]!r}, as this service calls that language", code)
    if not 0 < len(code) <= limits.HINT_LENGTH:
        raise _wrong(field, f"a language code of 1 to {limits.HINT_LENGTH} characters", code)


def _unset(field: str, config: SttConfig) -> None:
    if getattr(config, field) is not None:
        raise _wrong(field, f"nothing, as model {config.model} does not have it", getattr(config, field))


def _text(field: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise _wrong(field, "a name", value)


def _at_most(field: str, value: str | None, length: int) -> None:
    if value is not None and len(value) > length:
        raise _wrong(field, f"at most {length} characters", f"{len(value)} of them")


def _one_of(field: str, value: object, allowed: Collection[object], optional: bool = False) -> None:
    if value not in allowed and not (optional and value is None):
        raise _wrong(field, f"one of {', '.join(map(str, allowed))}", value)


def _between(field: str, value: Any, bounds: tuple[float, float], whole: bool = False) -> None:
    fits = _is_int(value) or (isinstance(value, float) and not whole)
    if value is not None and not (fits and bounds[0] <= value <= bounds[1]):
        raise _wrong(field, f"{'an integer' if whole else 'a number'} from {bounds[0]} to {bounds[1]}", value)


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(field: str, expected: str, got: object) -> ConfigError:
    return ConfigError(f"Soniox option {field}: expected {expected}, got {got!r}")
