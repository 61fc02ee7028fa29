"""The websocket transport against servers that misbehave: it ends, closes its stream, and says what was wrong."""

from __future__ import annotations

import base64
import hashlib
import importlib
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair

from voicekit.errors import ConfigError
from voicekit.soniox.connection.direct import DirectWebsocket
from voicekit.soniox.connection.transport import (
    CLOSE_S,
    CONNECT_S,
    LARGEST_MESSAGE,
    Address,
    Disconnected,
    TrioWebsocket,
    Unconnected,
    WebsocketTransport,
)

HERE = Address("ws://test.example:81/path?query=1", headers=[("Authorization", "Bearer sk-secret")])
PING = b"\x89\x00"
RESERVED = b"\xff\x00"  # a frame with reserved bits set, which no extension has negotiated

Serve = Callable[[Any], Awaitable[None]]


@pytest.fixture(autouse=True, params=[TrioWebsocket, DirectWebsocket])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The kind of transport: each test here is about both."""
    monkeypatch.setattr(Server, "transport_kind", request.param)
    return request.param


class Server:
    """Serves one connection by hand, in memory; remembers what it was sent and whether it was closed."""

    transport_kind: Any = TrioWebsocket

    def __init__(self, serve: Serve) -> None:
        self.asked: list[tuple[str, int, ssl.SSLContext | None]] = []
        self.request = b""
        self.closed = False
        self._serve = serve
        self._nursery: trio.Nursery | None = None

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[WebsocketTransport]:
        async with trio.open_nursery() as self._nursery:
            yield self.transport_kind(stream=self._stream)
            self._nursery.cancel_scope.cancel()

    async def _stream(self, host: str, port: int, context: ssl.SSLContext | None) -> Any:
        assert self._nursery is not None
        await trio.lowlevel.checkpoint()
        self.asked.append((host, port, context))
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._run, ours)
        return theirs

    async def _run(self, stream: Any) -> None:
        while b"\r\n\r\n" not in self.request:
            self.request += await stream.receive_some()
        try:
            await self._serve(stream)
            while await stream.receive_some():
                pass
            self.closed = True
        except trio.BrokenResourceError:
            self.closed = True
        except trio.ClosedResourceError:
            self.closed = True


def accepting(then: Serve) -> Server:
    """A server that completes the upgrade, and then does `then`."""

    async def serve(stream: Any) -> None:
        key = next(line for line in server.request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        digest = hashlib.sha1(key.split(b": ")[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        accept = b"Sec-WebSocket-Accept: " + base64.b64encode(digest)
        upgrade = b"Upgrade: websocket\r\nConnection: Upgrade"
        await stream.send_all(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"\r\n" + accept + b"\r\n\r\n")
        await then(stream)

    server = Server(serve)
    return server


async def refusal(server: Server) -> tuple[Unconnected, float]:
    """How connecting fails, and after how long."""
    start = trio.current_time()
    async with server.transport() as transport:
        with pytest.raises(Unconnected) as raised:
            async with transport.connect(HERE):
                raise AssertionError
        await trio.testing.wait_all_tasks_blocked()
    return raised.value, trio.current_time() - start


def saying(*pieces: bytes, close: bool = False) -> Serve:
    async def serve(stream: Any) -> None:
        for piece in pieces:
            await stream.send_all(piece)
        if close:
            await stream.aclose()

    return serve


async def quiet(stream: Any) -> None:
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("serve", "status", "seconds", "why"),
    [
        (quiet, None, CONNECT_S, "no handshake within 4 s"),
        (saying(close=True), None, 0.0, "it ended the handshake early"),
        (saying(b"HTTP/1.1 101 Swit", close=True), None, 0.0, "it ended the handshake early"),
        (saying(b"\x00garbage\r\n\r\n"), None, 0.0, "it ended the handshake early"),
        (saying(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), 401, 0.0, "it answered HTTP 401"),
        (saying(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nforb"), 403, CONNECT_S, "it answered HTTP 403"),
        (saying(b"HTTP/1.1 503 Overload", b"ed\r\n", close=True), 503, 0.0, "it answered HTTP 503"),
        (saying(b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>", close=True), 502, 0.0, "it answered HTTP 502"),
        (saying(b"HT", b"TP/1.1 4", b"29 Slow\r\nContent-Length: 0\r\n\r\n"), 429, 0.0, "it answered HTTP 429"),
    ],
)
async def test_a_handshake_that_fails_is_unconnected(
    serve: Serve, status: int | None, seconds: float, why: str, autojump_clock: object
) -> None:
    """Whatever is answered to the upgrade, or is not, connecting ends, with the status if there was one."""
    server = Server(serve)
    error, took = await refusal(server)
    assert (error.status, str(error)) == (status, why)
    assert took == pytest.approx(seconds, abs=0.01)
    assert server.closed


async def test_a_handshake_that_is_no_http_is_unconnected(kind: Any, autojump_clock: object) -> None:
    """One transport sees at the first line that no upgrade follows, the other waits for the rest."""
    error, took = await refusal(Server(saying(b"SSH-2.0-OpenSSH_9.6\r\n")))
    late = kind is TrioWebsocket
    assert str(error) == ("no handshake within 4 s" if late else "it ended the handshake early")
    assert took == pytest.approx(CONNECT_S if late else 0.0, abs=0.01)


async def test_what_is_asked_for_is_what_the_address_says(autojump_clock: object) -> None:
    """Path, query, host with its port, and the headers are in the request."""
    server = accepting(quiet)
    async with server.transport() as transport, transport.connect(HERE):
        pass
    lines = server.request.decode().split("\r\n")
    assert lines[0] == "GET /path?query=1 HTTP/1.1"
    assert {"Host: test.example:81", "Authorization: Bearer sk-secret"} <= set(lines)
    assert server.asked == [("test.example", 81, None)]


async def test_tls_is_for_wss_and_its_context_is_made_once(autojump_clock: object) -> None:
    """A wss address is reached at port 443 with the system's certificates, which are read only once."""
    server = accepting(quiet)
    async with server.transport() as transport:
        for _ in range(2):
            server.request = b""
            async with transport.connect(Address("wss://test.example/path")):
                pass
    (first, second) = server.asked
    assert first[:2] == ("test.example", 443)
    assert isinstance(first[2], ssl.SSLContext)
    assert first[2] is second[2]


