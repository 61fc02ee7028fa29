"""ARI's two kinds of connection: HTTP for requests, and websockets for events and for media.

Telephone numbers are never in a path or a query, so they don't get into the HTTP client's request log. Every request
gets an answer or raises an error within ASK_S.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx
import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_client_stream

from voicekit.call.wire import StreamClosed, WireMessage
from voicekit.errors import ConfigError, ServiceError, Unauthenticated, Unavailable
from voicekit.flow.groups import alone
from voicekit_asterisk.ari import AriRequest
from voicekit_asterisk.websocket_transport import basic

SERVICE = "asterisk"
ASK_S = 5.0
CONNECT_S = 3.0
GOODBYE_S = 0.5

KEPT = httpx.Limits(max_connections=50, max_keepalive_connections=1)
"""After many simultaneous calls, only one idle connection is kept: the next request would close the others anyway."""
RECEIVE_BYTES = 64 * 1024
PING_S = 10.0
"""Seconds between two pings on the websocket for events; they detect an Asterisk that hangs."""


class AriClient:
    """Sends requests to one Asterisk and opens websockets to it. `address` is its HTTP server, such as
    http://127.0.0.1:8088.
    """

    def __init__(self, address: str, user: str, password: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ConfigError("ari: expected an address such as http://127.0.0.1:8088, got something else")
        self._is_secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port or (443 if self._is_secure else 80)
        self._path = parts.path.rstrip("/")
        self._headers = [(b"Authorization", basic(user, password).encode())]
        self._http = httpx.AsyncClient(
            base_url=f"{address.rstrip('/')}/ari", auth=(user, password), timeout=ASK_S, trust_env=False, limits=KEPT
        )

    async def __aenter__(self) -> AriClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.move_on_after(1.0, shield=True):
            await self._http.aclose()

    async def ask(self, request: AriRequest) -> Any:
        """Asterisk's answer to a request. Raises ServiceError, with the status as `code`, if Asterisk refuses, and
        Unavailable if there is no answer.
        """
        try:
            answer = await self._http.request(request.method, request.path, json=request.body)
        except httpx.HTTPError as error:
            raise Unavailable(f"ari: no answer ({type(error).__name__})", service=SERVICE) from None
        if answer.status_code == 401:
            raise Unauthenticated(
                "ari: expected the user and password from ari.conf, got different ones", service=SERVICE
            )
        if answer.is_error:
            place = request.path.split("?")[0].rsplit("/", 1)[-1] if request.method == "POST" else request.method
            raise ServiceError(
                f"ari: Asterisk refused {place} with {answer.status_code}", service=SERVICE, code=answer.status_code
            )
        return answer.json() if answer.content else None

    async def ask_again(self, request: AriRequest) -> bool:
        """Like `ask`, but for clean-ups: ignores errors, for instance when an object no longer exists. Returns whether
        the request succeeded.
        """
        try:
            await self.ask(request)
        except ServiceError:
            return False
        return True

    @asynccontextmanager
    async def events(self, app: str) -> AsyncIterator[MediaStream]:
        """The messages about `app`; any client that has been receiving them gets no more. Raises Unavailable if the
        connection fails.
        """
        async with self._connected(f"/ari/events?app={app}&subscribeAll=false") as stream:
            yield stream

    @asynccontextmanager
    async def media(self, connection_id: str) -> AsyncIterator[MediaStream]:
        """The media websocket of a channel that is waiting for us."""
        async with self._connected(f"/media/{connection_id}", "media") as stream:
            yield stream

    @asynccontextmanager
    async def _connected(self, path: str, *subprotocols: str) -> AsyncIterator[MediaStream]:
        try:
            with alone():
                async with trio.open_nursery() as nursery:
                    stream = await self._tcp()
                    try:
                        websocket = await self._websocket(nursery, stream, path, subprotocols)
                        yield MediaStream(websocket)
                        with trio.move_on_after(GOODBYE_S):
                            await websocket.aclose()
                    finally:
                        await trio.aclose_forcefully(stream)  # aclose() alone would wait too long for the server
                        nursery.cancel_scope.cancel()
        except HandshakeError as error:  # if Asterisk refuses the websocket, the task that reads from it raises this
            status = getattr(error, "status_code", None)
            if status == 401:
                raise Unauthenticated("ari: expected the user and password from ari.conf", service=SERVICE) from None
            raise Unavailable(f"ari: no websocket ({status or type(error).__name__})", service=SERVICE) from None

    async def _tcp(self) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        try:
            with trio.fail_after(CONNECT_S):
                if self._is_secure:
                    stream = await trio.open_ssl_over_tcp_stream(self._host, self._port)
                    await stream.do_handshake()
                    return stream
                return await trio.open_tcp_stream(self._host, self._port)
        except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
            raise Unavailable(f"ari: no connection ({type(error).__name__})", service=SERVICE) from None

    async def _websocket(
        self,
        nursery: trio.Nursery,
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
        path: str,
        subprotocols: tuple[str, ...],
    ) -> WebSocketConnection:
        try:
            with trio.fail_after(CONNECT_S):
                return await wrap_client_stream(
                    nursery,
                    stream,
                    f"{self._host}:{self._port}",
                    f"{self._path}{path}",
                    subprotocols=list(subprotocols) or None,
                    extra_headers=self._headers,
                    receive_buffer_size=RECEIVE_BYTES,
                )
        except trio.TooSlowError:
            raise Unavailable(f"ari: no websocket within {CONNECT_S:g} s", service=SERVICE) from None


class MediaStream:
    """`voicekit.call.wire.MessageStream` on a websocket that we have opened."""

    def __init__(self, websocket: WebSocketConnection) -> None:
        self._websocket = websocket

    async def receive(self) -> WireMessage:
        try:
            message: WireMessage = await self._websocket.get_message()
        except ConnectionClosed as closed:
            raise StreamClosed(None if closed.reason is None else closed.reason.code) from None
        return message

    async def send(self, message: WireMessage) -> None:
        try:
            await self._websocket.send_message(message)
        except ConnectionClosed as closed:
            raise StreamClosed(None if closed.reason is None else closed.reason.code) from None

    async def ping(self) -> None:
        """Wait until the other side answers. Raises StreamClosed after PING_S without an answer, or if the stream is
        closed.
        """
        try:
            with trio.fail_after(PING_S):
                await self._websocket.ping()
        except ConnectionClosed as closed:
            raise StreamClosed(None if closed.reason is None else closed.reason.code) from None
        except trio.TooSlowError:
            raise StreamClosed(None) from None

    async def close(self, code: int = 1000) -> None:
        try:
            await self._websocket.aclose(code)
        except ConnectionClosed:
            return
