"""What an open connection of each transport promises, over streams in memory and over loopback alike."""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

import pytest
import trio
import trio_websocket
import trustme

from voicekit.soniox.connection.direct import DirectWebsocket
from voicekit.soniox.connection.transport import (
    CLOSE_S,
    LARGEST_MESSAGE,
    Address,
    Disconnected,
    PromptSocket,
    Socket,
    TrioWebsocket,
    Unconnected,
    WebsocketTransport,
)
from voicekit.testing.soniox.memory import stream_pair

SOON_S = 5.0
"""Nothing here takes so long, on a busy machine either."""

Serve: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]
Behave: TypeAlias = Callable[[trio_websocket.WebSocketConnection], Awaitable[None]]


Transport: TypeAlias = type[TrioWebsocket] | type[DirectWebsocket]


async def in_memory(kind: Transport, serve: Serve, nursery: trio.Nursery) -> tuple[WebsocketTransport, str]:
    async def stream(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
        ours, theirs = stream_pair()
        nursery.start_soon(serve, theirs)
        return ours

    return kind(stream=stream), "ws://service.test/talk?to=us"


async def over_loopback(kind: Transport, serve: Serve, nursery: trio.Nursery) -> tuple[WebsocketTransport, str]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, listeners)
    return kind(), f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/talk?to=us"


async def over_tls(kind: Transport, serve: Serve, nursery: trio.Nursery) -> tuple[WebsocketTransport, str]:
    """Over loopback, encrypted, with a certificate of an authority that the client trusts."""
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    listeners = await trio.open_ssl_over_tcp_listeners(0, theirs, host="127.0.0.1", https_compatible=True)
    nursery.start_soon(trio.serve_listeners, serve, listeners)
    port = listeners[0].transport_listener.socket.getsockname()[1]
    return kind(ssl_context=ours), f"wss://127.0.0.1:{port}/talk?to=us"


Wire: TypeAlias = Callable[[Serve, trio.Nursery], Awaitable[tuple[WebsocketTransport, str]]]
KINDS: list[Transport] = [TrioWebsocket, DirectWebsocket]
WIRES = [
    pytest.param(partial(wire, kind), id=f"{kind.__name__}, {wire.__name__}")
    for kind in KINDS
    for wire in (in_memory, over_loopback, over_tls)
]
on_every_wire = pytest.mark.parametrize("wire", WIRES)


