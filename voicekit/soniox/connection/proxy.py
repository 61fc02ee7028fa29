"""Finds the proxy for an address in the environment variables, and opens a tunnel through it.

HTTPS_PROXY is for wss addresses, HTTP_PROXY for ws, and ALL_PROXY for both. NO_PROXY names the hosts that are reached
directly. These variables have the same meaning as in httpx, so the REST client and the websockets use the same proxies.
There is one exception: a proxy on another machine can't reach this machine's loopback, so a local server is always
reached directly.
"""

from __future__ import annotations

import base64
import re
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import trio

from voicekit.errors import ConfigError, redacted
from voicekit.soniox.connection.tcp import PromptStream, open_tcp
from voicekit.soniox.connection.tls import PromptTls, tls_context

HEAD_BYTES: Final = 16 * 2**10
"""The longest answer to CONNECT that is read, in bytes."""
PORTS: Final = {"http": 80, "https": 443}
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's address. `secure` is True if the proxy itself uses TLS. `credentials` is the value of the header
    Proxy-Authorization, and may be empty."""

    host: str
    port: int
    secure: bool = False
    credentials: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{_netloc(self.host, self.port)}"


def proxy_for(scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy for connections to `host` with `scheme` ("http" or "https"); None if no proxy is used.

    Raises ConfigError for a proxy that can't be used, such as a SOCKS proxy.
    """
    environment = getproxies()
    given = environment.get(scheme) or environment.get("all")
    if not given or _is_direct(scheme, host.lower(), port, environment.get("no", "")):
        return None
    where = urlsplit(given if "://" in given else f"http://{given}")
    try:
        usual = PORTS[where.scheme]
        name, number = where.hostname, where.port or usual
    except (KeyError, ValueError):
        name, number = None, 0
    if not name:
        raise ConfigError(f"proxy: expected http://host:port or https://host:port, got {redacted(where.geturl())!r}")
    if _is_loopback(host) and not _is_loopback(name):
        return None
    user = f"{unquote(where.username or '')}:{unquote(where.password or '')}"
    credentials = "" if user == ":" else f"Basic {base64.b64encode(user.encode()).decode()}"
    return Proxy(name, number, where.scheme == "https", credentials)


async def open_tunnel(proxy: Proxy, host: str, port: int) -> trio.abc.Stream:
    """Open a connection to `host` through `proxy`. Raises ConnectionError if the proxy can't reach the host."""
    try:
        stream = await open_tcp(proxy.host, proxy.port)
    except OSError as error:
        raise ConnectionError(f"the proxy {proxy} could not be reached: {error}") from None
    try:
        if proxy.secure:
            stream = await over_tls(stream, await tls_context(), proxy.host)
        await _ask(stream, proxy, _netloc(host, port))
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def over_tls(stream: trio.abc.Stream, context: ssl.SSLContext, host: str) -> trio.abc.Stream:
    """Start TLS on `stream`; the peer must have a certificate for `host`. If this fails, the calling code must still
    close `stream`.
    """
    if isinstance(stream, PromptStream):
        prompt = PromptTls(stream, context, host)
        await prompt.do_handshake()
        return prompt
    secure = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    await secure.do_handshake()
    return secure


async def _ask(stream: trio.abc.Stream, proxy: Proxy, target: str) -> None:
    credentials = f"Proxy-Authorization: {proxy.credentials}\r\n" if proxy.credentials else ""
    await stream.send_all(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{credentials}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        more = await stream.receive_some(HEAD_BYTES)
        head += more
        if not more or len(head) > HEAD_BYTES:
            raise ConnectionError(f"the proxy {proxy} did not answer CONNECT")
    status = _STATUS.match(head)
    if status is None or not status[1].startswith(b"2") or not head.endswith(b"\r\n\r\n"):
        answer = f"HTTP {int(status[1])}" if status else "something else than HTTP"
        raise ConnectionError(f"the proxy {proxy} answered {answer} to CONNECT {target}")


def _is_direct(scheme: str, host: str, port: int, no_proxy: str) -> bool:
    return any(_fits(entry.strip().lower(), scheme, host, port) for entry in no_proxy.split(","))


def _fits(entry: str, scheme: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY matches `host`. An entry matches the host itself; if it is a name, it also matches
    its subdomains."""
    if entry in ("", "*", host):
        return bool(entry)
    only, _, rest = entry.rpartition("://")
    try:
        where = urlsplit(f"//{rest}")
        name, wanted = where.hostname or "", where.port or port
    except ValueError:
        return False
    if wanted != port or only not in ("", "all", scheme):
        return False
    if name.startswith("*"):
        name = name[1:]
    elif only or _is_address(name) or name == "localhost":
        return host == name
    return host.endswith(name if name.startswith(".") else f".{name}") or host == name


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
