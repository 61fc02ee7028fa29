"""Over real sockets: who may talk, what is refused or bounded, and that it does not disturb the call that goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from tests.machine import Machine
from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit.call.tokens import CallTokens, TokenRefused
from voicekit.errors import ConfigError
from voicekit.testing import FakeTts
from voicekit_browser import mint_token
from voicekit_browser.peer import PagePeer
from voicekit_browser.rtvi.protobuf import AudioFramePb
from voicekit_browser.rtvi.wire import RtviPeer
from voicekit_browser.transport import WAITING, Browser
from voicekit_serve.server import serve
from voicekit_serve.site import CallSite

SECRET = "a secret of the server"


async def greet(call: Call) -> Session:
    """A bot with a long greeting."""
    policy = Policy(call=CallPolicy(greeting="Hello. " * 40))
    return Session(handler="Yes?", call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)


async def free_port() -> int:
    with trio.socket.socket() as socket:
        await socket.bind(("127.0.0.1", 0))
        return int(socket.getsockname()[1])


@asynccontextmanager
async def served(browser: Browser, **how: Any) -> AsyncIterator[tuple[CallSite, str]]:
    """A site with that page on loopback, and its address."""
    port = await free_port()
    how = {"public_url": f"http://localhost:{port}", "port": port, "drain": 0.1, "secret": SECRET} | how
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[CallSite]) -> None:
            await serve(greet, browser, task_status=task_status, **how)

        site = await nursery.start(run)
        yield site, f"http://localhost:{port}"
        site.stop()


@asynccontextmanager
async def socket_of(
    url: str, *, origin: str | None = None, path: str = "/browser/socket"
) -> AsyncIterator[WebSocketConnection]:
    """A socket to the page's address, as a page of `origin` opens it; None: as no page does."""
    headers = [] if origin is None else [(b"Origin", origin.encode())]
    protocols = ["voicekit.v1"] if path == "/browser/socket" else []
    address = url.replace("http", "ws", 1) + path
    async with open_websocket_url(
        address, extra_headers=headers, subprotocols=protocols, connect_timeout=20, disconnect_timeout=2
    ) as socket:
        try:
            yield socket
        finally:
            with trio.move_on_after(1, shield=True):
                await socket.aclose()
                await socket._stream.aclose()


async def begun(socket: WebSocketConnection, peer: PagePeer) -> None:
    """Start a call, and wait for its first sound."""
    await socket.send_message(peer.start())
    while not isinstance(peer.receive(await socket.get_message()), bytes):
        pass


async def closed_with(socket: WebSocketConnection) -> int:
    """The code with which the server closes it."""
    with trio.fail_after(20):
        while True:
            try:
                await socket.get_message()
            except ConnectionClosed as closed:
                return -1 if closed.reason is None else int(closed.reason.code)


