"""What may happen when: the state tables of both services, as the service sees them.

A transcription connection:

    STARTING --config--> LISTENING --end--> ENDING --finish--> CLOSED          any of them --refusal, closed--> CLOSED

A stream of a synthesis connection:

    ABSENT --start--> OPEN --text_end--> DRAINING --audio_end--> ENDED --terminated--> ABSENT
                      any of the three --cancel, refusal--> ABSENT

The tables are total. A cell is the next state, or a verdict. REFUSE is the client's mistake: it gets an error. WRONG is
the engine's: LocalProtocolError. IGNORE is for what crossed the end on its way: neither could know.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class Verdict(Enum):
    """A cell that is no state."""

    IGNORE = auto()
    REFUSE = auto()
    WRONG = auto()


IGNORE: Final = Verdict.IGNORE
REFUSE: Final = Verdict.REFUSE
WRONG: Final = Verdict.WRONG


class ServedStt(Enum):
    """Where a transcription connection is in its life."""

    STARTING = auto()
    LISTENING = auto()
    ENDING = auto()
    CLOSED = auto()


class ServedSttInput(Enum):
    """What happens to it: the first five by the client, RESULT and FINISH by the engine, CLOSE by anyone."""

    CONFIG = auto()
    AUDIO = auto()
    KEEPALIVE = auto()
    FINALIZE = auto()
    END = auto()
    RESULT = auto()
    FINISH = auto()
    CLOSE = auto()


class ServedTts(Enum):
    """Where a stream of speech is in its life."""

    ABSENT = auto()
    OPEN = auto()
    DRAINING = auto()
    ENDED = auto()


class ServedTtsInput(Enum):
    """What happens to it: the first four by the client, the others by the engine."""

    START = auto()
    TEXT = auto()
    END = auto()
    CANCEL = auto()
    AUDIO = auto()
    AUDIO_END = auto()
    TERMINATED = auto()


SERVED_STT: Final[dict[ServedStt, dict[ServedSttInput, ServedStt | Verdict]]] = {
    ServedStt.STARTING: {
        ServedSttInput.CONFIG: ServedStt.LISTENING,
        ServedSttInput.AUDIO: REFUSE,
        ServedSttInput.KEEPALIVE: REFUSE,
        ServedSttInput.FINALIZE: REFUSE,
        ServedSttInput.END: REFUSE,
        ServedSttInput.RESULT: WRONG,
        ServedSttInput.FINISH: WRONG,
        ServedSttInput.CLOSE: ServedStt.CLOSED,
    },
    ServedStt.LISTENING: {
        ServedSttInput.CONFIG: REFUSE,
        ServedSttInput.AUDIO: ServedStt.LISTENING,
        ServedSttInput.KEEPALIVE: ServedStt.LISTENING,
        ServedSttInput.FINALIZE: ServedStt.LISTENING,
        ServedSttInput.END: ServedStt.ENDING,
        ServedSttInput.RESULT: ServedStt.LISTENING,
        ServedSttInput.FINISH: WRONG,
        ServedSttInput.CLOSE: ServedStt.CLOSED,
    },
    ServedStt.ENDING: {
        ServedSttInput.CONFIG: REFUSE,
        ServedSttInput.AUDIO: IGNORE,
        ServedSttInput.KEEPALIVE: IGNORE,
        ServedSttInput.FINALIZE: IGNORE,
        ServedSttInput.END: IGNORE,
        ServedSttInput.RESULT: ServedStt.ENDING,
        ServedSttInput.FINISH: ServedStt.CLOSED,
        ServedSttInput.CLOSE: ServedStt.CLOSED,
    },
    ServedStt.CLOSED: {
        ServedSttInput.CONFIG: IGNORE,
        ServedSttInput.AUDIO: IGNORE,
        ServedSttInput.KEEPALIVE: IGNORE,
        ServedSttInput.FINALIZE: IGNORE,
        ServedSttInput.END: IGNORE,
        ServedSttInput.RESULT: IGNORE,
        ServedSttInput.FINISH: IGNORE,
        ServedSttInput.CLOSE: IGNORE,
    },
}

SERVED_TTS: Final[dict[ServedTts, dict[ServedTtsInput, ServedTts | Verdict]]] = {
    ServedTts.ABSENT: {
        ServedTtsInput.START: ServedTts.OPEN,
        ServedTtsInput.TEXT: REFUSE,
        ServedTtsInput.END: REFUSE,
        ServedTtsInput.CANCEL: REFUSE,
        ServedTtsInput.AUDIO: IGNORE,
        ServedTtsInput.AUDIO_END: IGNORE,
        ServedTtsInput.TERMINATED: IGNORE,
    },
    ServedTts.OPEN: {
        ServedTtsInput.START: REFUSE,
        ServedTtsInput.TEXT: ServedTts.OPEN,
        ServedTtsInput.END: ServedTts.DRAINING,
        ServedTtsInput.CANCEL: ServedTts.ABSENT,
        ServedTtsInput.AUDIO: ServedTts.OPEN,
        ServedTtsInput.AUDIO_END: WRONG,
        ServedTtsInput.TERMINATED: WRONG,
    },
    ServedTts.DRAINING: {
        ServedTtsInput.START: REFUSE,
        ServedTtsInput.TEXT: REFUSE,
        ServedTtsInput.END: REFUSE,
        ServedTtsInput.CANCEL: ServedTts.ABSENT,
        ServedTtsInput.AUDIO: ServedTts.DRAINING,
        ServedTtsInput.AUDIO_END: ServedTts.ENDED,
        ServedTtsInput.TERMINATED: WRONG,
    },
    ServedTts.ENDED: {
        ServedTtsInput.START: REFUSE,
        ServedTtsInput.TEXT: REFUSE,
        ServedTtsInput.END: REFUSE,
        ServedTtsInput.CANCEL: ServedTts.ABSENT,
        ServedTtsInput.AUDIO: WRONG,
        ServedTtsInput.AUDIO_END: WRONG,
        ServedTtsInput.TERMINATED: ServedTts.ABSENT,
    },
}
