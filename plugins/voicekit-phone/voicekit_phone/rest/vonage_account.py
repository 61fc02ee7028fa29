"""Vonage's account. Each request has a token, signed with the application's private key; everything else is pure.

Needs the package cryptography for RS256.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from voicekit.errors import ConfigError
from voicekit_phone.reading import text
from voicekit_phone.rest.accounts import Account
from voicekit_phone.rest.order import DialOrder, RestAnswer, RestRequest
from voicekit_phone.vonage import encoded

LIFE_S = 300
"""Seconds for which a token is valid; each request gets a new one."""


class VonageAccount(Account):
    """Vonage: the application's id, and its private key as PEM."""

    name = "vonage"
    can = frozenset({"hang_up", "transfer", "digits", "dial"})
    keys_from = "VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY"

    def __init__(self, user: str, secret: str, *, api: str = "https://api.nexmo.com") -> None:
        super().__init__(user, secret, api=api)

    def headers(self, now: float) -> Mapping[str, str]:
        claims = {"application_id": self._user, "iat": int(now), "exp": int(now) + LIFE_S, "jti": secrets.token_hex(16)}
        return {"authorization": f"Bearer {_signed(self._secret, claims)}"}

    def _call(self, call_id: str) -> str:
        return f"{self._api}/v1/calls/{quote(call_id, safe='')}"

    def hang_up(self, call_id: str) -> RestRequest:
        return RestRequest("PUT", self._call(call_id), json={"action": "hangup"})

    def transfer(self, call_id: str, to: str, via: str) -> RestRequest:
        ncco = [{"action": "connect", "endpoint": [_endpoint(to)]}]
        body = {"action": "transfer", "destination": {"type": "ncco", "ncco": ncco}}
        return RestRequest("PUT", self._call(call_id), json=body)

    def send_digits(self, call_id: str, digits: str) -> RestRequest:
        return RestRequest("PUT", f"{self._call(call_id)}/dtmf", json={"digits": digits.replace("w", "p")})

    def dial(self, order: DialOrder) -> RestRequest:
        body: dict[str, Any] = {"to": [_endpoint(order.to)], "from": _endpoint(order.caller)}
        body |= {"answer_url": [order.answer_url], "answer_method": "POST", "ringing_timer": round(order.ring)}
        body |= {"event_url": [order.news_url], "event_method": "POST"} if order.news_url else {}
        body |= {"length_timer": round(order.limit)} if order.limit is not None else {}
        if order.detect_machine:
            body["advanced_machine_detection"] = {"behavior": "continue", "mode": "detect_beep"}
        return RestRequest("POST", f"{self._api}/v1/calls", json=body)

    def call_id(self, answer: RestAnswer) -> str:
        return text(answer.body, "uuid")

    def code(self, answer: RestAnswer) -> str:
        return text(answer.body, "error_title", "type").rpartition("#")[2]


def _endpoint(to: str) -> dict[str, str]:
    return (
        {"type": "sip", "uri": to} if to.startswith(("sip:", "sips:")) else {"type": "phone", "number": to.lstrip("+")}
    )


def _signed(key: str, claims: Mapping[str, Any]) -> str:
    """A JWT with `claims`, signed by RS256. ConfigError for an invalid key; the error does not quote the key."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, RSAPrivateKey):
        raise ConfigError("vonage: expected the application's private key (PEM, RSA) in VONAGE_PRIVATE_KEY")
    head = encoded(b'{"alg":"RS256","typ":"JWT"}')
    signed = f"{head}.{encoded(json.dumps(claims, separators=(',', ':')).encode())}"
    return f"{signed}.{encoded(private.sign(signed.encode(), PKCS1v15(), SHA256()))}"