async def knock(url: str, *, origin: str | None = None, path: str = "/browser/socket") -> int:
    """A stranger without a library: the status of the refused handshake, or the code that closes the idle socket."""
    host = url.removeprefix("http://")
    name, _, port = host.partition(":")
    asked = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
             *([] if origin is None else [f"Origin: {origin}"])]  # fmt: skip
    async with await trio.open_tcp_stream(name, int(port)) as stream:
        await stream.send_all("\r\n".join([*asked, "", ""]).encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += await stream.receive_some()
        head, _, frames = got.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status != 101:
            return status
        while not frames.startswith(b"\x88") or len(frames) < 4:
            frames += (more := await stream.receive_some())
            assert more, "the socket was closed without a code"
            if frames.startswith(b"\x89"):  # a ping from the server
                frames = frames[2 + frames[1] :]
        return int.from_bytes(frames[2:4], "big")


async def test_a_page_of_the_server_s_own_talks_and_its_files_are_safe() -> None:
    """The page, its client and its worklets, with their headers; a call begins with nothing but the right origin."""
    with trio.fail_after(60):
        async with served(Browser("")) as (site, url):
            async with httpx.AsyncClient() as client:
                page = await client.get(f"{url}/")
                assert page.status_code == 200
                policy = page.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                for name in ("voicekit.js", "voicekit.d.ts", "worklets.js", "page.js", "page.css", "icon.svg"):
                    assert (await client.get(f"{url}/browser/{name}")).status_code == 200
                assert (await client.get(f"{url}/browser/door")).json() == {"door": "open"}
            async with socket_of(url, origin=url) as socket:
                await begun(socket, PagePeer())
                assert site.desk.counts.active == 1


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://localhost"])
@pytest.mark.parametrize("path", ["/browser/socket", "/rtvi"])
async def test_a_foreign_page_is_refused_before_anything_is_accepted(origin: str | None, path: str) -> None:
    """403, and no session; behind an open door one that comes from no page is foreign too."""
    async with served(Browser("")) as (site, url):
        assert await knock(url, origin=origin, path=path) == 403
        assert site.desk.counts.answered == 0


async def test_an_origin_of_the_list_is_let_in() -> None:
    """With its token."""
    browser, home = Browser(tokens=True, origins="https://app.example"), "https://bot.example"
    async with served(browser, public_url=home) as (_, url), socket_of(url, origin="https://app.example") as socket:
        await begun(socket, PagePeer(mint_token(SECRET)))


@pytest.mark.parametrize("kind", ["missing", "another secret", "expired", "replayed", "for a carrier"])
async def test_a_bad_token_begins_nothing(kind: str) -> None:
    """4401, whatever is wrong with it, and no session is made."""
    async with served(Browser(tokens=True), public_url="https://bot.example") as (site, url):
        token = {
            "missing": "",
            "another secret": mint_token("another"),
            "expired": mint_token(SECRET, now=lambda: site.now() - 16),
            "replayed": mint_token(SECRET),
            "for a carrier": CallTokens(SECRET).mint("CA01", {}, site.now()),
        }[kind]
        if kind == "replayed":
            async with socket_of(url) as socket:
                await begun(socket, PagePeer(token))
        answered = site.desk.counts.answered
        async with socket_of(url) as socket:
            await socket.send_message(PagePeer(token).start())
            assert await closed_with(socket) == 4401
        assert site.desk.counts.answered == answered


async def test_a_token_s_facts_are_signed_facts_of_the_call() -> None:
    """What the backend knew reaches the bot; no log has it."""
    found = []

    async def look(call: Call) -> Session:
        found.append(call.info)
        return await greet(call)

    port = await free_port()
    async with trio.open_nursery() as nursery:
        how = {"public_url": "https://bot.example", "port": port, "drain": 0.1, "secret": SECRET}

        async def run(task_status: trio.TaskStatus[CallSite]) -> None:
            await serve(look, Browser(tokens=True), task_status=task_status, **how)  # type: ignore[arg-type]

        site = await nursery.start(run)
        async with socket_of(f"http://localhost:{port}") as socket:
            await begun(socket, PagePeer(mint_token(SECRET, caller="ann", facts={"plan": "gold"})))
        site.stop()
    (info,) = found
    assert (str(info.caller), info.caller.trust) == ("ann", "signed")
    assert {name: str(value) for name, value in info.parameters.items()} == {"plan": "gold"}
    assert "ann" not in repr(info)


async def test_a_password_buys_a_token_and_guessing_is_slow() -> None:
    """Five wrong ones in a minute, and then even the right one waits."""
    async with (
        served(Browser("open sesame"), public_url="https://bot.example") as (_, url),
        httpx.AsyncClient() as client,
    ):

        async def ask(password: str) -> httpx.Response:
            return await client.post(f"{url}/browser/token", content=json.dumps({"password": password}))

        right = await ask("open sesame")
        async with socket_of(url, origin="https://bot.example") as socket:
            await begun(socket, PagePeer(right.json()["token"]))
        for _ in range(5):
            assert (await ask("open barley")).status_code == 403
        assert (await ask("open sesame")).status_code == 403
        for body in ("", "[]", '{"password": 7}', "\xff"):
            assert (await client.post(f"{url}/browser/token", content=body)).status_code == 403


@pytest.mark.parametrize("how", [{"public_url": "https://bot.example"}, {"host": "0.0.0.0"}])
async def test_a_server_that_others_reach_does_not_start_without_a_door(how: dict[str, Any]) -> None:
    """A stranger's calls would be paid for by whoever has started it."""
    with pytest.raises(ConfigError, match="--page-password"):
        await serve(greet, Browser(""), **{"public_url": "http://localhost:9", "port": 9, **how})


class Talking:
    """A call that goes on meanwhile: it hears each 20 ms when that is due, or counts how much of it was late."""

    def __init__(self, socket: WebSocketConnection, peer: PagePeer) -> None:
        self.late = 0.0
        self.seconds = 0.0
        self._socket = socket
        self._peer = peer

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear)
            await trio.sleep(0.2)  # like a page, first wait until some sound has arrived
            began, rate = trio.current_time(), self._peer.spoken_rate
            while True:
                due = round((trio.current_time() - began - self.late) * rate)
                if due > self._peer.got:
                    self.late += (due - self._peer.got) / rate
                self._peer.played = min(due, self._peer.got)
                self.seconds = self._peer.played / rate
                await self._socket.send_message(self._peer.sound(bytes(640)))
                await self._socket.send_message(self._peer.report(playing=True))
                await trio.sleep(0.02)

    async def _hear(self) -> None:
        while True:
            said = self._peer.receive(await self._socket.get_message())
            if not isinstance(said, bytes) and said["type"] == "ping":
                await self._socket.send_message(json.dumps({"type": "pong", "n": said["n"]}))


async def refused_with(url: str, token: str, *, more: str = "") -> int:
    """The code with which a call of that token is refused; `more` is behind its first message."""
    async with socket_of(url) as socket:
        await socket.send_message(PagePeer(token).start() + more)
        return await closed_with(socket)


async def idle(url: str) -> int:
    """The status or the code with which a socket is refused that says nothing."""
    try:
        return await knock(url)
    except trio.BrokenResourceError:  # refused, and closed before our whole request was read
        return 503


