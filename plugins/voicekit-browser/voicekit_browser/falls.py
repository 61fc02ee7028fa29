"""The waterfall chart of the current turn, updated as the turn goes on. Uses the code of `voicekit trace`. Pure."""

from __future__ import annotations

from typing import Any

from voicekit.events import Endpoint, Final, SpeechStarted, SpeechStopped, TurnCommitted
from voicekit.session.eventlog import LoggedEvent, Milestone
from voicekit.session.trace.bars import Waterfall, waterfall
from voicekit.session.trace.reading import read_turns

READ = (SpeechStarted, SpeechStopped, Final, Endpoint, TurnCommitted, Milestone)
"""The events that a waterfall is made from."""

KEPT = 400
"""How many of the latest events are kept: more than a turn has."""


class Falls:
    """Receives each event of a traced session, and reports when a turn's waterfall has changed."""

    def __init__(self) -> None:
        self._logged: list[tuple[float, LoggedEvent]] = []
        self._shown: dict[int, Any] = {}

    def note(self, at: float, event: LoggedEvent) -> dict[str, object] | None:
        """The "fall" event for the page if `event` has changed a waterfall, else None."""
        if not isinstance(event, READ):
            return None
        self._logged.append((at, event))
        del self._logged[:-KEPT]
        if not isinstance(event, Milestone | TurnCommitted):
            return None
        fall = next(
            (fall for turn in read_turns(self._logged) if turn.number == event.turn and (fall := waterfall(turn))), None
        )
        if fall is None or fall == self._shown.get(event.turn):
            return None
        self._shown = {event.turn: fall}
        return _in_words(fall)


def _in_words(fall: Waterfall) -> dict[str, object]:
    bars = [
        {
            "name": bar.name,
            "start": round(bar.start - fall.start, 4),
            "seconds": round(bar.seconds, 4),
            "ahead": None if bar.ahead is None else [round(at - fall.start, 4) for at in bar.ahead],
        }
        for bar in fall.bars
    ]
    return {
        "name": "fall",
        "turn": fall.number,
        "bars": bars,
        "seconds": round(fall.seconds, 4),
        "complete": fall.complete,
    }
