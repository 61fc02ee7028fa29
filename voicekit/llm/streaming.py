"""One question to a model over HTTP, and its answer as it arrives.

This module decides what may be retried. Once the caller may have heard part of an answer, the request is not repeated,
because words that were heard can't be taken back. Every wait has a limit. The time during which a busy voice accepts no
more words does not count against the service.

Abandoning an answer closes its connection immediately, because nothing else stops a service from writing. An answer
that was read to its end returns its connection for reuse.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import httpx
import trio

from voicekit.errors import ConfigError, ProtocolError, RemoteProtocolError, ServiceError
from voicekit.llm.answer import ModelAnswer
from voicekit.llm.faults import FILTERED, lost, refused, retry_after, shown, told, unreadable, wait_before_retry
from voicekit.llm.messages import ModelFault, ModelQuery
from voicekit.llm.model import Model

MOST_ERROR = 64 * 1024
"""The maximum number of bytes that are read from an error body."""

WORDLESS = 20.0
"""Seconds that an answer may continue without a word to speak or another complete call. This is enough for about a
thousand characters of arguments, and stops arguments or spaces that never end.
"""

AFTER_THE_STOP = 1.0
"""Seconds to wait, after an answer has stopped, for its token usage and the end of the stream."""

AFTER_THE_END = 0.25
"""Seconds that the connection may take, after a complete answer, to become reusable; after that it is closed."""

MOST_EMPTY = 2
"""The number of empty answers after which there is no further attempt: a model that is silent twice stays silent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds. They are short, because callers soon ask "hello?" if they hear nothing.

    `connect` and `first_token` apply to each attempt, `patience` to all of them together, and `between` to any period
    in which nothing arrives. Raises ConfigError for a limit that is not above 0.
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


def impatient(limits: Limits, patience: float) -> Limits:
    """`limits`, adjusted for a model that has a standby: one attempt, and no silence longer than `patience`."""
    return replace(
        limits,
        connect=min(limits.connect, patience),
        first_token=min(limits.first_token, patience),
        between=min(limits.between, patience),
        attempts=1,
        patience=min(limits.patience, patience),
    )


