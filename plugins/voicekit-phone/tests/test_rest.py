"""The carriers' REST, each against a strict stand-in on loopback: what is asked, and what becomes of every refusal."""

from __future__ import annotations

import json
import logging
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.carrier_api_kit import CALL, CarrierApi, CarrierRules, Operation, has_basic, standing_in
from voicekit.errors import ConfigError, QuotaExceeded, ServiceError, Unauthenticated, Unavailable
from voicekit_phone.rest.accounts import (
    Account,
    ExotelAccount,
    PlivoAccount,
    SignalWireAccount,
    TelnyxAccount,
    TwilioAccount,
    VobizAccount,
)
from voicekit_phone.rest.client import CarrierClient
from voicekit_phone.rest.order import DialOrder
from voicekit_phone.rest.vonage_account import VonageAccount

USER, SECRET = "AC-user-01", "s3cret-of-the-account"
TO, CALLER = "+15550001111", "+15550002222"
CALL_ID = "CA/01:x"  # characters that must be quoted in a path
RSA_KEY = rsa.generate_private_key(65537, 2048)
PEM = RSA_KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()

XML = '<?xml version="1.0" encoding="UTF-8"?>'
DIALS = f"{XML}<Response><Dial>{TO}</Dial></Response>"
ORDER = DialOrder(TO, CALLER, answer_url="https://b/voice", news_url="https://b/news", stream_url="wss://b/m", limit=60)


def twilio_rules(name: str, base: str) -> CarrierRules:
    calls = rf"{base}/2010-04-01/Accounts/{USER}/Calls"
    may = frozenset({"StatusCallback", "StatusCallbackEvent", "Timeout", "TimeLimit", "SendDigits"})
    amd = frozenset({"MachineDetection", "AsyncAmd", "AsyncAmdStatusCallback"})
    return CarrierRules(
        name,
        (
            Operation("POST", rf"{calls}/{CALL}\.json", "form", {"Status": "completed"}),
            Operation(
                "POST",
                rf"{calls}\.json",
                "form",
                {"To": TO, "From": CALLER, "Url": "https://b/voice"},
                may | amd,
                201,
                {"sid": "CA77"},
            ),
        ),
        has_basic(USER, SECRET),
        lambda status: {"code": {404: 20404}.get(status, 20000 + status), "message": f"{TO} is bad", "status": status},
    )


def twilio_transfer(base: str) -> Operation:
    return Operation("POST", rf"{base}/2010-04-01/Accounts/{USER}/Calls/{CALL}\.json", "form", {"Twiml": DIALS})


def telnyx_error(status: int) -> Mapping[str, Any]:
    return {"errors": [{"code": "90018" if status == 422 else str(10000 + status), "title": f"{TO}"}]}


def has_bearer(headers: Mapping[str, str]) -> bool:
    return headers.get("authorization") == f"Bearer {SECRET}"


TELNYX = CarrierRules(
    "telnyx",
    (
        Operation("POST", rf"/v2/calls/{CALL}/actions/hangup", "json"),
        Operation("POST", rf"/v2/calls/{CALL}/actions/transfer", "json", {"to": TO}, frozenset({"from", "audio_url"})),
        Operation("POST", rf"/v2/calls/{CALL}/actions/send_dtmf", "json", {"digits": "12#wA", "duration_millis": None}),
        Operation(
            "POST",
            "/v2/calls",
            "json",
            {"connection_id": USER, "to": TO, "from": CALLER, "webhook_url": "https://b/voice"},
            frozenset({"timeout_secs", "time_limit_secs", "answering_machine_detection"}),
            200,
            {"data": {"call_control_id": "CA77"}},
        ),
    ),
    has_bearer,
    telnyx_error,
)


