"""The requests over HTTP, as typed JSON, and checks for their fields, for clients and servers.

A field that is None is omitted, so the service uses its default. `wrongs` names every field that is out of bounds: a
client raises ConfigError for the first one before anything is sent, and a server answers with all of them.
"""

from __future__ import annotations

import re
from functools import singledispatch
from typing import Final

import msgspec
from msgspec import Struct, structs

from voicekit.errors import ConfigError
from voicekit.soniox.api import limits as realtime
from voicekit.soniox.api.wire import Context, Translation
from voicekit.soniox.api.wrongs import Wrong, Wrongs, between, context, hints, length, one_of, reference, translation
from voicekit.soniox.rest.http import rest_limits as limits

NO_FILE: Final = "00000000-0000-0000-0000-000000000000"
"""The file id in a request that is checked before the file exists."""

_URL = re.compile(limits.URL_PATTERN)
_FILE_ID = re.compile(limits.FILE_ID)


class TranscriptionRequest(Struct, frozen=True, kw_only=True):
    """What to transcribe (exactly one of `audio_url` and `file_id`), and how.

    When the transcription is done, the service sends a POST to `webhook_url`. The webhook header proves that the POST
    comes from the service; you choose its name and value.
    """

    model: str = limits.ASYNC_MODEL
    audio_url: str | None = None
    file_id: str | None = None
    language_hints: tuple[str, ...] | None = None
    language_hints_strict: bool | None = None
    enable_speaker_diarization: bool | None = None
    enable_language_identification: bool | None = None
    translation: Translation | None = None
    context: Context | str | None = None
    webhook_url: str | None = None
    webhook_auth_header_name: str | None = None
    webhook_auth_header_value: str | None = None
    client_reference_id: str | None = None

    def __repr__(self) -> str:
        return (
            f"TranscriptionRequest(model={self.model!r}, audio_url={self.audio_url!r}, file_id={self.file_id!r}, ...)"
        )


class SpeechRequest(Struct, frozen=True, kw_only=True):
    """The text to speak (at most 5000 bytes of UTF-8), and how to speak it. Formats without a header need a
    `sample_rate`."""

    text: str
    voice: str = realtime.TTS_VOICE
    language: str = realtime.TTS_LANGUAGE
    model: str = realtime.TTS_MODEL
    audio_format: str = "wav"
    sample_rate: int | None = None
    bitrate: int | None = None
    speed: float | None = None
    reduce_silence: bool | None = None
    client_reference_id: str | None = None


class KeyRequest(Struct, frozen=True, kw_only=True):
    """A request for a temporary key, with the `usage_type` "transcribe_websocket" or "tts_rt".

    The key opens streams for `expires_in_seconds` (1 to 3600), but only one stream if `single_use` is set. Each stream
    lasts at most `max_session_duration_seconds` (1 to 18000). `client_reference_id` appears in the usage logs of all
    these streams.
    """

    usage_type: str
    expires_in_seconds: int
    client_reference_id: str | None = None
    single_use: bool | None = None
    max_session_duration_seconds: int | None = None


class SharedVoicesQuery(Struct, frozen=True, kw_only=True):
    """A filter for the shared voices of a model: a voice must match all given values."""

    model: str = realtime.TTS_MODEL
    gender: str | None = None
    age: str | None = None
    accent: str | None = None
    use_case: tuple[str, ...] | None = None
    style: tuple[str, ...] | None = None


class FileFields(Struct, frozen=True, kw_only=True):
    """The fields that are sent with a file."""

    client_reference_id: str | None = None


class VoiceFields(Struct, frozen=True, kw_only=True):
    """The fields that are sent with the recording for a voice; the name must be unique within the project."""

    name: str


class RecomputeRequest(Struct, frozen=True, kw_only=True):
    """The model to prepare a voice for; None means all models for which the voice is not ready."""

    model: str | None = None


def check(request: Struct) -> None:
    """Raise ConfigError for the first field of `request` that the service would reject, or that can't be sent."""
    for wrong in wrongs(request):
        raise wrong.error
    try:
        msgspec.json.encode(request)
    except UnicodeEncodeError as error:
        raise ConfigError("Soniox request: a text in it contains a lone surrogate (half a character)") from error


