"""Authorises connections: with one key for all of them, or with a temporary key for each.

    Access("...")                        the same key each time
    Access(mint)                         mint() makes a key before each connection; it may be async
    Access(mint, auth="subprotocol")     as browsers do, if headers can't be sent

A key is sent only in the handshake: in a header, or as a subprotocol, but never both.
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
"""A key, a function that makes a key for each connection, or None for the key in SONIOX_API_KEY."""

REMEMBERED: Final = 16
"""How many earlier keys are remembered, since answers in transit may quote them."""

Auth: TypeAlias = Literal["header", "subprotocol"]


class Access:
    """Provides keys, and determines where in the handshake they are sent. Raises ConfigError if there is no key.

    `mints` is True if each connection gets a new key. In that case, another attempt may succeed after a key was
    refused.
    """

    def __init__(self, key: KeySource = None, auth: Auth = "header") -> None:
        if auth not in ("header", "subprotocol"):
            raise ConfigError(f"Soniox option auth: expected 'header' or 'subprotocol', got {auth!r}")
        self._auth = auth
        self._mint = key if callable(key) else None
        self._key = None if callable(key) else ApiKey.find(key)
        self._known = deque([self._key] if self._key else [], maxlen=REMEMBERED)
        if self._key is not None:
            self._address("", self._key)  # checks early that the key can be sent as a subprotocol

    @property
    def mints(self) -> bool:
        return self._mint is not None

    async def address(self, url: str) -> Address:
        """Return the Address for `url`, with a key for the handshake. If the key comes from a function, the function's
        errors are raised unchanged."""
        if self._mint is None:
            assert self._key is not None, "without a function there is a key"
            return self._address(url, self._key)
        made = self._mint()
        self._known.append(ApiKey(await made if inspect.isawaitable(made) else made))
        return self._address(url, self._known[-1])

    def redact(self, text: str) -> str:
        """`text` with the latest keys removed. All text from the peer passes through this method before it is shown or
        logged."""
        for key in self._known:
            text = key.redact(text)
        return text

    def _address(self, url: str, key: ApiKey) -> Address:
        if self._auth == "header":
            return Address(url, headers=key.headers())
        return Address(url, subprotocols=key.subprotocols())
