"""Sends a carrier one request within a time limit. A failure becomes one of our errors, without credentials or
telephone numbers.

httpx logs the address of every request, which contains the ids of the account and the call. These log lines are
dropped while one of our requests is running.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

import trio

from voicekit.errors import ServiceError, Unavailable
from voicekit.flow.threads import in_thread
from voicekit_phone.rest.order import CarrierAccount, DialOrder, RestAnswer, RestRequest, refusal

if TYPE_CHECKING:
    import httpx

REQUEST_S = 5.0
"""Seconds for one request and its answer: a caller is waiting on the line."""

TRIES = 2
"""Attempts to hang up, which is safe to repeat. No other request is repeated, since it might take effect twice."""

MOST_BYTES = 64 * 1024
"""The number of bytes after which we stop reading an answer; carriers send one or two KiB."""

LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")

_under_way: ContextVar[bool] = ContextVar("voicekit_phone.rest.under_way", default=False)


def _drop(record: logging.LogRecord) -> bool:
    return not _under_way.get()


for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_drop)


class CarrierClient:
    """The client for one account. In tests, `transport` replaces the network."""

    def __init__(
        self,
        account: CarrierAccount,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = REQUEST_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.account = account
        self._transport = transport
        self._timeout = timeout
        self._now = now

    def __repr__(self) -> str:
        return f"CarrierClient({self.account!r})"

    async def hang_up(self, call_id: str) -> None:
        """End the call; a call that is already over is not an error."""
        request = self.account.hang_up(call_id)
        for tries_left in reversed(range(TRIES)):
            try:
                answer = await self._answer(request)
                error = None if self.account.is_over(answer) else refusal(self.account, answer)
            except ServiceError as unanswered:
                error = unanswered
            if error is None:
                return
            if not (tries_left and error.retryable):
                raise error

    async def transfer(self, call_id: str, to: str, via: str = "") -> None:
        await self._done(self.account.transfer(call_id, to, via))

    async def send_digits(self, call_id: str, digits: str) -> None:
        await self._done(self.account.send_digits(call_id, digits))

    async def send(self, request: RestRequest) -> None:
        """Send a request that only this carrier supports."""
        await self._done(request)

    async def dial(self, order: DialOrder) -> str:
        """Start a call and return its id. Never retries the request: after a timeout, a telephone may be ringing."""
        answer = await self._done(self.account.dial(order))
        call_id = self.account.call_id(answer)
        if not call_id:
            raise Unavailable(f"{self.account.name}: expected the id of the call, got none", service=self.account.name)
        return call_id

    async def _done(self, request: RestRequest) -> RestAnswer:
        answer = await self._answer(request)
        error = refusal(self.account, answer)
        if error is not None:
            raise error
        return answer

    async def _answer(self, request: RestRequest) -> RestAnswer:
        """The answer, with any status; Unavailable if no answer comes in time."""
        why = f"no answer within {self._timeout:g} s"
        with trio.move_on_after(self._timeout), _unlogged():
            context = await in_thread(_trusted)
            import httpx  # already imported by the thread above

            try:
                return await self._send(request, context)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                why = f"no connection ({type(error).__name__})"  # the error's text may contain the address
        raise Unavailable(f"{self.account.name}: {why}", service=self.account.name, retryable=True) from None

    async def _send(self, request: RestRequest, context: ssl.SSLContext) -> RestAnswer:
        import httpx

        headers = {**self.account.headers(self._now()), "accept": "application/json"}
        form = None if request.form is None else _grouped(request.form)
        async with (
            # the caller of this function has its own timeout
            httpx.AsyncClient(transport=self._transport, verify=context, timeout=None) as client,
            client.stream(request.method, request.url, headers=headers, data=form, json=request.json) as response,
        ):
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    break
            return RestAnswer.read(response.status_code, bytes(body[:MOST_BYTES]))


class ClientControl:
    """The `voicekit.call.control.CallControl` of one call. `via(to)` returns the address at which some carriers ask
    for the target of a transfer.
    """

    def __init__(self, client: CarrierClient, call_id: str, via: Callable[[str], str] = lambda to: "") -> None:
        self._client = client
        self._call_id = call_id
        self._via = via

    @property
    def can(self) -> frozenset[str]:
        return self._client.account.can - {"dial"}

    async def hang_up(self) -> None:
        await self._client.hang_up(self._call_id)

    async def transfer(self, to: str) -> None:
        await self._client.transfer(self._call_id, to, self._via(to))

    async def send_digits(self, digits: str) -> None:
        await self._client.send_digits(self._call_id, digits)


@contextmanager
def _unlogged() -> Iterator[None]:
    before = _under_way.set(True)
    try:
        yield
    finally:
        _under_way.reset(before)


def _grouped(form: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in form:
        fields.setdefault(name, []).append(value)
    return fields


@cache
def _trusted() -> ssl.SSLContext:
    """The TLS settings with the trusted certificates. Loading them and httpx is slow, so it is done once, in a
    thread.
    """
    import httpx

    trusted = httpx.create_ssl_context()
    # imports the modules for a first request now; this takes as long as loading the certificates
    httpx.AsyncClient(verify=trusted)
    return trusted
