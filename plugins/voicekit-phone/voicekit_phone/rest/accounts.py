"""Accounts with the carriers: the credentials, addresses and bodies of requests (pure).

Sources: the carriers' API pages and SDKs from 2024 to 2026. Not tested against the carriers themselves. Not verified:
the addresses of SignalWire and Vobiz, the headers of Vobiz, and Exotel's answer in JSON. Each account has an argument
for its base address (`api`), for regions and for tests.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from voicekit.errors import ConfigError
from voicekit_phone.reading import part, text
from voicekit_phone.rest.order import DialOrder, RestAnswer, RestRequest


def basic(name: str, password: str) -> dict[str, str]:
    """The header for basic authentication."""
    return {"authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode('ascii')}"}


def dial_document(to: str) -> str:
    """The document that connects a call to `to`, for Twilio and carriers that use the same documents."""
    inside = f"<Sip>{escape(to)}</Sip>" if to.startswith(("sip:", "sips:")) else escape(to)
    return f'<?xml version="1.0" encoding="UTF-8"?><Response><Dial>{inside}</Dial></Response>'


class Account:
    """What all accounts have in common: a name and credentials. Requests that the carrier does not offer raise
    ConfigError.
    """

    name = ""
    can: frozenset[str] = frozenset()
    keys_from = ""

    def __init__(self, user: str, secret: str, *, api: str) -> None:
        self._user = user
        self._secret = secret
        self._api = api.rstrip("/")

    def __repr__(self) -> str:
        return f"<account at {self.name}>"

    def headers(self, now: float) -> Mapping[str, str]:
        return basic(self._user, self._secret)

    def hang_up(self, call_id: str) -> RestRequest:
        raise self._lacks("hang-up")

    def transfer(self, call_id: str, to: str, via: str) -> RestRequest:
        raise self._lacks("transfer")

    def send_digits(self, call_id: str, digits: str) -> RestRequest:
        raise self._lacks("request that sends keys")

    def dial(self, order: DialOrder) -> RestRequest:
        raise self._lacks("request that places a call")

    def call_id(self, answer: RestAnswer) -> str:
        return text(answer.body, "sid")

    def code(self, answer: RestAnswer) -> str:
        return text(answer.body, "code")

    def is_over(self, answer: RestAnswer) -> bool:
        return answer.status == 404

    def _lacks(self, what: str) -> ConfigError:
        return ConfigError(f"{self.name}: this carrier has no {what}")


class TwilioAccount(Account):
    """Twilio: the account's SID and its auth token. Digits can't be sent while a stream is open."""

    name = "twilio"
    can = frozenset({"hang_up", "transfer", "dial"})
    keys_from = "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"

    def __init__(self, user: str, secret: str, *, api: str = "https://api.twilio.com") -> None:
        super().__init__(user, secret, api=api)

    def _calls(self, call_id: str = "") -> str:
        calls = f"{self._api}/2010-04-01/Accounts/{quote(self._user, safe='')}/Calls"
        return f"{calls}/{quote(call_id, safe='')}.json" if call_id else f"{calls}.json"

    def hang_up(self, call_id: str) -> RestRequest:
        return RestRequest("POST", self._calls(call_id), form=[("Status", "completed")])

    def transfer(self, call_id: str, to: str, via: str) -> RestRequest:
        return RestRequest("POST", self._calls(call_id), form=[("Twiml", dial_document(to))])

    def dial(self, order: DialOrder) -> RestRequest:
        form = [("To", order.to), ("From", order.caller), ("Url", order.answer_url), ("Timeout", f"{order.ring:.0f}")]
        if order.news_url:
            form += [("StatusCallback", order.news_url), ("StatusCallbackEvent", "completed")]
        form += [("TimeLimit", f"{order.limit:.0f}")] if order.limit is not None else []
        form += [("SendDigits", order.keys)] if order.keys else []
        if order.detect_machine:
            form += [("MachineDetection", "DetectMessageEnd"), ("AsyncAmd", "true")]
            form += [("AsyncAmdStatusCallback", order.news_url)]
        return RestRequest("POST", self._calls(), form=form)


class SignalWireAccount(TwilioAccount):
    """SignalWire's compatibility API: Twilio's requests at the space's address (not verified)."""

    name = "signalwire"
    keys_from = "SIGNALWIRE_PROJECT_ID, SIGNALWIRE_TOKEN and SIGNALWIRE_SPACE"

    def __init__(self, user: str, secret: str, *, api: str) -> None:
        """`api` is the space's host, such as "acme.signalwire.com", or a whole address."""
        super().__init__(user, secret, api=api if "://" in api else f"https://{api}/api/laml")


