"""The carriers as transports of a server: their webhooks, checked, and the sockets that their answers lead to.

    POST /twilio/voice            signed by Twilio -> TwiML with a one-time token in the socket's path
    GET  /twilio/media/TOKEN      the upgrade: the token once, within 15 s, for the call that it was made for

A request that is not signed, or signed by another, is refused with 403 before any session exists. When no call can be
let in, the answer is the carrier's own way to say busy. Tokens and keys come from the environment or as arguments.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from hmac import compare_digest
from urllib.parse import parse_qsl, urlsplit

from voicekit.audio.format import PCM16K
from voicekit.call.peer import Dialect
from voicekit.call.tokens import CallFacts, TokenRefused
from voicekit.call.transport import Route, Site, SocketRoute, Upgrade, Webhook, WebhookAnswer, WebhookRoute
from voicekit.call.wire import Wire
from voicekit.errors import ConfigError
from voicekit_phone import genesys, jambonz, plivo, telnyx, twilio, vonage
from voicekit_phone.exotel import ExotelPeer, ExotelWire

XML = "text/xml"
JSON = "application/json"
MOST_NONCES = 10_000


def _secret(given: str | None, variable: str, transport: str) -> str:
    value = given or os.environ.get(variable)
    if not value:
        raise ConfigError(f"transport {transport}: expected its secret in {variable}, got none")
    return value


class WebhookTransport:
    """What carriers share whose webhook leads to a socket: the check, the token, the busy answer, the media route."""

    name = "webhook"
    content_type = XML
    methods: tuple[str, ...] = ("POST",)
    subprotocol: str | None = None

    def make_wire(self) -> Wire:
        raise NotImplementedError

    def is_signed(self, request: Webhook, site: Site) -> bool:
        raise NotImplementedError

    def facts(self, request: Webhook) -> CallFacts:
        """What the request says of the call."""
        raise NotImplementedError

    def connect(self, url: str) -> str:
        raise NotImplementedError

    def busy(self) -> str:
        raise NotImplementedError

    def routes(self, site: Site) -> Sequence[Route]:
        async def answer(request: Webhook) -> WebhookAnswer:
            if not self.is_signed(request, site):
                return WebhookAnswer("this request is not signed by the carrier", status=403)
            if not site.ready:
                return WebhookAnswer(self.busy(), self.content_type)
            facts = self.facts(request)
            token = site.tokens.mint(facts.call_id, facts.facts, site.now())
            url = site.address(f"/{self.name}/media/{token}", scheme="wss")
            return WebhookAnswer(self.connect(url), self.content_type)

        async def media(upgrade: Upgrade) -> None:
            try:
                facts = site.tokens.take(upgrade.parameters["token"], site.now())
            except TokenRefused:
                await upgrade.refuse(403)
                return
            await site.hold(upgrade, self.make_wire(), facts, subprotocol=self.subprotocol)

        return [
            WebhookRoute(f"/{self.name}/voice", answer, self.methods),
            SocketRoute(f"/{self.name}/media/{{token}}", media),
        ]


def _of(request: Webhook, call_id: str, **named: str) -> CallFacts:
    """The call's id, and those of the fields `named` that are there."""
    known = {name: value for name, key in named.items() if (value := request.field(key))}
    return CallFacts(request.field(call_id), known)


class Twilio(WebhookTransport):
    """Twilio: `token` or TWILIO_AUTH_TOKEN checks its signatures."""

    name = "twilio"
    dialect = Dialect(twilio.TwilioWire, twilio.TwilioPeer, twilio.MULAW)

    def __init__(self, token: str | None = None) -> None:
        self._token = _secret(token, "TWILIO_AUTH_TOKEN", self.name)

    def make_wire(self) -> Wire:
        return twilio.TwilioWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        header = request.headers.get("x-twilio-signature", "")
        return twilio.is_signed(self._token, header, request.url, request.form, request.body)

    def facts(self, request: Webhook) -> CallFacts:
        return _of(request, "CallSid", caller="From", called="To")

    def connect(self, url: str) -> str:
        return twilio.connect_twiml(url)

    def busy(self) -> str:
        return twilio.busy_twiml()


