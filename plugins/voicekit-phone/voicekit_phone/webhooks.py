"""What the carriers' transports have in common: the way from a webhook to a socket, reports, and dialling out.

    POST /twilio/voice            signed by Twilio -> TwiML with a one-time token in the socket's path
    GET  /twilio/media/TOKEN      the upgrade: the token is valid once, for 15 s, and only for this call
    POST /twilio/news             signed: busy, no answer, who has answered

A request without a valid signature is rejected with 403 before any session exists. If no call can be admitted, the
answer is the carrier's own form of "busy".
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any, Protocol, TypeVar

from voicekit.call.control import CallControl, CallReport, check_digits
from voicekit.call.info import CallEnd, EndReason
from voicekit.call.tokens import CallFacts, TokenRefused
from voicekit.call.transport import Route, Site, SocketRoute, Upgrade, Webhook, WebhookAnswer, WebhookRoute
from voicekit.call.wire import Wire
from voicekit.errors import ConfigError
from voicekit_phone.rest.client import CarrierClient, ClientControl
from voicekit_phone.rest.order import CarrierAccount, DialOrder

MOST_NONCES = 10_000

NOT_CONNECTED: Mapping[str, EndReason] = {
    "busy": EndReason.BUSY,
    "user_busy": EndReason.BUSY,
    "no-answer": EndReason.NO_ANSWER,
    "no_answer": EndReason.NO_ANSWER,
    "timeout": EndReason.NO_ANSWER,
    "unanswered": EndReason.NO_ANSWER,
    "failed": EndReason.FAILED,
    "canceled": EndReason.FAILED,
    "cancelled": EndReason.FAILED,
    "cancel": EndReason.FAILED,
    "rejected": EndReason.FAILED,
    "call_rejected": EndReason.FAILED,
    "unallocated_number": EndReason.FAILED,
}
"""What the carriers' words for an unanswered call mean."""

_NUMBER = re.compile(r"\+?[0-9]{2,15}|sips?:[^\s<>\"'&]{1,200}")

T = TypeVar("T", bound=CarrierAccount)


class WebhookTransport(Protocol):
    """A transport for a carrier that sends a request to our webhook, and then opens the socket named in our answer."""

    name: str
    content_type: str
    methods: tuple[str, ...]
    subprotocol: str | None

    def make_wire(self) -> Wire: ...
    def is_signed(self, request: Webhook, site: Site) -> bool: ...
    def facts(self, request: Webhook) -> CallFacts:
        """The facts about the call that are in the request."""
        ...

    def connect(self, url: str) -> str:
        """The document that directs the call to the socket at `url`."""
        ...

    def busy(self) -> str: ...
    def control(self, site: Site, call_id: str) -> CallControl | None:
        """The CallControl for this call at the carrier; None if there is no account."""
        ...

    def news(self, request: Webhook) -> CallReport | None:
        """The report in a signed request to the path `news`; None if the report is one that we don't need."""
        ...


def webhook_routes(transport: WebhookTransport, site: Site, *, hidden: str = "") -> list[Route]:
    """The routes of `transport`; `hidden` is a secret part of their paths, for a carrier that signs nothing."""

    async def answer(request: Webhook) -> WebhookAnswer:
        if not transport.is_signed(request, site):
            return refused()
        if not site.ready:
            return WebhookAnswer(transport.busy(), transport.content_type)
        url = media_url(transport, site, transport.facts(request))
        return WebhookAnswer(transport.connect(url), transport.content_type)

    async def news(request: Webhook) -> WebhookAnswer:
        if not transport.is_signed(request, site):
            return refused()
        report = transport.news(request)
        if report is not None:
            site.report(transport.name, report)
        return WebhookAnswer()

    async def media(upgrade: Upgrade) -> None:
        try:
            facts = site.tokens.take(upgrade.parameters["token"], site.now())
        except TokenRefused:
            await upgrade.refuse(403)
            return
        control = transport.control(site, facts.call_id)
        await site.hold(upgrade, transport.make_wire(), facts, subprotocol=transport.subprotocol, control=control)

    return [
        WebhookRoute(f"/{transport.name}{hidden}/voice", answer, transport.methods),
        WebhookRoute(f"/{transport.name}{hidden}/news", news, transport.methods),
        SocketRoute(f"/{transport.name}/media/{{token}}", media),
    ]


