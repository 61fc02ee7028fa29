"""Prints a call while it runs: the caller's words as they are recognised, the bot's as they are heard.

      1.64  you  good morning
      2.84  bot  You said: good morning!  (0.82 s)

Each line begins with the time in seconds since the call began. The number in brackets is how long the caller waited,
from the last sound of the question to the first sound of the answer. On a terminal, the words that may still change are
on an extra line, which is overwritten; elsewhere only complete lines are printed.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final, TextIO

import trio

from voicekit import events
from voicekit.cli.terminal import CLEAR, DIM, coloured, columns
from voicekit.events import (
    Audible,
    Blocked,
    Decided,
    HeardSoFar,
    Interim,
    SessionEnded,
    SessionEvent,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    TurnEnded,
    Word,
    joined,
)
from voicekit.session.eventlog import Troubles, describe
from voicekit.session.screen import Screen

if TYPE_CHECKING:
    from voicekit.session.session import Session

BETWEEN: Final = "   "

LONGEST_WAIT: Final = 60.0
"""The longest wait, in seconds, that is shown. A longer or negative wait was not measured on one clock (a file may be
read at any pace).
"""


HELD: Final = 100
"""The maximum number of lines that may wait for the end of a reply."""


class Live:
    """Watches one session: `session.watch(Live(session).note)`."""

    def __init__(
        self,
        session: Session,
        out: TextIO | None = None,
        *,
        terminal: bool | None = None,
        blocked: bool = False,
        begin: str | None = None,
    ) -> None:
        """With `blocked`, tasks that blocked the event loop are shown too. `begin` is printed when the caller may
        speak.
        """
        self._session = session
        self.screen = Screen(out, terminal=terminal)
        self._blocked = blocked
        self._begin = begin
        self.started = False
        self._trouble = Troubles()
        self.waits: list[float] = []
        """The caller's wait for each answer, in seconds."""
        self._began = trio.current_time()
        self._final: tuple[Word, ...] = ()
        self._tail: tuple[Word, ...] = ()
        self._spoken_to: float | None = None  # the end of the caller's last sound, in seconds since the call began
        self._asked: float | None = None  # the end of the question being answered, in seconds since the call began
        self._aside = False  # whether the current words were judged to be a backchannel
        self._heard = ""
        self._audible: float | None = None
        self._wait: float | None = None
        self._drawn = ""
        self._held: list[tuple[float, str]] = []

    def note(self, event: SessionEvent) -> None:
        match event:
            case SessionStarted():
                self.started = True
                self._began = trio.current_time()
                if self._begin is not None:
                    self.screen.show(f"{self._begin}\n")
            case SpeechStopped(at):
                self._spoken_to = at / self._ear_rate()
            case Interim(words):
                self._tail = words
                self._draw()
            case events.Final(words):
                self._note_words(words)
            case TurnCommitted() | Audible() | HeardSoFar() | TurnEnded():
                self._note_reply(event)
            case SpeechStarted():
                self._aside = False
            case Decided(events.TurnAct.RELEASE):
                self._aside = True
                self._note_words(())
            case Blocked() if self._blocked:
                self._line(self._now, " ! ", describe(event) or "")
            case SessionEnded():
                self._flush()
                self._forget()
            case _ if (line := self._trouble(event)) is not None:
                self._line(self._now, " ! ", line)

    def summary(self) -> str:
        """One line that says how quickly the bot answered the caller."""
        if not self.waits:
            return "no question was answered"
        times = "once" if len(self.waits) == 1 else f"{len(self.waits)} times"
        return f"answered {times}, after {median(self.waits):.2f} s (median), {max(self.waits):.2f} s at most"

    def _note_words(self, words: tuple[Word, ...]) -> None:
        self._final, self._tail = self._final + words, ()
        if words:
            self._spoken_to = max(self._spoken_to or 0.0, words[-1].end / self._ear_rate())
        if self._aside and self._final:
            self._line(self._now, "you", f"({joined(self._final)})")
            self._final = ()
        self._draw()

    def _note_reply(self, event: TurnCommitted | Audible | HeardSoFar | TurnEnded) -> None:
        match event:
            case TurnCommitted(_, text, reason):
                self._asked = self._spoken_to if reason == "speech" else self._now if text else None
                self._heard, self._audible, self._wait, self._aside = "", None, None, False
                self._forget()
                if text:
                    self._line(self._now, "you", text)
            case Audible():
                self._audible = self._now
                self._note_wait(self._now)
            case HeardSoFar(_, said_to):
                self._heard = self._session.reply.said[:said_to] if self._session.reply is not None else ""
                self._draw()
            case TurnEnded(_, _, heard, cut):
                self._end_reply(heard, cut)

    def _note_wait(self, audible: float) -> None:
        if self._asked is not None and 0 <= audible - self._asked < LONGEST_WAIT:
            self._wait = audible - self._asked
            self.waits.append(self._wait)

    def _end_reply(self, heard: str, cut: bool) -> None:
        self._heard = ""
        words = " ".join([heard.strip(), "..."] if cut else [heard.strip()]).strip()
        if words:
            waited = "" if self._wait is None else f"  ({self._wait:.2f} s)"
            self._line(self._audible or self._now, "bot", f"{words}{waited}")
        self._audible = None
        self._flush()
        self._draw()

    def _forget(self) -> None:
        self._final = self._tail = ()
        self._draw()

    @property
    def _now(self) -> float:
        return trio.current_time() - self._began

    def _ear_rate(self) -> int:
        """The rate of the listening side's positions, which the transcriber has chosen."""
        parts = self._session.parts
        accepts = getattr(parts.stt, "accepts", None)
        return accepts.rate if accepts is not None else parts.source.produces.rate

    def _line(self, at: float, who: str, text: str) -> None:
        """Print a permanent line. While a reply is heard, lines wait for that reply's own line, which has an earlier
        time.
        """
        self._held.append((at, f"{at:8.2f}  {who}  {text}\n"))
        if self._audible is None or who == "bot" or len(self._held) > HELD:
            self._flush()

    def _flush(self) -> None:
        """Print the lines that were held back, in order of time."""
        clear = CLEAR if self.screen.terminal else ""
        for _, line in sorted(self._held):
            self.screen.show(f"{clear}{line}")
        self._held.clear()
        self._drawn = ""

    def _draw(self) -> None:
        """Draw the words that may still change, on the line below."""
        if not self.screen.terminal:
            return
        said = joined(self._final + self._tail)
        texts = [f"{who}  {text}" for who, text in (("bot", self._heard.strip()), ("you", said)) if text]
        room = max(10, (columns() - 12) // max(1, len(texts)) - len(BETWEEN))
        shown = BETWEEN.join(text if len(text) <= room else f"{text[:5]}…{text[6 - room :]}" for text in texts)
        if shown == self._drawn:
            return
        self._drawn = shown
        self.screen.show(f"{CLEAR}{'':10}{coloured(shown, DIM)}" if shown else CLEAR)
