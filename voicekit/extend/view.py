"""What a plugin sees of a session: enough to look, to keep something, to speak and to end, and no more.

The session itself is built above this room, so hooks name it by this protocol.
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
        """Speak without having been asked."""
        ...

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `task(*args)` beside the conversation; it is cancelled with the call; an error in it ends the call."""
        ...

    def end(self, *, graceful: bool = True, why: str = "a plugin ended it") -> None:
        """Order the end of the conversation; a graceful one plays the reply in progress to its end."""
        ...
