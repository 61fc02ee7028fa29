"""What a transport gives a server: routes for webhooks and sockets, and the code that handles requests to them.

Any kind of server can be used: it makes a `Webhook` from a request and an `Upgrade` from a handshake, and passes a
`Site` to the transport. Addresses are the public ones that the carrier used, never those in a Host header.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import trio

from voicekit.call.control import CallControl, CallReport
from voicekit.call.tokens import CallFacts, CallTokens
from voicekit.call.wire import MessageStream, Wire

if TYPE_CHECKING:
    from voicekit.call.connection import Call


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request: its headers, with names in lower case, its raw body and, if the body is a form, the fields."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    form: Sequence[tuple[str, str]] = field(repr=False)

    def field(self, name: str) -> str:
        """The first field with this name; "" if there is none."""
        return next((value for key, value in self.form if key == name), "")


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    body: str = field(default="", repr=False)
    content_type: str = "text/plain"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Arrival(Protocol):
    """A connection that has not been admitted yet."""

    async def accept(self, subprotocol: str | None = None) -> MessageStream: ...
    async def refuse(self, status: int) -> None: ...


class Upgrade(Arrival, Protocol):
    """A websocket handshake that has not been accepted yet."""

    @property
    def url(self) -> str: ...
    @property
    def target(self) -> str:
        """The path and the query, as received."""
        ...

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def parameters(self) -> Mapping[str, str]:
        """The values of the parameters that the route's path names."""
        ...


class Site(Protocol):
    """The server as a transport sees it."""

    tokens: CallTokens

    @property
    def ready(self) -> bool:
        """Whether a new call would be admitted now."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether only this computer can reach the server: both its listener and its public address are on loopback."""
        ...

    def now(self) -> float:
        """The current time as a Unix timestamp, for signatures and tokens."""
        ...

    def address(self, path: str, *, scheme: str = "https") -> str:
        """The public address of `path`; `scheme` is "wss" for a socket."""
        ...

    async def hold(
        self,
        arrival: Arrival,
        wire: Wire,
        facts: CallFacts | None = None,
        *,
        subprotocol: str | None = None,
        control: CallControl | None = None,
    ) -> None:
        """Admit the call and run it to its end, or reject the connection with status 503.

        If the call claims an id that differs from the one in `facts`, it is closed with code 1008. `control` carries
        out our requests to the carrier.
        """
        ...

    def report(self, transport: str, report: CallReport) -> None:
        """Take a carrier's report about a live call, or about a dialled call that could not be connected."""
        ...

    async def hold_call(self, name: str, opening: AbstractAsyncContextManager[Call]) -> None:
        """Admit a call, enter the context manager `opening` to begin it, and run it to its end; `name` is the name of
        its wire.

        This is for a transport that accepts connections itself. Raises CallRefused if there is no place for the call.
        """
        ...


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    path: str
    answer: Callable[[Webhook], Awaitable[WebhookAnswer]]
    methods: tuple[str, ...] = ("POST",)


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """A route for websockets; `path` names its parameters in braces: "/twilio/media/{token}"."""

    path: str
    handle: Callable[[Upgrade], Awaitable[None]]


Route: TypeAlias = WebhookRoute | SocketRoute


class Transport(Protocol):
    """Turns the requests and connections that reach a server into calls."""

    @property
    def name(self) -> str: ...

    def routes(self, site: Site) -> Sequence[Route]: ...


@runtime_checkable
class ListeningTransport(Transport, Protocol):
    """A transport that, in addition to its routes, lets calls arrive in another way: on a listener, or through a
    connection to a telephone exchange.
    """

    async def listen(self, site: Site, *, task_status: trio.TaskStatus[None] = ...) -> None:
        """Turn incoming connections into calls, until cancelled; `task_status.started()` is called when calls can
        arrive. The server drains the calls before it cancels `listen`.

        `listen` raises an error only at the start. If it loses its connection later, it must reconnect by itself.
        """
        ...


@runtime_checkable
class DialingTransport(Transport, Protocol):
    """A transport that can also place calls."""

    async def dial(self, site: Site, to: str, **how: Any) -> str:
        """Ask the carrier to call `to`, and return the id of the call. The call then reaches the site like an incoming
        one.
        """
        ...

    def control(self, site: Site, call_id: str) -> CallControl | None:
        """The object that carries out our requests about this call; None if there is no such object, for instance
        because no account is configured.
        """
        ...
