"""The only module that runs work in threads, so that a test in virtual time can replace the threads.

trio's autojump clock does not see threads: it would jump while a thread is still working. So the test kit sets
`inline`, and the work is then done in the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar, TypeVarTuple

import trio
from trio.lowlevel import RunVar

Args = TypeVarTuple("Args")
R = TypeVar("R")

MAX_THREADS = 20
"""The maximum number of threads that run at the same time in one trio run: enough for calls that share models, few
enough to notice a leak.
"""

inline: ContextVar[bool] = ContextVar("voicekit.inline_threads", default=False)
_limiter: RunVar[trio.CapacityLimiter] = RunVar("voicekit.thread_limiter")


async def in_thread(work: Callable[[*Args], R], *args: *Args) -> R:
    """Run `work(*args)` in a worker thread; return its result or raise its error. The overhead is about 0.3 ms.

    If `in_thread` is cancelled, the thread is abandoned and its result is dropped, so `work` must end by itself and not
    write to anything that is still in use.
    """
    if inline.get():
        await trio.lowlevel.checkpoint()
        return work(*args)
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = trio.CapacityLimiter(MAX_THREADS)
        _limiter.set(limiter)
    return await trio.to_thread.run_sync(work, *args, abandon_on_cancel=True, limiter=limiter)