class Telnyx(WebhookTransport):
    """Telnyx with TeXML: `public_key` or TELNYX_PUBLIC_KEY checks its signatures."""

    name = "telnyx"
    dialect = Dialect(telnyx.TelnyxWire, telnyx.TelnyxPeer, twilio.MULAW)

    def __init__(self, public_key: str | None = None, *, codec: str = "PCMU") -> None:
        self._key = _secret(public_key, "TELNYX_PUBLIC_KEY", self.name)
        self._codec = codec

    def make_wire(self) -> Wire:
        return telnyx.TelnyxWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        signature = request.headers.get("telnyx-signature-ed25519", "")
        stamp = request.headers.get("telnyx-timestamp", "")
        return telnyx.is_signed(self._key, signature, stamp, request.body, site.now())

    def facts(self, request: Webhook) -> CallFacts:
        return _of(request, "CallSid", caller="From", called="To")

    def connect(self, url: str) -> str:
        return telnyx.stream_texml(url, codec=self._codec)

    def busy(self) -> str:
        return twilio.busy_twiml()  # TeXML has the same verb


class Plivo(WebhookTransport):
    """Plivo: `token` or PLIVO_AUTH_TOKEN checks its signatures."""

    name = "plivo"
    dialect = Dialect(plivo.PlivoWire, plivo.PlivoPeer, PCM16K)
    variable = "PLIVO_AUTH_TOKEN"

    def __init__(self, token: str | None = None) -> None:
        self._token = _secret(token, self.variable, self.name)

    def make_wire(self) -> Wire:
        return plivo.PlivoWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        header = request.headers.get("x-plivo-signature-v3", "")
        nonce = request.headers.get("x-plivo-signature-v3-nonce", "")
        return plivo.is_signed(self._token, header, nonce, request.method, request.url, request.form)

    def facts(self, request: Webhook) -> CallFacts:
        return _of(request, "CallUUID", caller="From", called="To")

    def connect(self, url: str) -> str:
        return plivo.stream_xml(url)

    def busy(self) -> str:
        return plivo.busy_xml()


class Vobiz(Plivo):
    """Vobiz, with Plivo's messages: `token` or VOBIZ_AUTH_TOKEN checks its signatures."""

    name = "vobiz"
    dialect = Dialect(plivo.VobizWire, plivo.PlivoPeer, PCM16K)
    variable = "VOBIZ_AUTH_TOKEN"

    def make_wire(self) -> Wire:
        return plivo.VobizWire()


class Vonage(WebhookTransport):
    """Vonage: `secret` or VONAGE_SIGNATURE_SECRET checks its signed webhooks, each of which counts once."""

    name = "vonage"
    dialect = Dialect(vonage.VonageWire, vonage.VonagePeer, PCM16K)
    content_type = JSON
    methods = ("GET", "POST")

    def __init__(self, secret: str | None = None) -> None:
        self._secret = _secret(secret, "VONAGE_SIGNATURE_SECRET", self.name)
        self._seen = Once(vonage.OLD_S)

    def make_wire(self) -> Wire:
        return vonage.VonageWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        claims = vonage.claims_of(self._secret, request.headers.get("authorization", ""), request.body, site.now())
        return claims is not None and self._seen.first(str(claims.get("jti", "")), site.now())

    def facts(self, request: Webhook) -> CallFacts:
        said = dict(parse_qsl(urlsplit(request.url).query)) if request.method == "GET" else _json(request.body)
        known = {ours: said[theirs] for ours, theirs in (("caller", "from"), ("called", "to")) if said.get(theirs)}
        return CallFacts(said.get("uuid", ""), known)

    def connect(self, url: str) -> str:
        return vonage.connect_ncco(url)

    def busy(self) -> str:
        return vonage.busy_ncco()


