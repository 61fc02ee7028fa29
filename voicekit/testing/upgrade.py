"""An in-memory websocket handshake, to test a transport's websocket route with a scripted carrier."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import trio

from voicekit.call.wire import MessageStream


class MemoryUpgrade:
    """An in-memory `voicekit.call.transport.Upgrade`. `answered` is set as soon as the upgrade is accepted, or refused
    with `status`."""

    def __init__(
        self,
        stream: MessageStream,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """`parameters` are the values of the route's parameters, such as a token."""
        parts = urlsplit(url)
        self.url = url
        self.target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.headers = dict(headers or {})
        self.parameters = dict(parameters or {})
        self.status: int | None = None
        self.subprotocol: str | None = None
        self.answered = trio.Event()
        self._stream = stream

    async def accept(self, subprotocol: str | None = None) -> MessageStream:
        await trio.lowlevel.checkpoint()
        self.status, self.subprotocol = 101, subprotocol
        self.answered.set()
        return self._stream

    async def refuse(self, status: int) -> None:
        await trio.lowlevel.checkpoint()
        self.status = status
        self.answered.set()
