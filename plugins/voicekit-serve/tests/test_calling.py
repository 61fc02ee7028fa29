"""Calls out, and what carriers do at our request, over real sockets: a strict stand-in for the API, signed webhooks."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from tests.carrier_api_kit import CALL, CarrierApi, CarrierRules, Operation, has_basic, standing_in
from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.call.info import CallEnd, EndReason
from voicekit.errors import ConfigError, Unauthenticated
from voicekit.events import AnsweredBy, SessionEvent, Transferred
from voicekit.flow.groups import alone
from voicekit.reply.handler import Turn
from voicekit.testing import FakeTts
from voicekit_phone import plivo
from voicekit_phone.peers import PeerMark, PeerSound
from voicekit_phone.plivo import PlivoPeer
from voicekit_phone.transports import Exotel, Jambonz, Plivo, Twilio
from voicekit_phone.twilio import TwilioPeer, signature
from voicekit_serve import calling
from voicekit_serve.calling import call_out, dialing
from voicekit_serve.server import serve

TOKEN, ACCOUNT = "twilio-secret-token", "AC-account"
PUBLIC = "https://bot.example"
TO, NUMBER, PERSON = "+15550001111", "+15550002222", "+15550003333"
ID = "CA77"

CALLS = rf"/2010-04-01/Accounts/{ACCOUNT}/Calls"
DIAL = Operation(
    "POST",
    rf"{CALLS}\.json",
    "form",
    {"To": TO, "From": NUMBER, "Url": f"{PUBLIC}/twilio/voice", "StatusCallback": f"{PUBLIC}/twilio/news"},
    frozenset({"Timeout", "StatusCallbackEvent", "MachineDetection", "AsyncAmd", "AsyncAmdStatusCallback"}),
    201,
    {"sid": ID},
)
END = Operation("POST", rf"{CALLS}/{CALL}\.json", "form", {"Status": "completed"})
PUT_THROUGH = Operation("POST", rf"{CALLS}/{CALL}\.json", "form", {"Twiml": None})


def twilio_api(*operations: Operation) -> CarrierRules:
    return CarrierRules("twilio", operations, has_basic(ACCOUNT, TOKEN), lambda status: {"code": status})


def twilio(api: str) -> Twilio:
    return Twilio(TOKEN, account=ACCOUNT, number=NUMBER, api=api)


class Bot:
    """Greets; on a machine it leaves a message, on a key it hands the caller over. Keeps what it saw."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.events: list[SessionEvent] = []

    async def answer(self, call: Call) -> Session:
        self.calls.append(call)
        policy = Policy(call=CallPolicy(greeting="Hello.", farewell=None))
        session = Session(handler=self.turn, call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)
        session.watch(self.events.append)
        return session

    def turn(self, turn: Turn) -> str:
        if turn.reason == "machine":
            turn.end()
            return "Please call us back."
        turn.transfer(PERSON)
        return "One moment."


@asynccontextmanager
async def served(bot: Bot, transport: Any) -> AsyncIterator[tuple[Any, str]]:
    """A site for calls that come in, and where it listens."""
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Any]) -> None:
            await serve(bot.answer, transport, public_url=PUBLIC, port=0, drain=0.1, task_status=task_status)

        site = await nursery.start(run)
        yield site, site.urls[0]
        site.stop()


async def signed(url: str, path: str, form: dict[str, str]) -> httpx.Response:
    headers = {"x-twilio-signature": signature(TOKEN, f"{PUBLIC}{path}", form.items())}
    async with httpx.AsyncClient() as client:
        return await client.post(f"{url}{path}", data=form, headers=headers)


@asynccontextmanager
async def media(url: str, answer: str) -> AsyncIterator[WebSocketConnection]:
    """The socket that a webhook's answer leads to."""
    found = re.search(r"wss://bot\.example(/\w+/media/[^\"<]+)", answer)
    assert found, answer
    async with open_websocket_url(url.replace("http", "ws", 1) + found[1], disconnect_timeout=2) as socket:
        try:
            yield socket
        finally:
            with trio.move_on_after(1, shield=True):
                await socket.aclose()
                await socket._stream.aclose()