@pytest.mark.parametrize("url", ["https://test.example/path", "ws:///path", "test.example"])
async def test_an_address_that_is_none_is_our_mistake(kind: Any, url: str) -> None:
    """What is no websocket address is a ConfigError that quotes it."""
    with pytest.raises(ConfigError, match="expected a websocket address"):
        async with kind().connect(Address(url)):
            raise AssertionError


async def test_a_host_that_is_not_reached_is_unconnected(kind: Any, autojump_clock: object) -> None:
    """An error of the network, and a host that does not answer, are said in the network's words."""

    async def unreachable(*_: object) -> Any:
        raise OSError("Network is unreachable")

    async def silent(*_: object) -> Any:
        await trio.sleep_forever()

    for stream, why in (
        (unreachable, "OSError: Network is unreachable"),
        (silent, "test.example could not be reached"),
    ):
        with pytest.raises(Unconnected, match=why):
            async with kind(stream=stream).connect(HERE):
                raise AssertionError


async def test_a_message_in_many_frames_is_one_message(autojump_clock: object) -> None:
    """A message may come in any number of frames, some of them empty, with a ping between them."""
    frames = b"\x01\x02on", b"\x00\x00", PING, b"\x00\x03e t", b"\x80\x02wo", b"\x02\x01a", b"\x80\x01b"
    server = accepting(saying(*frames))
    async with server.transport() as transport, transport.connect(HERE) as socket:
        assert [await socket.receive() for _ in range(2)] == ["one two", b"ab"]


async def lost(server: Server) -> Disconnected:
    """How an open connection is lost."""
    async with server.transport() as transport:
        async with transport.connect(HERE) as socket:
            with pytest.raises(Disconnected) as raised:
                await socket.receive()
        await trio.testing.wait_all_tasks_blocked()
    return raised.value


@pytest.mark.parametrize(
    ("serve", "why"),
    [
        (saying(close=True), "code 1006"),
        (saying(RESERVED), "code 1002 (PROTOCOL_ERROR)"),
        (saying(RESERVED, close=True), "code 1002 (PROTOCOL_ERROR)"),
        (saying(b"\x81\x02\xff\xff"), "code 1007"),
        (saying(b"\x88\x05\x03\xe9bye"), "code 1001 (GOING_AWAY): bye"),
        (saying(b"\x82\x7f" + (LARGEST_MESSAGE + 1).to_bytes(8) + bytes(LARGEST_MESSAGE + 1)), "code 1009"),
    ],
    ids=["cut", "garbage", "garbage and cut", "bad UTF-8", "closed", "too long"],
)
async def test_a_connection_that_is_lost_is_disconnected(serve: Serve, why: str, autojump_clock: object) -> None:
    """However an open connection ends, `receive` says so, nothing else is raised, and the stream is closed."""
    server = accepting(serve)
    assert why in str(await lost(server))
    assert server.closed


async def test_a_ping_that_comes_while_closing_does_no_harm(autojump_clock: object) -> None:
    """A peer that pings instead of answering the closing frame is left behind in bounded time."""

    async def pings(stream: Any) -> None:
        while (await stream.receive_some())[:1] != b"\x88":
            pass
        await stream.send_all(PING * 3)

    server = accepting(pings)
    async with server.transport() as transport:
        async with transport.connect(HERE):
            start = trio.current_time()
        assert trio.current_time() - start <= CLOSE_S + 0.01
        await trio.testing.wait_all_tasks_blocked()
    assert server.closed


async def test_leaving_by_an_error_closes_too(autojump_clock: object) -> None:
    """What the body raises goes on alone and as it is, and the stream is closed."""
    server = accepting(quiet)
    async with server.transport() as transport:
        with pytest.raises(KeyError, match="mine"):
            async with transport.connect(HERE):
                raise KeyError("mine")
        await trio.testing.wait_all_tasks_blocked()
    assert server.closed


async def test_leaving_by_a_cancellation_closes_too(autojump_clock: object) -> None:
    """A cancelled body takes no longer than the closing handshake may, and the stream is closed."""
    server = accepting(quiet)
    async with server.transport() as transport:
        with trio.move_on_after(1.0):
            async with transport.connect(HERE):
                await trio.sleep_forever()
        assert trio.current_time() <= 1.0 + CLOSE_S + 0.01
        await trio.testing.wait_all_tasks_blocked()
    assert server.closed


def test_without_the_package_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """DirectWebsocket needs a package that the core does not install, and says so."""
    monkeypatch.setitem(sys.modules, "websockets.client", None)
    monkeypatch.delitem(sys.modules, DirectWebsocket.__module__)
    with pytest.raises(ImportError, match=r"pip install 'voicekit\[websockets\]'"):
        importlib.import_module(DirectWebsocket.__module__)
