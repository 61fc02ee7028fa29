"""The transports on a site in memory: what each webhook is answered, what is refused, and what its news mean."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from trio.testing import MockClock

from tests.carrier_api_kit import CALL, CarrierRules, Operation, standing_in
from voicekit.call.connection import open_call
from voicekit.call.control import CallReport
from voicekit.call.info import CallEnd, EndReason
from voicekit.call.tokens import CallFacts, CallTokens, TokenRefused
from voicekit.call.transport import SocketRoute, Webhook, WebhookAnswer, WebhookRoute
from voicekit.errors import ConfigError, Unavailable
from voicekit.events import AnsweredBy
from voicekit.testing import ScriptedCarrier
from voicekit.testing.upgrade import MemoryUpgrade
from voicekit_phone import plivo, twilio, vonage
from voicekit_phone.transports import Cloudonix, Jambonz, Plivo, SignalWire, Telnyx, Twilio, Vobiz, Vonage

HOST = "https://bot.example"
SECRET = "s" * 24
KEY = Ed25519PrivateKey.generate()
PUBLIC = b64encode(KEY.public_key().public_bytes_raw()).decode()
NOW = 1_000_000.0
ID, CALLER, CALLED = "call-1", "+15550001", "+15550002"


class MemorySite:
    """A server without a port."""

    def __init__(self, *, ready: bool = True) -> None:
        self.tokens = CallTokens("secret of the server")
        self.ready = ready
        self.reports: list[tuple[str, CallReport]] = []
        self.time = NOW

    def now(self) -> float:
        return self.time

    def address(self, path: str, *, scheme: str = "https") -> str:
        return f"{scheme}://bot.example{path}"

    def report(self, transport: str, report: CallReport) -> None:
        self.reports.append((transport, report))

    async def hold(self, *args: Any, **how: Any) -> None:
        raise AssertionError("no socket comes here")


def request(path: str, said: Mapping[str, str] | str, **headers: str) -> Webhook:
    """A form, or JSON if it is text."""
    form = [] if isinstance(said, str) else list(said.items())
    body = said.encode() if isinstance(said, str) else urlencode(form).encode()
    return Webhook("POST", HOST + path, {name.replace("_", "-"): value for name, value in headers.items()}, body, form)


def twilio_signed(path: str, said: Mapping[str, str]) -> Webhook:
    return request(path, said, x_twilio_signature=twilio.signature(SECRET, HOST + path, said.items()))


def signalwire_signed(path: str, said: Mapping[str, str]) -> Webhook:
    return request(path, said, x_signalwire_signature=twilio.signature(SECRET, HOST + path, said.items()))


def signalwire_raw(path: str, said: Mapping[str, str]) -> Webhook:
    right = hmac.new(SECRET.encode(), (HOST + path + urlencode(said)).encode(), hashlib.sha1).hexdigest()
    return request(path, said, x_signalwire_signature=right)


def telnyx_signed(path: str, said: Mapping[str, str] | str) -> Webhook:
    unsigned = request(path, said)
    signature = b64encode(KEY.sign(f"{NOW:.0f}|".encode() + unsigned.body)).decode()
    return request(path, said, telnyx_signature_ed25519=signature, telnyx_timestamp=f"{NOW:.0f}")


def plivo_signed(path: str, said: Mapping[str, str]) -> Webhook:
    right = plivo.signature(SECRET, "n", "POST", HOST + path, said.items())
    return request(path, said, x_plivo_signature_v3=right, x_plivo_signature_v3_nonce="n")


def vonage_signed(path: str, said: Mapping[str, str]) -> Webhook:
    body = json.dumps(dict(said))
    claims = {"iat": NOW, "jti": repr(said) + path, "payload_hash": hashlib.sha256(body.encode()).hexdigest()}
    return request(path, body, authorization=f"Bearer {vonage.token(SECRET, claims)}")


def jambonz_signed(path: str, said: Mapping[str, str]) -> Webhook:
    return request(path, json.dumps(dict(said)), authorization="Basic " + b64encode(f"x:{SECRET}".encode()).decode())


FORM = {"CallSid": ID, "From": CALLER, "To": CALLED}
PLIVO_FORM = {"CallUUID": ID, "From": CALLER, "To": CALLED}
VONAGE_SAID = {"uuid": ID, "from": CALLER, "to": CALLED}
JAMBONZ_SAID = {"call_sid": ID, "from": CALLER, "to": CALLED}
VOICE: dict[str, tuple[Any, Any, Mapping[str, str], str]] = {
    "twilio": (lambda: Twilio(SECRET), twilio_signed, FORM, "Reject"),
    "signalwire": (lambda: SignalWire(SECRET), signalwire_signed, FORM, "Reject"),
    "signalwire, raw": (lambda: SignalWire(SECRET), signalwire_raw, FORM, "Reject"),
    "cloudonix": (lambda: Cloudonix(SECRET), request, FORM, "Reject"),
    "telnyx": (lambda: Telnyx(PUBLIC), telnyx_signed, FORM, "Reject"),
    "plivo": (lambda: Plivo(SECRET), plivo_signed, PLIVO_FORM, "busy"),
    "vobiz": (lambda: Vobiz(SECRET), plivo_signed, PLIVO_FORM, "busy"),
    "vonage": (lambda: Vonage(SECRET), vonage_signed, VONAGE_SAID, "[]"),
    "jambonz": (lambda: Jambonz(SECRET), jambonz_signed, JAMBONZ_SAID, "486"),
}


def route(transport: Any, site: MemorySite, end: str) -> WebhookRoute:
    """The webhook whose path ends so."""
    found = [each for each in transport.routes(site) if isinstance(each, WebhookRoute) and each.path.endswith(end)]
    assert len(found) == 1
    return found[0]


async def asked(transport: Any, site: MemorySite, end: str, sign: Any, said: Any) -> WebhookAnswer:
    there = route(transport, site, end)
    return await there.answer(sign(there.path, said))


@pytest.mark.parametrize("name", VOICE)
async def test_a_signed_webhook_is_led_to_a_socket_with_its_facts(name: str) -> None:
    """The token in the path has the call's id and both numbers, and is good once."""
    make, sign, said, _ = VOICE[name]
    transport, site = make(), MemorySite()
    answer = await asked(transport, site, "/voice", sign, said)
    assert answer.status == 200
    path = f"wss://bot.example/{transport.name}/media/"
    assert answer.body.count(path) == 1
    token = answer.body.split(path)[1].split('"')[0].split("<")[0]
    facts = site.tokens.take(token, NOW)
    assert (facts.call_id, dict(facts.facts)) == (ID, {"caller": CALLER, "called": CALLED})
    with pytest.raises(TokenRefused):
        site.tokens.take(token, NOW)
    assert [each.path for each in transport.routes(site) if isinstance(each, SocketRoute)] == [
        f"/{transport.name}/media/{{token}}"
    ]


