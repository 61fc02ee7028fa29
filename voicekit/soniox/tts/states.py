"""The state table of a synthesis stream on the client's side; `api.verdict` explains the cells.

A synthesis connection carries streams. Each stream lives from `start` until the service sends `terminated`; `audio_end`
ends only its audio:

           start        end           audio_end       terminated
    ABSENT ----> OPEN ------> DRAINING ---------> ENDED ----------> ABSENT
                  | cancel       | cancel                              ^
                  +--------------+-------------> CANCELLING -----------+
                  | error        | error                               |
                  +--------------+-------------> FAILED ---------------+
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, TypeAlias

from voicekit.soniox.api.verdict import IGNORE, WRONG, Verdict


class TtsState(Enum):
    """The states of a stream of speech."""

    ABSENT = auto()
    OPEN = auto()
    DRAINING = auto()
    ENDED = auto()
    CANCELLING = auto()
    FAILED = auto()


class TtsInput(Enum):
    """The inputs of a stream: the first four come from us, the others from the service."""

    START = auto()
    TEXT = auto()
    END = auto()
    CANCEL = auto()
    AUDIO = auto()
    AUDIO_END = auto()
    ERROR = auto()
    TERMINATED = auto()


TtsRow: TypeAlias = dict[TtsInput, TtsState | Verdict]

_CROSSED: Final[TtsRow] = {
    TtsInput.TEXT: IGNORE,
    TtsInput.END: IGNORE,
    TtsInput.CANCEL: IGNORE,
    TtsInput.AUDIO: IGNORE,
    TtsInput.AUDIO_END: IGNORE,
    TtsInput.ERROR: IGNORE,
}

TTS_TABLE: Final[dict[TtsState, TtsRow]] = {
    TtsState.ABSENT: {**_CROSSED, TtsInput.START: TtsState.OPEN, TtsInput.TERMINATED: IGNORE},
    TtsState.OPEN: {
        TtsInput.START: WRONG,
        TtsInput.TEXT: TtsState.OPEN,
        TtsInput.END: TtsState.DRAINING,
        TtsInput.CANCEL: TtsState.CANCELLING,
        TtsInput.AUDIO: TtsState.OPEN,
        TtsInput.AUDIO_END: WRONG,  # the audio has ended, although our text was not complete
        TtsInput.ERROR: TtsState.FAILED,
        TtsInput.TERMINATED: TtsState.ABSENT,  # a fault, since the stream's audio had not ended
    },
    TtsState.DRAINING: {
        TtsInput.START: WRONG,
        TtsInput.TEXT: WRONG,
        TtsInput.END: WRONG,
        TtsInput.CANCEL: TtsState.CANCELLING,
        TtsInput.AUDIO: TtsState.DRAINING,
        TtsInput.AUDIO_END: TtsState.ENDED,
        TtsInput.ERROR: TtsState.FAILED,
        TtsInput.TERMINATED: TtsState.ABSENT,  # a fault, since the stream's audio had not ended
    },
    TtsState.ENDED: {
        TtsInput.START: WRONG,
        TtsInput.TEXT: WRONG,
        TtsInput.END: WRONG,
        TtsInput.CANCEL: IGNORE,
        TtsInput.AUDIO: WRONG,
        TtsInput.AUDIO_END: WRONG,
        TtsInput.ERROR: IGNORE,  # the audio is already complete, so the failure does not matter
        TtsInput.TERMINATED: TtsState.ABSENT,
    },
    TtsState.CANCELLING: {**_CROSSED, TtsInput.START: WRONG, TtsInput.TERMINATED: TtsState.ABSENT},
    TtsState.FAILED: {**_CROSSED, TtsInput.START: WRONG, TtsInput.TERMINATED: TtsState.ABSENT},
}
