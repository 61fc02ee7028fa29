"""The server over real sockets: a carrier's webhook, its socket, what is refused, and the drain."""

from __future__ import annotations

import logging
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit.testing import FakeTts
from voicekit_phone.peers import PeerSound
from voicekit_phone.transports import Twilio
from voicekit_phone.twilio import TwilioPeer, signature
from voicekit_serve.server import serve

TOKEN = "twilio-secret-token"
PUBLIC = "https://bot.example"
CALLER = "+15550001111"
FORM = {"CallSid": "CA01", "From": CALLER, "To": "+15550002222", "CallStatus": "ringing"}


async def greet(call: Call) -> Session:
    """A bot that greets, and hangs up when the caller does."""
    policy = Policy(call=CallPolicy(greeting="Hello."))
    return Session(handler="Yes?", call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)


@asynccontextmanager
async def served(answer: Callable[[Call], Awaitable[Any]] = greet, **how: Any) -> AsyncIterator[tuple[Any, str]]:
    """A site that listens on loopback, and where."""
    how = {"public_url": PUBLIC, "port": 0, "drain": 0.1} | how
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Any]) -> None:
            await serve(answer, Twilio(TOKEN), task_status=task_status, **how)

        site = await nursery.start(run)
        yield site, site.urls[0]
        site.stop()


async def webhook(url: str, form: dict[str, str] = FORM, **headers: str) -> httpx.Response:
    signed = {"x-twilio-signature": signature(TOKEN, f"{PUBLIC}/twilio/voice", form.items())} | headers
    async with httpx.AsyncClient() as client:
        return await client.post(f"{url}/twilio/voice", data=form, headers=signed)


async def media_path(url: str, form: dict[str, str] = FORM) -> str:
    answer = await webhook(url, form)
    assert answer.status_code == 200
    found = re.search(r'url="wss://bot\.example(/twilio/media/[^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


@asynccontextmanager
async def media(url: str, path: str) -> AsyncIterator[WebSocketConnection]:
    """The carrier's socket. The client library leaves its stream open where the server closed first."""
    async with open_websocket_url(
        url.replace("http", "ws", 1) + path, connect_timeout=5, disconnect_timeout=2
    ) as socket:
        try:
            yield socket
        finally:
            with trio.move_on_after(1, shield=True):
                await socket.aclose()
                await socket._stream.aclose()


async def refused_with(url: str, path: str) -> int:
    """The status that a handshake is answered with."""
    asked = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
             "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    async with httpx.AsyncClient() as client:
        return (await client.get(url + path, headers=asked)).status_code


async def until_closed(socket: WebSocketConnection) -> None:
    while True:
        await socket.get_message()


async def until(condition: Callable[[], bool]) -> None:
    """Loopback has no event for what happens at the far end of a socket."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.01)


async def heard_sound(socket: WebSocketConnection, peer: TwilioPeer, packets: int = 5) -> None:
    """Wait until so many packets of the bot's voice have come."""
    while packets:
        if isinstance(peer.receive(await socket.get_message()), PeerSound):
            packets -= 1


async def test_a_call_goes_from_the_webhook_to_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """Signed webhook, token, socket, greeting, hang-up: counted and logged, with nothing of the caller in the log."""
    caplog.set_level(logging.INFO)
    with trio.fail_after(20):
        async with served() as (site, url):
            path = await media_path(url)
            peer = TwilioPeer(call="CA01")
            async with media(url, path) as socket:
                for message in peer.begin():
                    await socket.send_message(message)
                await heard_sound(socket, peer)
                assert site.desk.counts.active == 1
                for message in peer.stop():
                    await socket.send_message(message)
                with pytest.raises(ConnectionClosed):
                    await until_closed(socket)
            await until(lambda: not site.desk.counts.active)
            assert site.desk.counts.ended == {EndReason.CALLER: 1}
    text = caplog.text
    assert "call 1 begins over twilio, CA01 there" in text
    assert "call 1 ended: caller" in text
    assert not any(secret in text for secret in (CALLER, TOKEN, path.rpartition("/")[2]))


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        (FORM, {"x-twilio-signature": ""}),
        (FORM, {"x-twilio-signature": "AAAA"}),
        ({**FORM, "From": "+1"}, {"x-twilio-signature": signature(TOKEN, f"{PUBLIC}/twilio/voice", FORM.items())}),
        (FORM, {"x-twilio-signature": signature("other", f"{PUBLIC}/twilio/voice", FORM.items())}),
        (FORM, {"x-twilio-signature": signature(TOKEN, "https://evil.example/twilio/voice", FORM.items())}),
    ],
    ids=["unsigned", "garbage", "changed form", "another token", "another address"],
)
async def test_a_webhook_that_is_not_signed_is_refused(form: dict[str, str], headers: dict[str, str]) -> None:
    """403, and no token."""
    async with served() as (site, url):
        answer = await webhook(url, form, **headers)
        assert answer.status_code == 403
        assert "media" not in answer.text
        assert site.desk.counts.answered == 0


