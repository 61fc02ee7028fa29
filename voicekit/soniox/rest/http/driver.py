"""Sends requests with httpx, limits their time, turns httpx's errors into ours, and retries a request if that is safe.

This code checks that each answer has the expected form. It never follows a redirect, since the key must not be sent to
an address that the user did not choose.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx
import msgspec
import trio
from msgspec import Struct

from voicekit.errors import ConfigError, ProtocolError, redacted
from voicekit.flow.backoff import Backoff
from voicekit.flow.retried import TryAgain, retried
from voicekit.soniox.api import errors
from voicekit.soniox.connection.access import Access
from voicekit.soniox.connection.tls import tls_context
from voicekit.soniox.rest.http.bodies import InOne, RequestBody, close, reading
from voicekit.soniox.rest.http.rest_errors import SERVICE, refused, unexpected
from voicekit.soniox.rest.http.retry import LONGEST_WAIT_S, Patience, Repeat, RequestTrouble, may_repeat
from voicekit.soniox.rest.http.upload import Upload
from voicekit.soniox.rest.schema.requests import encode

ANSWER_BYTES: Final = 256 * 2**20
"""The longest answer, in bytes, that is read into memory: five hours of speech are about thirty megabytes of tokens."""
STEP_BYTES: Final = 256 * 1024
"""How many bytes of a long answer must come within the time for a whole short answer: thirty megabytes over a slow line
are acceptable, but a server that sends hardly anything is not.
"""
ERROR_BYTES: Final = 64 * 1024  # the maximum number of bytes read from the body of an error response

T = TypeVar("T", bound=Struct)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RestQuery:
    """One request: its method, its address, its content, and the expected answer. `repeat` says after which failures
    the request may be retried."""

    method: str
    url: str
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Struct | None = None
    upload: Upload | None = None
    status: int = 200
    repeat: Repeat = Repeat.ALWAYS
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """The request's method and path, for error messages."""
        return f"{self.method} {httpx.URL(self.url).path}"


class Setback(Exception):
    """Raised if an attempt has failed. It records the failure, how far the request got, and how long the service asks
    us to wait."""

    def __init__(self, failed: errors.Failed, trouble: RequestTrouble, asked: float = 0.0) -> None:
        super().__init__(str(failed.error))
        self.failed = failed
        self.trouble = trouble
        self.asked = asked