async def heard(socket: WebSocketConnection, peer: Any, packets: int = 3) -> None:
    """Wait until so many packets of the bot's voice have come; what comes is played at once."""
    while packets:
        event = peer.receive(await socket.get_message())
        packets -= isinstance(event, PeerSound)
        if isinstance(event, PeerMark):
            await socket.send_message(peer.passed(event.name))


async def until(condition: Callable[[], Any]) -> None:
    """Loopback has no event for what happens at the far end of a socket."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.01)


async def called_out(
    api_url: str, bot: Bot, far: Callable[[str], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, **how: Any
) -> CallEnd:
    """The end of a call out, while `far(url)` plays the carrier."""
    urls: list[str] = []
    real = calling.serve

    async def listening(*args: Any, task_status: Any, **serving: Any) -> None:
        class Status:
            def started(self, site: Any) -> None:
                urls.extend(site.urls)
                task_status.started(site)

        await real(*args, task_status=Status(), **serving)

    monkeypatch.setattr(calling, "serve", listening)

    async def carry() -> None:
        await until(lambda: urls)
        await far(urls[0])

    with alone():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(carry)
            return await call_out(bot.answer, twilio(api_url), TO, public_url=PUBLIC, port=0, drain=0.0, **how)


FORM = {"CallSid": ID, "From": NUMBER, "To": TO, "Direction": "outbound-api", "CallStatus": "in-progress"}


async def test_a_call_out_is_dialled_answered_and_held(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The order goes to the carrier, its webhook leads to the socket, the bot greets, and the person hangs up."""
    caplog.set_level(logging.DEBUG, "voicekit")
    bot = Bot()
    async with standing_in(twilio_api(DIAL)) as (api, api_url):

        async def far(url: str) -> None:
            await until(lambda: api.asked)
            answer = await signed(url, "/twilio/voice", FORM)
            peer = TwilioPeer(call=ID)
            async with media(url, answer.text) as socket:
                for message in peer.begin():
                    await socket.send_message(message)
                await heard(socket, peer)
                for message in peer.stop():
                    await socket.send_message(message)
                with pytest.raises(ConnectionClosed):
                    await heard(socket, peer, 10_000)

        with trio.fail_after(30):
            end = await called_out(api_url, bot, far, monkeypatch)
    assert end.reason is EndReason.CALLER
    assert bot.calls[0].info.direction == "outbound"
    assert bot.calls[0].info.call_id.trust == "signed"
    assert len(api.asked) == 1
    assert not any(secret in caplog.text for secret in (TO, NUMBER, TOKEN))


