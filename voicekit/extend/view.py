"""What a plugin sees of a session: just enough to observe it, to store data, to speak and to end the session.

This package does not import the session's class, so hooks use this protocol as the session's type.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from voicekit.contracts import HistoryView, Stash
    from voicekit.turn.policy import Policy


class SessionView(Protocol):
    """One conversation, as hooks see it."""

    policy: Policy
    """May be replaced in `voicekit_session`; later changes have no effect."""

    @property
    def stash(self) -> Stash: ...
    @property
    def history(self) -> HistoryView: ...

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        """Speak `text` without waiting for the caller to say something."""
        ...

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `task(*args)` beside the conversation; it is cancelled when the call ends, and an error in it ends the
        call.
        """
        ...

    def end(self, *, graceful: bool = True, why: str = "a plugin ended it") -> None:
        """Request the end of the conversation. If `graceful`, the current reply is played to its end first."""
        ...
