"""One question to a model over HTTP, and its answer piece by piece.

What may be tried again is decided here: a request is repeated only as long as nothing of its answer has been passed
on, because what the caller has heard can't be unsaid. Every wait has a limit, and the waiting of whoever takes the
pieces (a voice that has enough to do) is not counted against the service.

Leaving an answer early closes its connection at once: nothing else tells a service to stop writing. An answer that was
read to its end gives its connection back, to be used again.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import msgspec
import trio

from voicekit.errors import ConfigError, ProtocolError, RemoteProtocolError, ServiceError
from voicekit.llm.faults import FILTERED, lost, refused, retry_after, told, wait_before_retry
from voicekit.llm.messages import Done, ModelFault, ModelPiece, ModelQuery, ModelUsage, Stop
from voicekit.llm.model import Model
from voicekit.llm.sse import EventReader

MOST_ERROR = 64 * 1024
"""Bytes that are read of an answer that is none."""

AFTER_THE_STOP = 1.0
"""Seconds to wait for what may follow an answer that has stopped: what it used, and the word that it is over."""

AFTER_THE_END = 0.25
"""Seconds to wait for the connection behind a complete answer; one that is not given back by then is closed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient we are, in seconds: a caller who hears nothing for longer says "hello?".

    `connect` and `first_token` hold for each attempt, `patience` for all of them together, `between` for the time from
    one piece to the next. ConfigError for one that isn't above 0.
    """

    connect: float = 3.0
    first_token: float = 8.0
    between: float = 8.0
    attempts: int = 3
    patience: float = 12.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
                raise ConfigError(f"Limits: expected {name} above 0, got {value!r}")


class _Failed(Exception):
    """An attempt failed with `error`; the service asked to be left alone for `wait` seconds, if it said so."""

    def __init__(self, error: ServiceError | ProtocolError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


@dataclass
class Asking:
    """Asks `model` over `client`. It can be asked any number of times, one after the other or at once."""

    model: Model
    client: httpx.AsyncClient
    limits: Limits = field(default_factory=Limits)
    roll: Callable[[], float] = random.random

    async def ask(self, ask: ModelQuery, take: Callable[[ModelPiece], Awaitable[None]]) -> None:
        """Give the pieces of the answer to `take`, up to its Done; after trying again where that may help.

        Raises ServiceError or ProtocolError, and what `take` raises. Cancelled, it has closed the connection.
        """
        give_up = trio.current_time() + self.limits.patience
        failures = 0
        while True:
            attempt = _Attempt(self, take, give_up)
            try:
                await attempt.run(ask)
            except _Failed as failed:
                failures += 1
                wait = wait_before_retry(failures, failed.wait, self.roll)
                spent = failures >= self.limits.attempts or trio.current_time() + wait >= give_up
                if attempt.passed_on or spent or not getattr(failed.error, "retryable", False):
                    raise failed.error from failed.__cause__
                await trio.sleep(wait)
            else:
                return


class _Attempt:
    """One request and its answer. `passed_on` says whether anything of it has been."""

    def __init__(self, asking: Asking, take: Callable[[ModelPiece], Awaitable[None]], give_up: float) -> None:
        self._model = asking.model
        self._client = asking.client
        self._limits = asking.limits
        self._take = take
        self._first_by = min(trio.current_time() + asking.limits.first_token, give_up)
        self._stopped = False
        self.passed_on = False

    async def run(self, ask: ModelQuery) -> None:
        wire = self._model.request(ask)
        headers = {"content-type": "application/json", "accept": "text/event-stream", "accept-encoding": "identity"}
        request = self._client.build_request("POST", wire.url, headers={**headers, **wire.headers}, content=wire.body)
        try:
            with trio.fail_at(self._first_by):
                response = await self._client.send(request, stream=True)
        except trio.TooSlowError as error:
            raise self._silence() from error
        except httpx.HTTPError as error:
            raise self._lost(error) from error
        async with _body(response) as chunks:
            if response.status_code != 200 or "text/event-stream" not in response.headers.get("content-type", ""):
                failed = await self._refused(response, chunks)
                if getattr(failed.error, "error_type", None) != FILTERED:
                    raise failed
                await self._take(Stop("filtered"))
                return
            await self._read(chunks)

    async def _read(self, chunks: AsyncGenerator[bytes, None]) -> None:
        reader = EventReader()
        while (received := await self._next(chunks)) is not None:
            try:
                pieces = [piece for event in reader.feed(received) for piece in self._model.parse(event)]
            except (msgspec.DecodeError, RemoteProtocolError) as error:
                said = self._model.redact(str(error))
                raise _Failed(RemoteProtocolError(f"{self._model.service}: can't read the answer: {said}")) from error
            for piece in pieces:
                if await self._pass_on(piece):
                    await _to_the_end(chunks)
                    return
        if not self._stopped:
            raise _Failed(lost(self._model, "the answer broke off"))

    async def _pass_on(self, piece: ModelPiece) -> bool:
        """Whether that was the last one."""
        if isinstance(piece, ModelFault):
            raise _Failed(refused(self._model, piece))
        self._stopped = self._stopped or isinstance(piece, Stop)
        self.passed_on = self.passed_on or not isinstance(piece, ModelUsage)
        await self._take(piece)
        return isinstance(piece, Done)

    async def _next(self, chunks: AsyncGenerator[bytes, None]) -> bytes | None:
        """What comes next, None at the end. A limit for what counts as an answer, not for signs of life before it.

        Behind its Stop an answer is complete: a connection that is lost then, or falls silent, is the end of it.
        """
        try:
            with trio.fail_at(self._next_by()):
                return await anext(chunks, None)
        except (trio.TooSlowError, httpx.HTTPError) as error:
            if self._stopped:
                return None
            raise (self._lost(error) if isinstance(error, httpx.HTTPError) else self._silence()) from error

    def _next_by(self) -> float:
        if not self.passed_on:
            return self._first_by
        patience = self._limits.between
        return trio.current_time() + (min(patience, AFTER_THE_STOP) if self._stopped else patience)

    async def _refused(self, response: httpx.Response, chunks: AsyncGenerator[bytes, None]) -> _Failed:
        body = b""
        while len(body) < MOST_ERROR and (more := await self._next(chunks)) is not None:
            body += more
        fault = told(body)
        if fault is None and response.status_code == 200:
            kind = response.headers.get("content-type", "none")
            return _Failed(RemoteProtocolError(f"{self._model.service}: expected text/event-stream, got {kind}"))
        fault = fault or ModelFault(body[:MOST_ERROR].decode(errors="replace"))
        status = None if response.status_code == 200 else response.status_code
        return _Failed(refused(self._model, fault, status, response.headers), retry_after(response.headers))

    def _silence(self) -> _Failed:
        what = "the next one" if self.passed_on else "the first one"
        return _Failed(lost(self._model, f"no token within the time for {what}"))

    def _lost(self, error: httpx.HTTPError) -> _Failed:
        return _Failed(lost(self._model, f"{type(error).__name__}: {error}".rstrip(": ")))


@asynccontextmanager
async def _body(response: httpx.Response) -> AsyncIterator[AsyncGenerator[bytes, None]]:
    """The body of `response` in chunks as they come; afterwards it is closed, at once and from the inside.

    httpx reads through a chain of async generators. One that is left in the middle would be finished by the garbage
    collector at some time; so it is made to go on into a cancelled read, where all of them end, innermost first.
    """
    async with aclosing(response.aiter_bytes()) as chunks:  # type: ignore[type-var]  # it is a generator
        try:
            yield chunks  # type: ignore[misc]
        finally:
            try:
                with trio.CancelScope() as scope:
                    scope.cancel()
                    async for _ in chunks:
                        pass
            finally:
                await response.aclose()


async def _to_the_end(chunks: AsyncGenerator[bytes, None]) -> None:
    """Read what comes behind the last piece, which is the end, so that the connection can be used again.

    One that breaks instead can't be, and that is all: the answer is there.
    """
    with suppress(httpx.HTTPError), trio.move_on_after(AFTER_THE_END):
        async for _ in chunks:
            pass
