"""The rows and columns of the turn table: the states of the machine, and the kinds of events it distinguishes."""

from __future__ import annotations

from enum import Enum

from voicekit import events
from voicekit.events import Signal


class TurnState(Enum):
    """The states of the turn machine."""

    WAITING = "nobody speaks and nothing is pending"
    HEARING = "the caller speaks"
    SETTLING = "the caller paused; is that all?"
    REPLYING = "a reply is being made and cannot be heard yet"
    SPEAKING = "a reply can be heard"
    DOUBTING = "a reply is held; is that an interruption?"
    CLOSED = "the call is over"


class Column(Enum):
    """The kinds of events in a call; the table has a cell for each kind in every state."""

    SPEECH_STARTED = "SpeechStarted"
    SPEECH_STOPPED = "SpeechStopped"
    WORDS = "Interim, Final"
    ENDPOINT = "Endpoint"
    FINALIZED = "Finalized"
    PROGRESS = "Progress, Translated"
    STT = "SttDown, SttUp"
    TYPED = "Typed, Dtmf"
    HOLD = "CallerHeld"
    COLLECT = "CollectKeys"
    AUDIBLE = "Audible"
    HEARD = "HeardSoFar"
    REPLY_OVER = "ReplyDone, ReplyFailed"
    ADVICE = "AnswerExpected, PauseScored"
    PROMPT = "Prompt"
    END = "End"
    SOURCE_ENDED = "SourceEnded"
    HANGUP = "Hangup"
    DEADLINE = "deadline"


# A column is named after its events, so this mapping always agrees with the table.
_COLUMN_OF: dict[type, Column] = {
    getattr(events, name): column
    for column in Column
    if column is not Column.DEADLINE
    for name in column.value.split(", ")
}


def column_of(event: Signal) -> Column:
    """The column of `event`. Raises TypeError if `event` is not a signal."""
    column = _COLUMN_OF.get(type(event))
    if column is None:
        raise TypeError(f"turn machine: expected a signal, got {event!r}")
    return column
