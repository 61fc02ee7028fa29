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


class Session(Enum):
    """Where a transcription connection is in its life."""

    STARTING = auto()
    LISTENING = auto()
    ENDING = auto()
    CLOSED = auto()


class SessionInput(Enum):
    """What happens to it: the first five by the client, RESULT and FINISH by the engine, CLOSE by anyone."""

    CONFIG = auto()
    AUDIO = auto()
    KEEPALIVE = auto()
    FINALIZE = auto()
    END = auto()
    RESULT = auto()
    FINISH = auto()
    CLOSE = auto()


class Stream(Enum):
    """Where a stream of speech is in its life."""

    ABSENT = auto()
    OPEN = auto()
    DRAINING = auto()
    ENDED = auto()


class StreamInput(Enum):
    """What happens to it: the first four by the client, the others by the engine."""

    START = auto()
    TEXT = auto()
    END = auto()
    CANCEL = auto()
    AUDIO = auto()
    AUDIO_END = auto()
    TERMINATED = auto()


SESSION: Final[dict[Session, dict[SessionInput, Session | Verdict]]] = {
    Session.STARTING: {
        SessionInput.CONFIG: Session.LISTENING,
        SessionInput.AUDIO: REFUSE,
        SessionInput.KEEPALIVE: REFUSE,
        SessionInput.FINALIZE: REFUSE,
        SessionInput.END: REFUSE,
        SessionInput.RESULT: WRONG,
        SessionInput.FINISH: WRONG,
        SessionInput.CLOSE: Session.CLOSED,
    },
    Session.LISTENING: {
        SessionInput.CONFIG: REFUSE,
        SessionInput.AUDIO: Session.LISTENING,
        SessionInput.KEEPALIVE: Session.LISTENING,
        SessionInput.FINALIZE: Session.LISTENING,
        SessionInput.END: Session.ENDING,
        SessionInput.RESULT: Session.LISTENING,
        SessionInput.FINISH: WRONG,
        SessionInput.CLOSE: Session.CLOSED,
    },
    Session.ENDING: {
        SessionInput.CONFIG: REFUSE,
        SessionInput.AUDIO: IGNORE,
        SessionInput.KEEPALIVE: IGNORE,
        SessionInput.FINALIZE: IGNORE,
        SessionInput.END: IGNORE,
        SessionInput.RESULT: Session.ENDING,
        SessionInput.FINISH: Session.CLOSED,
        SessionInput.CLOSE: Session.CLOSED,
    },
    Session.CLOSED: {
        SessionInput.CONFIG: IGNORE,
        SessionInput.AUDIO: IGNORE,
        SessionInput.KEEPALIVE: IGNORE,
        SessionInput.FINALIZE: IGNORE,
        SessionInput.END: IGNORE,
        SessionInput.RESULT: IGNORE,
        SessionInput.FINISH: IGNORE,
        SessionInput.CLOSE: IGNORE,
    },
}

STREAM: Final[dict[Stream, dict[StreamInput, Stream | Verdict]]] = {
    Stream.ABSENT: {
        StreamInput.START: Stream.OPEN,
        StreamInput.TEXT: REFUSE,
        StreamInput.END: REFUSE,
        StreamInput.CANCEL: REFUSE,
        StreamInput.AUDIO: IGNORE,
        StreamInput.AUDIO_END: IGNORE,
        StreamInput.TERMINATED: IGNORE,
    },
    Stream.OPEN: {
        StreamInput.START: REFUSE,
        StreamInput.TEXT: Stream.OPEN,
        StreamInput.END: Stream.DRAINING,
        StreamInput.CANCEL: Stream.ABSENT,
        StreamInput.AUDIO: Stream.OPEN,
        StreamInput.AUDIO_END: WRONG,
        StreamInput.TERMINATED: WRONG,
    },
    Stream.DRAINING: {
        StreamInput.START: REFUSE,
        StreamInput.TEXT: REFUSE,
        StreamInput.END: REFUSE,
        StreamInput.CANCEL: Stream.ABSENT,
        StreamInput.AUDIO: Stream.DRAINING,
        StreamInput.AUDIO_END: Stream.ENDED,
        StreamInput.TERMINATED: WRONG,
    },
    Stream.ENDED: {
        StreamInput.START: REFUSE,
        StreamInput.TEXT: REFUSE,
        StreamInput.END: REFUSE,
        StreamInput.CANCEL: Stream.ABSENT,
        StreamInput.AUDIO: WRONG,
        StreamInput.AUDIO_END: WRONG,
        StreamInput.TERMINATED: Stream.ABSENT,
    },
}
