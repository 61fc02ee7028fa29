"""Fills in configurations to match the format of the audio, and checks them before anything is sent.

If a field is wrong, the service answers with an error and closes the connection. The checks here name the field, its
allowed values and the given value, before any socket opens.
"""

from __future__ import annotations

import msgspec

from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError
from voicekit.soniox.api import limits, wrongs
from voicekit.soniox.api.wire import SttConfig, TtsConfig
from voicekit.soniox.api.wrongs import Wrong, Wrongs

_STT_NAMES = {"pcm16": "pcm_s16le", "float32": "pcm_f32le", "mulaw": "mulaw", "alaw": "alaw"}
_TTS_NAMES = {"pcm16": "pcm_s16le", "float32": "pcm_f32le", "mulaw": "pcm_mulaw", "alaw": "pcm_alaw"}


def stt_config(config: SttConfig, sound: AudioFormat) -> SttConfig:
    """Fill in and check `config` for recognising speech in the format `sound`. By default, the current model is
    used."""
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
    """Fill in and check `config` for speaking in the format `sound`. The defaults are the current model, one of its
    voices, and English."""
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
    """Raise ConfigError if the service would reject a field of `config`; the error names the first such field."""
    for wrong in _stt_wrongs(config):
        raise wrong.error


def check_tts(config: TtsConfig) -> None:
    """Raise ConfigError if the service would reject a field of `config`; the error names the first such field."""
    for wrong in _tts_wrongs(config):
        raise wrong.error


def _stt_wrongs(config: SttConfig) -> Wrongs:
    yield from wrongs.length("model", config.model, (1, limits.ID_LENGTH), required=True)
    yield from wrongs.one_of("audio_format", config.audio_format, (*limits.STT_CONTAINERS, *limits.STT_RAW_FORMATS))
    if config.audio_format in limits.STT_RAW_FORMATS:
        rate = config.sample_rate
        if not isinstance(rate, int) or isinstance(rate, bool) or rate <= 0:
            yield Wrong("sample_rate", f"a positive number of Hz, as {config.audio_format} has no header", rate)
        yield from wrongs.one_of("num_channels", config.num_channels, (1, 2))
    yield from wrongs.hints(config.language_hints)
    yield from wrongs.context(config.context)
    yield from _endpoints(config)
    yield from wrongs.translation(config.translation)
    yield from wrongs.reference(config.client_reference_id)


def _tts_wrongs(config: TtsConfig) -> Wrongs:
    for field in ("model", "language", "voice"):
        yield from wrongs.length(field, getattr(config, field), (1, limits.TTS_FIELD_LENGTH), required=True)
    yield from wrongs.one_of("audio_format", config.audio_format, limits.TTS_FORMATS)
    headed = config.audio_format not in limits.TTS_RAW_FORMATS
    yield from wrongs.one_of("sample_rate", config.sample_rate, limits.TTS_RATES, optional=headed)
    if config.bitrate is not None:
        yield from wrongs.one_of("bitrate", config.bitrate, limits.TTS_BITRATES)
        yield from wrongs.one_of("audio_format (with a bitrate)", config.audio_format, limits.TTS_LOSSY_FORMATS)
    yield from wrongs.between("speed", config.speed, limits.TTS_SPEED)
    yield from wrongs.reference(config.client_reference_id)


def _endpoints(config: SttConfig) -> Wrongs:
    """Check the options for endpoint detection, some of which older models do not have."""
    for field, bounds, without in (
        ("max_endpoint_delay_ms", limits.ENDPOINT_DELAY_MS, limits.MODELS_WITHOUT_ENDPOINT_DELAY),
        ("endpoint_sensitivity", limits.ENDPOINT_SENSITIVITY, limits.MODELS_WITHOUT_ENDPOINT_TUNING),
        ("endpoint_latency_adjustment_level", limits.ENDPOINT_LATENCY_LEVEL, limits.MODELS_WITHOUT_ENDPOINT_TUNING),
    ):
        value = getattr(config, field)
        yield from wrongs.between(field, value, bounds, whole=isinstance(bounds[0], int))
        if value is not None and config.model in without:
            yield Wrong(field, f"nothing, as model {config.model} does not have it", value)
