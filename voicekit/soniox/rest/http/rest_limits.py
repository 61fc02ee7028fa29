"""Limits for the parts of a request. The vendor documents all of them, unless a comment says otherwise."""

from __future__ import annotations

from typing import Final

from voicekit.soniox.api import limits as realtime

ASYNC_MODEL: Final = "stt-async-v5"
"""The current model for whole files."""
ASYNC_ALIASES: Final = ("stt-async-v4", "stt-async-v3", "stt-async-preview")
"""Old names, which the service maps to the current model."""

PAGE: Final = (1, 1_000)  # the minimum and maximum numbers of entries on a page of a list
SHARED_PAGE: Final = (1, 200)  # the minimum and maximum numbers of entries on a page of shared voices

REFERENCE: Final = realtime.ID_LENGTH  # the maximum length of a client reference id, in characters
FILE_BYTES: Final = 2**30  # the maximum size of an uploaded file, in bytes
MODEL: Final = 32  # the maximum length of the name of a model for transcriptions, in characters
AUDIO_URL: Final = 4_096  # the maximum length of an audio file's URL, in characters
FILE_ID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
HINTS: Final = realtime.HINTS
HINT: Final = realtime.HINT_LENGTH
WEBHOOK: Final = 256  # the maximum length of a webhook's address, header name or header value, in characters
URL_PATTERN: Final = r"https?://[^\s]+"

VOICE_NAME: Final = (1, 128)  # the minimum and maximum lengths of a voice's name, in characters
# the maximum size of a recording for a voice, in bytes; the vendor's "10 MB" may mean less
VOICE_BYTES: Final = 10 * 2**20
VOICE_MODEL: Final = 64  # the maximum length of the name of a model with shared voices, in characters
VOICE_TAG: Final = 40  # the maximum length of the name of an accent, use case or style, in characters
VOICE_TAGS: Final = 10  # the maximum number of use cases, and of styles, in one request
GENDERS: Final = ("male", "female", "neutral")
AGES: Final = ("young", "middle_aged", "old")

KEY_USAGES: Final = ("transcribe_websocket", "tts_rt")
KEY_LIFE_S: Final = (1, 3_600)  # the minimum and maximum lifetimes of a temporary key, in seconds
KEY_SESSION_S: Final = (1, 18_000)  # the minimum and maximum time limits for a stream with a temporary key, in seconds

SORTS: Final = ("end_time_asc", "end_time_desc")
LOG_WINDOW_DAYS: Final = 31
SUMMARY_WINDOW_DAYS: Final = 366
PERIODS_S: Final = (60, 3_600, 86_400)
KINDS: Final = ("stt", "tts")

SPEECH_BYTES: Final = realtime.TTS_TEXT_BYTES  # the maximum length of a text to be spoken, in UTF-8 bytes

# --- maximum numbers per account, at any time ---

FILES: Final = 1_000
PENDING: Final = 100  # the maximum number of transcriptions that have not ended
TRANSCRIPTIONS: Final = 2_000
VOICES: Final = 20
