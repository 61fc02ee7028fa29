"""What the demo prints of its call: lines in the order of their times, and a lost connection as what it is."""

from __future__ import annotations

from voicekit.cli.live import Live
from voicekit.events import Audible, Blocked, SessionEnded, SessionEvent, SttDown, SttUp, TurnEnded


class DemoLive(Live):
    """`Live`, for people who have never seen a call.

    A line that comes while the bot speaks waits for the bot's own, which has the earlier time. What blocks the event
    loop is for developers and is not shown. Once the demo has cut the connection to the recogniser, its loss is shown
    as part of the demo.
    """

    _waiting: tuple[tuple[float, str, str], ...] = ()
    _speaking = False
    _cut: str | None = None

    def cutting(self, server: str) -> None:
        """The connection to the recogniser at `server` is cut now."""
        self._cut = server
        self._line(self._now, " * ", f"the demo cuts its connection to the recogniser ({server}), on purpose")

    def summary(self) -> str:
        self._speaking = False
        self._print_waiting()
        return super().summary()

    def note(self, event: SessionEvent) -> None:
        match event:
            case Blocked():
                return
            case SttDown() if self._cut is not None:
                return  # it has been announced
            case SttUp() if self._cut is not None:
                self._cut = None
                self._line(self._now, " * ", "connected again: what the caller said meanwhile is sent now")
                return
            case _:
                super().note(event)
        if isinstance(event, Audible | TurnEnded | SessionEnded):
            self._speaking = isinstance(event, Audible)
            self._print_waiting()

    def _line(self, at: float, who: str, text: str) -> None:
        self._waiting += ((at, who, text),)
        self._print_waiting()

    def _print_waiting(self) -> None:
        if not self._speaking:
            lines, self._waiting = sorted(self._waiting, key=lambda line: line[0]), ()
            for line in lines:
                super()._line(*line)
