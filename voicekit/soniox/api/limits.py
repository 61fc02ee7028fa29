"""The service's constants, such as limits, formats and models, in one place for clients and servers.

The comments say which values the vendor documents, which were measured, and which we chose because the true value is
unknown.
"""

from __future__ import annotations

from typing import Final

# --- names ---

STT_MODEL: Final = "stt-rt-v5"
TTS_MODEL: Final = "tts-rt-v2"
STT_ALIASES: Final = ("stt-rt-v4", "stt-rt-v3", "stt-rt-preview")
TTS_ALIASES: Final = ("tts-rt-v1", "tts-rt-v1-preview")
"""Old names, which the service maps to the current models."""
TTS_LANGUAGE: Final = "en"
TTS_VOICE: Final = "Adrian"

STT_RAW_FORMATS: Final[dict[str, int]] = {
    "pcm_s8": 1, "pcm_u8": 1,
    "pcm_s16le": 2, "pcm_s16be": 2, "pcm_u16le": 2, "pcm_u16be": 2,
    "pcm_s24le": 3, "pcm_s24be": 3, "pcm_u24le": 3, "pcm_u24be": 3,
    "pcm_s32le": 4, "pcm_s32be": 4, "pcm_u32le": 4, "pcm_u32be": 4,
    "pcm_f32le": 4, "pcm_f32be": 4, "pcm_f64le": 8, "pcm_f64be": 8,
    "mulaw": 1, "alaw": 1,
}  # fmt: skip
"""Formats without a header, which need a rate and a number of channels, and the bytes of one value in each
(documented)."""

STT_CONTAINERS: Final = ("auto", "aac", "aiff", "amr", "asf", "flac", "mp3", "ogg", "wav", "webm")

TTS_RAW_FORMATS: Final[dict[str, int]] = {
    "pcm_s16le": 2, "pcm_s16be": 2, "pcm_f32le": 4, "pcm_mulaw": 1, "pcm_alaw": 1,
}  # fmt: skip
"""Formats without a header, and the bytes of one value in each; always mono (documented)."""

TTS_LOSSY_FORMATS: Final = ("aac", "mp3", "opus")
TTS_FORMATS: Final = (*TTS_RAW_FORMATS, "wav", "flac", *TTS_LOSSY_FORMATS)
TTS_RATES: Final = (8_000, 16_000, 24_000, 44_100, 48_000)
TTS_BITRATES: Final = (32_000, 64_000, 96_000, 128_000, 192_000, 256_000, 320_000)

_CODES = """
af sq ar az eu be bn bs bg ca zh hr cs da nl en et fi fr gl de el gu he hi hu id it ja kn kk ko lv lt mk ms ml mr no
fa pl pt pa ro ru sr sk sl es sw sv tl ta te th tr uk ur vi cy
"""
STT_LANGUAGES: Final = frozenset(_CODES.split())
TTS_LANGUAGES: Final = STT_LANGUAGES | {"is", "su", "uz"}

# --- speech to text: the configuration ---

ID_LENGTH: Final = 256  # the maximum length of a client reference id or stream id, in characters (documented)
HINTS: Final = 100  # the maximum number of language hints in a configuration (documented for REST)
HINT_LENGTH: Final = 10  # the maximum length of a language hint, in characters (documented for REST)
CONTEXT_LENGTH: Final = 10_000
"""The longest context, in characters (from the service's own message). How the service counts an object is not
documented. We count the strings in the object, so an allowed context can exceed the limit only if the service also
counts punctuation.
"""
ENDPOINT_DELAY_MS: Final = (500, 3_000)
ENDPOINT_SENSITIVITY: Final = (-1.0, 1.0)
ENDPOINT_LATENCY_LEVEL: Final = (0, 3)

MODELS_WITHOUT_ENDPOINT_DELAY: Final = frozenset({"stt-rt-preview", "stt-rt-v3"})
MODELS_WITHOUT_ENDPOINT_TUNING: Final = MODELS_WITHOUT_ENDPOINT_DELAY | {"stt-rt-v4"}
"""Models before v5 refuse the sensitivity and the latency level instead of ignoring them; models before v4 also refuse
the delay.
"""

# --- speech to text: the session ---

STT_SESSION_S: Final = 300 * 60.0  # the maximum length of a session, in seconds of audio (documented)
STT_SESSIONS: Final = 10  # the maximum number of concurrent sessions per project (documented)
REQUESTS_PER_MINUTE: Final = 100  # the maximum number of requests per minute, for each service (documented)
# seconds without audio or a keepalive after which the service reports "Request timeout." (documented, measured)
STT_IDLE_S: Final = 20.0

# --- text to speech ---

TTS_FIELD_LENGTH: Final = 50  # the maximum length of the name of a model, language or voice, in characters (documented)
TTS_SPEED: Final = (0.7, 1.3)  # the lowest and highest speeds; other values are refused, not clamped (measured)
TTS_TEXT_BYTES: Final = 5_000  # the maximum length of a stream's text, in UTF-8 bytes (documented, measured)
TTS_STREAM_S: Final = 120.0  # the maximum length of a stream's audio, in seconds; the rest is cut off (documented)
TTS_STREAMS: Final = 5  # the maximum number of concurrent streams per connection (documented)
TTS_ACCOUNT_STREAMS: Final = 3  # the maximum number of concurrent streams per account (documented default)
TTS_TEXT_WAIT_S: Final = 5.2  # seconds without new text after which an open stream ends (measured with tts-rt-v2)
TTS_AUDIO_WAIT_S: Final = 12.0  # seconds after which a stream ends if it has produced no audio (measured: 10 to 12)
TTS_RATE_CHECK_S: Final = 11.0  # seconds after which the service checks how fast a stream produces audio (measured)
TTS_LEAST_RATE: Final = 0.8  # the minimum rate, in seconds of audio per second; a slower stream is ended (measured)
# seconds for which an unused connection stays open if the key was in the handshake (measured: more than 40)
TTS_IDLE_S: Final = 40.0

# --- both services, with the key in a message (deprecated) ---

START_WAIT_S: Final = 10.0  # seconds within which a new socket must receive its first start message (measured)
# seconds for which a connection without a stream stays open, with or without keepalives (measured)
TTS_LEGACY_IDLE_S: Final = 5.3
