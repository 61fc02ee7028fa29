"""The exchanges of one call, oldest first: the words that were said, and how much of them was heard.

An exchange is added to the history when its reply has ended, because only then is it known what was heard. Until then
the exchange is open; at most one exchange is open at a time. If there are more than `limit` exchanges, the oldest are
dropped, since a handler needs the latest words most. A question that was put back appears twice: with the reply that
was cut before any of it was heard, and again in the next exchange, together with the words that followed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from voicekit.contracts import Exchange
from voicekit.errors import ConfigError, LocalProtocolError

# The maximum number of exchanges kept: about an hour of lively conversation, which is far more than a model's context
# holds.
LIMIT = 200


class History:
    """A HistoryView that the conductor updates: for each reply, it calls `begin`, then `amend` any number of times,
    then `end`."""

    __slots__ = ("_open", "_over")

    def __init__(self, limit: int = LIMIT) -> None:
        if not isinstance(limit, int) or limit < 1:
            raise ConfigError(f"history limit: expected an integer of at least 1, got {limit!r}")
        self._over: deque[Exchange] = deque(maxlen=limit)
        self._open: Exchange | None = None

    def __len__(self) -> int:
        return len(self._over)

    def __getitem__(self, place: int) -> Exchange:
        return self._over[place]

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self._over))

    @property
    def previous_cut(self) -> bool:
        """Whether the last reply was cut."""
        return bool(self._over) and self._over[-1].cut

    def begin(self, turn: int, user: str, reason: str) -> None:
        """Record the start of reply `turn`, which answers the words `user`. Raises LocalProtocolError if another
        exchange is still open.
        """
        if self._open is not None:
            raise LocalProtocolError(
                f"history: expected the end of turn {self._open.turn}, got the start of turn {turn}"
            )
        self._open = Exchange(turn, user, said="", heard="", cut=False, reason=reason)

    def amend(self, turn: int, text: str) -> None:
        """Correct the caller's words in `turn` to `text`. If the turn is no longer in the history, nothing changes."""
        if self._open is not None and self._open.turn == turn:
            self._open = replace(self._open, user=text)
            return
        for place, exchange in enumerate(self._over):
            if exchange.turn == turn:
                self._over[place] = replace(exchange, user=text)

    def end(self, turn: int, said: str, heard: str, cut: bool) -> Exchange:
        """Record that reply `turn` has ended, and return its exchange. Raises LocalProtocolError if that exchange is
        not open."""
        if self._open is None or self._open.turn != turn:
            expected = "no end, as no turn is open" if self._open is None else f"the end of turn {self._open.turn}"
            raise LocalProtocolError(f"history: expected {expected}, got the end of turn {turn}")
        over = replace(self._open, said=said, heard=heard, cut=cut)
        self._open = None
        self._over.append(over)
        return over
