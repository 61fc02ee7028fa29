"""Opens the members of a `Fallback`, if they are stages, when they are needed, and then keeps them open.

The first member is opened with the session; each other member is opened when those before it have failed. If a member's
connection dies in the background, the member is closed, and opened again when it is next needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import trio

from voicekit.errors import Unavailable
from voicekit.events import SessionEvent, Switched
from voicekit.flow.fallback import Fallback, called, crossing, is_fault
from voicekit.flow.groups import alone, sole
from voicekit.flow.stage import Run, Stage

S = TypeVar("S", bound=Stage[Any, Any])


class Standby(Generic[S]):
    """The open members, and the switches from one to another. Made by `open_standby`."""

    def __init__(
        self,
        spec: Fallback[object],
        parts: Sequence[S],
        role: str,
        nursery: trio.Nursery,
        report: Callable[[SessionEvent], None],
    ) -> None:
        self.spec = spec
        self.parts = parts
        self._role = role
        self._nursery = nursery
        self._report = report
        self._runs: dict[int, Run[Any, Any]] = {}

    async def take(self, tried: Collection[int]) -> tuple[int, Run[Any, Any]]:
        """Open the first member that works, apart from those in `tried`. Raises the last error if none is left."""
        order = [number for number in self.spec.order(trio.current_time()) if number not in tried]
        for number, then in zip(order, [*order[1:], None], strict=True):
            try:
                return number, await self._open(number)
            except Exception as error:
                if not is_fault(error) or then is None:
                    raise
                self.switch(number, then, error)
        raise Unavailable(f"every {self._role} has failed", service=self._role, retryable=True)

    def next(self, tried: Collection[int]) -> int | None:
        return next((n for n in self.spec.order(trio.current_time()) if n not in tried), None)

    def switch(self, left: int, taken: int, error: Exception) -> None:
        """Record and report that member `left` has failed and member `taken` is taking over."""
        self.spec.failed(left, error, trio.current_time())
        a, b = self.parts[left], self.parts[taken]
        self._report(Switched(self._role, called(a, left), called(b, taken), error, crossing(a, b)))

    async def _open(self, number: int) -> Run[Any, Any]:
        if number in self._runs:
            return self._runs[number]
        with trio.move_on_after(self.spec.patience), alone():
            return await self._nursery.start(self._keep, number)  # type: ignore[no-any-return]
        what = f"{called(self.parts[number], number)} did not open within {self.spec.patience:g} s"
        raise Unavailable(what, service=self._role, retryable=True)

    async def _keep(self, number: int, task_status: trio.TaskStatus[Run[Any, Any]]) -> None:
        try:
            with alone():
                async with self.parts[number].open() as run:
                    self._runs[number] = run
                    task_status.started(run)
                    await trio.sleep_forever()
        except Exception as error:
            if number not in self._runs or not is_fault(error):
                raise sole(error) from None
        finally:
            self._runs.pop(number, None)


@asynccontextmanager
async def open_standby(
    spec: Fallback[object], parts: Sequence[S], role: str, report: Callable[[SessionEvent], None]
) -> AsyncIterator[Standby[S]]:
    """Yields the members of `spec`, with the first one that works already open. Raises the last error if none of them
    works.
    """
    with alone():
        async with trio.open_nursery() as nursery:
            standby = Standby(spec, parts, role, nursery, report)
            await standby.take(())
            yield standby
            nursery.cancel_scope.cancel()
