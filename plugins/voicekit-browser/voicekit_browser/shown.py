"""What a page sees of its session: each event in the page's format.

The page gets the words of both sides, the words being spoken, and how many of the bot's words were heard. With
`details` it also gets information for developers: the decisions and their reasons, the waterfall of each turn, and the
text of errors, which may name services behind the bot. A stranger's page gets no details.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from voicekit import events
from voicekit.contracts import this_reply
from voicekit.flow.transform import StreamContext, Tap, TransformPart
from voicekit.session.eventlog import CallClock, LoggedEvent, describe
from voicekit.session.trace.taps import trace
from voicekit_browser.falls import Falls

Show: TypeAlias = Callable[[Mapping[str, object]], object]

SILENT = (events.Progress, events.HeardSoFar, events.Interim, events.Finalized)
"""Events left out of the page's list, because they are too frequent or of no use to its reader."""


class Shown:
    """Watches one session and calls `show` with the events for its page; never waits."""

    def __init__(self, show: Show, *, details: bool) -> None:
        self._show = show
        self._details = details
        self._clock = CallClock()
        self._falls = Falls()
        self._said: dict[int, str] = {}

    def join(self, session: Any) -> None:
        """Watch `session`, which has not started yet."""
        session.parts = replace(session.parts, texts=(self._words(), *session.parts.texts))
        session.watch(self.note)
        if self._details:
            trace(session, self.note)

    def note(self, event: LoggedEvent) -> None:
        self._clock.note(event)
        shown = in_words(event)
        if shown is not None:
            self._show(shown | ({"why": event.why} if self._details and isinstance(event, events.Decided) else {}))
        if self._details:
            self._note_details(event)

    def _note_details(self, event: LoggedEvent) -> None:
        at = self._clock()
        if not isinstance(event, SILENT) and (line := describe(event)) is not None and " trace: " not in line:
            self._show({"name": "line", "at": round(at, 3), "text": line})
        if (fall := self._falls.note(at, event)) is not None:
            self._show(fall)

    def _words(self) -> TransformPart[Any, Any]:
        """The part directly after the handler, which shows the handler's words so far."""

        def start(context: StreamContext) -> Tap:
            return Tap(lambda text: self._tell_said())

        return TransformPart("words for the page", start)

    def _tell_said(self) -> None:
        reply = this_reply.get().reply
        said, known = reply.said, self._said.get(reply.turn, "")
        if said != known:
            start = len(known) if said.startswith(known) else 0
            self._said = {reply.turn: said}
            self._show({"name": "said", "turn": reply.turn, "from": start, "text": said[start:]})


def in_words(event: LoggedEvent) -> dict[str, object] | None:
    """`event` in the page's format; None if the page does not need it."""
    match event:
        case events.SessionStarted():
            return {"name": "started"}
        case events.Interim():
            return {"name": "interim", "text": event.text}
        case events.Final(words):
            return {"name": "final", "text": "".join(word.text for word in words)}
        case events.SpeechStarted():
            return {"name": "sounds"}
        case events.SpeechStopped():
            return {"name": "quiet"}
        case events.Typed(text):
            return {"name": "typed", "text": text}
        case events.Dtmf(digit):
            return {"name": "pressed", "digit": digit}
        case events.TurnCommitted(turn, text, reason):
            return {"name": "turn", "turn": turn, "text": text, "reason": reason}
        case events.Decided(act, turn):
            return {"name": "decided", "act": act.value, "turn": turn}
        case events.Audible(turn):
            return {"name": "audible", "turn": turn}
        case events.HeardSoFar(turn, said_to):
            return {"name": "heard", "turn": turn, "to": said_to}
        case events.TurnEnded(turn, said, heard, cut):
            return {"name": "ended", "turn": turn, "said": said, "heard": heard, "cut": cut}
        case events.Underrun(turn, samples):
            return {"name": "late", "turn": turn, "samples": samples}
        case events.SttDown():
            return {"name": "deaf"}
        case events.SttUp():
            return {"name": "hears again"}
        case events.Trouble():
            return {"name": "trouble"}
        case events.SessionEnded(why):
            return {"name": "over", "why": why}
    return None
