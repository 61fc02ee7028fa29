"""The one door to threads: results, errors, cancellation, the bound, and the closed door of virtual time."""

from __future__ import annotations

import threading

import pytest
import trio
from trio.testing import assert_checkpoints

from voicekit.flow import in_thread
from voicekit.flow.threads import MAX_THREADS, inline


async def test_work_is_done_in_another_thread():
    """What it returns is returned and what it raises is raised."""
    assert await in_thread(threading.get_ident) != threading.get_ident()
    assert await in_thread(divmod, 7, 3) == (2, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


async def test_a_cancelled_call_leaves_its_thread_to_itself():
    """The caller goes on at once; what the thread still returns is dropped."""
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        may_end.wait()
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(in_thread, work)
        while not started.is_set():
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert not ended.is_set()
    may_end.set()
    while not ended.is_set():
        await trio.lowlevel.checkpoint()


async def test_there_is_a_bound_to_the_threads_at_work():
    """One more than the bound waits for its turn, however the others end."""
    may_end = threading.Event()
    at_work: list[int] = []

    def work(n: int) -> None:
        at_work.append(n)
        may_end.wait()

    async with trio.open_nursery() as nursery:
        for n in range(MAX_THREADS + 5):
            nursery.start_soon(in_thread, work, n)
        while len(at_work) < MAX_THREADS:
            await trio.lowlevel.checkpoint()
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        assert len(at_work) == MAX_THREADS
        may_end.set()
    assert len(at_work) == MAX_THREADS + 5


async def test_a_test_in_virtual_time_has_the_work_done_on_the_spot(autojump_clock):
    """Inline, no thread is used, the call is still a checkpoint, and only this context is concerned."""
    token = inline.set(True)
    try:
        with assert_checkpoints():
            assert await in_thread(threading.get_ident) == threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await in_thread(divmod, 7, 0)
        with trio.move_on_after(0) as scope:
            await in_thread(pytest.fail, "a cancelled call does no work")
        assert scope.cancelled_caught
    finally:
        inline.reset(token)
    assert await in_thread(threading.get_ident) != threading.get_ident()