@pytest.mark.parametrize("name", [name for name in VOICE if name != "cloudonix"])
@pytest.mark.parametrize("end", ["/voice", "/news"])
async def test_an_unsigned_webhook_is_refused(name: str, end: str) -> None:
    """403 for calls and for news."""
    make, _, said, _ = VOICE[name]
    site = MemorySite()
    answer = await asked(make(), site, end, request, said)
    assert answer.status == 403
    assert "wss" not in answer.body
    assert site.reports == []


SIGNED = [name for name in VOICE if name != "cloudonix"]
OF_URL = ("twilio", "signalwire", "signalwire, raw", "plivo", "vobiz")
"""Carriers whose signature covers the address."""


@pytest.mark.parametrize("name", SIGNED)
async def test_another_secret_is_refused(name: str) -> None:
    """The same request, on a server that has another one."""
    _, sign, said, _ = VOICE[name]
    other = b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    makes = {"telnyx": lambda: Telnyx(other), "signalwire, raw": lambda: SignalWire("t" * 24)}
    kinds: dict[str, Any] = {"twilio": Twilio, "signalwire": SignalWire, "plivo": Plivo, "vobiz": Vobiz,
                             "vonage": Vonage, "jambonz": Jambonz}  # fmt: skip
    transport = makes[name]() if name in makes else kinds[name]("t" * 24)
    assert (await asked(transport, MemorySite(), "/voice", sign, said)).status == 403