@pytest.mark.parametrize(
    ("status", "reason"),
    [("busy", EndReason.BUSY), ("no-answer", EndReason.NO_ANSWER), ("failed", EndReason.FAILED)],
)
async def test_a_call_that_nobody_takes_ends_as_the_carrier_says(
    status: str, reason: EndReason, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No conversation is made, and nothing more is asked of the carrier; another call's news do not count."""
    bot = Bot()
    async with standing_in(twilio_api(DIAL)) as (api, api_url):

        async def far(url: str) -> None:
            await until(lambda: api.asked)
            await signed(url, "/twilio/news", {"CallSid": "CA99", "CallStatus": "failed"})
            assert (await signed(url, "/twilio/news", {"CallSid": ID, "CallStatus": status})).status_code == 200

        with trio.fail_after(30):
            end = await called_out(api_url, bot, far, monkeypatch)
        assert end == CallEnd(reason, status)
        assert bot.calls == []
        assert len(api.asked) == 1


async def test_ringing_is_given_up_at_the_carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody answers in time the carrier is asked to end the call."""
    monkeypatch.setattr(calling, "CONNECT_S", 0.1)
    async with standing_in(twilio_api(DIAL, END)) as (api, api_url):

        async def far(url: str) -> None:
            return

        with trio.fail_after(30):
            end = await called_out(api_url, Bot(), far, monkeypatch, ring=0.1)
        assert end.reason is EndReason.NO_ANSWER
        assert [path for _, path, _ in api.asked] == [f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json",
                                                      f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{ID}.json"]  # fmt: skip


async def test_a_machine_is_left_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The carrier's result is an event, and the handler is asked what to say to a machine that has beeped."""
    bot = Bot()
    async with standing_in(twilio_api(DIAL)) as (api, api_url):

        async def far(url: str) -> None:
            await until(lambda: api.asked)
            answer = await signed(url, "/twilio/voice", FORM)
            peer = TwilioPeer(call=ID)
            async with media(url, answer.text) as socket:
                for message in peer.begin():
                    await socket.send_message(message)
                await heard(socket, peer)
                await signed(url, "/twilio/news", {"CallSid": ID, "AnsweredBy": "machine_end_beep"})
                with pytest.raises(ConnectionClosed):
                    await heard(socket, peer, 10_000)

        with trio.fail_after(30):
            end = await called_out(api_url, bot, far, monkeypatch, dialing={"detect_machine": True})
    assert end.reason is EndReason.BOT
    assert api.asked[0][2]["MachineDetection"] == "DetectMessageEnd"
    assert AnsweredBy("machine", greeted=True) in bot.events
    assert bot.calls[0].answered_by == AnsweredBy("machine", greeted=True)


async def test_wrong_keys_end_a_call_out_before_it_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the carrier refuses is raised as it is."""
    rules = CarrierRules("twilio", (DIAL,), has_basic(ACCOUNT, "another"))
    async with standing_in(rules) as (_, api_url):

        async def far(url: str) -> None:
            return

        with trio.fail_after(30), pytest.raises(Unauthenticated):
            await called_out(api_url, Bot(), far, monkeypatch)


@pytest.mark.parametrize(
    ("transport", "to", "why"),
    [
        (lambda: Twilio(TOKEN, number=NUMBER), TO, "expected credentials for the carrier's account"),
        (lambda: Twilio(TOKEN, account=ACCOUNT), TO, "dial: TWILIO_NUMBER .* is not set"),
        (lambda: Twilio(TOKEN, account=ACCOUNT, number=NUMBER), "Ann", "expected a number such as"),
        (lambda: Exotel("t" * 20), TO, "expected credentials for the carrier's account"),
    ],
    ids=["no account", "no number", "no telephone number", "exotel"],
)
async def test_what_can_not_be_dialled_is_refused_beforehand(
    transport: Any, to: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ConfigError without the number, before anything is sent."""
    for variable in ("TWILIO_ACCOUNT_SID", "TWILIO_NUMBER", "EXOTEL_ACCOUNT_SID"):
        monkeypatch.delenv(variable, raising=False)
    with trio.fail_after(30), pytest.raises(ConfigError, match=why) as raised:
        await call_out(Bot().answer, transport(), to, public_url=PUBLIC, port=0)
    assert to not in str(raised.value)


def test_a_transport_that_makes_no_calls_says_so() -> None:
    """jambonz has no request that places a call here."""
    with pytest.raises(ConfigError, match="jambonz can't place calls"):
        dialing(Jambonz("token"))


async def in_call(api: CarrierApi, bot: Bot, site: Any, url: str) -> None:
    """A call comes in, its caller presses a key, and the stream ends as it does when Twilio follows new TwiML."""
    answer = await signed(url, "/twilio/voice", {"CallSid": ID, "From": TO, "To": NUMBER})
    peer = TwilioPeer(call=ID)
    async with media(url, answer.text) as socket:
        for message in peer.begin():
            await socket.send_message(message)
        await heard(socket, peer)
        await socket.send_message(peer.digit("0"))
        with pytest.raises(ConnectionClosed):
            await heard(socket, peer, 10_000)
    await until(lambda: not site.desk.counts.active)


async def test_a_caller_is_transferred_behind_the_words_that_say_so() -> None:
    """The carrier gets its document once the reply was heard, and the call ends as transferred."""
    bot = Bot()
    async with standing_in(twilio_api(PUT_THROUGH)) as (api, api_url):
        with trio.fail_after(30):
            async with served(bot, twilio(api_url)) as (site, url):
                await in_call(api, bot, site, url)
        assert site.desk.counts.ended == {EndReason.TRANSFERRED: 1}
    assert [given["Twiml"] for _, _, given in api.asked] == [
        f'<?xml version="1.0" encoding="UTF-8"?><Response><Dial>{PERSON}</Dial></Response>'
    ]
    assert Transferred() in bot.events


async def test_a_transfer_that_is_refused_leaves_the_call() -> None:
    """The carrier fails: the caller hears an excuse, and the bot goes on."""
    bot = Bot()
    async with standing_in(twilio_api(PUT_THROUGH)) as (api, api_url), served(bot, twilio(api_url)) as (site, url):
        api.instead = [503]
        with trio.fail_after(30):
            answer = await signed(url, "/twilio/voice", {"CallSid": ID, "From": TO, "To": NUMBER})
            peer = TwilioPeer(call=ID)
            async with media(url, answer.text) as socket:
                for message in peer.begin():
                    await socket.send_message(message)
                await heard(socket, peer)
                await socket.send_message(peer.digit("0"))
                while not any(isinstance(event, Transferred) and event.error for event in bot.events):
                    await heard(socket, peer, 1)
                await heard(socket, peer)
                assert site.desk.counts.active == 1


async def test_plivo_is_asked_where_to_and_hung_up_by_request() -> None:
    """A transfer's address is answered once, for its own call, signed; a call that our bot ends is deleted."""
    path = f"/v1/Account/{ACCOUNT}/Call/{CALL}/"
    via = re.compile(rf"{PUBLIC}(/plivo/transfer/.+)")
    rules = CarrierRules(
        "plivo",
        (
            Operation("DELETE", path, status=204),
            Operation("POST", path, "json", {"legs": "aleg", "aleg_url": None, "aleg_method": "POST"}, status=202),
        ),
        has_basic(ACCOUNT, TOKEN),
    )

    async def ask(url: str, path: str, form: dict[str, str], token: str = TOKEN) -> httpx.Response:
        headers = {
            "x-plivo-signature-v3": plivo.signature(token, "n1", "POST", f"{PUBLIC}{path}", form.items()),
            "x-plivo-signature-v3-nonce": "n1",
        }
        async with httpx.AsyncClient() as client:
            return await client.post(f"{url}{path}", data=form, headers=headers)

    bot = Bot()
    async with standing_in(rules) as (api, api_url):
        transport = Plivo(TOKEN, account=ACCOUNT, api=f"{api_url}/v1")
        with trio.fail_after(30):
            async with served(bot, transport) as (site, url):
                answer = await ask(url, "/plivo/voice", {"CallUUID": ID, "From": TO, "To": NUMBER})
                peer = PlivoPeer(call=ID)
                async with media(url, answer.text) as socket:
                    for message in peer.begin():
                        await socket.send_message(message)
                    await heard(socket, peer)
                    control = transport.control(site, ID)
                    assert control is not None
                    await control.transfer(PERSON)
                    found = via.fullmatch(api.asked[-1][2]["aleg_url"])
                    assert found
                    assert (await ask(url, found[1], {"CallUUID": ID}, "another")).status_code == 403
                    assert f"<Number>{PERSON}</Number>" in (await ask(url, found[1], {"CallUUID": ID})).text
                    assert (await ask(url, found[1], {"CallUUID": ID})).status_code == 403
                    await control.transfer(PERSON)
                    found = via.fullmatch(api.asked[-1][2]["aleg_url"])
                    assert found
                    assert (await ask(url, found[1], {"CallUUID": "CA99"})).status_code == 403
                    bot.calls[0].hang_up()
                    with pytest.raises(ConnectionClosed):
                        await heard(socket, peer, 10_000)
                await until(lambda: not site.desk.counts.active)
    assert [method for method, _, _ in api.asked] == ["POST", "POST", "DELETE"]


async def test_news_that_nobody_signed_are_refused() -> None:
    """403, and no watcher hears of it."""
    seen: list[Any] = []
    async with served(Bot(), Twilio(TOKEN)) as (site, url), httpx.AsyncClient() as client:
        site.watch(seen.append)
        answer = await client.post(f"{url}/twilio/news", data={"CallSid": ID, "CallStatus": "busy"})
        assert answer.status_code == 403
    assert seen == []
