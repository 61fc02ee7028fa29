"""Connections in memory under httpx: its own transport and connection pool, and no socket underneath."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx
import trio


class InMemoryHttp(httpx.AsyncHTTPTransport):
    """httpx's transport over streams that `connect` makes; a ConnectionRefusedError of it is a refused connection."""

    def __init__(self, connect: Callable[[], trio.abc.Stream]) -> None:
        # Without httpx's own constructor, which offers no other way to put streams under its pool.
        self._pool = httpcore.AsyncConnectionPool(network_backend=_Backend(connect))


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, connect: Callable[[], trio.abc.Stream]) -> None:
        self._connect = connect

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        await trio.lowlevel.checkpoint()
        try:
            return _Stream(self._connect())
        except ConnectionRefusedError as error:
            raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _translated(httpcore.ReadTimeout, httpcore.ReadError), trio.fail_after(_seconds(timeout)):
            return bytes(await self._stream.receive_some(max_bytes))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _translated(httpcore.WriteTimeout, httpcore.WriteError), trio.fail_after(_seconds(timeout)):
            await self._stream.send_all(buffer)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("a connection in memory has no TLS")

    def get_extra_info(self, info: str) -> Any:
        return None


@contextmanager
def _translated(slow: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except trio.TooSlowError as error:
        raise slow(str(error)) from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise broken(str(error)) from error


def _seconds(timeout: float | None) -> float:
    return float("inf") if timeout is None else timeout
