"""The carriers as transports of a server: how each signs its requests, how its webhook is answered, and what it
reports.

Secrets are read from the environment or passed as arguments. Those used to check incoming requests are
required. The account's credentials are needed to hang up, transfer, send digits and dial out; a transport without them
refuses to do so. The parts common to all carriers are in `voicekit_phone.webhooks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from voicekit.audio.format import PCM16K
from voicekit.call.control import CallControl, CallReport
from voicekit.call.peer import Dialect
from voicekit.call.tokens import CallFacts
from voicekit.call.transport import Route, Site, SocketRoute, Upgrade, Webhook
from voicekit.call.wire import Wire
from voicekit.events import AnsweredBy
from voicekit_phone import genesys, jambonz, vonage
from voicekit_phone.exotel import ExotelPeer, ExotelWire
from voicekit_phone.reading import text
from voicekit_phone.rest.accounts import ExotelAccount
from voicekit_phone.rest.vonage_account import VonageAccount
from voicekit_phone.transports_plivo import Plivo, Vobiz
from voicekit_phone.transports_telnyx import Telnyx
from voicekit_phone.transports_twilio import Cloudonix, SignalWire, Twilio
from voicekit_phone.webhooks import (
    Once,
    client_of,
    control_of,
    dial_out,
    has_password,
    hidden_token,
    json_object,
    needed,
    not_connected,
    optional,
    webhook_routes,
)

__all__ = ["Cloudonix", "Exotel", "Genesys", "Jambonz", "Plivo", "SignalWire", "Telnyx", "Twilio", "Vobiz", "Vonage"]

JSON = "application/json"


class Vonage:
    """Vonage: its signed webhooks are checked with `secret` or VONAGE_SIGNATURE_SECRET, and each is accepted only once.

    VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (PEM) are needed to hang up, transfer, send digits and dial.
    """

    name = "vonage"
    dialect = Dialect(vonage.VonageWire, vonage.VonagePeer, PCM16K)
    content_type = JSON
    methods: tuple[str, ...] = ("GET", "POST")
    subprotocol: str | None = None

    def __init__(
        self,
        secret: str | None = None,
        *,
        application: str | None = None,
        private_key: str | None = None,
        number: str | None = None,
        api: str | None = None,
    ) -> None:
        self._secret = needed(secret, "VONAGE_SIGNATURE_SECRET", self.name)
        self._number = optional(number, "VONAGE_NUMBER")
        keys = optional(application, "VONAGE_APPLICATION_ID"), optional(private_key, "VONAGE_PRIVATE_KEY")
        self.client = client_of(VonageAccount, api, *keys)
        self._seen = Once(vonage.OLD_S)

    def make_wire(self) -> Wire:
        return vonage.VonageWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        claims = vonage.claims_of(self._secret, request.headers.get("authorization", ""), request.body, site.now())
        return claims is not None and self._seen.first(str(claims.get("jti", "")), site.now())

    def facts(self, request: Webhook) -> CallFacts:
        said = _said(request)
        known = {
            ours: value for ours, theirs in (("caller", "from"), ("called", "to")) if (value := text(said, theirs))
        }
        return CallFacts(text(said, "uuid"), known)

    def connect(self, url: str) -> str:
        return vonage.connect_ncco(url)

    def busy(self) -> str:
        return vonage.busy_ncco()

    def control(self, site: Site, call_id: str) -> CallControl | None:
        return control_of(self.client, call_id)

    def news(self, request: Webhook) -> CallReport | None:
        said = _said(request)
        call_id, status = text(said, "uuid"), text(said, "status")
        match status:
            case "human":
                return CallReport(call_id, answered_by=AnsweredBy("human"))
            case "machine":
                beep = text(said, "sub_state") == "beep_start"
                return CallReport(call_id, answered_by=AnsweredBy("machine", greeted=beep))
        return not_connected(call_id, status)

    def routes(self, site: Site) -> Sequence[Route]:
        return webhook_routes(self, site)

    async def dial(self, site: Site, to: str, **how: Any) -> str:
        """Call `to` and return the call's id. See `voicekit_phone.webhooks.dial_out`."""
        urls = {"answer_url": site.address("/vonage/voice"), "news_url": site.address("/vonage/news")}
        return await dial_out(self.client, self._number, "VONAGE_NUMBER", to, urls, **how)


