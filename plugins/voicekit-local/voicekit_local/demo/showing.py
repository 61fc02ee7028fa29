"""The demo's output about its call: the same as for any call, plus an explanation of the lost connection."""

from __future__ import annotations

from voicekit.cli.live import Live
from voicekit.events import SessionEvent, SttDown, SttUp


class DemoLive(Live):
    """Like `Live`, but for people who have never seen such a call.

    If the demo itself has cut the connection to the recogniser, the loss is shown as part of the demo.
    """

    _cut: str | None = None

    def cutting(self, server: str) -> None:
        """Announce that the connection to the recogniser at `server` is about to be cut."""
        self._cut = server
        self._line(self._now, " * ", f"the demo cuts its connection to the recogniser ({server}), on purpose")

    def summary(self) -> str:
        self._flush()  # prints the lines that were waiting for a reply that never ended
        return super().summary()

    def note(self, event: SessionEvent) -> None:
        match event:
            case SttDown() if self._cut is not None:
                return  # already announced
            case SttUp() if self._cut is not None:
                self._cut = None
                self._line(self._now, " * ", "connected again: what the caller said meanwhile is sent now")
            case _:
                super().note(event)
