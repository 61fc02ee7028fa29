"""Limits for the parts of a request. The vendor documents all of them, unless a comment says otherwise."""

from __future__ import annotations

from typing import Final

from voicekit.soniox.api import limits as realtime

ASYNC_MODEL: Final = "stt-async-v5"
"""The current model for whole files."""
ASYNC_ALIASES: Final = ("stt-async-v4", "stt-async-v3", "stt-async-preview")
"""Old names, which the service maps to the current model."""

PAGE: Final = (1, 1_000)  # the fewest and the most entries on a page of a list
SHARED_PAGE: Final = (1, 200)  # the fewest and the most entries on a page of shared voices

REFERENCE: Final = realtime.ID_LENGTH  # the most characters in a client reference id
FILE_BYTES: Final = 2**30  # the most bytes in an uploaded file
MODEL: Final = 32  # the most characters in the name of a transcription's model
AUDIO_URL: Final = 4_096  # the most characters
FILE_ID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
HINTS: Final = realtime.HINTS
HINT: Final = realtime.HINT_LENGTH
WEBHOOK: Final = 256  # the most characters in a webhook's address, and in the name and the value of its header
URL_PATTERN: Final = r"https?://[^\s]+"

VOICE_NAME: Final = (1, 128)  # the fewest and the most characters
VOICE_BYTES: Final = 10 * 2**20  # the most bytes in a new voice's recording; the service does not define its megabyte
VOICE_MODEL: Final = 64  # the most characters in the name of the model whose shared voices are listed
VOICE_TAG: Final = 40  # the most characters in an accent, a use case or a style
VOICE_TAGS: Final = 10  # the most use cases, or styles, in one request
GENDERS: Final = ("male", "female", "neutral")
AGES: Final = ("young", "middle_aged", "old")

KEY_USAGES: Final = ("transcribe_websocket", "tts_rt")
KEY_LIFE_S: Final = (1, 3_600)  # the fewest and the most seconds in which a temporary key can open streams
KEY_SESSION_S: Final = (1, 18_000)  # the lowest and the highest limit, in seconds, for a stream with a temporary key

SORTS: Final = ("end_time_asc", "end_time_desc")
LOG_WINDOW_DAYS: Final = 31
SUMMARY_WINDOW_DAYS: Final = 366
PERIODS_S: Final = (60, 3_600, 86_400)
KINDS: Final = ("stt", "tts")

SPEECH_BYTES: Final = realtime.TTS_TEXT_BYTES  # the most UTF-8 bytes in a text to be spoken

# --- the most per account, at any time ---

FILES: Final = 1_000
PENDING: Final = 100  # the most transcriptions that have not ended
TRANSCRIPTIONS: Final = 2_000
VOICES: Final = 20
