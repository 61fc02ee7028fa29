"""Finds in the events of a logged call what happened in each turn, and when. Pure.

If the session was not traced, its turns have no milestones, and therefore no bars.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from voicekit.events import Endpoint, Final, SpeechStarted, SpeechStopped, TurnCommitted
from voicekit.session.eventlog import LoggedEvent, Milestone


@dataclass(slots=True)
class TurnTimes:
    """Turn `number`: when it was `committed`, what the listening side had reported by then, and the reply's milestones.
    Times are seconds since the session started.

    `heard` holds the times of "voice detector" (the caller is quiet), "final transcript" and "endpoint". `user_until`
    is the time of the caller's last audible sample; None if the caller has not spoken. `reached` holds the times of the
    reply's milestones. `silence` is how many seconds at the beginning of the reply's audio are inaudible.
    """

    number: int
    text: str = ""
    committed: float = inf
    heard: dict[str, float] = field(default_factory=dict)
    user_until: float | None = None
    reached: dict[str, float] = field(default_factory=dict)
    silence: float | None = None


def read_turns(logged: Iterable[tuple[float, LoggedEvent]]) -> list[TurnTimes]:
    """The turns that were committed, in order."""
    turns: dict[int, TurnTimes] = {}
    heard: dict[str, float] = {}
    for at, event in logged:
        match event:
            case SpeechStarted():
                heard.pop("voice detector", None)
            case SpeechStopped():
                heard["voice detector"] = at
            case Final():
                heard["final transcript"] = at
            case Endpoint():
                heard["endpoint"] = at
            case TurnCommitted(number, text, reason):
                turn = turns.setdefault(number, TurnTimes(number))
                turn.text, turn.committed, turn.heard, heard = text or f"({reason})", at, heard, {}
            case Milestone(number):
                _reach(turns.setdefault(number, TurnTimes(number)), at, event)
    return [turns[number] for number in sorted(turns) if turns[number].committed < inf]


def _reach(turn: TurnTimes, at: float, milestone: Milestone) -> None:
    match milestone.what:
        case "begun":  # if a reply is started again, the milestones of the earlier attempt no longer count
            turn.reached, turn.silence = {"begun": at - milestone.seconds}, None
        case "silence":
            turn.silence = milestone.seconds
        case "user":
            turn.user_until = at - milestone.seconds
        case what:
            turn.reached[what] = at - milestone.seconds