@asynccontextmanager
async def connected(wire: Wire, behave: Behave) -> AsyncIterator[Socket]:
    """An open connection to a server that does this with its end, and then is gone."""

    async def serve(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as reader:
            request = await trio_websocket.wrap_server_stream(reader, stream)
            with suppress(trio_websocket.ConnectionClosed):
                await behave(await request.accept())
            await trio.aclose_forcefully(stream)

    with trio.fail_after(SOON_S):
        async with trio.open_nursery() as nursery:
            transport, url = await wire(serve, nursery)
            async with transport.connect(Address(url)) as socket:
                yield socket
            nursery.cancel_scope.cancel()


async def shake_hands(stream: trio.abc.Stream) -> None:
    """A server that finds out whether the client accepts its certificate, and is gone."""
    with suppress(trio.BrokenResourceError):
        await stream.receive_some()
    await trio.aclose_forcefully(stream)


async def suppressed(receive: Callable[[], Awaitable[object]]) -> None:
    with suppress(Disconnected):
        await receive()


async def echo(socket: trio_websocket.WebSocketConnection) -> None:
    while True:
        await socket.send_message(await socket.get_message())


async def take(socket: trio_websocket.WebSocketConnection) -> None:
    """Receive everything and say nothing."""
    while True:
        await socket.get_message()


@on_every_wire
async def test_messages_come_back_as_they_were_sent(wire):
    """Text and bytes of all sizes, the empty ones and a million too, arrive whole, in order, and of their kind."""
    messages = ["", b"", "ä" * 100, bytes(range(256)), "x" * 70_000, bytes(1_000_000), *map(str, range(200))]
    received = []
    async with connected(wire, echo) as socket, trio.open_nursery() as nursery:

        async def receive() -> None:
            while len(received) < len(messages):
                received.append(await socket.receive())

        nursery.start_soon(receive)
        for message in messages:
            await socket.send(message)
    assert received == messages


@on_every_wire
async def test_pings_are_answered_either_way(wire):
    """Our ping returns while somebody receives, and so does the peer's."""
    pinged = trio.Event()

    async def ping(socket: trio_websocket.WebSocketConnection) -> None:
        await socket.ping()
        pinged.set()
        await take(socket)

    async with connected(wire, ping) as socket, trio.open_nursery() as nursery:
        nursery.start_soon(socket.receive)
        await socket.ping()
        await pinged.wait()
        nursery.cancel_scope.cancel()
    assert pinged.is_set()


@on_every_wire
async def test_a_peer_that_closes_is_heard_to_its_end(wire):
    """What it said before is received first; then everything raises Disconnected, with its code and its reason."""

    async def close(socket: trio_websocket.WebSocketConnection) -> None:
        for word in ("good", "bye"):
            await socket.send_message(word)
        await socket.aclose(4321, "closing time")

    async with connected(wire, close) as socket:
        assert [await socket.receive() for _ in range(2)] == ["good", "bye"]
        with pytest.raises(Disconnected, match=r"4321.*closing time"):
            await socket.receive()
        for attempt in (socket.receive(), socket.send("hello?"), socket.ping()):
            with pytest.raises(Disconnected):
                await attempt


@on_every_wire
async def test_a_peer_that_vanishes_is_disconnected(wire):
    """A connection that ends without a farewell raises Disconnected in whoever waits for a message."""

    async def vanish(socket: trio_websocket.WebSocketConnection) -> None:
        await socket.get_message()

    async with connected(wire, vanish) as socket:
        await socket.send("vanish")
        with pytest.raises(Disconnected, match="1006"):
            await socket.receive()
        with pytest.raises(Disconnected):
            await socket.send("where are you?")


@on_every_wire
async def test_a_message_beyond_all_measure_ends_the_connection(wire):
    """It is not received, nor does it fill the memory: the connection is closed with the code for that."""

    async def overdo(socket: trio_websocket.WebSocketConnection) -> None:
        await socket.send_message(bytes(LARGEST_MESSAGE + 1))
        await take(socket)

    async with connected(wire, overdo) as socket:
        with pytest.raises(Disconnected, match="1009"):
            await socket.receive()


@on_every_wire
@pytest.mark.parametrize("seed", range(3))
async def test_a_cancelled_receive_loses_nothing(wire, seed):
    """Receiving is cancelled at random, before, while and after something comes: each message comes once, in order."""
    roll = random.Random(seed)

    async def count(socket: trio_websocket.WebSocketConnection) -> None:
        for number in range(300):
            await socket.send_message(str(number))
            if roll.random() < 0.3:
                await trio.lowlevel.checkpoint()
        await take(socket)

    received, cancelled = [], 0
    async with connected(wire, count) as socket:
        while len(received) < 300:
            with trio.CancelScope() as scope:
                if roll.random() < 0.5:
                    trio.lowlevel.current_trio_token().run_sync_soon(scope.cancel)
                received.append(await socket.receive())
            cancelled += scope.cancelled_caught
    assert received == [str(number) for number in range(300)]
    assert cancelled >= 10


@on_every_wire
async def test_leaving_says_goodbye(wire):
    """The peer is told that the connection ends, and that all is well."""
    codes = []

    async def note(socket: trio_websocket.WebSocketConnection) -> None:
        try:
            await take(socket)
        except trio_websocket.ConnectionClosed as closed:
            codes.append(closed.reason.code)

    async with connected(wire, note) as socket:
        await socket.send("hello")
    assert codes == [1000]


@pytest.mark.parametrize("kind", KINDS)
async def test_leaving_a_peer_that_does_not_answer_takes_no_time(autojump_clock, kind):
    """A peer that reads no more can't hold anybody up: the closing handshake is given up."""

    async def read_nothing(socket: trio_websocket.WebSocketConnection) -> None:
        await trio.sleep_forever()

    async with connected(partial(in_memory, kind), read_nothing) as socket:
        for _ in range(3):  # the peer's reader waits until somebody takes the first message, and reads no more
            await socket.send("hello?")
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(CLOSE_S)


@on_every_wire
async def test_the_handshake_says_what_it_was_given(wire):
    """Path, query, headers and subprotocols arrive, and the answer's subprotocol is accepted."""
    requests = []

    async def serve(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as reader:
            requests.append(await trio_websocket.wrap_server_stream(reader, stream))
            await requests[0].accept(subprotocol="first")

    with trio.fail_after(SOON_S):
        async with trio.open_nursery() as nursery:
            transport, url = await wire(serve, nursery)
            async with transport.connect(Address(url, [("Authorization", "Bearer me")], ["first", "second"])):
                pass
            nursery.cancel_scope.cancel()
    request = requests[0]
    assert request.path == "/talk?to=us"
    assert (b"authorization", b"Bearer me") in request.headers
    assert request.proposed_subprotocols == ("first", "second")


@on_every_wire
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpg", None),
        (b"", None),
    ],
)
async def test_an_upgrade_that_fails(wire, answer, status):
    """One that is refused, or cut off before or within its answer, raises Unconnected, with the status if one came."""

    async def refuse(stream: trio.abc.Stream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(answer)

    with trio.fail_after(SOON_S):
        async with trio.open_nursery() as nursery:
            transport, url = await wire(refuse, nursery)
            with pytest.raises(Unconnected) as raised:
                async with transport.connect(Address(url)):
                    pass
            nursery.cancel_scope.cancel()
    assert raised.value.status == status


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_of_an_unknown_authority_is_refused(kind):
    """A peer that can't prove who it is gets no request, and the reason is said."""
    asked = []

    async def serve(stream: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError):
            asked.append(await stream.receive_some())

    with trio.fail_after(SOON_S):
        async with trio.open_nursery() as nursery:
            _, url = await over_tls(kind, serve, nursery)
            with pytest.raises(Unconnected, match="CERTIFICATE_VERIFY_FAILED"):
                async with kind().connect(Address(url)):
                    pass
            nursery.cancel_scope.cancel()
    assert asked == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_certificate_for_another_host_is_refused(kind):
    """The certificate must be for the host in the address."""
    with trio.fail_after(SOON_S):
        async with trio.open_nursery() as nursery:
            transport, url = await over_tls(kind, shake_hands, nursery)
            with pytest.raises(Unconnected, match="localhost"):
                async with transport.connect(Address(url.replace("127.0.0.1", "localhost"))):
                    pass
            nursery.cancel_scope.cancel()


@on_every_wire
async def test_what_is_sent_without_waiting_comes_whole_and_in_order(wire):
    """`send_now` takes what the system does not accept at once, and the next `send` sends the rest."""
    received: list[Any] = []
    messages = [bytes([number]) * 100_000 for number in range(50)]
    enough, complete = trio.Event(), trio.Event()

    async def read_late(socket: trio_websocket.WebSocketConnection) -> None:
        await enough.wait()
        while len(received) < len(messages):
            received.append(await socket.get_message())
        complete.set()

    async with connected(wire, read_late) as socket, trio.open_nursery() as nursery:
        nursery.start_soon(partial(suppressed, socket.receive))
        rest = False
        for message in messages:
            if isinstance(socket, PromptSocket) and socket.can_send_now():
                rest = not socket.send_now(message)
                continue
            enough.set()
            await socket.send(message)
        enough.set()
        if rest:
            await socket.send()
        await complete.wait()
        nursery.cancel_scope.cancel()
    assert received == messages