@pytest.mark.parametrize("name", [name for name in SIGNED if name != "jambonz"])
async def test_a_changed_request_is_refused(name: str) -> None:
    """Another caller than the one that was signed; jambonz has a password, and no signature."""
    make, sign, said, _ = VOICE[name]
    site, transport = MemorySite(), make()
    there = route(transport, site, "/voice")
    right = sign(there.path, said)
    changed = {key: value.replace("0001", "0009") for key, value in said.items()}
    wrong = sign(there.path, changed)
    forged = Webhook("POST", right.url, right.headers, wrong.body, wrong.form)
    assert (await there.answer(forged)).status == 403
    assert (await there.answer(right)).status == 200


@pytest.mark.parametrize("name", OF_URL)
async def test_a_request_to_another_address_is_refused(name: str) -> None:
    """Signed for another path, and for another host."""
    make, sign, said, _ = VOICE[name]
    there = route(make(), MemorySite(), "/voice")
    elsewhere = sign("/elsewhere", said)
    moved = Webhook("POST", HOST + there.path, elsewhere.headers, elsewhere.body, elsewhere.form)
    assert (await there.answer(moved)).status == 403
    right = sign(there.path, said)
    hosted = Webhook("POST", f"https://evil.example{there.path}", right.headers, right.body, right.form)
    assert (await there.answer(hosted)).status == 403


@pytest.mark.parametrize("name", ["telnyx", "vonage"])
async def test_a_stale_request_is_refused(name: str) -> None:
    """Signed five minutes and a second ago; just before it is taken."""
    make, sign, said, _ = VOICE[name]
    for age, status in ((301.0, 403), (299.0, 200)):
        site = MemorySite()
        site.time = NOW + age
        assert (await asked(make(), site, "/voice", sign, said)).status == status


async def test_a_webhook_of_vonage_counts_once() -> None:
    """By its `jti`, in this process."""
    make, sign, said, _ = VOICE["vonage"]
    transport, site = make(), MemorySite()
    assert (await asked(transport, site, "/voice", sign, said)).status == 200
    assert (await asked(transport, site, "/voice", sign, said)).status == 403


@pytest.mark.parametrize("name", VOICE)
@pytest.mark.parametrize("token", ["made up", "of another server", "old", "used"])
async def test_a_socket_without_a_good_token_is_refused_before_it_is_accepted(name: str, token: str) -> None:
    """403, and the site is not asked to hold anything."""
    make, sign, said, _ = VOICE[name]
    transport, site = make(), MemorySite()
    answer = await asked(transport, site, "/voice", sign, said)
    path = f"wss://bot.example/{transport.name}/media/"
    good = answer.body.split(path)[1].split('"')[0].split("<")[0]
    match token:
        case "made up":
            good = "abc.def"
        case "of another server":
            good = CallTokens("another secret").mint(ID, {}, NOW)
        case "old":
            site.time = NOW + 15.1
        case "used":
            site.tokens.take(good, NOW)
    socket = next(each for each in transport.routes(site) if isinstance(each, SocketRoute))
    upgrade = MemoryUpgrade(ScriptedCarrier(transport.dialect.peer(), transport.dialect.format).stream, path + good,
                            parameters={"token": good})  # fmt: skip
    await socket.handle(upgrade)
    assert upgrade.status == 403


