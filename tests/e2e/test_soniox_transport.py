"""The seam to the websocket library: what refuses us is told apart, and nothing is left open."""

from __future__ import annotations

import ssl

import pytest
import trio

from voicekit.errors import ConfigError
from voicekit.soniox.connection.direct import DirectWebsocket
from voicekit.soniox.connection.transport import Address, TrioWebsocket, Unconnected
from voicekit.testing.soniox.memory import stream_pair

URL = "ws://service.test/path"
on_both = pytest.mark.parametrize("kind", [TrioWebsocket, DirectWebsocket])


@on_both
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno.", 503),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 99\r\n\r\nno.", 503),
        (b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n<html>", 502),
        (b"HTTP/1.0 401 Unauthorized\r\n\r\n", 401),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n", None),
        (b"SSH-2.0-OpenSSH_9.2\r\n", None),
        (b"", None),
    ],
)
async def test_an_answer_that_is_no_upgrade(autojump_clock, kind, answer, status):
    """Its HTTP status is told where there is one, with or without a whole body, and the stream is closed."""
    ours, theirs = stream_pair()

    async def stream(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
        return ours

    async def serve() -> None:
        await theirs.receive_some()
        if answer:
            await theirs.send_all(answer)
        if not answer.endswith(b"no."):
            await theirs.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with pytest.raises(Unconnected) as raised:
            async with kind(stream=stream).connect(Address(URL)):
                pass
    assert raised.value.status == status
    assert trio.current_time() < 5.1
    with pytest.raises(trio.ClosedResourceError):
        await ours.send_all(b"x")


@on_both
async def test_no_network_is_unconnected(kind):
    """What the operating system says is in the message."""

    async def stream(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
        raise OSError("Network is unreachable")

    with pytest.raises(Unconnected, match="Network is unreachable"):
        async with kind(stream=stream).connect(Address(URL)):
            pass


@on_both
async def test_another_scheme_is_our_mistake(kind):
    """An address that is no websocket's is a ConfigError, which shows it."""
    with pytest.raises(ConfigError, match="https://service"):
        async with kind().connect(Address("https://service.test")):
            pass
