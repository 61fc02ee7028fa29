"""Twilio, SignalWire and Cloudonix as transports; the last two use variants of Twilio's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voicekit.call.control import CallControl, CallReport
from voicekit.call.peer import Dialect
from voicekit.call.tokens import CallFacts
from voicekit.call.transport import Route, Site, Webhook
from voicekit.call.wire import Wire
from voicekit.events import AnsweredBy
from voicekit_phone import cloudonix, signalwire, twilio
from voicekit_phone.json_stream import MULAW
from voicekit_phone.rest.accounts import SignalWireAccount, TwilioAccount
from voicekit_phone.webhooks import (
    client_of,
    control_of,
    dial_out,
    form_facts,
    hidden_token,
    needed,
    not_connected,
    optional,
    webhook_routes,
)

XML = "text/xml"


class Twilio:
    """Twilio: its signatures are checked with `token` or TWILIO_AUTH_TOKEN.

    To transfer, the transport needs `account` or TWILIO_ACCOUNT_SID; to dial, also `number` or TWILIO_NUMBER.
    """

    name = "twilio"
    dialect = Dialect(twilio.TwilioWire, twilio.TwilioPeer, MULAW)
    content_type = XML
    methods: tuple[str, ...] = ("POST",)
    subprotocol: str | None = None

    def __init__(
        self, token: str | None = None, *, account: str | None = None, number: str | None = None, api: str | None = None
    ) -> None:
        self._token = needed(token, "TWILIO_AUTH_TOKEN", self.name)
        self._number = optional(number, "TWILIO_NUMBER")
        self.client = client_of(TwilioAccount, api, optional(account, "TWILIO_ACCOUNT_SID"), self._token)

    def make_wire(self) -> Wire:
        return twilio.TwilioWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        header = request.headers.get("x-twilio-signature", "")
        return twilio.is_signed(self._token, header, request.url, request.form, request.body)

    def facts(self, request: Webhook) -> CallFacts:
        return form_facts(request, "CallSid", caller="From", called="To")

    def connect(self, url: str) -> str:
        return twilio.connect_twiml(url)

    def busy(self) -> str:
        return twilio.busy_twiml()

    def control(self, site: Site, call_id: str) -> CallControl | None:
        return control_of(self.client, call_id)

    def news(self, request: Webhook) -> CallReport | None:
        return twilio_news(request)

    def routes(self, site: Site) -> Sequence[Route]:
        return webhook_routes(self, site)

    async def dial(self, site: Site, to: str, **how: Any) -> str:
        """Call `to` and return the call's id. See `voicekit_phone.webhooks.dial_out`."""
        urls = {"answer_url": site.address("/twilio/voice"), "news_url": site.address("/twilio/news")}
        return await dial_out(self.client, self._number, "TWILIO_NUMBER", to, urls, **how)


def twilio_news(request: Webhook) -> CallReport | None:
    """The report in a webhook about a call's status or answering-machine detection, in Twilio's format."""
    call_id, answered = request.field("CallSid"), request.field("AnsweredBy")
    if not answered:
        return not_connected(call_id, request.field("CallStatus"))
    match answered:
        case "human" | "fax":
            return CallReport(call_id, answered_by=AnsweredBy(answered))
        case _ if answered.startswith("machine"):
            return CallReport(call_id, answered_by=AnsweredBy("machine", greeted=answered.startswith("machine_end")))
    return CallReport(call_id, answered_by=AnsweredBy("unknown"))


class SignalWire:
    """SignalWire: its signatures are checked with `signing_key` or SIGNALWIRE_SIGNING_KEY; `codec` is the codec in
    `<Stream>`.

    SIGNALWIRE_PROJECT_ID, SIGNALWIRE_TOKEN and SIGNALWIRE_SPACE (its host) are needed to transfer and dial.
    """

    name = "signalwire"
    dialect = Dialect(signalwire.SignalWireWire, signalwire.SignalWirePeer, MULAW)
    content_type = XML
    methods: tuple[str, ...] = ("POST",)
    subprotocol: str | None = None

    def __init__(
        self,
        signing_key: str | None = None,
        *,
        project: str | None = None,
        token: str | None = None,
        number: str | None = None,
        api: str | None = None,
        codec: str = "L16@16000h",
    ) -> None:
        self._key = needed(signing_key, "SIGNALWIRE_SIGNING_KEY", self.name)
        self._number = optional(number, "SIGNALWIRE_NUMBER")
        self._codec = codec
        keys = optional(project, "SIGNALWIRE_PROJECT_ID"), optional(token, "SIGNALWIRE_TOKEN")
        space = optional(api, "SIGNALWIRE_SPACE")
        self.client = None if space is None else client_of(SignalWireAccount, space, *keys)

    def make_wire(self) -> Wire:
        return signalwire.SignalWireWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        headers = request.headers
        header = headers.get("x-signalwire-signature") or headers.get("x-twilio-signature", "")
        return signalwire.is_signed(self._key, header, request.url, request.form, request.body)

    def facts(self, request: Webhook) -> CallFacts:
        return form_facts(request, "CallSid", caller="From", called="To")

    def connect(self, url: str) -> str:
        return signalwire.stream_cxml(url, codec=self._codec)

    def busy(self) -> str:
        return twilio.busy_twiml()  # cXML has the same verb as TwiML

    def control(self, site: Site, call_id: str) -> CallControl | None:
        return control_of(self.client, call_id)

    def news(self, request: Webhook) -> CallReport | None:
        return twilio_news(request)

    def routes(self, site: Site) -> Sequence[Route]:
        return webhook_routes(self, site)

    async def dial(self, site: Site, to: str, **how: Any) -> str:
        """Call `to` and return the call's id. See `voicekit_phone.webhooks.dial_out`."""
        urls = {"answer_url": site.address("/signalwire/voice"), "news_url": site.address("/signalwire/news")}
        return await dial_out(self.client, self._number, "SIGNALWIRE_NUMBER", to, urls, **how)


class Cloudonix:
    """Cloudonix: `token` or CLOUDONIX_PATH_TOKEN is part of the webhook's path; as far as we know, Cloudonix signs
    nothing.
    """

    name = "cloudonix"
    dialect = Dialect(cloudonix.CloudonixWire, cloudonix.CloudonixPeer, MULAW)
    content_type = XML
    methods: tuple[str, ...] = ("POST",)
    subprotocol: str | None = None

    def __init__(self, token: str | None = None) -> None:
        self._token = hidden_token(token, "CLOUDONIX_PATH_TOKEN", self.name)

    def make_wire(self) -> Wire:
        return cloudonix.CloudonixWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        """True: the token is in the route's path, so a request gets here only with the right token."""
        return True

    def facts(self, request: Webhook) -> CallFacts:
        return form_facts(request, "CallSid", caller="From", called="To")

    def connect(self, url: str) -> str:
        return cloudonix.stream_cxml(url)

    def busy(self) -> str:
        return twilio.busy_twiml()

    def control(self, site: Site, call_id: str) -> CallControl | None:
        return None

    def news(self, request: Webhook) -> CallReport | None:
        return twilio_news(request)

    def routes(self, site: Site) -> Sequence[Route]:
        return webhook_routes(self, site, hidden=f"/{self._token}")