class Jambonz(WebhookTransport):
    """jambonz: `token` or JAMBONZ_WEBHOOK_TOKEN is the password of its webhook's basic authentication."""

    name = "jambonz"
    dialect = Dialect(jambonz.JambonzWire, jambonz.JambonzPeer, PCM16K)
    content_type = JSON
    subprotocol = jambonz.SUBPROTOCOL

    def __init__(self, token: str | None = None) -> None:
        self._token = _secret(token, "JAMBONZ_WEBHOOK_TOKEN", self.name)

    def make_wire(self) -> Wire:
        return jambonz.JambonzWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        return has_password(request.headers.get("authorization", ""), self._token)

    def facts(self, request: Webhook) -> CallFacts:
        said = _json(request.body)
        known = {ours: said[theirs] for ours, theirs in (("caller", "from"), ("called", "to")) if said.get(theirs)}
        return CallFacts(said.get("call_sid", "") or said.get("callSid", ""), known)

    def connect(self, url: str) -> str:
        return jambonz.listen_verbs(url)

    def busy(self) -> str:
        return jambonz.busy_verbs()


class Exotel:
    """Exotel: nothing is signed, so `token` or EXOTEL_PATH_TOKEN stands in the path of the applet's address.

    It is the same for every call, so keep it out of sight, and set Exotel's addresses in the firewall.
    """

    name = "exotel"
    dialect = Dialect(ExotelWire, ExotelPeer, PCM16K, packet=0.1)

    def __init__(self, token: str | None = None) -> None:
        self._token = _secret(token, "EXOTEL_PATH_TOKEN", self.name)
        if len(self._token) < 16:
            raise ConfigError(
                "transport exotel: expected a token of at least 16 characters, as nothing else protects it"
            )

    def routes(self, site: Site) -> Sequence[Route]:
        async def media(upgrade: Upgrade) -> None:
            if not compare_digest(upgrade.parameters["token"].encode(), self._token.encode()):
                await upgrade.refuse(403)
                return
            await site.hold(upgrade, ExotelWire())

        return [SocketRoute("/exotel/media/{token}", media)]


class Genesys:
    """Genesys AudioHook: `key` and `secret`, or GENESYS_API_KEY and GENESYS_CLIENT_SECRET, check the signed upgrade."""

    name = "genesys"
    dialect = Dialect(genesys.GenesysWire, genesys.GenesysPeer, genesys.MULAW)

    def __init__(self, key: str | None = None, secret: str | None = None) -> None:
        self._key = _secret(key, "GENESYS_API_KEY", self.name)
        self._secret = _secret(secret, "GENESYS_CLIENT_SECRET", self.name)
        self._seen = Once(2 * genesys.OLD_S)

    def routes(self, site: Site) -> Sequence[Route]:
        async def media(upgrade: Upgrade) -> None:
            headers = dict(upgrade.headers) | {"host": urlsplit(site.address("/")).netloc}
            right = compare_digest(headers.get("x-api-key", "").encode(), self._key.encode())
            nonce = genesys.is_signed(self._secret, headers, upgrade.target, site.now()) if right else None
            if nonce is None or not self._seen.first(nonce, site.now()):
                await upgrade.refuse(401)
                return
            await site.hold(upgrade, genesys.GenesysWire(organization=headers.get("audiohook-organization-id")))

        return [SocketRoute("/genesys/media", media)]


class Once:
    """Remembers what was seen within `seconds`; of more than MOST_NONCES nothing more is let in."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[str, float] = {}

    def first(self, nonce: str, now: float) -> bool:
        """Whether `nonce` is seen for the first time."""
        self._seen = {seen: until for seen, until in self._seen.items() if until >= now}
        if not nonce or nonce in self._seen or len(self._seen) >= MOST_NONCES:
            return False
        self._seen[nonce] = now + self._seconds
        return True


def has_password(header: str, password: str) -> bool:
    """Whether `header` is basic authentication with `password`, whatever the name."""
    try:
        said = b64decode(header.removeprefix("Basic "), validate=True).decode()
    except (ValueError, Base64Error):
        return False
    return compare_digest(said.partition(":")[2].encode(), password.encode())


def _json(body: bytes) -> dict[str, str]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in said.items() if isinstance(value, str)} if isinstance(said, dict) else {}
