"""What both realtime roles have in common: who the client is, what the server offers, and what is to be sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from msgspec import Struct

from voicekit.soniox.api.wire import Message, encode
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.refusal import CloseConnection, Refusal


@dataclass(frozen=True, slots=True)
class KeptAlive:
    """The client is there, with nothing to send."""


class ServedConnection:
    """One connection whose handshake brought `key`, if any; `closing` is set when the socket is to be closed."""

    service: ClassVar[Service]

    def __init__(self, account: Account, key: str | None, now: float, *, offer: Offer | None = None) -> None:
        self.closing: CloseConnection | None = None
        self._account, self._offer = account, offer or Offer()
        self._handshake_key, self._opened_at = key, now
        self._outgoing: list[Message] = []

    def outgoing(self) -> list[Message]:
        """What is to be sent now, each message once."""
        messages, self._outgoing = self._outgoing, []
        return messages

    def _say(self, response: Struct) -> None:
        self._outgoing.append(encode(response))

    def _known(self, now: float) -> Refusal | None:
        """Why the handshake's key is refused; None for a good one, and where a message may still bring it."""
        key = None if self._handshake_key is None else self._key(self._handshake_key, now)
        return key if isinstance(key, Refusal) else None

    def _admit(self, api_key: str | None, refuse: Callable[[], Refusal | None], now: float) -> Key | Refusal:
        """The key of a session or stream that has begun herewith, or why it is refused."""
        secret = self._account.one_key(self._handshake_key, api_key)
        key = secret if isinstance(secret, Refusal) else self._key(secret, now)
        return key if isinstance(key, Refusal) else refuse() or self._account.begin(key, self.service, now) or key

    def _key(self, secret: str | None, now: float) -> Key | Refusal:
        return self._account.authenticate(secret, self.service, now)
