"""What a carrier sends before its socket, for tests of a whole server: signed webhooks and upgrades, with test secrets.

first = FirstContact("twilio")
site = CallSite(answer, [first.transport()], public_url=PUBLIC)
answered = await route.answer(first.webhook(now))        None for a carrier without webhooks
url, headers = first.upgrade(answered, now)              where its socket comes, and with which headers
peer = first.peer()
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import unescape

from voicekit.call.peer import Dialect, Peer
from voicekit.call.transport import Transport, Webhook, WebhookAnswer
from voicekit_phone import genesys, plivo, transports, twilio, vonage

PUBLIC = "https://bot.example"
CALLER = "+15550001111"
CALLED = "+15550002222"
TOKEN = "a-token-for-rehearsals"
SECRET = b64encode(b"a-secret-for-rehearsals-of-calls").decode("ascii")
FORM = "application/x-www-form-urlencoded"


class FirstContact:
    """One call of the carrier `name`, as it comes to a server."""

    def __init__(self, name: str, call: str = "call-1", *, public_url: str = PUBLIC) -> None:
        self.name = name
        self.call = call
        self._public = public_url

    def transport(self, **options: Any) -> Transport:
        """The carrier's transport with the secrets of these tests."""
        match self.name:
            case "telnyx":
                return transports.Telnyx(_telnyx_key()[1])
            case "vonage":
                return transports.Vonage(SECRET)
            case "genesys":
                return transports.Genesys(TOKEN, SECRET)
            case name:
                made: Transport = getattr(transports, name.capitalize())(TOKEN)
                return made

    @property
    def dialect(self) -> Dialect:
        found: Dialect = getattr(transports, self.name.capitalize()).dialect
        return found

    def peer(self) -> Peer:
        """The far end of the socket; it says the id of this call."""
        make: Any = self.dialect.peer
        match self.name:
            case "vonage":
                made: Peer = make()  # the id of a call comes with its webhook alone
            case "genesys":
                made = make(conversation=self.call)
            case _:
                made = make(call=self.call)
        return made

    def webhook(self, now: float, *, caller: str = CALLER, called: str = CALLED) -> Webhook | None:
        """The signed announcement of the call; None for a carrier whose socket comes unannounced."""
        url = f"{self._public}/{self.name}/voice"
        if self.name in ("genesys", "exotel"):
            return None
        if self.name in ("vonage", "jambonz"):
            ids = {"uuid": self.call} if self.name == "vonage" else {"call_sid": self.call}
            body = json.dumps({"from": caller, "to": called, **ids}).encode()
            return Webhook(
                "POST", url, self._signed(url, body, [], now) | {"content-type": "application/json"}, body, []
            )
        form = [
            ("CallUUID" if self.name in ("plivo", "vobiz") else "CallSid", self.call),
            ("From", caller),
            ("To", called),
        ]
        body = urlencode(form).encode()
        return Webhook("POST", url, self._signed(url, body, form, now) | {"content-type": FORM}, body, form)

    def _signed(self, url: str, body: bytes, form: list[tuple[str, str]], now: float) -> dict[str, str]:
        nonce = f"{self.name}-{self.call}-{now}"
        match self.name:
            case "twilio":
                return {"x-twilio-signature": twilio.signature(TOKEN, url, form)}
            case "plivo" | "vobiz":
                signature = plivo.signature(TOKEN, nonce, "POST", url, form)
                return {"x-plivo-signature-v3": signature, "x-plivo-signature-v3-nonce": nonce}
            case "telnyx":
                stamp = str(int(now))
                signed = b64encode(_telnyx_key()[0].sign(stamp.encode() + b"|" + body)).decode("ascii")
                return {"telnyx-signature-ed25519": signed, "telnyx-timestamp": stamp}
            case "vonage":
                return {"authorization": f"Bearer {vonage.token(SECRET, _claims(body, nonce, now))}"}
            case _:
                return {"authorization": "Basic " + b64encode(f"jambonz:{TOKEN}".encode()).decode("ascii")}

    def upgrade(self, answer: WebhookAnswer | None, now: float) -> tuple[str, dict[str, str]]:
        """The address of the call's socket, as the carrier calls it, and the headers of its handshake."""
        public = self._public.replace("http", "ws", 1)
        if self.name == "exotel":
            return f"{public}/exotel/media/{TOKEN}", {}
        if self.name == "genesys":
            headers = {
                "host": urlsplit(public).netloc,
                "audiohook-organization-id": "o1",
                "audiohook-session-id": "5d0c",
                "audiohook-correlation-id": "c1",
                "x-api-key": TOKEN,
            }
            nonce = f"{self.call}-{now}".ljust(22, "n")
            genesys.sign(SECRET, headers, "/genesys/media", created=int(now), nonce=nonce)
            return f"{public}/genesys/media", headers
        found = re.search(r"wss?://[^\"'<>\s]+", "" if answer is None else answer.body)
        if found is None:
            raise ValueError(f"{self.name}: expected an answer with the address of a socket, got one without")
        return unescape(found[0]), {}


def is_busy(answer: WebhookAnswer) -> bool:
    """Whether `answer` leads to no socket."""
    return "ws://" not in answer.body and "wss://" not in answer.body


def _claims(body: bytes, nonce: str, now: float) -> dict[str, object]:
    import hashlib

    return {"iat": int(now), "jti": nonce, "payload_hash": hashlib.sha256(body).hexdigest()}


def _telnyx_key() -> tuple[Any, str]:
    """Telnyx's key, and the public part in base64. Needs the package cryptography."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    return key, b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode("ascii")
