"""The Stage contract: `open()` yields a `run`, which handles one stream of items.

What a stage promises:

1. `open()` acquires what outlives one stream (a socket, a device, a model) and returns when that is ready. Constructors
   are cheap. Background tasks of an `open` never raise a service's errors: they mark the connection as dead, and then
   the current `run` raises, or the next one reconnects.
2. `run(inbox, outbox)` handles one stream until the inbox ends, and then returns. A listening stage runs once per
   session, a reply stage once per turn; they are not different kinds of stages.
3. The pipeline closes the ends, a stage never does. The end of a stream is `return`, a failure is an exception, an
   interruption is `trio.Cancelled`; nothing else stops a stage.
4. Any `await` may be cancelled. Clean-up is synchronous, or shielded for at most 0.5 s.
5. Tasks are started only in a nursery inside `run` or `open`; work that takes over 2 ms runs in
   `voicekit.flow.in_thread`.
6. `accepts` and `produces` are the formats of the stage's input and output audio, None for any.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, overload, runtime_checkable

from voicekit.audio.format import AudioFormat
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.transform import In, In_contra, Out, Out_co, Pipeable

Run: TypeAlias = Callable[[Inlet[In], Outlet[Out]], Awaitable[None]]


@runtime_checkable
class Stage(Protocol[In_contra, Out_co]):
    """Anything that has a name, and whose `open()` yields a `run`. `accepts` and `produces` are optional attributes."""

    @property
    def name(self) -> str: ...
    def open(self) -> AbstractAsyncContextManager[Run[In_contra, Out_co]]: ...


@dataclass(frozen=True, slots=True)
class FunctionStage(Pipeable, Generic[In, Out]):
    """A stage that has nothing to open; made by `@stage`."""

    run: Run[In, Out]
    name: str
    accepts: AudioFormat | None = None
    produces: AudioFormat | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[In, Out]]:
        yield self.run

    def __call__(self, inbox: Inlet[In], outbox: Outlet[Out]) -> Awaitable[None]:
        return self.run(inbox, outbox)


@overload
def stage(run: Run[In, Out], /) -> FunctionStage[In, Out]: ...
@overload
def stage(
    *, name: str | None = None, accepts: AudioFormat | None = None, produces: AudioFormat | None = None
) -> Callable[[Run[In, Out]], FunctionStage[In, Out]]: ...
def stage(run: Any = None, /, *, name: str | None = None, accepts: Any = None, produces: Any = None) -> Any:
    """Make a stage from `async def f(inbox, outbox)`.

    >>> @stage
    ... async def shout(inbox, outbox):
    ...     async for text in inbox:
    ...         await outbox.send(text.upper())
    """

    def made(function: Run[Any, Any]) -> FunctionStage[Any, Any]:
        return FunctionStage(function, name or str(getattr(function, "__name__", "stage")), accepts, produces)

    return made if run is None else made(run)