class Http:
    """The connection pool, the key and the time limits that all requests of a client share."""

    def __init__(
        self,
        access: Access,
        patience: Patience,
        transport: httpx.AsyncBaseTransport | None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self._access = access
        self.patience = patience
        self._roll = roll
        timeout = httpx.Timeout(
            patience.answer, connect=patience.connect, write=patience.stall, pool=patience.connect + patience.answer
        )
        self.redact = access.redact
        self._timeout = timeout
        self._made: list[httpx.AsyncClient] = []
        if transport is not None:
            self._made.append(httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False))

    async def aclose(self) -> None:
        for client in self._made:
            await client.aclose()

    async def _client(self) -> httpx.AsyncClient:
        """The httpx client. It is created at the first request, with a TLS context that is made in a thread."""
        if not self._made:
            context = await tls_context(httpx.create_ssl_context)
            if not self._made:  # another task may have created the client in the meantime
                self._made.append(httpx.AsyncClient(verify=context, timeout=self._timeout))
        return self._made[0]

    async def answer(self, ask: RestQuery, kind: type[T]) -> T:
        """Send the request and return its answer, decoded as the type `kind`. Raises ServiceError, or ProtocolError if
        the answer can't be decoded."""
        status, headers, body = await self._patiently(ask)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            problem = self._unexpected(status, headers, body, f"{kind.__name__} in answer to {ask.what}")
            problem.add_note(self.redact(str(error)))
            raise problem from None

    async def done(self, ask: RestQuery) -> None:
        """Send the request and wait for an answer without content."""
        await self._patiently(ask)

    @asynccontextmanager
    async def open(self, ask: RestQuery) -> AsyncIterator[httpx.Response]:
        """Send the request, check the status of the answer, and yield the answer; the calling code reads its body."""
        response = await self._again(ask, self._begun)
        try:
            yield response
        finally:
            await close(response)

    async def _patiently(self, ask: RestQuery) -> tuple[int, dict[str, str], bytes]:
        deleted = (ask.status, dict[str, str](), b"") if ask.method == "DELETE" else None
        return await self._again(ask, self._whole, deleted)

    async def _again(self, ask: RestQuery, attempt: Callable[[RestQuery], Awaitable[R]], gone: R | None = None) -> R:
        """The result of `attempt` for the request `ask`, repeated as often as is allowed and safe.

        `gone` is the result if a later attempt finds that the object has already been deleted.
        """
        backoff = Backoff(self._roll, attempts=self.patience.attempts)
        lost = False

        async def once() -> R:
            nonlocal lost
            try:
                return await attempt(ask)
            except Setback as problem:
                error = problem.failed.error
                if lost and gone is not None and getattr(error, "code", None) == 404:
                    return gone  # an earlier attempt, whose answer was lost, has deleted the object
                lost = lost or problem.trouble is RequestTrouble.LOST
                again = may_repeat(problem.failed, problem.trouble, ask.repeat) and (not ask.upload or ask.upload.again)
                if backoff.failures:
                    error.add_note(f"this was attempt {backoff.failures + 1}")
                waits = problem.failed.waits(new_keys=self._access.mints) if again else None
                raise TryAgain(error, waits, asked=min(problem.asked, LONGEST_WAIT_S)) from problem.__cause__

        return await retried(once, backoff)

    async def _whole(self, ask: RestQuery) -> tuple[int, dict[str, str], bytes]:
        """Make one attempt and read its answer into memory. The answer, or the next STEP_BYTES of it, must come within
        `answer` seconds.
        """
        with trio.CancelScope() as scope:
            if ask.upload is None:
                scope.deadline = trio.current_time() + self.patience.connect + self.patience.answer
            response = await self._opened(ask, lambda: self._limit(scope))
            try:
                body = await self._read(response, ask, ANSWER_BYTES, moved=lambda: self._limit(scope))
                return response.status_code, dict(response.headers), body
            finally:
                await close(response)
        step = f"fewer than {STEP_BYTES // 1024} KiB came in that time"
        raise lost(ask, f"no complete answer within {self.patience.answer:g} s ({step})")

    async def _begun(self, ask: RestQuery) -> httpx.Response:
        """Make one attempt and wait for the headers of its answer, within `answer` seconds."""
        with trio.move_on_after(self.patience.connect + self.patience.answer):
            return await self._opened(ask)
        raise lost(ask, f"no response started within {self.patience.answer:g} s")

    def _limit(self, scope: trio.CancelScope) -> None:
        scope.deadline = trio.current_time() + self.patience.answer

    async def _opened(self, ask: RestQuery, out: Callable[[], None] = lambda: None) -> httpx.Response:
        """Make one attempt and wait for the headers of its answer, with the expected status. `out` is called when the
        request has been sent.
        """
        address = await self._access.address(ask.url)
        content = None if ask.json is None else encode(ask.json)
        headers = {**dict(address.headers), **ask.headers, "accept-encoding": "identity"}
        if content is not None:
            headers["content-type"] = "application/json"
        if ask.upload is None:
            response = await self._send(ask, await self._request(ask, headers, content))
        else:
            async with aclosing(_told(ask.upload, out)) as form:
                request = await self._request(ask, {**headers, **ask.upload.headers}, RequestBody(form))
                response = await self._send(ask, request)
        if response.status_code == ask.status and "content-encoding" not in response.headers:
            return response
        try:
            body = await self._read(response, ask, ERROR_BYTES, whole=False)
        finally:
            await close(response)
        if response.status_code < 400:
            raise self._unexpected(
                response.status_code, response.headers, body, f"the status {ask.status} for {ask.what}"
            )
        failed = refused(response.status_code, body, redact=self.redact)
        raise Setback(failed, RequestTrouble.REFUSED, _seconds(response.headers.get("retry-after", "")))

    async def _request(
        self, ask: RestQuery, headers: Mapping[str, str], content: RequestBody | bytes | None
    ) -> httpx.Request:
        query = {name: value for name, value in ask.query.items() if value is not None}
        client = await self._client()
        try:
            request = client.build_request(ask.method, ask.url, params=query, headers=headers, content=content)
        except (httpx.InvalidURL, UnicodeError):
            raise ConfigError(f"Soniox address: expected https://host, got {redacted(ask.url)!r}") from None
        request.stream = content if isinstance(content, RequestBody) else RequestBody(InOne(content))
        return request

    async def _send(self, ask: RestQuery, request: httpx.Request) -> httpx.Response:
        try:
            return await (await self._client()).send(request, stream=True, follow_redirects=False)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            why = f"{httpx.URL(ask.url).host} was not reached: {self.why(error)}"
            raise Setback(errors.lost(why, service=SERVICE), RequestTrouble.UNSENT) from self._cause(error)
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise ConfigError(f"Soniox address: {redacted(ask.url)!r} cannot be used: {self.why(error)}") from None
        except httpx.TransportError as error:
            raise lost(ask, self.why(error)) from self._cause(error)

    async def _read(
        self,
        response: httpx.Response,
        ask: RestQuery,
        most: int,
        whole: bool = True,
        moved: Callable[[], None] = lambda: None,
    ) -> bytes:
        """Read the body, up to `most` bytes. Raises Setback if the body is cut short. `moved` is called for each
        step."""
        body = bytearray()
        steps = 0
        try:
            async with reading(response) as pieces:
                async for piece in pieces:
                    body += piece
                    if len(body) // STEP_BYTES > steps:
                        steps = len(body) // STEP_BYTES
                        moved()
                    if len(body) > most:
                        if whole:
                            raise self._unexpected(
                                response.status_code, response.headers, b"", f"an answer of at most {most} bytes"
                            )
                        break
        except httpx.RequestError as error:
            if whole:
                why = f"the answer was cut off after {len(body)} bytes ({self.why(error)})"
                raise lost(ask, why) from self._cause(error)
        return bytes(body)

    def why(self, error: BaseException) -> str:
        """A description of an httpx error: its own text without keys or, if that is empty, its type."""
        return self.redact(str(error)) or type(error).__name__

    def _cause(self, error: Exception) -> Exception | None:
        """`error` as a cause, unless it contains data that must not be shown."""
        return error if self.redact(str(error)) == str(error) else None

    def _unexpected(self, status: int, headers: Mapping[str, str], body: bytes, wanted: str) -> ProtocolError:
        return unexpected(status, headers, body, wanted, redact=self.redact)


def lost(ask: RestQuery, why: str) -> Setback:
    """Return the Setback for a request that was sent but not answered. For an upload, its message says how much was
    sent."""
    if ask.upload is not None:
        where = f"the upload of {ask.upload.filename} was interrupted after {ask.upload.so_far}"
        return Setback(errors.lost(f"{where}: {why}", service=SERVICE), RequestTrouble.LOST)
    return Setback(errors.lost(f"{ask.what}: {why}", service=SERVICE), RequestTrouble.LOST)


async def _told(upload: Upload, out: Callable[[], None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(upload.body()) as body:
        async for piece in body:
            yield piece
    out()


def _seconds(asked: str) -> float:
    """The seconds of a Retry-After header; a date is ignored, since the server's clock may differ from ours."""
    return float(asked) if asked.isascii() and asked.isdecimal() else 0.0
