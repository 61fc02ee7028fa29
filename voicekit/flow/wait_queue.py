"""Tasks that wait in a row: first come, first served. What a link needs of trio's ParkingLot, and a little more.

Each task brings something that those who serve the row can see, and one that is cancelled says so when it has left.
Waking the first is also a third cheaper than there, and a link does that for almost every item.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

T = TypeVar("T")


class WaitQueue(OrderedDict[Task, T]):
    """A row of sleeping tasks and what each brings; falsy when it is empty.

    It is the dictionary itself: a link asks several times for each item whether somebody waits, and that costs half as
    much without a method of ours in between.
    """

    __slots__ = ()

    async def wait(self, bringing: T, left: Callable[[], object] | None = None) -> None:
        """Sleep at the end of the row until woken; when cancelled, leave it and call `left`."""
        task = current_task()

        def leave(_: object) -> Abort:
            del self[task]
            if left is not None:
                left()
            return Abort.SUCCEEDED

        self[task] = bringing
        await wait_task_rescheduled(leave)

    def first(self) -> T:
        """What the first in the row brings; there must be one."""
        return next(iter(self.values()))

    def wake_first(self) -> None:
        """Let the first one go on; there must be one."""
        reschedule(self.popitem(last=False)[0])

    def wake_all(self) -> None:
        while self:
            self.wake_first()