class TelnyxAccount(Account):
    """Telnyx: an API key, and the id of the connection that dials out."""

    name = "telnyx"
    can = frozenset({"hang_up", "transfer", "digits", "dial"})
    keys_from = "TELNYX_API_KEY"

    def __init__(self, user: str, secret: str, *, api: str = "https://api.telnyx.com") -> None:
        """`user` is the connection's id, `secret` the API key."""
        super().__init__(user, secret, api=api)

    def headers(self, now: float) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self._secret}"}

    def action(self, call_id: str, action: str, **body: Any) -> RestRequest:
        """The request to perform `action` on a call in progress."""
        return RestRequest("POST", f"{self._api}/v2/calls/{quote(call_id, safe='')}/actions/{action}", json=body)

    def hang_up(self, call_id: str) -> RestRequest:
        return self.action(call_id, "hangup")

    def transfer(self, call_id: str, to: str, via: str) -> RestRequest:
        return self.action(call_id, "transfer", to=to)

    def send_digits(self, call_id: str, digits: str) -> RestRequest:
        return self.action(call_id, "send_dtmf", digits=digits.upper().replace("W", "w"), duration_millis=250)

    def dial(self, order: DialOrder) -> RestRequest:
        body: dict[str, Any] = {"connection_id": self._user, "to": order.to, "from": order.caller}
        body |= {"webhook_url": order.answer_url, "timeout_secs": round(order.ring)}
        body |= {"time_limit_secs": round(order.limit)} if order.limit is not None else {}
        body |= {"answering_machine_detection": "greeting_end"} if order.detect_machine else {}
        return RestRequest("POST", f"{self._api}/v2/calls", json=body)

    def call_id(self, answer: RestAnswer) -> str:
        return text(part(answer.body, "data"), "call_control_id")

    def code(self, answer: RestAnswer) -> str:
        errors = answer.body.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        return text(first, "code") if isinstance(first, dict) else ""

    def is_over(self, answer: RestAnswer) -> bool:
        return answer.status == 404 or (answer.status == 422 and self.code(answer) == "90018")


class PlivoAccount(Account):
    """Plivo: the auth id and the auth token. Digits are sent on the socket; for a transfer, Plivo asks our webhook for
    the target.
    """

    name = "plivo"
    can = frozenset({"hang_up", "transfer", "dial"})
    keys_from = "PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN"

    def __init__(self, user: str, secret: str, *, api: str = "https://api.plivo.com/v1") -> None:
        super().__init__(user, secret, api=api)

    def _calls(self, call_id: str = "") -> str:
        calls = f"{self._api}/Account/{quote(self._user, safe='')}/Call/"
        return f"{calls}{quote(call_id, safe='')}/" if call_id else calls

    def hang_up(self, call_id: str) -> RestRequest:
        return RestRequest("DELETE", self._calls(call_id))

    def transfer(self, call_id: str, to: str, via: str) -> RestRequest:
        return RestRequest("POST", self._calls(call_id), json={"legs": "aleg", "aleg_url": via, "aleg_method": "POST"})

    def dial(self, order: DialOrder) -> RestRequest:
        body: dict[str, Any] = {"from": order.caller, "to": order.to, "answer_url": order.answer_url}
        body |= {"answer_method": "POST", "ring_timeout": round(order.ring)}
        body |= {"hangup_url": order.news_url, "hangup_method": "POST"} if order.news_url else {}
        body |= {"time_limit": round(order.limit)} if order.limit is not None else {}
        body |= {"send_digits": order.keys} if order.keys else {}
        if order.detect_machine:
            body |= {"machine_detection": "true", "machine_detection_url": order.news_url}
        return RestRequest("POST", self._calls(), json=body)

    def call_id(self, answer: RestAnswer) -> str:
        return text(answer.body, "request_uuid")

    def code(self, answer: RestAnswer) -> str:
        return ""


class VobizAccount(PlivoAccount):
    """Vobiz: Plivo's requests, but at another address and with the credentials in other headers (not verified)."""

    name = "vobiz"
    keys_from = "VOBIZ_AUTH_ID and VOBIZ_AUTH_TOKEN"

    def __init__(self, user: str, secret: str, *, api: str = "https://api.vobiz.ai/api/v1") -> None:
        super().__init__(user, secret, api=api)

    def headers(self, now: float) -> Mapping[str, str]:
        return {"x-auth-id": self._user, "x-auth-token": self._secret}


class ExotelAccount(Account):
    """Exotel: the account's SID, an API key and its token. Calls are transferred by the flow's next applet, not by
    REST.
    """

    name = "exotel"
    can = frozenset({"dial"})
    keys_from = "EXOTEL_ACCOUNT_SID, EXOTEL_API_KEY and EXOTEL_API_TOKEN"

    def __init__(self, account: str, user: str, secret: str, *, api: str = "https://api.exotel.com") -> None:
        super().__init__(user, secret, api=api)
        self._account = account

    def dial(self, order: DialOrder) -> RestRequest:
        form = [("From", order.to), ("CallerId", order.caller), ("StreamUrl", order.stream_url)]
        form += [("StreamType", "bidirectional")]
        form += [("StatusCallback", order.news_url)] if order.news_url else []
        form += [("TimeLimit", f"{min(order.limit, 14_400):.0f}")] if order.limit is not None else []
        return RestRequest("POST", f"{self._api}/v1/Accounts/{quote(self._account, safe='')}/Calls/connect.json", form)

    def call_id(self, answer: RestAnswer) -> str:
        return text(part(answer.body, "Call"), "Sid")

    def code(self, answer: RestAnswer) -> str:
        return text(part(answer.body, "RestException"), "Code", "Status")
