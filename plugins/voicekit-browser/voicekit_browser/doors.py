"""Decides who may talk, by the page's origin and a token; a password can be exchanged for a token (pure).

    open        no login: allowed only if no other computer can reach the server
    password    POST browser/token {"password": ...} -> {"token": ...}
    tokens      the user's own backend calls `mint_token(secret, ...)` after its own login

A token is valid for 15 s and for one call; each process accepts it once. A client sends it in its first message on the
socket, except for RTVI's clients, which put it into the socket's address.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from voicekit.call.tokens import CallFacts, CallTokens, TokenRefused
from voicekit.call.transport import Site
from voicekit.errors import ConfigError

DoorKind: TypeAlias = Literal["open", "password", "tokens"]

FOR = "for"
BROWSER = "browser"
"""The purpose stated in a token, so that a token made for a carrier's socket does not admit a browser."""

TRIES = 5
"""After this many wrong passwords in TRIES_S, no password is checked. All visitors share this limit, since an attacker
can easily change addresses.
"""

TRIES_S = 60.0

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def mint_token(
    secret: str, *, caller: str = "", facts: Mapping[str, str] | None = None, now: Callable[[], float] = time.time
) -> str:
    """A token for one call by a visitor whom your own backend has admitted.

    `secret` is the server's VOICEKIT_SECRET. The bot finds `caller` and `facts` in `call.info`, as signed facts. Raises
    ConfigError if `secret` is empty.
    """
    if not secret:
        raise ConfigError("mint_token: expected the server's VOICEKIT_SECRET, got nothing")
    known = {**(facts or {}), **({"caller": caller} if caller else {}), FOR: BROWSER}
    return CallTokens(secret).mint(secrets.token_urlsafe(9), known, now())


@dataclass(slots=True)
class Door:
    """What a site requires of its visitors; `is_foreign` and `enter` are called for each visitor."""

    kind: DoorKind
    home: str
    origins: frozenset[str]
    password: str = field(default="", repr=False)
    _tries: list[float] = field(default_factory=list, repr=False)

    def is_foreign(self, headers: Mapping[str, str]) -> bool:
        """Whether a socket comes from a page of another origin. If the door is open, a socket that states no origin
        counts as foreign too.
        """
        origin = headers.get("origin")
        if origin is None:
            return self.kind == "open"
        return origin.lower() not in self.origins

    def buys(self, password: str, site: Site) -> str | None:
        """A token for the right password; None for a wrong one, and for any password after too many wrong ones."""
        now = site.now()
        self._tries = [at for at in self._tries if at > now - TRIES_S]
        if self.kind != "password" or len(self._tries) >= TRIES:
            return None
        if not compare_digest(password.encode("utf-8", "replace"), self.password.encode()):
            self._tries.append(now)
            return None
        return site.tokens.mint(secrets.token_urlsafe(9), {FOR: BROWSER}, now)

    def enter(self, token: str, site: Site) -> CallFacts | None:
        """The facts about the caller in `token`; None if the door is open. Raises TokenRefused for an invalid token."""
        if self.kind == "open":
            return None
        taken = site.tokens.take(token, site.now())
        if taken.facts.get(FOR) != BROWSER:
            raise TokenRefused("the token is not for a browser")
        return CallFacts(taken.call_id, {name: value for name, value in taken.facts.items() if name != FOR})


def door_for(site: Site, *, password: str, tokens: bool, origins: Sequence[str]) -> Door:
    """The door of a site. Raises ConfigError if other computers could enter without a login."""
    home = site.address("/")
    if not password and not tokens and not site.is_local:
        raise ConfigError(
            "transport browser: expected --page-password or tokens from your own backend "
            "(browser:tokens=yes), because other computers "
            "can reach the page, and you would pay for their calls"
        )
    kind: DoorKind = "tokens" if tokens else "password" if password else "open"
    parts = urlsplit(home)
    own = {f"{parts.scheme}://{parts.netloc}".lower()}
    if site.is_local:
        port = "" if parts.port is None else f":{parts.port}"
        own |= {f"{parts.scheme}://{host}{port}" for host in LOOPBACK_HOSTS}
    return Door(kind, home, frozenset(own | {_origin(origin) for origin in origins}), password)


def _origin(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
        raise ConfigError(f"origins: expected an origin such as https://app.example, got {given!r}")
    return f"{parts.scheme}://{parts.netloc}".lower()
