"""What may happen when: the state tables of both services, as the client sees them.

A transcription session is one socket. It is configured once, hears one stream of sound, and ends:

    NEW --start--> LISTENING --end--> ENDING --finished--> DONE      any of the first three --error, closed--> FAILED

A synthesis connection carries streams. Each lives from `start` until the service says `terminated`; `audio_end` ends
only its sound:

           start        end           audio_end       terminated
    ABSENT ----> OPEN ------> DRAINING ---------> ENDED ----------> ABSENT
                  | cancel       | cancel                              ^
                  +--------------+-------------> CANCELLING -----------+
                  | error        | error                               |
                  +--------------+-------------> FAILED ---------------+

The tables are total. A cell is the next state, or a verdict. WRONG is a mistake, ours (LocalProtocolError) or theirs
(RemoteProtocolError). IGNORE is for what crossed something else on the wire, so that nobody is to blame: what the
service says of a stream that we have cancelled or that it has terminated, and what we say to one that has failed
meanwhile, since that event is still on its way to the caller.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, TypeAlias


class Verdict(Enum):
    """A cell that is no state."""

    IGNORE = auto()
    WRONG = auto()


IGNORE: Final = Verdict.IGNORE
WRONG: Final = Verdict.WRONG


class Session(Enum):
    """Where a transcription session is in its life."""

    NEW = auto()
    LISTENING = auto()
    ENDING = auto()
    DONE = auto()
    FAILED = auto()


class SessionInput(Enum):
    """What happens to a session: the first four by us, the others by the service."""

    START = auto()
    AUDIO = auto()
    FINALIZE = auto()
    END = auto()
    RESULT = auto()
    FINISHED = auto()
    ERROR = auto()
    CLOSED = auto()


class Stream(Enum):
    """Where a stream of speech is in its life."""

    ABSENT = auto()
    OPEN = auto()
    DRAINING = auto()
    ENDED = auto()
    CANCELLING = auto()
    FAILED = auto()


class StreamInput(Enum):
    """What happens to a stream: the first four by us, the others by the service."""

    START = auto()
    TEXT = auto()
    END = auto()
    CANCEL = auto()
    AUDIO = auto()
    AUDIO_END = auto()
    ERROR = auto()
    TERMINATED = auto()


SessionRow: TypeAlias = dict[SessionInput, Session | Verdict]
StreamRow: TypeAlias = dict[StreamInput, Stream | Verdict]

_WE_SAY: Final[SessionRow] = {
    SessionInput.START: WRONG,
    SessionInput.AUDIO: WRONG,
    SessionInput.FINALIZE: WRONG,
    SessionInput.END: WRONG,
}
_IT_BREAKS: Final[SessionRow] = {SessionInput.ERROR: Session.FAILED, SessionInput.CLOSED: Session.FAILED}

SESSION: Final[dict[Session, SessionRow]] = {
    Session.NEW: {
        **_WE_SAY,
        SessionInput.START: Session.LISTENING,
        SessionInput.RESULT: WRONG,
        SessionInput.FINISHED: WRONG,
        **_IT_BREAKS,
    },
    Session.LISTENING: {
        SessionInput.START: WRONG,
        SessionInput.AUDIO: Session.LISTENING,
        SessionInput.FINALIZE: Session.LISTENING,
        SessionInput.END: Session.ENDING,
        SessionInput.RESULT: Session.LISTENING,
        SessionInput.FINISHED: Session.FAILED,  # nobody asked for it: the sound goes on
        **_IT_BREAKS,
    },
    Session.ENDING: {
        **_WE_SAY,
        SessionInput.RESULT: Session.ENDING,
        SessionInput.FINISHED: Session.DONE,
        **_IT_BREAKS,
    },
    Session.DONE: {
        **_WE_SAY,
        SessionInput.RESULT: IGNORE,
        SessionInput.FINISHED: IGNORE,
        SessionInput.ERROR: IGNORE,
        SessionInput.CLOSED: IGNORE,
    },
    Session.FAILED: {
        SessionInput.START: IGNORE,
        SessionInput.AUDIO: IGNORE,
        SessionInput.FINALIZE: IGNORE,
        SessionInput.END: IGNORE,
        SessionInput.RESULT: IGNORE,
        SessionInput.FINISHED: IGNORE,
        SessionInput.ERROR: IGNORE,
        SessionInput.CLOSED: IGNORE,
    },
}

_CROSSED: Final[StreamRow] = {
    StreamInput.TEXT: IGNORE,
    StreamInput.END: IGNORE,
    StreamInput.CANCEL: IGNORE,
    StreamInput.AUDIO: IGNORE,
    StreamInput.AUDIO_END: IGNORE,
    StreamInput.ERROR: IGNORE,
}

STREAM: Final[dict[Stream, StreamRow]] = {
    Stream.ABSENT: {**_CROSSED, StreamInput.START: Stream.OPEN, StreamInput.TERMINATED: IGNORE},
    Stream.OPEN: {
        StreamInput.START: WRONG,
        StreamInput.TEXT: Stream.OPEN,
        StreamInput.END: Stream.DRAINING,
        StreamInput.CANCEL: Stream.CANCELLING,
        StreamInput.AUDIO: Stream.OPEN,
        StreamInput.AUDIO_END: WRONG,  # our text was not complete
        StreamInput.ERROR: Stream.FAILED,
        StreamInput.TERMINATED: Stream.ABSENT,  # a fault: its sound had not ended
    },
    Stream.DRAINING: {
        StreamInput.START: WRONG,
        StreamInput.TEXT: WRONG,
        StreamInput.END: WRONG,
        StreamInput.CANCEL: Stream.CANCELLING,
        StreamInput.AUDIO: Stream.DRAINING,
        StreamInput.AUDIO_END: Stream.ENDED,
        StreamInput.ERROR: Stream.FAILED,
        StreamInput.TERMINATED: Stream.ABSENT,  # a fault: its sound had not ended
    },
    Stream.ENDED: {
        StreamInput.START: WRONG,
        StreamInput.TEXT: WRONG,
        StreamInput.END: WRONG,
        StreamInput.CANCEL: IGNORE,
        StreamInput.AUDIO: WRONG,
        StreamInput.AUDIO_END: WRONG,
        StreamInput.ERROR: IGNORE,  # its sound is complete, whatever went wrong then
        StreamInput.TERMINATED: Stream.ABSENT,
    },
    Stream.CANCELLING: {**_CROSSED, StreamInput.START: WRONG, StreamInput.TERMINATED: Stream.ABSENT},
    Stream.FAILED: {**_CROSSED, StreamInput.START: WRONG, StreamInput.TERMINATED: Stream.ABSENT},
}
