"""How connections are authorised: with one key for all of them, or a temporary key for each.

    Access("...")                        the same key each time
    Access(mint)                         mint() is asked before each connection; it may be async
    Access(mint, auth="subprotocol")     the browsers' way, where headers don't get through

A key is sent only in the handshake, and never in both of its places.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeAlias

from voicekit.errors import ConfigError
from voicekit.soniox.api.region import ApiKey
from voicekit.soniox.connection.transport import Address

KeySource: TypeAlias = str | Callable[[], str | Awaitable[str]] | None
"""A key, a function that makes one for each connection, or None for the one in SONIOX_API_KEY."""

REMEMBERED: Final = 16
"""Earlier keys that answers in transit may quote."""

Auth: TypeAlias = Literal["header", "subprotocol"]


class Access:
    """A source of keys, and where to send them. ConfigError without a key.

    `mints`: whether each connection has its own key, so that a refused key may be followed by another.
    """

    def __init__(self, key: KeySource = None, auth: Auth = "header") -> None:
        if auth not in ("header", "subprotocol"):
            raise ConfigError(f"Soniox option auth: expected 'header' or 'subprotocol', got {auth!r}")
        self._auth = auth
        self._mint = key if callable(key) else None
        self._key = None if callable(key) else ApiKey.find(key)
        self._known = deque([self._key] if self._key else [], maxlen=REMEMBERED)
        if self._key is not None:
            self._address("", self._key)  # checks early that the key can be a subprotocol

    @property
    def mints(self) -> bool:
        return self._mint is not None

    async def address(self, url: str) -> Address:
        """What to send to `url`; raises what a function that makes keys raises."""
        if self._mint is None:
            assert self._key is not None, "without a function there is a key"
            return self._address(url, self._key)
        made = self._mint()
        self._known.append(ApiKey(await made if inspect.isawaitable(made) else made))
        return self._address(url, self._known[-1])

    def redact(self, text: str) -> str:
        """`text` without the latest keys: every text of the peer passes through this before it is shown or logged."""
        for key in self._known:
            text = key.redact(text)
        return text

    def _address(self, url: str, key: ApiKey) -> Address:
        if self._auth == "header":
            return Address(url, headers=key.headers())
        return Address(url, subprotocols=key.subprotocols())
