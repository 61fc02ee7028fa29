"""Plivo and Vobiz as transports. We request a transfer over REST; the carrier then asks our webhook for the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from voicekit.audio.format import PCM16K
from voicekit.call.control import CallControl, CallReport
from voicekit.call.peer import Dialect
from voicekit.call.tokens import CallFacts, TokenRefused
from voicekit.call.transport import Route, Site, Webhook, WebhookAnswer, WebhookRoute
from voicekit.call.wire import Wire
from voicekit.events import AnsweredBy
from voicekit_phone import plivo
from voicekit_phone.rest.accounts import PlivoAccount, VobizAccount
from voicekit_phone.webhooks import (
    client_of,
    control_of,
    dial_out,
    form_facts,
    needed,
    not_connected,
    optional,
    refused,
    webhook_routes,
)

XML = "text/xml"


class Plivo:
    """Plivo: its signatures are checked with `token` or PLIVO_AUTH_TOKEN.

    To hang up and transfer, the transport needs `account` or PLIVO_AUTH_ID; to dial, also `number` or PLIVO_NUMBER.
    """

    name = "plivo"
    dialect = Dialect(plivo.PlivoWire, plivo.PlivoPeer, PCM16K)
    variables: ClassVar[tuple[str, str, str]] = ("PLIVO_AUTH_TOKEN", "PLIVO_AUTH_ID", "PLIVO_NUMBER")
    make_account: ClassVar[type[PlivoAccount]] = PlivoAccount
    content_type = XML
    methods: tuple[str, ...] = ("POST",)
    subprotocol: str | None = None

    def __init__(
        self, token: str | None = None, *, account: str | None = None, number: str | None = None, api: str | None = None
    ) -> None:
        secret, user, caller = self.variables
        self._token = needed(token, secret, self.name)
        self._number = optional(number, caller)
        self.client = client_of(self.make_account, api, optional(account, user), self._token)

    def make_wire(self) -> Wire:
        return plivo.PlivoWire()

    def is_signed(self, request: Webhook, site: Site) -> bool:
        header = request.headers.get("x-plivo-signature-v3", "")
        nonce = request.headers.get("x-plivo-signature-v3-nonce", "")
        return plivo.is_signed(self._token, header, nonce, request.method, request.url, request.form)

    def facts(self, request: Webhook) -> CallFacts:
        return form_facts(request, "CallUUID", caller="From", called="To")

    def connect(self, url: str) -> str:
        return plivo.stream_xml(url)

    def busy(self) -> str:
        return plivo.busy_xml()

    def control(self, site: Site, call_id: str) -> CallControl | None:
        def via(to: str) -> str:
            token = site.tokens.mint(call_id, {"to": to}, site.now())
            return site.address(f"/{self.name}/transfer/{token}")

        return control_of(self.client, call_id, via=via)

    def news(self, request: Webhook) -> CallReport | None:
        """The report on who has answered, or that nobody has; Plivo does not report the end of a greeting."""
        call_id = request.field("CallUUID") or request.field("RequestUUID")
        if machine := request.field("Machine"):
            found = machine.lower() == "true"
            return CallReport(call_id, answered_by=AnsweredBy("machine" if found else "human", greeted=found))
        return not_connected(call_id, request.field("CallStatus"))

    def routes(self, site: Site) -> Sequence[Route]:
        async def transfer(request: Webhook) -> WebhookAnswer:
            if not self.is_signed(request, site):
                return refused()
            try:
                facts = site.tokens.take(request.url.partition("?")[0].rpartition("/")[2], site.now())
            except TokenRefused:
                return WebhookAnswer("this transfer was not asked for", status=403)
            if facts.call_id != request.field("CallUUID"):
                return WebhookAnswer("this transfer was asked for another call", status=403)
            return WebhookAnswer(plivo.dial_xml(facts.facts["to"]), XML)

        return [*webhook_routes(self, site), WebhookRoute(f"/{self.name}/transfer/{{token}}", transfer)]

    async def dial(self, site: Site, to: str, **how: Any) -> str:
        """Call `to` and return the call's id. See `voicekit_phone.webhooks.dial_out`."""
        urls = {"answer_url": site.address(f"/{self.name}/voice"), "news_url": site.address(f"/{self.name}/news")}
        return await dial_out(self.client, self._number, self.variables[2], to, urls, **how)


class Vobiz(Plivo):
    """Vobiz, with Plivo's messages: signatures are checked with `token` or VOBIZ_AUTH_TOKEN; VOBIZ_AUTH_ID is the
    account.
    """

    name = "vobiz"
    dialect = Dialect(plivo.VobizWire, plivo.PlivoPeer, PCM16K)
    variables = ("VOBIZ_AUTH_TOKEN", "VOBIZ_AUTH_ID", "VOBIZ_NUMBER")
    make_account = VobizAccount

    def make_wire(self) -> Wire:
        return plivo.VobizWire()
