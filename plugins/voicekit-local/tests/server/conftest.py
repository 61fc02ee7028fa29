"""A client that says anything, right or wrong, to a server with fake engines; and some real speech."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
import trio

from voicekit.soniox.connection.direct import DirectWebsocket
from voicekit.soniox.connection.transport import Address, Disconnected, Socket
from voicekit_local.fakes import KEY

SPEECH = Path(__file__).parents[4] / "tests" / "data" / "speech" / "austen-0870.flac"
ENOUGH = 120.0
"""Seconds after which a test gives up on an answer: far more than any of them needs."""


class Client:
    """A websocket that speaks JSON, or whatever else it is told to."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def say(self, message: Any = None, **fields: Any) -> None:
        await self._socket.send(message if isinstance(message, str | bytes) else json.dumps(fields))

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        with trio.fail_after(ENOUGH):
            said: dict[str, Any] = json.loads(await self._socket.receive())
        return said

    async def rest(self, code: int = 1000) -> list[dict[str, Any]]:
        """All messages until the server closes, which it must with `code`."""
        said: list[dict[str, Any]] = []
        try:
            while True:
                said.append(await self.hear())
        except Disconnected as gone:
            how = str(gone)
        assert f"code {code} " in how, how
        return said

    async def until(self, **wanted: Any) -> list[dict[str, Any]]:
        """The messages up to the first that has these fields."""
        said: list[dict[str, Any]] = []
        while True:
            said.append(await self.hear())
            if wanted.items() <= said[-1].items():
                return said


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def connect() -> Connect:
    """`connect(url, key, subprotocols)` opens a Client; the key goes into the header."""

    @asynccontextmanager
    async def opened(url: str, key: str | None = KEY, subprotocols: Sequence[str] = ()) -> AsyncIterator[Client]:
        headers = [("Authorization", f"Bearer {key}")] if key is not None else []
        with trio.fail_after(2 * ENOUGH):
            async with DirectWebsocket().connect(Address(url, headers, subprotocols)) as socket:
                yield Client(socket)

    return opened


@pytest.fixture(scope="session")
def speech() -> Any:
    """Seven seconds of somebody reading, as float32 at 16 kHz, with two seconds of silence behind."""
    import numpy as np

    sound, rate = soundfile.read(SPEECH, dtype="float32")
    assert rate == 16_000
    return np.concatenate([sound, np.zeros(2 * rate, np.float32)])
