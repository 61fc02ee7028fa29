"""The service's answers over HTTP, as typed JSON, for clients and servers.

Decoding skips unknown fields, and uses the default for a missing field; only fields without which an answer is useless
(an id, a status, a key) are required. Times are datetimes in UTC, durations are whole milliseconds, and amounts of
money are decimal numbers in strings, as the service sends them.

Source: the vendor's REST API reference.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

# --- files and transcriptions ---


class File(Struct, frozen=True, kw_only=True):
    """An uploaded file; the service deletes it after 30 days. `size` is in bytes."""

    id: str
    filename: str = ""
    size: int = 0
    created_at: datetime | None = None
    client_reference_id: str | None = None


class Count(Struct, frozen=True, kw_only=True):
    """The number of objects: in total, created through the public API, and created in the playground."""

    total: int = 0
    public_api: int = 0
    playground: int = 0


class Transcription(Struct, frozen=True, kw_only=True):
    """A transcription and its status: "queued", "processing", "completed" or "error".

    The value of the webhook's header is masked. `audio_duration_ms` is known as soon as processing has begun.
    """

    id: str
    status: str
    created_at: datetime | None = None
    model: str = ""
    audio_url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    language_hints: tuple[str, ...] | None = None
    enable_speaker_diarization: bool = False
    enable_language_identification: bool = False
    audio_duration_ms: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    webhook_url: str | None = None
    webhook_auth_header_name: str | None = None
    webhook_auth_header_value: str | None = None
    webhook_status_code: int | None = None
    client_reference_id: str | None = None

    @property
    def done(self) -> bool:
        """Whether the transcription has completed or failed, after which it will not change any more."""
        return self.status in ("completed", "error")


class TranscriptToken(Struct, frozen=True, kw_only=True, gc=False):
    """A piece of a word, including any space before it. Times are in milliseconds from the start of the audio;
    translations have no times.

    If a translation was requested, `translation_status` is "none", "original" or "translation".
    """

    text: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    confidence: float | None = None
    speaker: str | None = None
    language: str | None = None
    source_language: str | None = None
    is_audio_event: bool | None = None
    translation_status: str | None = None


class TranscriptText(Struct, frozen=True, kw_only=True):
    """The result of a completed transcription: the whole `text`, and its tokens."""

    id: str = ""
    text: str = ""
    tokens: tuple[TranscriptToken, ...] = ()


# --- models and voices ---


class Language(Struct, frozen=True, kw_only=True):
    """A language, with its code and its English name."""

    code: str
    name: str = ""


class TranslationTarget(Struct, frozen=True, kw_only=True):
    """A language into which a model can translate, and the languages from which it can do so."""

    target_language: str
    source_languages: tuple[str, ...] = ()
    exclude_source_languages: tuple[str, ...] = ()


class SttModel(Struct, frozen=True, kw_only=True):
    """A model for recognition. `transcription_mode` is "real_time" or "async".

    If `one_way_translation` or `two_way_translation` is "all_languages", the corresponding list may be empty.
    """

    id: str
    aliased_model_id: str | None = None
    name: str = ""
    context_version: int | None = None
    transcription_mode: str = ""
    languages: tuple[Language, ...] = ()
    supports_language_hints_strict: bool = False
    supports_max_endpoint_delay: bool = False
    supports_endpoint_sensitivity: bool = False
    supports_endpoint_latency_adjustment: bool = False
    endpoint_latency_adjustment_max_level: int = 0
    translation_targets: tuple[TranslationTarget, ...] = ()
    two_way_translation_pairs: tuple[str, ...] = ()
    one_way_translation: str | None = None
    two_way_translation: str | None = None


class ModelVoice(Struct, frozen=True, kw_only=True):
    """A voice, as it appears in the list of models."""

    id: str
    description: str = ""
    gender: str = ""


class TtsModel(Struct, frozen=True, kw_only=True):
    """A model for speech; `speed_min` and `speed_max` are None if the model has only one speed."""

    id: str
    aliased_model_id: str | None = None
    name: str = ""
    languages: tuple[Language, ...] = ()
    voices: tuple[ModelVoice, ...] = ()
    supports_timestamps: bool = False
    supports_voice_cloning: bool = False
    voice_cloning_max_audio_duration_ms: int | None = None
    supports_speed_adjustment: bool = False
    speed_min: float | None = None
    speed_max: float | None = None
    supports_silence_reduction: bool = False


class SharedVoice(Struct, frozen=True, kw_only=True):
    """A voice that comes with a model.

    `gender` is "male", "female" or "neutral"; `age` is "young", "middle_aged" or "old".
    """

    id: str
    description: str = ""
    gender: str = ""
    age: str = ""
    accent: str = ""
    use_case: tuple[str, ...] = ()
    style: tuple[str, ...] = ()


class VoiceModel(Struct, frozen=True, kw_only=True):
    """The status of one of your own voices for a model. The voice can be used if `status` is "ready".

    The other values are "not_computed", "processing" and "failed"; for "failed", `error_message` gives the reason.
    """

    model: str
    status: str = "not_computed"
    error_type: str | None = None
    error_message: str | None = None


class Voice(Struct, frozen=True, kw_only=True):
    """One of your own voices, made from a recording."""

    id: str
    name: str = ""
    filename: str = ""
    created_at: datetime | None = None
    models: tuple[VoiceModel, ...] = ()


# --- keys, errors ---


class TemporaryKey(Struct, frozen=True, kw_only=True):
    """A temporary key, and the time at which it expires: from then on, it opens no new streams."""

    api_key: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"TemporaryKey(..., expires_at={self.expires_at.isoformat()})"


class Violation(Struct, frozen=True, kw_only=True):
    """One invalid field in a request."""

    error_type: str = ""
    location: str = ""
    message: str = ""


class RestError(Struct, frozen=True, kw_only=True):
    """An error, in one of two formats: the API sends the fields up to `validation_errors`, and the speech service sends
    `error_code` and `error_message`."""

    status_code: int | None = None
    message: str | None = None
    validation_errors: tuple[Violation, ...] | None = None
    error_code: int | None = None
    error_message: str | None = None
    error_type: str | None = None
    request_id: str | None = None
    more_info: str | None = None