def encode(request: Struct) -> bytes:
    """`request` as JSON, without fields that are None."""
    return msgspec.json.encode({name: value for name, value in structs.asdict(request).items() if value is not None})


@singledispatch
def wrongs(request: Struct) -> Wrongs:
    """All fields of `request` that are out of bounds."""
    raise TypeError(f"expected a request, got {type(request).__name__}")


@wrongs.register
def _(request: TranscriptionRequest) -> Wrongs:
    yield from length("model", request.model, (1, limits.MODEL))
    if (request.audio_url is None) == (request.file_id is None):
        yield Wrong("audio_url or file_id", "exactly one of them", "neither" if request.file_id is None else "both")
    yield from _url("audio_url", request.audio_url, limits.AUDIO_URL)
    if request.file_id is not None and not _FILE_ID.fullmatch(request.file_id):
        yield Wrong("file_id", "the id of a file, such as uploading one gives", request.file_id[:80])
    yield from hints(request.language_hints)
    yield from translation(request.translation)
    yield from context(request.context)
    yield from _url("webhook_url", request.webhook_url, limits.WEBHOOK)
    for field in ("webhook_auth_header_name", "webhook_auth_header_value"):
        yield from length(field, getattr(request, field), (1, limits.WEBHOOK))
    yield from reference(request.client_reference_id)


@wrongs.register
def _(request: SpeechRequest) -> Wrongs:
    for field in ("model", "language", "voice"):
        yield from length(field, getattr(request, field), (1, realtime.TTS_FIELD_LENGTH))
    size = len(request.text.encode(errors="surrogatepass"))
    if not 0 < size <= limits.SPEECH_BYTES:
        yield Wrong("text", f"1 to {limits.SPEECH_BYTES} bytes of UTF-8", f"{size} of them")
    raw = request.audio_format in realtime.TTS_RAW_FORMATS
    yield from one_of("audio_format", request.audio_format, realtime.TTS_FORMATS)
    yield from one_of("sample_rate", request.sample_rate, realtime.TTS_RATES, optional=not raw)
    yield from one_of("bitrate", request.bitrate, realtime.TTS_BITRATES, optional=True)
    if request.bitrate is not None and request.audio_format not in realtime.TTS_LOSSY_FORMATS:
        yield Wrong("bitrate", f"none, as {request.audio_format} has a fixed one", request.bitrate)
    yield from between("speed", request.speed, realtime.TTS_SPEED)
    yield from reference(request.client_reference_id)


@wrongs.register
def _(request: KeyRequest) -> Wrongs:
    yield from one_of("usage_type", request.usage_type, limits.KEY_USAGES)
    yield from between("expires_in_seconds", request.expires_in_seconds, limits.KEY_LIFE_S, whole=True)
    longest = request.max_session_duration_seconds
    yield from between("max_session_duration_seconds", longest, limits.KEY_SESSION_S, whole=True)
    yield from reference(request.client_reference_id)


@wrongs.register
def _(request: SharedVoicesQuery) -> Wrongs:
    yield from length("model", request.model, (1, limits.VOICE_MODEL))
    yield from one_of("gender", request.gender, limits.GENDERS, optional=True)
    yield from one_of("age", request.age, limits.AGES, optional=True)
    yield from length("accent", request.accent, (0, limits.VOICE_TAG))
    for field in ("use_case", "style"):
        tags = getattr(request, field) or ()
        if len(tags) > limits.VOICE_TAGS:
            yield Wrong(field, f"at most {limits.VOICE_TAGS} of them", len(tags))
        for tag in tags:
            yield from length(field, tag, (0, limits.VOICE_TAG))


@wrongs.register
def _(request: FileFields) -> Wrongs:
    yield from reference(request.client_reference_id)


@wrongs.register
def _(request: VoiceFields) -> Wrongs:
    yield from length("name", request.name, limits.VOICE_NAME)


@wrongs.register
def _(request: RecomputeRequest) -> Wrongs:
    yield from length("model", request.model, (1, realtime.TTS_FIELD_LENGTH))


def _url(field: str, value: str | None, longest: int) -> Wrongs:
    if value is not None and not _URL.fullmatch(value):
        yield Wrong(field, "an address that begins with http:// or https://, without spaces", value[:80])
    yield from length(field, value, (1, longest))
