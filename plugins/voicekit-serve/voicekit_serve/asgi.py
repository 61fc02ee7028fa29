"""A site as an ASGI app: the transports' routes, /healthz, /readyz and /metrics, on Starlette."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketState

from voicekit.call.transport import SocketRoute, Webhook, WebhookRoute
from voicekit.call.wire import MessageStream, StreamClosed, WireMessage
from voicekit_serve import limits

if TYPE_CHECKING:
    from voicekit_serve.site import CallSite


def build_app(site: CallSite, more: Sequence[BaseRoute] = (), *, metrics_token: str | None = None) -> Starlette:
    """The app for `site`; `more` holds the user's own routes, which come after those of the transports."""
    routes: list[BaseRoute] = [
        Route("/healthz", lambda request: PlainTextResponse("alive")),
        Route("/readyz", lambda request: PlainTextResponse("ready") if site.ready else PlainTextResponse("no", 503)),
        Route("/metrics", _metrics(site, metrics_token)),
    ]
    for transport in site.transports:
        for route in transport.routes(site):
            if isinstance(route, WebhookRoute):
                routes.append(Route(route.path, _webhook(site, route), methods=list(route.methods)))
            else:
                routes.append(WebSocketRoute(route.path, _socket(site, route)))
    return Starlette(routes=[*routes, *more])


def _webhook(site: CallSite, route: WebhookRoute) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return PlainTextResponse(
                f"expected a body of at most {limits.BODY_BYTES} bytes in {limits.BODY_S:g} s", 413
            )
        form: list[tuple[str, str]] = []
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            try:
                fields = body.decode("utf-8")
                form = parse_qsl(fields, keep_blank_values=True, max_num_fields=limits.FORM_FIELDS)
            except ValueError:
                return PlainTextResponse(f"expected a form in UTF-8 of at most {limits.FORM_FIELDS} fields", 400)
        url = site.address(_target(request.scope))
        answer = await route.answer(Webhook(request.method, url, dict(request.headers), body, form))
        return Response(answer.body, answer.status, dict(answer.headers), media_type=answer.content_type)

    return endpoint


async def _body(request: Request) -> bytes | None:
    """The whole body; None if it is too large or arrives too slowly."""
    parts = bytearray()
    with trio.move_on_after(limits.BODY_S):
        async with aclosing(request.stream()) as stream:
            async for part in stream:
                parts += part
                if len(parts) > limits.BODY_BYTES:
                    return None
            return bytes(parts)
    return None


def _socket(site: CallSite, route: SocketRoute) -> Callable[[WebSocket], Awaitable[None]]:
    async def endpoint(websocket: WebSocket) -> None:
        await route.handle(StarletteUpgrade(site, websocket))
        if websocket.client_state is WebSocketState.CONNECTING:
            await websocket.close()

    return endpoint


def _metrics(site: CallSite, token: str | None) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token is None or not compare_digest(given.encode(), token.encode()):
            return PlainTextResponse("expected the metrics token", 401)
        return PlainTextResponse(site.metrics(), media_type="text/plain; version=0.0.4")

    return endpoint


def _target(scope: Mapping[str, object]) -> str:
    """The path and query as received, not decoded: carriers sign exactly these."""
    raw, query = scope.get("raw_path"), scope.get("query_string")
    path = raw.decode("ascii", "replace") if isinstance(raw, bytes) else str(scope["path"])
    return f"{path}?{query.decode('ascii', 'replace')}" if isinstance(query, bytes) and query else path


class StarletteUpgrade:
    """A `voicekit.call.transport.Upgrade` for a Starlette websocket."""

    def __init__(self, site: CallSite, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.target = _target(websocket.scope)
        self.url = site.address(self.target, scheme="wss")
        self.headers: Mapping[str, str] = dict(websocket.headers)
        self.parameters: Mapping[str, str] = {name: str(value) for name, value in websocket.path_params.items()}

    async def accept(self, subprotocol: str | None = None) -> MessageStream:
        offered = self._websocket.scope.get("subprotocols") or ()
        await self._websocket.accept(subprotocol if subprotocol in offered else None)
        return StarletteStream(self._websocket)

    async def refuse(self, status: int) -> None:
        await self._websocket.send_denial_response(PlainTextResponse("refused", status))


class StarletteStream:
    """A `voicekit.call.wire.MessageStream` on an accepted Starlette websocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._closed: StreamClosed | None = None

    async def receive(self) -> WireMessage:
        if self._closed is None:
            message = await self._websocket.receive()
            if message["type"] == "websocket.receive":
                text = message.get("text")
                return text if text is not None else message["bytes"]  # type: ignore[no-any-return]  # as ASGI defines it
            self._closed = StreamClosed(message.get("code"))
        raise self._closed

    async def send(self, message: WireMessage) -> None:
        if self._closed is not None:
            raise self._closed
        try:
            await (
                self._websocket.send_text(message) if isinstance(message, str) else self._websocket.send_bytes(message)
            )
        except (RuntimeError, OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._closed = StreamClosed()
            raise self._closed from error

    async def close(self, code: int = 1000) -> None:
        if self._closed is None:
            self._closed = StreamClosed(code)
            try:
                await self._websocket.close(code)
            except (RuntimeError, OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                return