def media_url(transport: WebhookTransport, site: Site, facts: CallFacts) -> str:
    """The address of this call's socket; the address works once, within LIFE_S."""
    token = site.tokens.mint(facts.call_id, facts.facts, site.now())
    return site.address(f"/{transport.name}/media/{token}", scheme="wss")


def refused() -> WebhookAnswer:
    return WebhookAnswer("this request is not signed by the carrier", status=403)


async def dial_out(
    client: CarrierClient | None,
    number: str | None,
    variable: str,
    to: str,
    urls: Mapping[str, str],
    *,
    keys: str = "",
    ring: float = 30.0,
    limit: float | None = None,
    detect_machine: bool = False,
) -> str:
    """Have the carrier call `to` from `number`, and return the call's id.

    `variable` is the environment variable that may hold `number`; DialOrder explains `urls`. Raises ConfigError if the
    account or `number` is missing, or `to` is neither a number nor a SIP address; the error quotes no numbers.
    """
    if client is None:
        raise ConfigError(
            "dial: expected credentials for the carrier's account; the carrier's documentation page names the variables"
        )
    if "dial" not in client.account.can:
        raise ConfigError(f"dial: {client.account.name} can't place calls")
    if not number:
        raise ConfigError(f"dial: {variable} (the number to call from) is not set")
    if not isinstance(to, str) or not _NUMBER.fullmatch(to):
        raise ConfigError("dial: expected a number such as +15550001 or a sip: address, got something else")
    if keys:
        check_digits(keys)
    order = DialOrder(to, number, ring=ring, limit=limit, keys=keys, detect_machine=detect_machine, **urls)
    return await client.dial(order)


def needed(given: str | None, variable: str, transport: str) -> str:
    """The secret `given`, or else the one in the environment; if there is none, raises ConfigError."""
    value = given or os.environ.get(variable)
    if not value:
        raise ConfigError(f"transport {transport}: {variable} is not set")
    return value


def hidden_token(given: str | None, variable: str, transport: str) -> str:
    """A token for a path, from `given` or the environment. Raises ConfigError if it could be guessed."""
    token = needed(given, variable, transport)
    if len(token) < 16 or not token.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(
            f"transport {transport}: expected a token of at least 16 letters and digits, because "
            "nothing else protects the endpoint"
        )
    return token


def optional(given: str | None, variable: str) -> str | None:
    return given or os.environ.get(variable) or None


def client_of(account: Callable[..., T], api: str | None, *keys: str | None) -> CarrierClient | None:
    """A client for `account`; None if one of its credentials is missing."""
    if not all(keys):
        return None
    return CarrierClient(account(*keys, **({} if api is None else {"api": api})))


def control_of(client: CarrierClient | None, call_id: str, **how: Any) -> CallControl | None:
    return None if client is None else ClientControl(client, call_id, **how)


def form_facts(request: Webhook, call_id: str, **named: str) -> CallFacts:
    """The facts in a webhook's form: the call's id, and the fields in `named` that are present."""
    known = {name: value for name, key in named.items() if (value := request.field(key))}
    if request.field("Direction").startswith("outbound"):
        known["direction"] = "outbound"
    return CallFacts(request.field(call_id), known)


def not_connected(call_id: str, word: str) -> CallReport | None:
    """The report that nobody answered a call, if the carrier's `word` says so; otherwise None."""
    reason = NOT_CONNECTED.get(word.lower())
    return None if reason is None else CallReport(call_id, CallEnd(reason, word.lower()))


class Once:
    """Remembers the values seen in the last `seconds`; while it holds MOST_NONCES of them, it rejects new values."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[str, float] = {}

    def first(self, nonce: str, now: float) -> bool:
        """Whether `nonce` is new and has now been remembered."""
        self._seen = {seen: until for seen, until in self._seen.items() if until >= now}
        if not nonce or nonce in self._seen or len(self._seen) >= MOST_NONCES:
            return False
        self._seen[nonce] = now + self._seconds
        return True


def has_password(header: str, password: str) -> bool:
    """Whether `header` is basic authentication with `password` and any user name."""
    try:
        said = b64decode(header.removeprefix("Basic "), validate=True).decode()
    except (ValueError, Base64Error):
        return False
    return compare_digest(said.partition(":")[2].encode(), password.encode())


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; an empty one if there is none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
