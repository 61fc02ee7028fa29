"""Checks whether hosts can be reached: makes one connection to each, as a call would, all at the same time."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import trio

from voicekit.errors import ConfigError
from voicekit.soniox.connection.proxy import proxy_for
from voicekit.soniox.connection.tls import tls_context
from voicekit.soniox.connection.transport import open_stream

PATIENCE_S: Final = 5.0
"""The maximum number of seconds for name look-up, connection and handshake together. After this time, a call would give
up too.
"""

PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
SECURE: Final = ("https", "wss")


@dataclass(frozen=True, slots=True)
class Reached:
    """How long it took to reach `host`, or why that failed. If there is a proxy, `host` also names the proxy."""

    host: str
    seconds: float
    error: str | None = None


async def reach(urls: Iterable[str], *, patience: float = PATIENCE_S) -> list[Reached]:
    """Connect once to the host of each URL, and return the results in order. Takes at most `patience` seconds."""
    wanted = {(urlsplit(url).hostname or "", urlsplit(url).port or PORTS[urlsplit(url).scheme]): url for url in urls}
    found: dict[tuple[str, int], Reached] = {}

    async def try_one(host: str, port: int, secure: bool) -> None:
        found[host, port] = await _reach(host, port, secure, patience)

    async with trio.open_nursery() as nursery:
        for (host, port), url in wanted.items():
            nursery.start_soon(try_one, host, port, urlsplit(url).scheme in SECURE)
    return [found[place] for place in wanted]


async def _reach(host: str, port: int, secure: bool, patience: float) -> Reached:
    shown = host if port in PORTS.values() else f"{host}:{port}"
    proxy = None
    began = trio.current_time()
    error: str | None = f"no answer within {patience:g} s"
    with trio.move_on_after(patience):
        try:
            proxy = proxy_for("https" if secure else "http", host, port)
            await _connect(host, port, secure)
            error = None
        except ssl.SSLError as failure:
            error = f"no secure connection: {failure.reason or failure}"
        except trio.BrokenResourceError as failure:
            error = f"no secure connection: {failure.__cause__ or failure}"
        except OSError as failure:
            error = failure.strerror or str(failure)
        except ConfigError as failure:
            error = str(failure)
    return Reached(shown if proxy is None else f"{shown} through {proxy}", trio.current_time() - began, error)


async def _connect(host: str, port: int, secure: bool) -> None:
    stream = await open_stream(host, port, await tls_context() if secure else None)
    await trio.aclose_forcefully(stream)