async def test_strangers_do_not_disturb_a_call(caplog: pytest.LogCaptureFixture, machine: Machine) -> None:
    """While a call goes on: foreign origins, bad tokens, a message that is too long, and 300 sockets that say nothing.

    Each is refused, 64 sockets may wait for 5 s, no session is made, and the call is never without sound.
    """
    caplog.set_level(logging.INFO)
    with trio.fail_after(180):
        async with (
            served(Browser(tokens=True), public_url="https://bot.example") as (site, url),
            socket_of(url) as socket,
            trio.open_nursery() as nursery,
        ):
            used = mint_token(SECRET)
            peer = PagePeer(used)
            await begun(socket, peer)
            call = Talking(socket, peer)
            nursery.start_soon(call.run)
            began = trio.current_time()
            for origin in ("https://evil.example", "null", "http://bot.example", "https://bot.example:81"):
                assert await knock(url, origin=origin) == 403
                assert await knock(url, origin=origin, path=f"/rtvi?token={mint_token(SECRET)}") == 403
            expired = mint_token(SECRET, now=lambda: site.now() - 16)
            for token in ("", "no token", mint_token("another"), expired, used):
                assert await refused_with(url, token) == 4401
                assert await knock(url, path=f"/rtvi?token={token}".replace(" ", "+")) == 403
            assert await refused_with(url, mint_token(SECRET), more=" " * 300_000) == 1009
            codes: list[int] = []

            async def knock_idly() -> None:
                codes.append(await idle(url))

            flood = trio.current_time()
            async with trio.open_nursery() as strangers:
                for _ in range(300):
                    strangers.start_soon(knock_idly)
            rounds = 1 + (trio.current_time() - flood) // 5  # a place is free again after 5 s
            assert codes.count(4408) + codes.count(503) == 300
            assert codes.count(503) >= 300 - rounds * WAITING
            assert (site.desk.counts.active, site.desk.counts.answered) == (1, 1)
            print(
                f"300 idle sockets: {codes.count(503)} refused at once, {codes.count(4408)} after 5 s; the call heard "
                f"{call.seconds:.1f} s in {trio.current_time() - began:.1f} s, and was {1000 * call.late:.0f} ms late"
            )
            assert call.seconds > 5
            if machine.keeps_time(within=0.05):
                assert call.late < 0.3
            nursery.cancel_scope.cancel()
    assert not any(secret in caplog.text for secret in (used, expired))


async def test_a_call_of_another_process_is_gone() -> None:
    """The page is told so, and may begin anew."""
    async with served(Browser("")) as (_, url), socket_of(url, origin=url) as socket:
        peer = PagePeer()
        peer.resume_token = "another.token"
        await socket.send_message(peer.resume())
        assert json.loads(await socket.get_message()) == {"type": "gone"}
        assert await closed_with(socket) == 4404


async def test_a_call_goes_on_over_another_socket() -> None:
    """Over real sockets: the second one resumes, and the desk still counts one call."""
    with trio.fail_after(60):
        async with served(Browser("")) as (site, url):
            peer = PagePeer()
            async with socket_of(url, origin=url) as socket:
                await begun(socket, peer)
                await socket._stream.aclose()  # without a goodbye
            async with socket_of(url, origin=url) as socket:
                await socket.send_message(peer.resume())
                resumed = peer.receive(await socket.get_message())
                assert not isinstance(resumed, bytes)
                assert resumed["type"] == "resumed"
                assert site.desk.counts.active == 1
                await socket.send_message(peer.bye())
                assert await closed_with(socket) == 1000
            while site.desk.counts.active:  # noqa: ASYNC110
                await trio.sleep(0.01)
            assert site.desk.counts.ended == {EndReason.CALLER: 1}


async def test_no_place_is_said_plainly() -> None:
    """4413, which the page turns into a sentence."""
    async with served(Browser(""), max_calls=1) as (_, url), socket_of(url, origin=url) as socket:
        await begun(socket, PagePeer())
        async with socket_of(url, origin=url) as second:
            await second.send_message(PagePeer().start())
            assert await closed_with(second) == 4413


async def test_an_rtvi_client_in_python_talks() -> None:
    """Its token is in the address, once; bot-ready, sound, and a goodbye."""
    with trio.fail_after(60):
        async with served(Browser(tokens=True), public_url="https://bot.example") as (site, url):
            token, peer = mint_token(SECRET, caller="ann"), RtviPeer()
            async with socket_of(url, path=f"/rtvi?token={token}") as socket:
                for message in peer.begin():
                    await socket.send_message(message)
                kinds = set()
                while "audio" not in kinds or "bot-ready" not in kinds:
                    said = peer.receive(await socket.get_message())
                    kinds.add("audio" if isinstance(said, AudioFramePb) else said.kind)
                for message in peer.stop():
                    await socket.send_message(message)
                await closed_with(socket)
            assert await knock(url, path=f"/rtvi?token={token}") == 403
            assert site.desk.counts.ended == {EndReason.CALLER: 1}


def test_mint_token_wants_a_secret() -> None:
    """An empty one would let everybody in."""
    with pytest.raises(ConfigError):
        mint_token("")
    with pytest.raises(TokenRefused):
        CallTokens(SECRET).take("x.y", 0.0)
