"""A carrier's API on loopback, as strict as its pages: what it does not know is refused, and everything is kept.

    async with standing_in(TWILIO) as (api, url): ...

A rule that nobody wrote down here is no rule of the carrier's: addresses, keys, the form of the body, which fields must
be there and which may, are checked, and a field of any other name is an error.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import h11
import trio

CALL = r"(?P<call>[^/]+)"


@dataclass(frozen=True)
class Operation:
    """One request that the carrier takes. `body` is "form", "json" or ""; `needs` may state what a field must hold."""

    method: str
    path: str
    body: str = ""
    needs: Mapping[str, str | None] = field(default_factory=dict)
    may: frozenset[str] = frozenset()
    status: int = 200
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CarrierRules:
    """A carrier: what it takes, whether a request's headers say who asks, and how it words an error."""

    name: str
    operations: tuple[Operation, ...]
    allows: Callable[[Mapping[str, str]], bool]
    error: Callable[[int], Mapping[str, Any]] = lambda status: {"code": status}


@dataclass
class CarrierApi:
    """What came in, and what is answered instead: a status, or "silent" for no answer, or "drop" for a closed door."""

    rules: CarrierRules
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    instead: list[int | str] = field(default_factory=list)
    over: set[str] = field(default_factory=set)  # ids of calls that are over
    over_status: int = 404
    over_answer: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, Any]]:
        if not self.rules.allows(headers):
            return 401, self.rules.error(401)
        for operation in self.rules.operations:
            found = re.fullmatch(operation.path, path)
            if found is None or operation.method != method:
                continue
            given = _given(operation, headers, body)
            if given is None:
                return 415, self.rules.error(415)
            if wrong := _wrong(operation, given):
                raise AssertionError(f"{self.rules.name} {method} {path}: {wrong}")
            call = unquote(found.groupdict().get("call") or "")
            self.asked.append((method, path, given))
            if call in self.over:
                return self.over_status, self.over_answer
            return operation.status, operation.answer
        raise AssertionError(f"{self.rules.name} has no {method} {path}")


def _given(operation: Operation, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
    """The fields of the body; None if its form is another one."""
    kind = headers.get("content-type", "")
    if operation.body == "form" and kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    if operation.body == "json" and kind == "application/json":
        return json.loads(body)  # type: ignore[no-any-return]
    return {} if operation.body == "" and not body else None


def _wrong(operation: Operation, given: Mapping[str, Any]) -> str:
    if missing := set(operation.needs) - set(given):
        return f"expected {sorted(missing)}"
    if unknown := set(given) - set(operation.needs) - operation.may:
        return f"{sorted(unknown)} is unknown"
    values = {name: value for name, value in operation.needs.items() if value is not None and given[name] != value}
    return f"expected {values}" if values else ""


@asynccontextmanager
async def standing_in(rules: CarrierRules) -> AsyncIterator[tuple[CarrierApi, str]]:
    """The carrier's API, and its address on loopback."""
    api = CarrierApi(rules)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, lambda stream: _serve(api, stream), listeners)
        yield api, f"http://127.0.0.1:{port}"
        nursery.cancel_scope.cancel()


async def _serve(api: CarrierApi, stream: trio.SocketStream) -> None:
    connection = h11.Connection(h11.SERVER)
    try:
        request, body = await _request(connection, stream)
    except (trio.BrokenResourceError, EOFError):
        return
    special = api.instead.pop(0) if api.instead else None
    if special == "drop":
        await stream.aclose()
        return
    if special == "silent":
        await trio.sleep_forever()
    headers = {name.decode(): value.decode() for name, value in request.headers}
    if isinstance(special, int):
        status, said = special, api.rules.error(special)
    else:
        status, said = api.answer(request.method.decode(), request.target.decode(), headers, body)
    sent = b"" if status == 204 else json.dumps(said).encode()
    head = [("content-type", "application/json"), ("connection", "close"), ("content-length", str(len(sent)))]
    await stream.send_all(connection.send(h11.Response(status_code=status, headers=head)) or b"")
    await stream.send_all(connection.send(h11.Data(data=sent)) or b"")
    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
    await stream.aclose()


async def _request(connection: h11.Connection, stream: trio.SocketStream) -> tuple[h11.Request, bytes]:
    request, body = None, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return request, bytes(body)
        else:
            raise EOFError


def has_basic(user: str, secret: str) -> Callable[[Mapping[str, str]], bool]:
    """Whether the headers have basic authentication as this user."""

    def allows(headers: Mapping[str, str]) -> bool:
        given = headers.get("authorization", "")
        return given.startswith("Basic ") and b64decode(given[6:]).decode() == f"{user}:{secret}"

    return allows
