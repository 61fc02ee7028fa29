"""asyncio code in a session: `@handler` for a whole handler, `call` and `iterate` for handlers that stay in trio.

Each of these starts one task on the asyncio loop. The task is cancelled when trio's side is cancelled (because the
caller interrupts, or the call ends). It gets a copy of the ContextVars, and its exceptions are raised unchanged in
trio.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar, cast

import trio

from voicekit.aio.job import FarTask
from voicekit.aio.stream import Put, open_stream
from voicekit.aio.turns import TrioDesk, crossed
from voicekit.errors import ConfigError
from voicekit.flow.groups import alone
from voicekit.reply.handler import Handler, Turn
from voicekit.reply.say import Say

T = TypeVar("T")


class SayThere(Protocol):
    """`say` for asyncio code: each call waits until the voice needs more text."""

    def __call__(self, text: str, /) -> Coroutine[Any, Any, None]: ...


AsyncioAnswer: TypeAlias = (
    Callable[[Turn, SayThere], Awaitable[str | None]]
    | Callable[[Turn], Awaitable[str | None]]
    | Callable[[Turn], AsyncIterator[str]]
)
"""What `handler` takes: an asyncio function `(turn, say)` or `(turn)`, or an async generator function `(turn)`."""


async def call(function: Callable[..., Awaitable[T]], *args: object) -> T:
    """Await `function(*args)` on the asyncio loop, and return its result. Raises what the function raises.

    Cancelling `call` cancels the asyncio task and waits at most 0.5 s for it to end. A task that continues after that
    is counted in `orphans()`. Crossing to the other loop and back takes 0.1 to 1 ms.
    """

    async def main() -> T:
        return await function(*args)

    job: FarTask[T] = FarTask(main, _name(function))
    job.start()
    return await job.result()


@asynccontextmanager
async def iterate(items: AsyncIterable[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Read an asyncio iterator in trio: `async with voicekit.aio.iterate(stream()) as items: async for item in items`.

    The iterator runs at most 16 items ahead of the reader. It is closed on the asyncio loop when the block ends, even
    if the block is cancelled. If the iterator fails, its error is raised in trio after the last item.
    """
    async with open_stream(partial(_pump, items), _name(items)) as stream:
        yield stream


def handler(answer: AsyncioAnswer) -> Handler:
    """Make a handler from asyncio code; use it as a decorator.

    `answer` is an asyncio function that takes `(turn, say)` or `(turn)`, or an async generator function that takes
    `(turn)`. It runs on the asyncio loop, with a `turn` and a `say` made for asyncio; if the caller interrupts, the
    task is cancelled. If `answer` is anything else, ConfigError is raised.

    >>> @handler
    ... async def answer(turn, say):
    ...     await say(f"You said {turn.text}.")
    """
    asked: Callable[..., Any] = answer
    function = answer if inspect.isroutine(answer) or isinstance(answer, partial) else type(answer).__call__
    if inspect.isasyncgenfunction(function):
        produce: Callable[..., Coroutine[Any, Any, Any]] = partial(_yielded, asked)
    elif inspect.iscoroutinefunction(function):
        produce = partial(_said if _takes_two(asked) else _returned, asked)
    else:
        raise ConfigError(
            f"voicekit.aio.handler: expected an asyncio function (turn, say) or async generator (turn), got {answer!r}"
        )
    name = _name(answer)

    async def run_there(turn: Turn, say: Say) -> str | None:
        with alone():
            async with trio.open_nursery() as nursery:
                async with open_stream(partial(_on_desk, produce, turn, nursery), name) as texts:
                    async for text in texts:
                        await say(cast("str", text))
                nursery.cancel_scope.cancel()
        return None

    run_there.__name__ = run_there.__qualname__ = name
    return run_there


async def _on_desk(
    produce: Callable[..., Coroutine[Any, Any, Any]],
    turn: Turn,
    nursery: trio.Nursery,
    put: Put[str],
    job: FarTask[Any],
) -> None:
    text = await produce(crossed(turn, TrioDesk(nursery, job)), put)
    if text is not None:
        await put(text)  # `say` rejects anything but text


async def _said(answer: Callable[..., Awaitable[Any]], turn: Turn, put: Put[str]) -> Any:
    async def say(text: str, /) -> None:
        if not isinstance(text, str):
            raise TypeError(f"say() takes text (str), got {type(text).__name__}: {text!r:.80}")
        await put(text)

    return await answer(turn, say)


async def _returned(answer: Callable[..., Awaitable[Any]], turn: Turn, put: Put[str]) -> Any:
    return await answer(turn)


async def _yielded(answer: Callable[..., AsyncIterable[str]], turn: Turn, put: Put[str]) -> None:
    await _pump(answer(turn), put, None)


async def _pump(items: AsyncIterable[T], put: Put[T], job: object) -> None:
    if not hasattr(items, "aclose"):
        async for item in items:
            await put(item)
        return
    async with aclosing(cast("AsyncGenerator[T, None]", items)):
        async for item in items:
            await put(item)


def _takes_two(answer: Callable[..., Any]) -> bool:
    signature = inspect.signature(answer)
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return True


def _name(thing: object) -> str:
    return getattr(thing, "__qualname__", None) or type(thing).__name__
