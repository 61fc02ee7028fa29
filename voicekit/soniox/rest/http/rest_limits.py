"""Limits for the parts of a request. The vendor documents all of them, unless a comment says otherwise."""

from __future__ import annotations

from typing import Final

from voicekit.soniox.api import limits as realtime

ASYNC_MODEL: Final = "stt-async-v5"
"""The current model for whole files."""
ASYNC_ALIASES: Final = ("stt-async-v4", "stt-async-v3", "stt-async-preview")
"""Old names, which the service maps to the current model."""

PAGE: Final = (1, 1_000)  # entries per page of a list
SHARED_PAGE: Final = (1, 200)  # entries per page of shared voices

REFERENCE: Final = realtime.ID_LENGTH  # characters of a client reference id
FILE_BYTES: Final = 2**30  # bytes of an uploaded file
MODEL: Final = 32  # characters of a transcription's model
AUDIO_URL: Final = 4_096  # characters
FILE_ID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
HINTS: Final = realtime.HINTS
HINT: Final = realtime.HINT_LENGTH
WEBHOOK: Final = 256  # characters of the webhook's address, of its header's name, and of the header's value
URL_PATTERN: Final = r"https?://[^\s]+"

VOICE_NAME: Final = (1, 128)  # characters
VOICE_BYTES: Final = 10 * 2**20  # bytes of a recording for a new voice; the documentation does not define its megabyte
VOICE_MODEL: Final = 64  # characters of the model whose shared voices are listed
VOICE_TAG: Final = 40  # characters of an accent, a use case or a style
VOICE_TAGS: Final = 10  # use cases, or styles, in one request
GENDERS: Final = ("male", "female", "neutral")
AGES: Final = ("young", "middle_aged", "old")

KEY_USAGES: Final = ("transcribe_websocket", "tts_rt")
KEY_LIFE_S: Final = (1, 3_600)  # seconds until a temporary key opens no more streams
KEY_SESSION_S: Final = (1, 18_000)  # seconds that a stream opened with a temporary key may last

SORTS: Final = ("end_time_asc", "end_time_desc")
LOG_WINDOW_DAYS: Final = 31
SUMMARY_WINDOW_DAYS: Final = 366
PERIODS_S: Final = (60, 3_600, 86_400)
KINDS: Final = ("stt", "tts")

SPEECH_BYTES: Final = realtime.TTS_TEXT_BYTES  # UTF-8 bytes of the text to be spoken

# --- per account, at any time ---

FILES: Final = 1_000
PENDING: Final = 100  # transcriptions that have not ended
TRANSCRIPTIONS: Final = 2_000
VOICES: Final = 20
