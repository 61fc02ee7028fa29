"""Telnyx as a transport: incoming calls use TeXML, and calls that we make use Telnyx's events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voicekit.call.control import CallControl, CallReport
from voicekit.call.info import CallEnd, EndReason
from voicekit.call.peer import Dialect
from voicekit.call.tokens import CallFacts
from voicekit.call.transport import Route, Site, Webhook, WebhookAnswer, WebhookRoute
from voicekit.call.wire import Wire
from voicekit.errors import ConfigError, VoicekitError
from voicekit.events import AnsweredBy
from voicekit_phone import telnyx, twilio
from voicekit_phone.json_stream import MULAW
from voicekit_phone.reading import part, text
from voicekit_phone.rest.accounts import TelnyxAccount
from voicekit_phone.rest.client import CarrierClient
from voicekit_phone.webhooks import (
    control_of,
    dial_out,
    form_facts,
    json_object,
    media_url,
    needed,
    not_connected,
    optional,
    refused,
    webhook_routes,
)


class Telnyx:
    """Telnyx with TeXML: its signatures are checked with `public_key` or TELNYX_PUBLIC_KEY.

    To hang up, transfer and send digits, the transport needs `api_key` or TELNYX_API_KEY; to dial, also
    TELNYX_CONNECTION_ID and TELNYX_NUMBER.
    """

    name = "telnyx"
    dialect = Dialect(telnyx.TelnyxWire, telnyx.TelnyxPeer, MULAW)
    content_type = "text/xml"
    methods: tuple[str, ...] = ("POST",)
    subprotocol: str | None = None

    def __init__(
        self,
        public_key: str | None = None,
        *,
        codec: str = "PCMU",
        api_key: str | None = None,
        connection: str | None = None,
        number: str | None = None,
        api: str | None = None,
    ) -> None:
        self._key = needed(public_key, "TELNYX_PUBLIC_KEY", self.name)
        self._codec = codec
        self._number = optional(number, "TELNYX_NUMBER")
        self._connection = optional(connection, "TELNYX_CONNECTION_ID")
        secret = optional(api_key, "TELNYX_API_KEY")
        self._account = None if secret is None else TelnyxAccount(self._connection or "", secret, **_at(api))
        self.client = None if self._account is None else CarrierClient(self._account)

    def make_wire(self) -> Wire:
        return telnyx.TelnyxWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        signature = request.headers.get("telnyx-signature-ed25519", "")
        stamp = request.headers.get("telnyx-timestamp", "")
        return telnyx.is_signed(self._key, signature, stamp, request.body, site.now())

    def facts(self, request: Webhook) -> CallFacts:
        return form_facts(request, "CallSid", caller="From", called="To")

    def connect(self, url: str) -> str:
        return telnyx.stream_texml(url, codec=self._codec)

    def busy(self) -> str:
        return twilio.busy_twiml()  # TeXML has the same verb as TwiML

    def control(self, site: Site, call_id: str) -> CallControl | None:
        return control_of(self.client, call_id)

    def news(self, request: Webhook) -> CallReport | None:
        """The report in one of Telnyx's events about a call that we made."""
        data = part(json_object(request.body), "data")
        payload = part(data, "payload")
        call_id = text(payload, "call_control_id")
        match text(data, "event_type").replace(".premium.", "."):
            case "call.hangup":
                return not_connected(call_id, text(payload, "hangup_cause"))
            case "call.machine.greeting.ended":
                return CallReport(call_id, answered_by=AnsweredBy("machine", greeted=True))
            case "call.machine.detection.ended":
                who = {"human": "human", "machine": "machine", "fax_detected": "fax"}.get(text(payload, "result"))
                return CallReport(call_id, answered_by=AnsweredBy(who or "unknown"))  # type: ignore[arg-type]
        return None

    def routes(self, site: Site) -> Sequence[Route]:
        async def events(request: Webhook) -> WebhookAnswer:
            if not self.is_signed(request, site):
                return refused()
            data = part(json_object(request.body), "data")
            if text(data, "event_type") == "call.answered":
                await self._start_stream(site, part(data, "payload"))
            elif (report := self.news(request)) is not None:
                site.report(self.name, report)
            return WebhookAnswer()

        return [*webhook_routes(self, site), WebhookRoute("/telnyx/events", events)]

    async def _start_stream(self, site: Site, payload: Any) -> None:
        """Connect the audio of a call that we made, once it is answered. Incoming calls get TeXML instead."""
        call_id = text(payload, "call_control_id")
        if self.client is None or self._account is None or text(payload, "direction") != "outgoing":
            return
        facts = {"caller": text(payload, "from"), "called": text(payload, "to"), "direction": "outbound"}
        url = media_url(self, site, CallFacts(call_id, facts))
        body = telnyx.streaming_start(url, token=url.rpartition("/")[2], codec=self._codec)
        try:
            await self.client.send(self._account.action(call_id, "streaming_start", **body))
        except VoicekitError as error:
            site.report(self.name, CallReport(call_id, CallEnd(EndReason.FAILED, type(error).__name__)))

    async def dial(self, site: Site, to: str, **how: Any) -> str:
        """Call `to` and return the call's id. See `webhooks.dial_out`; Telnyx does not support `keys`."""
        if self.client is not None and not self._connection:
            raise ConfigError("dial: TELNYX_CONNECTION_ID (the connection to call from) is not set")
        if how.get("keys"):
            raise ConfigError("dial: telnyx can't send keys when the call is answered; use call.send_digits")
        url = site.address("/telnyx/events")
        return await dial_out(self.client, self._number, "TELNYX_NUMBER", to, {"answer_url": url}, **how)


def _at(api: str | None) -> dict[str, str]:
    return {} if api is None else {"api": api}
