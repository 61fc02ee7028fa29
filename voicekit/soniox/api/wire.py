"""The messages of the two realtime services, in both directions, as typed JSON.

Decoding is tolerant, since the service is not strict: every field may be missing or null (which mean the same), and
unknown fields are skipped. But a value of the wrong type raises RemoteProtocolError. Encoding omits None. A websocket
message is a `str` for a text frame and `bytes` for a binary frame, here and in all protocol code.

Source: the vendor's WebSocket API reference for speech-to-text and text-to-speech.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from voicekit.errors import RemoteProtocolError

Message: TypeAlias = str | bytes
Number: TypeAlias = int | float

MESSAGE_BYTES = 1 << 20
"""The longest message that we read. It is the default limit of the common client libraries, so the service does not
send longer ones; a longer message is garbage or an attack.
"""

VALUES = 1 << 14
"""The maximum number of values in a message, counted by its commas. Real messages have a few hundred. Each value takes
about a microsecond, which delays all calls of the process.
"""

TOKENS = 1024
"""The maximum number of tokens in an answer; real answers have dozens."""

_QUOTED = 80
"""How many characters of a bad answer an error quotes: enough to recognise it, too few to flood a log. A request is
never quoted, since it may contain a key.
"""

T = TypeVar("T")


# --- speech to text, client -> server ---


class ContextPair(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `Context.general`, such as the key "domain" with the value "medicine"."""

    key: str | None = None
    value: str | None = None


