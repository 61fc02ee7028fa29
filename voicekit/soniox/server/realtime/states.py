"""Which events may happen in which state: the state tables of the two realtime services, from the server's side.

A transcription connection:

    STARTING --start--> LISTENING --end--> ENDING --finished--> CLOSED          any of them --error, closed--> CLOSED

A stream of a synthesis connection:

    ABSENT --start--> OPEN --text_end--> DRAINING --audio_end--> ENDED --terminated--> ABSENT
                      any of the three --cancel, error--> ABSENT

The inputs are the same as in the client's tables; a keepalive counts as AUDIO. `api.verdict` explains the cells; here
WRONG is a mistake by the engine.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from voicekit.soniox.api.verdict import IGNORE, REFUSE, WRONG, Verdict
from voicekit.soniox.stt.states import SttInput
from voicekit.soniox.tts.states import TtsInput


class ServedStt(Enum):
    """The states of a transcription connection."""

    STARTING = auto()
    LISTENING = auto()
    ENDING = auto()
    CLOSED = auto()


class ServedTts(Enum):
    """The states of a stream of speech."""

    ABSENT = auto()
    OPEN = auto()
    DRAINING = auto()
    ENDED = auto()


_CLOSES: Final[dict[SttInput, ServedStt | Verdict]] = {
    SttInput.ERROR: ServedStt.CLOSED,
    SttInput.CLOSED: ServedStt.CLOSED,
}
_ENDS: Final[dict[TtsInput, ServedTts | Verdict]] = {
    TtsInput.CANCEL: ServedTts.ABSENT,
    TtsInput.ERROR: ServedTts.ABSENT,
}
_NO_MORE_TEXT: Final[dict[TtsInput, ServedTts | Verdict]] = {
    TtsInput.START: REFUSE,
    TtsInput.TEXT: REFUSE,
    TtsInput.END: REFUSE,
}

SERVED_STT: Final[dict[ServedStt, dict[SttInput, ServedStt | Verdict]]] = {
    ServedStt.STARTING: {
        SttInput.START: ServedStt.LISTENING,
        SttInput.AUDIO: REFUSE,
        SttInput.FINALIZE: REFUSE,
        SttInput.END: REFUSE,
        SttInput.RESULT: WRONG,
        SttInput.FINISHED: WRONG,
        **_CLOSES,
    },
    ServedStt.LISTENING: {
        SttInput.START: REFUSE,
        SttInput.AUDIO: ServedStt.LISTENING,
        SttInput.FINALIZE: ServedStt.LISTENING,
        SttInput.END: ServedStt.ENDING,
        SttInput.RESULT: ServedStt.LISTENING,
        SttInput.FINISHED: WRONG,
        **_CLOSES,
    },
    ServedStt.ENDING: {
        SttInput.START: REFUSE,
        SttInput.AUDIO: IGNORE,
        SttInput.FINALIZE: IGNORE,
        SttInput.END: IGNORE,
        SttInput.RESULT: ServedStt.ENDING,
        SttInput.FINISHED: ServedStt.CLOSED,
        **_CLOSES,
    },
    ServedStt.CLOSED: dict.fromkeys(SttInput, IGNORE),
}

SERVED_TTS: Final[dict[ServedTts, dict[TtsInput, ServedTts | Verdict]]] = {
    ServedTts.ABSENT: {
        **_NO_MORE_TEXT,
        TtsInput.START: ServedTts.OPEN,
        TtsInput.CANCEL: REFUSE,
        TtsInput.AUDIO: IGNORE,
        TtsInput.AUDIO_END: IGNORE,
        TtsInput.ERROR: IGNORE,
        TtsInput.TERMINATED: IGNORE,
    },
    ServedTts.OPEN: {
        TtsInput.START: REFUSE,
        TtsInput.TEXT: ServedTts.OPEN,
        TtsInput.END: ServedTts.DRAINING,
        TtsInput.AUDIO: ServedTts.OPEN,
        TtsInput.AUDIO_END: WRONG,
        TtsInput.TERMINATED: WRONG,
        **_ENDS,
    },
    ServedTts.DRAINING: {
        **_NO_MORE_TEXT,
        TtsInput.AUDIO: ServedTts.DRAINING,
        TtsInput.AUDIO_END: ServedTts.ENDED,
        TtsInput.TERMINATED: WRONG,
        **_ENDS,
    },
    ServedTts.ENDED: {
        **_NO_MORE_TEXT,
        TtsInput.AUDIO: WRONG,
        TtsInput.AUDIO_END: WRONG,
        TtsInput.TERMINATED: ServedTts.ABSENT,
        **_ENDS,
    },
}