@pytest.mark.parametrize("name", [name for name in VOICE if name != "vonage"])
def test_a_socket_that_names_another_call_is_closed(name: str) -> None:
    """The token is of one call, `start` of another: 1008, before any session; Vonage's socket names none."""
    dialect = VOICE[name][0]().dialect

    async def main() -> ScriptedCarrier:
        carrier = ScriptedCarrier(dialect.peer(), dialect.format)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(carrier.run)
            with pytest.raises(Unavailable, match="differs from the one that the webhook announced"):
                async with open_call(carrier.stream, dialect.wire(), CallFacts("another", {})):
                    raise AssertionError("there is no such call")
            await carrier.hung_up.wait()
            nursery.cancel_scope.cancel()
        return carrier

    carrier = trio.run(main, clock=MockClock(autojump_threshold=0))
    assert carrier.close_code == 1008


@pytest.mark.parametrize("name", VOICE)
async def test_a_full_server_says_busy(name: str) -> None:
    """In the carrier's own words, and no token is made."""
    make, sign, said, busy = VOICE[name]
    answer = await asked(make(), MemorySite(ready=False), "/voice", sign, said)
    assert busy in answer.body
    assert "wss" not in answer.body


def test_a_secret_in_a_path_is_long_and_plain() -> None:
    """What nothing else protects can't be guessed, and stands in a path as it is."""
    for wrong in ("short", "a" * 20 + "/../x", "a" * 20 + "?"):
        with pytest.raises(ConfigError, match="at least 16 letters and digits"):
            Cloudonix(wrong)
    assert route(Cloudonix(SECRET), MemorySite(), "/voice").path == f"/cloudonix/{SECRET}/voice"


def ended(reason: EndReason, word: str) -> CallReport:
    return CallReport(ID, CallEnd(reason, word))


def answered(who: Any, greeted: bool = False) -> CallReport:
    return CallReport(ID, answered_by=AnsweredBy(who, greeted))


def telnyx_event(kind: str, **payload: str) -> str:
    return json.dumps({"data": {"event_type": kind, "payload": {"call_control_id": ID, **payload}}})


NEWS: list[tuple[str, Any, CallReport | None]] = [
    ("twilio", {"CallSid": ID, "CallStatus": "busy"}, ended(EndReason.BUSY, "busy")),
    ("twilio", {"CallSid": ID, "CallStatus": "no-answer"}, ended(EndReason.NO_ANSWER, "no-answer")),
    ("twilio", {"CallSid": ID, "CallStatus": "canceled"}, ended(EndReason.FAILED, "canceled")),
    ("twilio", {"CallSid": ID, "CallStatus": "completed"}, None),
    ("twilio", {"CallSid": ID, "AnsweredBy": "human"}, answered("human")),
    ("twilio", {"CallSid": ID, "AnsweredBy": "machine_start"}, answered("machine")),
    ("twilio", {"CallSid": ID, "AnsweredBy": "machine_end_beep"}, answered("machine", True)),
    ("twilio", {"CallSid": ID, "AnsweredBy": "machine_end_silence"}, answered("machine", True)),
    ("twilio", {"CallSid": ID, "AnsweredBy": "fax"}, answered("fax")),
    ("twilio", {"CallSid": ID, "AnsweredBy": "unknown"}, answered("unknown")),
    ("signalwire", {"CallSid": ID, "CallStatus": "failed"}, ended(EndReason.FAILED, "failed")),
    ("plivo", {"CallUUID": ID, "CallStatus": "busy"}, ended(EndReason.BUSY, "busy")),
    ("plivo", {"RequestUUID": ID, "CallStatus": "timeout"}, ended(EndReason.NO_ANSWER, "timeout")),
    ("plivo", {"CallUUID": ID, "Machine": "true"}, answered("machine", True)),
    ("plivo", {"CallUUID": ID, "Machine": "false"}, answered("human")),
    ("vonage", {"uuid": ID, "status": "unanswered"}, ended(EndReason.NO_ANSWER, "unanswered")),
    ("vonage", {"uuid": ID, "status": "rejected"}, ended(EndReason.FAILED, "rejected")),
    ("vonage", {"uuid": ID, "status": "machine"}, answered("machine")),
    ("vonage", {"uuid": ID, "status": "machine", "sub_state": "beep_start"}, answered("machine", True)),
    ("vonage", {"uuid": ID, "status": "human"}, answered("human")),
    ("vonage", {"uuid": ID, "status": "completed"}, None),
    ("telnyx", telnyx_event("call.hangup", hangup_cause="user_busy"), ended(EndReason.BUSY, "user_busy")),
    ("telnyx", telnyx_event("call.hangup", hangup_cause="normal_clearing"), None),
    ("telnyx", telnyx_event("call.machine.detection.ended", result="human"), answered("human")),
    ("telnyx", telnyx_event("call.machine.premium.detection.ended", result="machine"), answered("machine")),
    ("telnyx", telnyx_event("call.machine.detection.ended", result="not_sure"), answered("unknown")),
    ("telnyx", telnyx_event("call.machine.greeting.ended", result="beep_detected"), answered("machine", True)),
    ("telnyx", "[]", None),
    ("jambonz", {"call_sid": ID, "call_status": "busy"}, None),
]


