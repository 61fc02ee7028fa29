"""What the two realtime servers have in common: the client's key, the server's offer, and the messages to send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from msgspec import Struct

from voicekit.soniox.api.wire import Message, encode
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.refusal import CloseConnection, Refusal

REFUSE_S: Final = 0.3
"""Seconds for which the refusal of a handshake's key waits for the client's first message. If a client is refused
before it has sent anything, its send fails, and it never reads the reason.
"""


@dataclass(frozen=True, slots=True)
class KeptAlive:
    """Event: the client is still connected, but has nothing to send."""


class ServedConnection:
    """One connection from a client. `key` is the key in its handshake, if there was one; `closing` is set when the
    socket should be closed."""

    service: ClassVar[Service]

    def __init__(self, account: Account, key: str | None, now: float, *, offer: Offer | None = None) -> None:
        self.closing: CloseConnection | None = None
        self._account, self._offer = account, offer or Offer()
        self._handshake_key, self._opened_at = key, now
        self._outgoing: list[Message] = []
        judged = None if key is None else self._key(key, now)
        self._refused = judged if isinstance(judged, Refusal) else None
        self.known = isinstance(judged, Key)
        """Whether the client has sent a valid key."""

    def outgoing(self) -> list[Message]:
        """Return the messages to send now; each is returned only once."""
        messages, self._outgoing = self._outgoing, []
        return messages

    def _say(self, response: Struct) -> None:
        self._outgoing.append(encode(response))

    def _admit(self, api_key: str | None, refuse: Callable[[], Refusal | None], now: float) -> Key | Refusal:
        """Return the key of a session or stream that begins now, or the reason why it is refused."""
        secret = self._account.one_key(self._handshake_key, api_key)
        key = secret if isinstance(secret, Refusal) else self._key(secret, now)
        self.known = self.known or isinstance(key, Key)
        return key if isinstance(key, Refusal) else refuse() or self._account.begin(key, self.service, now) or key

    def _key(self, secret: str | None, now: float) -> Key | Refusal:
        return self._account.authenticate(secret, self.service, now)
