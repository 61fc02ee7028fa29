"""How websockets end on the server: the far side's own code reaches the transport, and no ending ends the server."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from hypercorn.events import Closed, RawData
from trio.testing import wait_all_tasks_blocked
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request

from voicekit.call.transport import Route, Site, SocketRoute, Upgrade
from voicekit.call.wire import StreamClosed
from voicekit_serve.closing import send_or_close
from voicekit_serve.server import serve
from voicekit_serve.workers import SharedListener


class Codes:
    """A transport that notes with which code each socket was closed."""

    name = "codes"

    def __init__(self) -> None:
        self.codes: list[int | None] = []
        self.noted = trio.Event()

    def routes(self, site: Site) -> Sequence[Route]:
        async def media(upgrade: Upgrade) -> None:
            stream = await upgrade.accept()
            try:
                await stream.receive()
            except StreamClosed as closed:
                self.codes.append(closed.code)
                self.noted.set()

        return [SocketRoute("/codes", media)]


async def connect_and_close(port: int, code: int) -> None:
    """Open a websocket and close it with `code` at once, by hand: clients in packages answer a ping first."""
    connection = WSConnection(ConnectionType.CLIENT)
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(connection.send(Request(host="127.0.0.1", target="/codes")))
        while not any(isinstance(event, AcceptConnection) for event in connection.events()):
            connection.receive_data(await stream.receive_some())
        await stream.send_all(connection.send(CloseConnection(code=code)))
        while await stream.receive_some():
            pass


@pytest.mark.parametrize("code", [1000, 1001, 1009, 4000])
async def test_the_far_sides_code_is_passed_on(code: int) -> None:
    """Whatever code the far side closes with, that is the code of the stream's end."""
    transport = Codes()

    async def answer(call: Any) -> None:
        """Not called: the transport holds no call."""

    async with trio.open_nursery() as nursery:
        site = await nursery.start(
            lambda task_status: serve(
                answer, transport, public_url="http://127.0.0.1", port=0, drain=0.0, task_status=task_status
            )
        )
        await connect_and_close(int(site.urls[0].rsplit(":", 1)[1]), code)
        with trio.fail_after(5):
            await transport.noted.wait()
        site.stop()
    assert transport.codes == [code]


async def test_a_connection_that_was_accepted_may_still_ask() -> None:
    """A process that listens no more answers the request of a connection which it has already taken."""
    told = trio.Event()

    async def answer(call: Any) -> None:
        """Not called: there is no call."""

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        shared = SharedListener([os.dup(listener.fileno())], told.wait)
    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: serve(
                answer, Codes(), public_url="http://127.0.0.1", drain=0.0, shared=shared, task_status=task_status
            )
        )
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await wait_all_tasks_blocked()
            told.set()
            with trio.fail_after(5):
                while await reachable(port):
                    pass
            await stream.send_all(b"GET /healthz HTTP/1.1\r\nhost: bot.example\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")


async def reachable(port: int) -> bool:
    try:
        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
    except OSError:
        return False
    return True


async def test_a_connection_that_is_being_closed_ends_alone() -> None:
    """A message for a connection that closes at this moment is dropped, and the connection is told that it is over."""
    told: list[Any] = []

    class Busy:
        async def send_all(self, data: bytes) -> None:
            await trio.lowlevel.checkpoint()
            raise trio.BusyResourceError("another task is currently sending data on this SocketStream")

    async def handle(event: Any) -> None:
        told.append(event)
        await trio.lowlevel.checkpoint()

    server: Any = SimpleNamespace(stream=Busy(), send_lock=trio.Lock(), protocol=SimpleNamespace(handle=handle))
    await send_or_close(server, RawData(b"sound"))
    assert [type(event) for event in told] == [Closed]