@pytest.mark.parametrize(("name", "said", "report"), NEWS, ids=lambda value: str(value)[:60])
async def test_news_are_read(name: str, said: Any, report: CallReport | None) -> None:
    """Busy, no answer, a machine and its beep, each in the carrier's own words."""
    make, sign, _, _ = VOICE[name]
    site = MemorySite()
    answer = await asked(make(), site, "/events" if name == "telnyx" else "/news", sign, said)
    assert answer.status == 200
    assert site.reports == ([] if report is None else [(name, report)])


STREAM = Operation(
    "POST",
    rf"/v2/calls/{CALL}/actions/streaming_start",
    "json",
    {"stream_url": None, "stream_track": "inbound_track", "stream_bidirectional_mode": "rtp",
     "stream_bidirectional_codec": "PCMU", "stream_auth_token": None},
)  # fmt: skip


@pytest.mark.parametrize(("direction", "starts"), [("outgoing", True), ("incoming", False)])
async def test_telnyx_is_asked_for_the_stream_of_a_call_that_we_made(direction: str, starts: bool) -> None:
    """When it is answered, with a token for just that call; of a call that came in there is TeXML instead."""
    rules = CarrierRules("telnyx", (STREAM,), lambda headers: headers["authorization"] == "Bearer key")
    said = telnyx_event("call.answered", direction=direction, **{"from": CALLER, "to": CALLED})
    async with standing_in(rules) as (api, url):
        transport, site = Telnyx(PUBLIC, api_key="key", api=url), MemorySite()
        with trio.fail_after(20):
            assert (await asked(transport, site, "/events", telnyx_signed, said)).status == 200
    assert len(api.asked) == starts
    for _, path, given in api.asked:
        assert path == f"/v2/calls/{ID}/actions/streaming_start"
        token = urlsplit(given["stream_url"]).path.rpartition("/")[2]
        assert given["stream_auth_token"] == token
        facts = site.tokens.take(token, NOW)
        assert facts.call_id == ID
        assert facts.facts["direction"] == "outbound"


async def test_a_stream_that_telnyx_refuses_is_a_failed_call() -> None:
    """The site is told; whoever dialled ends."""
    rules = CarrierRules("telnyx", (STREAM,), lambda headers: False, lambda status: {})
    said = telnyx_event("call.answered", direction="outgoing")
    async with standing_in(rules) as (_, url):
        transport, site = Telnyx(PUBLIC, api_key="key", api=url), MemorySite()
        await asked(transport, site, "/events", telnyx_signed, said)
    assert site.reports == [("telnyx", ended(EndReason.FAILED, "Unauthenticated"))]


@pytest.mark.parametrize("name", [name for name in VOICE if name != "cloudonix"])
def test_no_transport_shows_its_secret(name: str) -> None:
    """Not in its repr."""
    assert SECRET not in repr(VOICE[name][0]())