class Jambonz:
    """jambonz: `token` or JAMBONZ_WEBHOOK_TOKEN is the password for the basic authentication of its webhook."""

    name = "jambonz"
    dialect = Dialect(jambonz.JambonzWire, jambonz.JambonzPeer, PCM16K)
    content_type = JSON
    methods: tuple[str, ...] = ("POST",)
    subprotocol: str | None = jambonz.SUBPROTOCOL

    def __init__(self, token: str | None = None) -> None:
        self._token = needed(token, "JAMBONZ_WEBHOOK_TOKEN", self.name)

    def make_wire(self) -> Wire:
        return jambonz.JambonzWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        return has_password(request.headers.get("authorization", ""), self._token)

    def facts(self, request: Webhook) -> CallFacts:
        said = json_object(request.body)
        known = {
            ours: value for ours, theirs in (("caller", "from"), ("called", "to")) if (value := text(said, theirs))
        }
        return CallFacts(text(said, "call_sid", "callSid"), known)

    def connect(self, url: str) -> str:
        return jambonz.listen_verbs(url)

    def busy(self) -> str:
        return jambonz.busy_verbs()

    def control(self, site: Site, call_id: str) -> CallControl | None:
        return None

    def news(self, request: Webhook) -> CallReport | None:
        return None

    def routes(self, site: Site) -> Sequence[Route]:
        return webhook_routes(self, site)


class Exotel:
    """Exotel: nothing is signed, so the applet's address has `token` or EXOTEL_PATH_TOKEN in its path.

    The token is the same for every call, so keep it secret, and let the firewall admit only Exotel's addresses.
    EXOTEL_ACCOUNT_SID, EXOTEL_API_KEY, EXOTEL_API_TOKEN and EXOTEL_NUMBER are needed to dial.
    """

    name = "exotel"
    dialect = Dialect(ExotelWire, ExotelPeer, PCM16K, packet=0.1)

    def __init__(
        self,
        token: str | None = None,
        *,
        account: str | None = None,
        key: str | None = None,
        api_token: str | None = None,
        number: str | None = None,
        api: str | None = None,
    ) -> None:
        self._token = hidden_token(token, "EXOTEL_PATH_TOKEN", self.name)
        self._number = optional(number, "EXOTEL_NUMBER")
        keys = optional(key, "EXOTEL_API_KEY"), optional(api_token, "EXOTEL_API_TOKEN")
        self.client = client_of(ExotelAccount, api, optional(account, "EXOTEL_ACCOUNT_SID"), *keys)

    def routes(self, site: Site) -> Sequence[Route]:
        async def media(upgrade: Upgrade) -> None:
            if not compare_digest(upgrade.parameters["token"].encode(), self._token.encode()):
                await upgrade.refuse(403)
                return
            await site.hold(upgrade, ExotelWire())

        return [SocketRoute("/exotel/media/{token}", media)]

    def control(self, site: Site, call_id: str) -> CallControl | None:
        """None: Exotel has no requests for a call in progress; its flow decides what happens next."""
        return None

    async def dial(self, site: Site, to: str, **how: Any) -> str:
        """Call `to` and return the call's id. Exotel connects it directly to our socket, and we read no reports."""
        stream = site.address(f"/exotel/media/{self._token}", scheme="wss")
        return await dial_out(self.client, self._number, "EXOTEL_NUMBER", to, {"stream_url": stream}, **how)


class Genesys:
    """Genesys AudioHook: the signed upgrade is checked with `key` and `secret`, or else GENESYS_API_KEY and
    GENESYS_CLIENT_SECRET.

    A transfer ends the session, and its output variable `route` tells the flow in Architect the target.
    """

    name = "genesys"
    dialect = Dialect(genesys.GenesysWire, genesys.GenesysPeer, genesys.MULAW)

    def __init__(self, key: str | None = None, secret: str | None = None, *, route: str = "transfer_to") -> None:
        self._key = needed(key, "GENESYS_API_KEY", self.name)
        self._secret = needed(secret, "GENESYS_CLIENT_SECRET", self.name)
        self._seen = Once(2 * genesys.OLD_S)
        self._route = route

    def routes(self, site: Site) -> Sequence[Route]:
        async def media(upgrade: Upgrade) -> None:
            headers = dict(upgrade.headers) | {"host": urlsplit(site.address("/")).netloc}
            right = compare_digest(headers.get("x-api-key", "").encode(), self._key.encode())
            nonce = genesys.is_signed(self._secret, headers, upgrade.target, site.now()) if right else None
            if nonce is None or not self._seen.first(nonce, site.now()):
                await upgrade.refuse(401)
                return
            wire = genesys.GenesysWire(organization=headers.get("audiohook-organization-id"))
            await site.hold(upgrade, wire, control=genesys.OutcomeControl(wire, self._route))

        return [SocketRoute("/genesys/media", media)]


def _said(request: Webhook) -> Mapping[str, Any]:
    return dict(parse_qsl(urlsplit(request.url).query)) if request.method == "GET" else json_object(request.body)