def plivo_rules(name: str, allows: Any) -> CarrierRules:
    calls = f"/v1/Account/{USER}/Call/"
    may = frozenset({"answer_method", "hangup_url", "hangup_method", "ring_timeout", "time_limit", "send_digits"})
    dial = {"from": CALLER, "to": TO, "answer_url": "https://b/voice"}
    return CarrierRules(
        name,
        (
            Operation("DELETE", rf"{calls}{CALL}/", status=204),
            Operation(
                "POST",
                rf"{calls}{CALL}/",
                "json",
                {"legs": "aleg", "aleg_url": "https://b/via"},
                frozenset({"aleg_method"}),
                202,
            ),
            Operation(
                "POST",
                calls,
                "json",
                dial,
                may | {"machine_detection", "machine_detection_url"},
                201,
                {"message": "call fired", "request_uuid": "CA77"},
            ),
        ),
        allows,
    )


def has_rs256(headers: Mapping[str, str]) -> bool:
    """A JWT of the application, signed with its key, that is good now."""
    head, claims, signature = headers["authorization"].removeprefix("Bearer ").split(".")
    parts = [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (head, claims, signature)]
    RSA_KEY.public_key().verify(parts[2], f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    said = json.loads(parts[1])
    assert json.loads(parts[0]) == {"alg": "RS256", "typ": "JWT"}
    return said["application_id"] == USER and said["exp"] > said["iat"] == 1000 and len(said["jti"]) >= 16


VONAGE_TRANSFER = {
    "type": "ncco",
    "ncco": [{"action": "connect", "endpoint": [{"type": "phone", "number": TO[1:]}]}],
}
VONAGE = CarrierRules(
    "vonage",
    (
        Operation("PUT", rf"/v1/calls/{CALL}/dtmf", "json", {"digits": "12#pA"}),
        Operation("PUT", rf"/v1/calls/{CALL}", "json", {"action": None}, frozenset({"destination"}), 204),
        Operation(
            "POST",
            "/v1/calls",
            "json",
            {"to": None, "from": None, "answer_url": None},
            frozenset(
                {
                    "answer_method",
                    "event_url",
                    "event_method",
                    "ringing_timer",
                    "length_timer",
                    "advanced_machine_detection",
                }
            ),
            201,
            {"uuid": "CA77", "status": "started"},
        ),
    ),
    has_rs256,
    lambda status: {"type": f"https://developer.vonage.com/api-errors#e{status}", "title": TO},
)
EXOTEL = CarrierRules(
    "exotel",
    (
        Operation(
            "POST",
            r"/v1/Accounts/acme/Calls/connect\.json",
            "form",
            {"From": TO, "CallerId": CALLER, "StreamUrl": "wss://b/m", "StreamType": "bidirectional"},
            frozenset({"StatusCallback", "TimeLimit", "StreamName", "Record", "CustomField"}),
            200,
            {"Call": {"Sid": "CA77"}},
        ),
    ),
    has_basic(USER, SECRET),
    lambda status: {"RestException": {"Status": status, "Message": TO}},
)


@dataclass(frozen=True)
class Carrier:
    rules: CarrierRules
    account: Any

    @property
    def can(self) -> frozenset[str]:
        return self.account("http://x").can  # type: ignore[no-any-return]


CARRIERS = {
    "twilio": Carrier(twilio_rules("twilio", ""), lambda api: TwilioAccount(USER, SECRET, api=api)),
    "signalwire": Carrier(
        twilio_rules("signalwire", "/api/laml"), lambda api: SignalWireAccount(USER, SECRET, api=f"{api}/api/laml")
    ),
    "telnyx": Carrier(TELNYX, lambda api: TelnyxAccount(USER, SECRET, api=api)),
    "plivo": Carrier(
        plivo_rules("plivo", has_basic(USER, SECRET)), lambda api: PlivoAccount(USER, SECRET, api=f"{api}/v1")
    ),
    "vobiz": Carrier(
        plivo_rules("vobiz", lambda headers: (headers["x-auth-id"], headers["x-auth-token"]) == (USER, SECRET)),
        lambda api: VobizAccount(USER, SECRET, api=f"{api}/v1"),
    ),
    "vonage": Carrier(VONAGE, lambda api: VonageAccount(USER, PEM, api=api)),
    "exotel": Carrier(EXOTEL, lambda api: ExotelAccount("acme", USER, SECRET, api=api)),
}
HANG_UP = [name for name, carrier in CARRIERS.items() if "hang_up" in carrier.can]
SECRETS = (SECRET, TO, TO[1:], CALLER, CALL_ID, USER, "PRIVATE KEY")


def client(name: str, url: str, **how: Any) -> CarrierClient:
    return CarrierClient(CARRIERS[name].account(url), now=lambda: 1000.0, **how)


async def used(name: str, act: str, api: CarrierApi, url: str) -> Any:
    """Have the carrier do one thing."""
    carrier = client(name, url)
    match act:
        case "hang_up":
            return await carrier.hang_up(CALL_ID)
        case "transfer":
            return await carrier.transfer(CALL_ID, TO, "https://b/via")
        case "digits":
            return await carrier.send_digits(CALL_ID, "12#wA")
    return await carrier.dial(ORDER)


def rules_for(name: str, act: str) -> CarrierRules:
    rules = CARRIERS[name].rules
    if act == "transfer" and name in ("twilio", "signalwire"):
        return CarrierRules(
            name, (twilio_transfer("" if name == "twilio" else "/api/laml"),), rules.allows, rules.error
        )
    return rules


@pytest.mark.parametrize(
    ("name", "act"),
    [
        (name, act)
        for name, carrier in CARRIERS.items()
        for act in ("hang_up", "transfer", "digits", "dial")
        if act in carrier.can
    ],
)
async def test_each_request_is_one_that_the_carrier_takes(
    name: str, act: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Address, keys and fields are those of its pages; a dial returns the call's id; nothing of it is logged."""
    caplog.set_level(logging.DEBUG)
    async with standing_in(rules_for(name, act)) as (api, url):
        result = await used(name, act, api, url)
        assert len(api.asked) == 1
        assert result == ("CA77" if act == "dial" else None)
    assert not any(secret in caplog.text for secret in SECRETS)


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("act", ["hang_up", "transfer", "digits", "dial"])
async def test_what_a_carrier_has_not_is_refused_before_anything_is_sent(name: str, act: str) -> None:
    """A ConfigError names the carrier; its address is one where nobody listens."""
    if act in CARRIERS[name].can:
        return
    with pytest.raises(ConfigError, match=f"^{name}: this carrier has no "):
        await used(name, act, CarrierApi(CARRIERS[name].rules), "http://127.0.0.1:9")


REFUSALS: dict[int, tuple[type[ServiceError], bool]] = {
    400: (ServiceError, False),
    401: (Unauthenticated, False),
    402: (QuotaExceeded, False),
    403: (Unauthenticated, False),
    404: (Unavailable, False),
    408: (Unavailable, True),
    409: (Unavailable, True),
    429: (QuotaExceeded, True),
    500: (Unavailable, True),
    503: (Unavailable, True),
}


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("status", REFUSALS)
async def test_a_refusal_is_one_of_our_errors(name: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Its kind, status and whether to try again; never a key, a number, an id or the carrier's own sentence."""
    caplog.set_level(logging.DEBUG)
    kind, retryable = REFUSALS[status]
    async with standing_in(CARRIERS[name].rules) as (api, url):
        api.instead = [status]
        with pytest.raises(ServiceError) as raised:
            await client(name, url).dial(ORDER)
    error = raised.value
    assert (type(error), error.code, error.retryable, error.service) == (kind, status, retryable, name)
    assert not any(secret in f"{error!r} {error} {caplog.text}" for secret in SECRETS)
    assert error.__cause__ is None


async def test_wrong_keys_name_the_variables() -> None:
    """The stand-in itself says 401, and the error says which variables to look at."""
    async with standing_in(CARRIERS["twilio"].rules) as (_, url):
        wrong = CarrierClient(TwilioAccount(USER, "another", api=url))
        with pytest.raises(
            Unauthenticated, match="expected the account's credentials in TWILIO_ACCOUNT_SID and TWILIO_AUTH_"
        ):
            await wrong.hang_up(CALL_ID)


@pytest.mark.parametrize("name", HANG_UP)
async def test_a_call_that_is_over_is_hung_up(name: str) -> None:
    """The carrier's own way to say so is no error of a hang-up."""
    async with standing_in(CARRIERS[name].rules) as (api, url):
        api.over = {CALL_ID}
        api.over_status = 422 if name == "telnyx" else 404
        api.over_answer = api.rules.error(api.over_status)
        await client(name, url).hang_up(CALL_ID)
        assert len(api.asked) == 1


@pytest.mark.parametrize("name", HANG_UP)
@pytest.mark.parametrize("trouble", [500, 429, "drop"])
async def test_a_hang_up_is_said_twice_if_need_be(name: str, trouble: int | str) -> None:
    """It may be repeated, and is, once; a second failure is raised."""
    async with standing_in(CARRIERS[name].rules) as (api, url):
        api.instead = [trouble]
        await client(name, url).hang_up(CALL_ID)
        assert len(api.asked) == 1
        api.instead = [trouble, trouble]
        with pytest.raises(ServiceError):
            await client(name, url).hang_up(CALL_ID)


@pytest.mark.parametrize("name", CARRIERS)
async def test_a_dial_is_said_once(name: str) -> None:
    """A call that may be ringing is not rung again."""
    async with standing_in(CARRIERS[name].rules) as (api, url):
        api.instead = [503]
        with pytest.raises(Unavailable):
            await client(name, url).dial(ORDER)
        assert api.asked == []
        assert api.instead == []


@pytest.mark.parametrize("name", CARRIERS)
async def test_silence_is_unavailable_in_time(name: str) -> None:
    """No answer within the limit, and nobody there, are the same kind of error, without an address in it."""
    async with standing_in(CARRIERS[name].rules) as (api, url):
        api.instead = ["silent"]
        with trio.fail_after(20), pytest.raises(Unavailable, match=r"no answer within 0\.2 s") as raised:
            await client(name, url, timeout=0.2).dial(ORDER)
        assert raised.value.retryable
    with pytest.raises(Unavailable, match=r"no connection \(ConnectError\)") as raised:
        await client(name, url).dial(ORDER)
    assert url not in str(raised.value)


async def test_an_answer_without_an_id_is_unavailable() -> None:
    """A dial that was taken and names no call can't be followed."""
    operations = tuple(Operation(o.method, o.path, o.body, o.needs, o.may, o.status) for o in TELNYX.operations)
    async with standing_in(CarrierRules("telnyx", operations, has_bearer)) as (_, url):
        with pytest.raises(Unavailable, match="expected the id of the call, got none"):
            await client("telnyx", url).dial(ORDER)


@pytest.mark.parametrize("name", [name for name, carrier in CARRIERS.items() if name not in ("exotel",)])
async def test_machine_detection_is_asked_for(name: str) -> None:
    """A dial that wants to know who answers has the carrier's own fields for it."""
    async with standing_in(CARRIERS[name].rules) as (api, url):
        await client(name, url).dial(DialOrder(TO, CALLER, "https://b/voice", "https://b/news", detect_machine=True))
        fields = {name for name in api.asked[0][2] if "machine" in name.lower() or "Amd" in name}
        assert fields


def test_a_vonage_key_that_is_none_is_not_shown() -> None:
    """The error names the variable."""
    with pytest.raises(ConfigError, match="VONAGE_PRIVATE_KEY") as raised:
        VonageAccount(USER, SECRET).headers(1000.0)
    assert SECRET not in str(raised.value)


def test_no_repr_shows_a_key_or_a_number() -> None:
    """Accounts, clients, orders and requests."""
    account: Account = TwilioAccount(USER, SECRET)
    shown = [account, CarrierClient(account), ORDER, account.dial(ORDER), account.transfer(CALL_ID, TO, "")]
    assert not any(secret in repr(thing) for thing in shown for secret in SECRETS)
