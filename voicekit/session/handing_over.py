"""Transfers a caller once the reply that announces the transfer has been played to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicekit.call.control import check_target
from voicekit.errors import ConfigError, VoicekitError
from voicekit.events import SessionEvent, Transferred, TurnEnded

if TYPE_CHECKING:
    from voicekit.session.session import Session


class HandOvers:
    """Holds each transfer back until the reply that announces it has ended. If the caller interrupts the reply, the
    transfer is dropped."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ordered: tuple[int, str, str | None] | None = None

    def after(self, turn: int, to: str, sorry: str | None) -> None:
        """Transfer the caller to `to` after reply `turn`. Raises ConfigError if the call can't be transferred, or if
        `to` is invalid.
        """
        call = self._session.call
        if call is None or "transfer" not in call.can:
            if call is None:
                have = "no call over a carrier"
            else:
                have = f"one that can {', '.join(sorted(call.can)) or 'do nothing'}"
            raise ConfigError(f"transfer: expected a call whose carrier can transfer it, got {have}")
        self._ordered = turn, check_target(to), sorry

    def follow(self, event: SessionEvent) -> None:
        """Take note of an event in the session."""
        if not isinstance(event, TurnEnded) or self._ordered is None or self._ordered[0] != event.turn:
            return
        (_, to, sorry), self._ordered = self._ordered, None
        if not event.cut:
            self._session.start_soon(self._hand_over, to, sorry)

    async def _hand_over(self, to: str, sorry: str | None) -> None:
        assert self._session.call is not None, "it had one when the order came"
        try:
            await self._session.call.transfer(to)  # after a successful transfer, the call itself reports this and ends
        except VoicekitError as error:
            self._session.report(Transferred(error))
            if sorry is not None:
                await self._session.say(sorry)
