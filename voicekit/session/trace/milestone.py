"""What only a traced session says: how far a reply has come. One line in the event log each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

MilestoneKind: TypeAlias = Literal["user", "begun", "word", "text", "sound", "silence", "air"]


@dataclass(frozen=True, slots=True)
class Milestone:
    """Reply `turn` has come to `what` for the first time.

    "user": the turn is complete, and its last audible sample is `seconds` old. "begun": the handler is asked. "word":
    it has said something. "text": something has reached the voice. "sound": the voice has made the first frame, and
    "silence": the first `seconds` of its sound are inaudible. "air": its first sample was heard `seconds` ago.
    """

    turn: int
    what: MilestoneKind
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"reply {self.turn} trace: {self.what} {self.seconds:.4f}"
