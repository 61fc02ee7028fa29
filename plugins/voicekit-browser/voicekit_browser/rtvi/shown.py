"""What an RTVI client sees of its session: each event in RTVI's format.

    caller    user-started-speaking  user-transcription{text final}  user-stopped-speaking
    bot       bot-llm-started bot-llm-text bot-llm-stopped            as the handler says it
              bot-output{spoken_status new}                           what will be spoken
              bot-started-speaking  bot-tts-text, bot-output{in-progress}   as it is heard
              bot-output{completed}  bot-transcription  bot-stopped-speaking
    also      metrics{ttfb}  error{message fatal}

Each reply is one segment; its `segment_id` is the turn's number. Clients of version 1 get other `bot-output`
messages, with `text` and `spoken`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from voicekit import events
from voicekit.contracts import this_reply
from voicekit.flow.transform import StreamContext, Tap, TransformPart
from voicekit_browser.rtvi.messages import write_message
from voicekit_browser.rtvi.wire import RtviWire


class RtviShown:
    """Watches one session. `now` returns the time of day, for the timestamps that clients expect."""

    def __init__(self, wire: RtviWire, now: Callable[[], float], *, details: bool) -> None:
        self._wire = wire
        self._now = now
        self._details = details
        self._post: Callable[[str], object] = _nowhere
        self._said: dict[int, str] = {}
        self._heard: dict[int, int] = {}

    def join(self, session: Any, post: Callable[[str], object]) -> None:
        self._post = post
        session.parts = replace(session.parts, texts=(self._words(), *session.parts.texts))
        session.watch(self.note)

    def note(self, event: events.SessionEvent) -> None:
        match event:
            case events.SpeechStarted():
                self._show("user-started-speaking")
            case events.SpeechStopped():
                self._show("user-stopped-speaking")
            case events.Interim() | events.Final() if event.text:
                self._transcribed(event.text, final=isinstance(event, events.Final))
            case events.Typed(text):
                self._transcribed(text, final=True)
            case events.TurnCommitted(turn):
                self._commit(turn)
            case events.Audible():
                self._show("bot-started-speaking")
            case events.HeardSoFar(turn, said_to):
                self._hear(turn, said_to)
            case events.TurnEnded():
                self._end(event)
            case events.ModelAnswered(_, model, _, first, _) if first is not None:
                self._show("metrics", {"ttfb": [{"processor": "llm", "model": model, "value": round(first, 4)}]})
            case events.Trouble(where, error):
                self._fail(f"{where}: {error}" if self._details else "something went wrong", fatal=False)
            case events.SessionEnded(why, error) if error is not None:
                self._fail(f"{why}: {error}" if self._details else "the call failed", fatal=True)

    def _words(self) -> TransformPart[Any, Any]:
        """The part directly after the handler, which shows the handler's words so far."""

        def start(context: StreamContext) -> Tap:
            return Tap(lambda text: self._say())

        return TransformPart("words for RTVI", start)

    def _say(self) -> None:
        reply = this_reply.get().reply
        known = self._said.get(reply.turn, "")
        if reply.said == known:
            return
        self._said[reply.turn] = reply.said
        if reply.turn in self._heard:  # a speculative reply is shown once it is confirmed
            self._output(reply.turn, "new", reply.said[len(known) :])

    def _commit(self, turn: int) -> None:
        self._heard = {turn: 0}
        self._said = {turn: self._said.get(turn, "")}
        self._show("bot-llm-started")
        if said := self._said[turn]:
            self._output(turn, "new", said)

    def _output(self, turn: int, status: str, text: str) -> None:
        if status == "new":
            self._show("bot-llm-text", {"text": text})
        if self._is_old:
            if status == "new":
                self._show("bot-output", {"text": text, "spoken": False, "aggregated_by": "sentence"})
            return
        said, heard = self._said.get(turn, ""), self._heard.get(turn, 0)
        data: dict[str, object] = {
            "text": text if status == "new" else said,
            "aggregated_by": "sentence",
            "segment_id": str(turn),
            "will_be_spoken": True,
            "spoken_status": status,
        }
        if status != "new":
            data["spoken_progress"] = {"accumulated_text": said[:heard], "remaining_text": said[heard:]}
        self._show("bot-output", data)

    def _hear(self, turn: int, said_to: int) -> None:
        words = self._said.get(turn, "")[self._heard.get(turn, 0) : said_to]
        self._heard[turn] = said_to
        if not words:
            return
        self._show("bot-tts-text", {"text": words})
        if self._is_old:
            self._show("bot-output", {"text": words, "spoken": True, "aggregated_by": "word"})
        else:
            self._output(turn, "in-progress", "")

    def _end(self, ended: events.TurnEnded) -> None:
        self._said[ended.turn], self._heard[ended.turn] = ended.said, len(ended.heard)
        self._show("bot-llm-stopped")
        if not self._is_old:
            self._output(ended.turn, "completed", "")
        self._show("bot-transcription", {"text": ended.heard})
        self._show("bot-stopped-speaking")

    def _transcribed(self, text: str, *, final: bool) -> None:
        stamp = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._show("user-transcription", {"text": text, "final": final, "timestamp": stamp, "user_id": ""})

    def _fail(self, message: str, *, fatal: bool) -> None:
        self._show("error", {"message": message, "error": message, "fatal": fatal})

    @property
    def _is_old(self) -> bool:
        return self._wire.version.startswith("1.")

    def _show(self, kind: str, data: Mapping[str, object] | None = None) -> None:
        self._post(write_message(kind, data))


def _nowhere(message: str) -> None:
    """Drops messages until a session has joined."""
