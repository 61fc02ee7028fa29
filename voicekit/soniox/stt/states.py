"""The state table of a transcription session on the client's side; `api.verdict` explains the cells.

A transcription session uses one socket. It is configured once, gets one stream of audio, and ends:

    NEW --start--> LISTENING --end--> ENDING --finished--> DONE      any of the first three --error, closed--> FAILED
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, TypeAlias

from voicekit.soniox.api.verdict import IGNORE, WRONG, Verdict


class SttState(Enum):
    """The states of a transcription session."""

    NEW = auto()
    LISTENING = auto()
    ENDING = auto()
    DONE = auto()
    FAILED = auto()


class SttInput(Enum):
    """The inputs of a session: the first four come from us, the others from the service."""

    START = auto()
    AUDIO = auto()
    FINALIZE = auto()
    END = auto()
    RESULT = auto()
    FINISHED = auto()
    ERROR = auto()
    CLOSED = auto()


SttRow: TypeAlias = dict[SttInput, SttState | Verdict]

_WE_SAY: Final[SttRow] = {
    SttInput.START: WRONG,
    SttInput.AUDIO: WRONG,
    SttInput.FINALIZE: WRONG,
    SttInput.END: WRONG,
}
_IT_BREAKS: Final[SttRow] = {SttInput.ERROR: SttState.FAILED, SttInput.CLOSED: SttState.FAILED}

STT_TABLE: Final[dict[SttState, SttRow]] = {
    SttState.NEW: {
        **_WE_SAY,
        SttInput.START: SttState.LISTENING,
        SttInput.RESULT: WRONG,
        SttInput.FINISHED: WRONG,
        **_IT_BREAKS,
    },
    SttState.LISTENING: {
        SttInput.START: WRONG,
        SttInput.AUDIO: SttState.LISTENING,
        SttInput.FINALIZE: SttState.LISTENING,
        SttInput.END: SttState.ENDING,
        SttInput.RESULT: SttState.LISTENING,
        SttInput.FINISHED: SttState.FAILED,  # the service has ended the session although the audio has not ended
        **_IT_BREAKS,
    },
    SttState.ENDING: {
        **_WE_SAY,
        SttInput.RESULT: SttState.ENDING,
        SttInput.FINISHED: SttState.DONE,
        **_IT_BREAKS,
    },
    SttState.DONE: {
        **_WE_SAY,
        SttInput.RESULT: IGNORE,
        SttInput.FINISHED: IGNORE,
        SttInput.ERROR: IGNORE,
        SttInput.CLOSED: IGNORE,
    },
    SttState.FAILED: {
        SttInput.START: IGNORE,
        SttInput.AUDIO: IGNORE,
        SttInput.FINALIZE: IGNORE,
        SttInput.END: IGNORE,
        SttInput.RESULT: IGNORE,
        SttInput.FINISHED: IGNORE,
        SttInput.ERROR: IGNORE,
        SttInput.CLOSED: IGNORE,
    },
}