class _Failed(Exception):
    """An attempt failed with `error`; `wait` is the pause in seconds that the service asked for, if any."""

    def __init__(
        self, error: ServiceError | ProtocolError, wait: float | None = None, *, again: bool | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        self.again = getattr(error, "retryable", False) if again is None else again


@dataclass
class ModelQuestion:
    """One question to `model`, sent through `client`; the words of the answer go to `speak`.

    `answer` is the answer from the latest attempt, and `first` the time of its first word or call. An answer with
    neither words to speak nor a call is an error, unless `may_be_empty` is set.
    """

    model: Model
    client: httpx.AsyncClient
    limits: Limits
    query: ModelQuery
    speak: Callable[[str], Awaitable[None]]
    may_be_empty: bool = False
    roll: Callable[[], float] = random.random
    first: float | None = None
    answer: ModelAnswer = field(init=False)
    _progress: float = 0.0  # the time of the last word, the last complete call, or the end of the answer

    def __post_init__(self) -> None:
        self.answer = ModelAnswer(self.model)

    async def ask(self) -> ModelAnswer:
        """Ask the question and return the complete answer. A failed attempt is repeated if that may help.

        Raises ServiceError or ProtocolError, and what `speak` raises. If cancelled, it closes the connection.
        """
        give_up = trio.current_time() + self.limits.patience
        failures = empty = 0
        while True:
            self.answer, self.first = ModelAnswer(self.model), None
            try:
                await self._attempt(min(trio.current_time() + self.limits.first_token, give_up))
                self._check_that_it_says_something()
                return self.answer
            except _Failed as failed:
                failures, empty = failures + 1, empty + (failed.again and self.answer.stop is not None)
                wait = wait_before_retry(failures, failed.wait, self.roll)
                spent = failures >= self.limits.attempts or trio.current_time() + wait >= give_up
                if self.answer.audible or spent or empty == MOST_EMPTY or not failed.again:
                    raise failed.error from None  # the original error may contain the API key
            await trio.sleep(wait)

    async def _attempt(self, first_by: float) -> None:
        wire = self.model.request(self.query)
        headers = {"content-type": "application/json", "accept": "text/event-stream", "accept-encoding": "identity"}
        request = self.client.build_request("POST", wire.url, headers={**headers, **wire.headers}, content=wire.body)
        try:
            with trio.fail_at(first_by):
                response = await self.client.send(request, stream=True)
        except trio.TooSlowError:
            raise self._silence() from None
        except httpx.HTTPError as error:
            raise self._lost(error) from None
        async with _body(response) as chunks:
            if response.status_code == 200 and "text/event-stream" in response.headers.get("content-type", "").lower():
                await self._read(chunks, first_by)
            else:
                await self._read_refusal(response, chunks, first_by)

    async def _read(self, chunks: AsyncGenerator[bytes, None], first_by: float) -> None:
        answer = self.answer
        while not answer.over:
            received = await self._next(chunks, first_by)
            if received is None:
                break
            stop, calls = answer.stop, answer.calls.complete_ones
            for words in answer.feed(received):
                await self._say(words)
            if self.first is None and answer.calls:
                self.first = self._progress = trio.current_time()
            if (stop, calls) != (answer.stop, answer.calls.complete_ones):
                self._progress = trio.current_time()
        if answer.fault is not None:
            raise _Failed(refused(self.model, answer.fault))
        for words in answer.end():
            await self._say(words)
        if answer.stop is None and answer.unread and not answer.audible:
            raise _Failed(unreadable(self.model, answer.unread), again=True)
        if answer.stop is None:
            raise _Failed(lost(self.model, "the answer was cut off"))
        if answer.over:
            await _to_the_end(chunks)

    async def _say(self, words: str) -> None:
        if words.strip() and self.first is None:
            self.first = trio.current_time()
        await self.speak(words)
        if words.strip():
            self._progress = trio.current_time()

    def _check_that_it_says_something(self) -> None:
        answer = self.answer
        called = answer.calls and (self.query.may_call or not self.query.tools)
        if called or self.may_be_empty or answer.stop in ("filtered", "refused") or answer.audible:
            return
        if answer.unread:
            raise _Failed(unreadable(self.model, answer.unread), again=True)
        raise _Failed(lost(self.model, f"the answer has no words to speak and no tool call (stop: {answer.stop})"))

    async def _next(self, chunks: AsyncGenerator[bytes, None], first_by: float) -> bytes | None:
        """The next chunk, or None at the end. Only parts of the answer extend the time limit, not signs of life before
        them.

        After its Stop an answer is complete: if the connection is then lost, or falls silent, the answer ends normally.
        """
        try:
            with trio.fail_at(self._next_by(first_by)):
                return await anext(chunks, None)
        except (trio.TooSlowError, httpx.HTTPError) as error:
            if self.answer.stop is not None:
                return None
            raise (self._lost(error) if isinstance(error, httpx.HTTPError) else self._silence()) from None

    def _next_by(self, first_by: float) -> float:
        if self.answer.stop is not None:
            return self._progress + min(self.limits.between, AFTER_THE_STOP)
        if self.first is None:
            return first_by
        return min(trio.current_time() + self.limits.between, self._progress + WORDLESS)

    async def _read_refusal(
        self, response: httpx.Response, chunks: AsyncGenerator[bytes, None], first_by: float
    ) -> None:
        body = b""
        while len(body) < MOST_ERROR and (more := await self._next(chunks, first_by)) is not None:
            body += more
        fault = told(body)
        if fault is None and response.status_code == 200:
            kind = shown(self.model, response.headers.get("content-type", "none"))
            raise _Failed(RemoteProtocolError(f"{self.model.service}: expected text/event-stream, got {kind}"))
        fault = fault or ModelFault(body[:MOST_ERROR].decode(errors="replace"))
        if fault.error_type == FILTERED:
            self.answer.stop = "filtered"
            return
        status = None if response.status_code == 200 else response.status_code
        raise _Failed(refused(self.model, fault, status, response.headers), retry_after(response.headers))

    def _silence(self) -> _Failed:
        what = "the first one" if self.first is None else "the next one"
        return _Failed(lost(self.model, f"no words within the time limit for {what}"))

    def _lost(self, error: httpx.HTTPError) -> _Failed:
        return _Failed(lost(self.model, f"{type(error).__name__}: {error}".rstrip(": ")))


@asynccontextmanager
async def _body(response: httpx.Response) -> AsyncIterator[AsyncGenerator[bytes, None]]:
    """The body of `response` in chunks as they arrive. Afterwards the body is closed immediately, innermost part first.

    httpx reads through a chain of async generators. If a generator is abandoned in the middle, the garbage collector
    finishes it at some later time. So the chain is made to continue with a read that is cancelled, which ends all of
    the generators, innermost first.
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
    """Read to the end of the body after the last piece, so that the connection can be reused.

    If the connection breaks meanwhile, it can't be reused, but the answer is complete.
    """
    with suppress(httpx.HTTPError), trio.move_on_after(AFTER_THE_END):
        async for _ in chunks:
            pass
