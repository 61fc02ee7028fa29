"""HTTP/1.1 for the stand-in: answers one request after another on a connection, and notices when the client leaves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

import h11
import trio

from voicekit.testing.llm.answering import ConnectionCut, Response, Take

MOST = 64 * 1024


async def serve_http(stream: trio.SocketStream, take: Take, greeted: Callable[[], None]) -> None:
    """Answer the requests on one connection until the client leaves, or the script ends the connection.

    `greeted` is called for each request other than POST, since such a request only opens the connection.
    """
    connection = h11.Connection(h11.SERVER)
    try:
        async with stream:
            while await _answered(stream, connection, take, greeted):
                connection.start_next_cycle()
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        pass  # the client is gone, and its request is marked `left`


async def _answered(
    stream: trio.SocketStream, connection: h11.Connection, take: Take, greeted: Callable[[], None]
) -> bool:
    """Answer one request, and return whether a request came and its whole answer was sent."""
    request, body = await _received(stream, connection)
    if request is None:
        return False
    headers = {name.decode(): value.decode() for name, value in request.headers}
    if request.method != b"POST":
        head = h11.Response(status_code=405, headers=[("content-length", "0")])
        await stream.send_all((connection.send(head) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        greeted()
        return True
    asked, response = take(request.target.decode().partition("?")[0], headers, body)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch, stream, nursery.cancel_scope)
            await _send(stream, connection, response)
            nursery.cancel_scope.cancel()
    except* (ConnectionCut, trio.BrokenResourceError):
        asked.complete = False
    finally:
        if not asked.complete:
            asked.left.set()
    return asked.complete


async def _received(stream: trio.SocketStream, connection: h11.Connection) -> tuple[h11.Request | None, bytes]:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(MOST))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return request, body
        else:
            return None, b""


async def _send(stream: trio.SocketStream, connection: h11.Connection, response: Response) -> None:
    head = h11.Response(status_code=response.status, headers=response.headers)
    await stream.send_all(connection.send(head) or b"")
    async with aclosing(response.body) as chunks:
        async for chunk in chunks:
            await stream.send_all(connection.send(h11.Data(data=chunk)) or b"")
    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")


async def _watch(stream: trio.SocketStream, answering: trio.CancelScope) -> None:
    """Stop answering when the client is gone; a client sends nothing while it is being answered."""
    await stream.receive_some(1)
    answering.cancel()
