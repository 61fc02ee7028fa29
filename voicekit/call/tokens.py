"""One-time tokens from a webhook's answer to the socket it leads to: what the webhook knew, signed (pure).

    token = tokens.mint("CA01", {"caller": "+15550001"}, now)      in the path of the socket's address
    facts = tokens.take(token, now)                                once per process, within LIFE_S

Nothing is kept in memory for a token that is on its way, so webhook and socket may reach different processes that
share `secret`. A token is refused a second time by the process that took it; another one would take it until it is
LIFE_S old. `now` is the time of day in seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field

LIFE_S = 15.0
"""Seconds: a carrier connects within two or three."""

LONGEST = 2_048
"""Characters of a token; longer ones are not looked at."""

MOST_TAKEN = 10_000
"""Tokens remembered as taken: more than a process can answer in LIFE_S. Beyond it no token is taken."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a signed webhook said of a call. The repr shows nothing of it."""

    call_id: str = field(repr=False)
    facts: Mapping[str, str] = field(repr=False)


class TokenRefused(Exception):
    """Not a token of ours, too old, or taken before; the text says which."""


class CallTokens:
    """Makes and takes tokens. Without a `secret` one is made, good for this process alone."""

    def __init__(self, secret: str | None = None) -> None:
        self._secret = (secret or secrets.token_urlsafe(32)).encode()
        self._taken: dict[str, float] = {}

    def mint(self, call_id: str, facts: Mapping[str, str], now: float) -> str:
        said = {"c": call_id, "f": dict(facts), "e": now + LIFE_S, "n": secrets.token_urlsafe(9)}
        body = urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).rstrip(b"=").decode()
        return f"{body}.{self._sign(body)}"

    def take(self, token: str, now: float) -> CallFacts:
        """What is in `token`; raises TokenRefused. A second time it is refused."""
        body, _, signature = token.partition(".")
        if len(token) > LONGEST or not hmac.compare_digest(
            self._sign(body).encode(), signature.encode("utf-8", "replace")
        ):
            raise TokenRefused("not a token from this server")
        try:
            said = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            call_id, facts, expires, nonce = str(said["c"]), dict(said["f"]), float(said["e"]), str(said["n"])
        except (ValueError, KeyError, TypeError, Base64Error):
            raise TokenRefused("not a token from this server") from None
        if now > expires:
            raise TokenRefused(f"token older than {LIFE_S:g} s")
        self._taken = {taken: until for taken, until in self._taken.items() if until >= now}
        if nonce in self._taken or len(self._taken) >= MOST_TAKEN:
            raise TokenRefused("taken before")
        self._taken[nonce] = expires
        return CallFacts(call_id, facts)

    def _sign(self, body: str) -> str:
        made = hmac.new(self._secret, body.encode("utf-8", "replace"), hashlib.sha256).digest()
        return urlsafe_b64encode(made).rstrip(b"=").decode()
