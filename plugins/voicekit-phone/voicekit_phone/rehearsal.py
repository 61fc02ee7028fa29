"""A carrier's call, simulated to test a whole server: the signed webhook, the upgrade, and the carrier's end of the
socket.

    first = FirstContact("twilio")
    site = CallSite(answer, [transport := first.transport()], public_url=PUBLIC, now=now)
    rung = await first.ring(site, transport, script)        in virtual time; returns when the call is over

Secrets, numbers and ids are made up, and are the same each time.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import unescape

import trio

from voicekit.call.peer import Dialect, Peer
from voicekit.call.transport import Site, SocketRoute, Transport, Webhook, WebhookAnswer, WebhookRoute
from voicekit.testing import PhoneLine, Script, ScriptedCarrier
from voicekit.testing.phone_call import carrier_of, dial
from voicekit.testing.upgrade import MemoryUpgrade
from voicekit_phone import genesys, plivo, transports, twilio, vonage

PUBLIC = "https://bot.example"
CALLER = "+15550001111"
CALLED = "+15550002222"
TOKEN = "a-token-for-rehearsals"
SECRET = b64encode(b"a-secret-for-rehearsals-of-calls").decode("ascii")
FORM = "application/x-www-form-urlencoded"
CLASSES = {"signalwire": "SignalWire"}
UNANNOUNCED = ("exotel", "genesys")
"""The carriers whose sockets come without a webhook."""


@dataclass
class Rung:
    """The result of a call: the webhook's answer, the upgrade's status (101 if accepted), and the simulated carrier."""

    answer: WebhookAnswer | None = None
    status: int | None = None
    carrier: ScriptedCarrier | None = None
    token: str = field(default="", repr=False)


class FirstContact:
    """A call from the carrier called `name` to a server at `public_url`."""

    def __init__(self, name: str, call: str = "call-1", *, public_url: str = PUBLIC) -> None:
        self.name = name
        self.call = call
        self._public = public_url
        self._made: Any = getattr(transports, CLASSES.get(name, name.capitalize()))

    def transport(self) -> Transport:
        """The carrier's transport, with an account if the carrier has a REST API."""
        match self.name:
            case "twilio" | "plivo" | "vobiz":
                made: Transport = self._made(TOKEN, account="AC0001")
            case "signalwire":
                made = self._made(TOKEN, project="P0001", token=TOKEN, api="https://space.example")
            case "telnyx":
                made = self._made(telnyx_key()[1], api_key=TOKEN)
            case "vonage":
                made = self._made(SECRET, application="A0001", private_key=_private_key())
            case "genesys":
                made = self._made(TOKEN, SECRET)
            case _:
                made = self._made(TOKEN)
        return made

    @property
    def dialect(self) -> Dialect:
        found: Dialect = self._made.dialect
        return found

    def peer(self) -> Peer:
        """The carrier's end of the socket, with the id of this call."""
        make: Any = self.dialect.peer
        names = {"vonage": {}, "genesys": {"conversation": self.call}}
        made: Peer = make(**names.get(self.name, {"call": self.call}))
        return made

    def webhook(self, now: float, *, caller: str = CALLER, called: str = CALLED) -> Webhook | None:
        """The signed announcement of the call; None for a carrier that opens the socket without an announcement."""
        if self.name in UNANNOUNCED:
            return None
        url = f"{self._public}{self._path('voice')}"
        if self.name in ("vonage", "jambonz"):
            ids = {"uuid": self.call} if self.name == "vonage" else {"call_sid": self.call}
            body = json.dumps({"from": caller, "to": called, **ids}).encode()
            headers = self._signed(url, body, [], now) | {"content-type": "application/json"}
            return Webhook("POST", url, headers, body, [])
        id_name = "CallUUID" if self.name in ("plivo", "vobiz") else "CallSid"
        form = [(id_name, self.call), ("From", caller), ("To", called)]
        body = urlencode(form).encode()
        return Webhook("POST", url, self._signed(url, body, form, now) | {"content-type": FORM}, body, form)

    def _path(self, what: str) -> str:
        return f"/{self.name}/{TOKEN}/{what}" if self.name == "cloudonix" else f"/{self.name}/{what}"

    def _signed(self, url: str, body: bytes, form: list[tuple[str, str]], now: float) -> dict[str, str]:
        nonce = f"{self.name}-{self.call}-{now}"
        match self.name:
            case "twilio" | "cloudonix":
                return {"x-twilio-signature": twilio.signature(TOKEN, url, form)}
            case "signalwire":
                return {"x-signalwire-signature": twilio.signature(TOKEN, url, form)}
            case "plivo" | "vobiz":
                signature = plivo.signature(TOKEN, nonce, "POST", url, form)
                return {"x-plivo-signature-v3": signature, "x-plivo-signature-v3-nonce": nonce}
            case "telnyx":
                stamp = str(int(now))
                signed = b64encode(telnyx_key()[0].sign(stamp.encode() + b"|" + body)).decode("ascii")
                return {"telnyx-signature-ed25519": signed, "telnyx-timestamp": stamp}
            case "vonage":
                claims = {"iat": int(now), "jti": nonce, "payload_hash": hashlib.sha256(body).hexdigest()}
                return {"authorization": f"Bearer {vonage.token(SECRET, claims)}"}
            case _:
                return {"authorization": "Basic " + b64encode(f"jambonz:{TOKEN}".encode()).decode("ascii")}

    def upgrade(self, answer: WebhookAnswer | None, now: float) -> tuple[str, dict[str, str]]:
        """The address that the carrier uses for the call's socket, and the headers of its handshake."""
        public = self._public.replace("http", "ws", 1)
        if self.name == "exotel":
            return f"{public}/exotel/media/{TOKEN}", {}
        if self.name == "genesys":
            names = {"organization": "o1", "session": "5d0c", "correlation": "c1"}
            headers = {f"audiohook-{name}-id": value for name, value in names.items()}
            headers |= {"host": urlsplit(public).netloc, "x-api-key": TOKEN}
            nonce = f"{self.call}-{now}".ljust(22, "n")
            genesys.sign(SECRET, headers, "/genesys/media", created=int(now), nonce=nonce)
            return f"{public}/genesys/media", headers
        found = socket_address(answer)
        if found is None:
            raise ValueError(f"{self.name}: expected an answer with the address of a socket, got one without")
        return found, {}

    async def ring(
        self, site: Site, transport: Transport, script: Script, line: PhoneLine | None = None, **numbers: str
    ) -> Rung:
        """Call `site` through `transport`, with `script` as the caller. Returns when the call is over or refused."""
        line = line if line is not None else PhoneLine(transport=self.dialect)
        routes = transport.routes(site)
        rung = Rung()
        request = self.webhook(site.now(), **numbers)
        if request is not None:
            path = self._path("voice")
            answering = next(route for route in routes if isinstance(route, WebhookRoute) and route.path == path)
            rung.answer = await answering.answer(request)
            if socket_address(rung.answer) is None:
                return rung
        url, headers = self.upgrade(rung.answer, site.now())
        media = next(route for route in routes if isinstance(route, SocketRoute))
        rung.token = url.rpartition("/")[2] if "{token}" in media.path else ""
        rung.carrier = carrier = carrier_of(line, replace(self.dialect, peer=self.peer))
        upgrade = MemoryUpgrade(carrier.stream, url, headers=headers, parameters={"token": rung.token})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(media.handle, upgrade)
            await upgrade.answered.wait()
            rung.status = upgrade.status
            if upgrade.status == 101:
                await dial(carrier, line, self.dialect, script)
        return rung


def socket_address(answer: WebhookAnswer | None) -> str | None:
    """The address of the socket in a webhook's answer; None if the answer names no socket."""
    found = re.search(r"wss?://[^\"'<>\s]+", "" if answer is None else answer.body)
    return None if found is None else unescape(found[0])


@cache
def telnyx_key() -> tuple[Any, str]:
    """A private key for Telnyx's signatures, and its public key in base64. Needs the package cryptography."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    return key, b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode("ascii")


@cache
def _private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