class TranslationTerm(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A required translation: `source` must be translated as `target`."""

    source: str | None = None
    target: str | None = None


class Context(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Information that helps the recogniser: facts, background text, expected words, and required translations."""

    general: tuple[ContextPair, ...] | None = None
    text: str | None = None
    terms: tuple[str, ...] | None = None
    translation_terms: tuple[TranslationTerm, ...] | None = None


class Translation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The configuration of translation: `type` is "one_way", with `target_language`, or "two_way", with `language_a`
    and `language_b`."""

    type: str | None = None
    target_language: str | None = None
    language_a: str | None = None
    language_b: str | None = None


class SttConfig(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The configuration of one transcription session; it is the first message on the socket. For a field that is None,
    the service uses its default.

    `voicekit.soniox.api.config.check_stt` checks the value of each field.
    """

    model: str | None = None
    audio_format: str | None = None
    sample_rate: int | None = None
    num_channels: int | None = None
    language_hints: tuple[str, ...] | None = None
    language_hints_strict: bool | None = None
    context: Context | str | None = None
    enable_speaker_diarization: bool | None = None
    enable_language_identification: bool | None = None
    enable_endpoint_detection: bool | None = None
    max_endpoint_delay_ms: int | None = None
    endpoint_sensitivity: float | None = None
    endpoint_latency_adjustment_level: int | None = None
    translation: Translation | None = None
    client_reference_id: str | None = None


class SttStart(SttConfig, frozen=True, kw_only=True, omit_defaults=True):
    """The first message of a session, as a server reads it. It may contain the key in the deprecated field `api_key`,
    which our client never uses."""

    api_key: str | None = None

    def __repr__(self) -> str:
        return f"SttStart(model={self.model!r}, audio_format={self.audio_format!r}, ...)"


class Control(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Any JSON message from the client after the first one. `type` is "keepalive" or "finalize"; a "finalize" may state
    how much silence there is at the end of the audio sent so far."""

    type: str | None = None
    trailing_silence_ms: Number | None = None


# --- speech to text, server -> client ---


class Token(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A piece of a word, including any space before it. Times are in milliseconds from the start of the session's
    audio."""

    text: str | None = None
    start_ms: Number | None = None
    end_ms: Number | None = None
    confidence: float | None = None
    is_final: bool | None = None
    speaker: str | None = None
    language: str | None = None
    source_language: str | None = None
    translation_status: str | None = None


class Refused(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of an error. All types of answers have them, since any answer may be an error."""

    error_code: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    more_info: str | None = None
    request_id: str | None = None

    @property
    def is_error(self) -> bool:
        return bool(self.error_code or self.error_type)


class SttResponse(Refused, frozen=True, kw_only=True, omit_defaults=True):
    """An error, or results: new final tokens, then all tokens that are not final yet. The last message has `finished`
    set."""

    tokens: Annotated[tuple[Token, ...], Meta(max_length=TOKENS)] | None = None
    final_audio_proc_ms: Number | None = None
    total_audio_proc_ms: Number | None = None
    finished: bool | None = None


# --- text to speech, client -> server ---


class TtsConfig(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The configuration of a stream of speech; `voicekit.soniox.api.config.check_tts` checks each field."""

    model: str | None = None
    language: str | None = None
    voice: str | None = None
    audio_format: str | None = None
    sample_rate: int | None = None
    bitrate: int | None = None
    speed: float | None = None
    reduce_silence: bool | None = None
    return_timestamps: bool | None = None
    client_reference_id: str | None = None


class StreamStart(TtsConfig, frozen=True, kw_only=True, omit_defaults=True):
    """Starts a stream."""

    stream_id: str


class StreamText(Struct, frozen=True, kw_only=True):
    """More text for a stream; `text_end` is set if no more text will follow."""

    stream_id: str
    text: str
    text_end: bool


class StreamCancel(Struct, frozen=True, kw_only=True):
    """Stops a stream immediately."""

    stream_id: str
    cancel: bool = True


class TtsRequest(TtsConfig, frozen=True, kw_only=True, omit_defaults=True):
    """Any message from a client, as a server reads it: it has the fields of all message types."""

    stream_id: str | None = None
    text: str | None = None
    text_end: bool | None = None
    cancel: bool | None = None
    keep_alive: bool | None = None
    api_key: str | None = None

    @property
    def is_start(self) -> bool:
        """Whether the message starts a stream. Such a message names a model, a language, a voice or a format; a text
        message names none of them."""
        return not (self.model is None and self.language is None and self.voice is None and self.audio_format is None)

    def __repr__(self) -> str:
        return f"TtsRequest(stream_id={self.stream_id!r}, text={self.text!r}, text_end={self.text_end!r}, ...)"


# --- text to speech, server -> client ---


class Timestamps(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The times of the spoken text, with one entry per character; seconds are counted from the stream's first
    sample."""

    characters: tuple[str, ...] | None = None
    character_start_times_seconds: tuple[float, ...] | None = None
    character_end_times_seconds: tuple[float, ...] | None = None


class TtsResponse(Refused, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a stream's audio, the end of the audio or of the stream, an error, or several of these at once. On the
    wire, `audio` is base64."""

    stream_id: str | None = None
    audio: bytes | None = None
    audio_end: bool | None = None
    timestamps: Timestamps | None = None
    terminated: bool | None = None


# --- the fixed messages ---

STT_KEEPALIVE = '{"type":"keepalive"}'
STT_FINALIZE = '{"type":"finalize"}'
STT_END = ""
"""The end of the audio is an empty *text* frame; an empty binary frame is only an empty piece of audio."""
TTS_KEEPALIVE = '{"keep_alive":true}'
END_TOKEN = "<end>"
FIN_TOKEN = "<fin>"

_encoder = msgspec.json.Encoder()


def encode(message: Struct) -> str:
    """`message` as the text of a frame. Lone surrogates become U+FFFD."""
    try:
        return _encoder.encode(message).decode()
    except UnicodeEncodeError:
        return _encoder.encode(_whole(msgspec.to_builtins(message))).decode()


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(inner) for inner in value]
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


def _reader(kind: type[T]) -> Callable[..., T]:
    """Return a function that reads a message as `kind`, and raises RemoteProtocolError if that is not possible.

    An error quotes the message only if `redact`, which removes keys from it, is given.
    """
    decoder = msgspec.json.Decoder(kind)

    def read(message: Message, redact: Callable[[str], str] | None = None) -> T:
        if len(message) > MESSAGE_BYTES:
            raise RemoteProtocolError(f"expected a message of at most {MESSAGE_BYTES} bytes, got {len(message)}")
        values = message.count(",") if isinstance(message, str) else message.count(b",")
        if values > VALUES:
            raise RemoteProtocolError(f"expected a message of at most {VALUES} values, got about {values}")
        try:
            return decoder.decode(message)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            where = "" if redact is None else f", in {_start_of(message, redact)}"
            raise RemoteProtocolError(f"expected a message of type {kind.__name__}: {error}{where}") from None

    return read


def _start_of(message: Message, redact: Callable[[str], str]) -> str:
    """The beginning of the message. It is redacted before it is cut, because half a key could not be recognised."""
    text = redact(message if isinstance(message, str) else message.decode(errors="backslashreplace"))
    return f"{text[:_QUOTED]!r}{'...' if len(text) > _QUOTED else ''}"


read_stt_response = _reader(SttResponse)
read_stt_start = _reader(SttStart)
read_stt_control = _reader(Control)
read_tts_response = _reader(TtsResponse)
read_tts_request = _reader(TtsRequest)
