"""One-time tokens, which carry signed facts from a webhook's response to the call's socket (pure).

    token = tokens.mint("CA01", {"caller": "+15550001"}, now)      in the path of the socket's address
    facts = tokens.take(token, now)                                once per process, within LIFE_S

Nothing is stored for a token in transit, so the webhook and the socket may reach different processes that share
`secret`. A process accepts a token only once, but another process would accept it again until it is LIFE_S old. `now`
is a Unix timestamp.
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
"""Seconds for which a token is valid; a carrier connects within two or three."""

LONGEST = 2_048
"""The maximum number of characters in a token; longer tokens are refused unread."""

MOST_TAKEN = 10_000
"""The maximum number of tokens remembered as taken: more than the calls that a process can answer in LIFE_S. Beyond
this, no token is accepted.
"""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A signed webhook's facts about a call. The repr shows none of them."""

    call_id: str = field(repr=False)
    facts: Mapping[str, str] = field(repr=False)


class TokenRefused(Exception):
    """The token was not issued by us, is too old, or was used before; the message states which."""


class CallTokens:
    """Creates and accepts tokens. Without a `secret`, one is generated that is valid for this process only."""

    def __init__(self, secret: str | None = None) -> None:
        self._secret = (secret or secrets.token_urlsafe(32)).encode()
        self._taken: dict[str, float] = {}

    def mint(self, call_id: str, facts: Mapping[str, str], now: float) -> str:
        said = {"c": call_id, "f": dict(facts), "e": now + LIFE_S, "n": secrets.token_urlsafe(9)}
        body = urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).rstrip(b"=").decode()
        return f"{body}.{self._sign(body)}"

    def take(self, token: str, now: float) -> CallFacts:
        """The facts in `token`. Raises TokenRefused if it is invalid or has been taken before."""
        body, _, signature = token.partition(".")
        if len(token) > LONGEST or not hmac.compare_digest(
            self._sign(body).encode(), signature.encode("utf-8", "replace")
        ):
            raise TokenRefused("the token is not from this server")
        try:
            said = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            call_id, facts, expires, nonce = str(said["c"]), dict(said["f"]), float(said["e"]), str(said["n"])
        except (ValueError, KeyError, TypeError, Base64Error):
            raise TokenRefused("the token is not from this server") from None
        if now > expires:
            raise TokenRefused(f"the token is older than {LIFE_S:g} s")
        self._taken = {taken: until for taken, until in self._taken.items() if until >= now}
        if nonce in self._taken or len(self._taken) >= MOST_TAKEN:
            raise TokenRefused("taken before")
        self._taken[nonce] = expires
        return CallFacts(call_id, facts)

    def _sign(self, body: str) -> str:
        made = hmac.new(self._secret, body.encode("utf-8", "replace"), hashlib.sha256).digest()
        return urlsafe_b64encode(made).rstrip(b"=").decode()