async def test_a_token_is_taken_once_and_by_its_own_call() -> None:
    """A made-up token and a used one are refused before the socket is accepted; another call's id closes it."""
    with trio.fail_after(20):
        async with served() as (site, url):
            assert await refused_with(url, "/twilio/media/abc.def") == 403
            path = await media_path(url)
            async with media(url, path) as socket:
                for message in TwilioPeer(call="CA99").begin():
                    await socket.send_message(message)
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.get_message()
                assert closed.value.reason is not None
                assert closed.value.reason.code == 1008
            assert await refused_with(url, path) == 403
            assert site.desk.counts.answered == 0


async def test_beyond_the_last_place_the_carrier_hears_busy() -> None:
    """The webhook's answer rejects, readiness says no, and the call inside goes on."""
    with trio.fail_after(20):
        async with served(max_calls=1) as (site, url):
            peer = TwilioPeer(call="CA01")
            async with media(url, await media_path(url)) as socket:
                for message in peer.begin():
                    await socket.send_message(message)
                await heard_sound(socket, peer)
                assert 'Reject reason="busy"' in (await webhook(url, {**FORM, "CallSid": "CA02"})).text
                async with httpx.AsyncClient() as client:
                    assert (await client.get(f"{url}/readyz")).status_code == 503
                    assert (await client.get(f"{url}/healthz")).status_code == 200
                await heard_sound(socket, peer, 1)
            assert site.desk.counts.refused == 0


async def test_a_bot_that_raises_ends_its_call_alone() -> None:
    """One call's bot raises while another call goes on."""
    calls: list[Call] = []

    async def answer(call: Call) -> Session:
        calls.append(call)
        if len(calls) == 1:
            raise KeyError("menu")
        return await greet(call)

    with trio.fail_after(20):
        async with served(answer) as (site, url):
            first, second = TwilioPeer(call="CA01"), TwilioPeer(call="CA02")
            async with media(url, await media_path(url)) as socket:
                for message in first.begin():
                    await socket.send_message(message)
                with pytest.raises(ConnectionClosed):
                    await socket.get_message()
            async with media(url, await media_path(url, {**FORM, "CallSid": "CA02"})) as socket:
                for message in second.begin():
                    await socket.send_message(message)
                await heard_sound(socket, second)
            assert site.desk.counts.ended[EndReason.ERROR] == 1


async def test_metrics_need_their_token() -> None:
    """Without the token nothing is told; with it the counts are there."""
    async with served(metrics_token="m" * 16) as (_, url), httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/metrics")).status_code == 401
        counts = await client.get(f"{url}/metrics", headers={"authorization": "Bearer " + "m" * 16})
        assert "voicekit_active_calls 0" in counts.text


async def test_a_body_that_is_too_large_is_refused() -> None:
    """A webhook of more than 64 KiB is 413, and one with too many fields 400."""
    async with served() as (_, url), httpx.AsyncClient() as client:
        assert (await client.post(f"{url}/twilio/voice", content=b"x" * 70_000)).status_code == 413
        many = "&".join(f"a{n}=1" for n in range(300))
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert (await client.post(f"{url}/twilio/voice", content=many, headers=headers)).status_code == 400


async def test_the_first_signal_drains() -> None:
    """New calls are refused, the call inside hears the farewell and is ended, and `serve` returns."""
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:

            async def run(task_status: trio.TaskStatus[Any]) -> None:
                await serve(greet, Twilio(TOKEN), public_url=PUBLIC, port=0, drain=0.5, farewell="Goodbye.",
                            task_status=task_status)  # fmt: skip

            site = await nursery.start(run)
            url = site.urls[0]
            peer = TwilioPeer(call="CA01")
            async with media(url, await media_path(url)) as socket:
                for message in peer.begin():
                    await socket.send_message(message)
                await heard_sound(socket, peer)
                os.kill(os.getpid(), signal.SIGTERM)
                await until(lambda: site.desk.draining)
                assert "Reject" in (await webhook(url, {**FORM, "CallSid": "CA02"})).text
                with pytest.raises(ConnectionClosed):
                    await until_closed(socket)
    assert site.desk.counts.ended == {EndReason.DRAINED: 1}


async def test_a_second_socket_for_a_live_call_is_refused() -> None:
    """A webhook that is sent again leads to a good token; while the call is live here, its socket is refused."""
    with trio.fail_after(20):
        async with served() as (site, url):
            peer = TwilioPeer(call="CA01")
            async with media(url, await media_path(url)) as socket:
                for message in peer.begin():
                    await socket.send_message(message)
                await heard_sound(socket, peer)
                assert await refused_with(url, await media_path(url)) == 409
                await heard_sound(socket, peer, 1)
                assert site.desk.counts.active == 1
