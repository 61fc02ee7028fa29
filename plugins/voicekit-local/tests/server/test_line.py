"""The way out to one client, which several tasks use: nothing is lost, and nothing overtakes."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from voicekit.soniox.server.refusal import CloseConnection
from voicekit_local import websocket
from voicekit_local.websocket import Line


class Core:
    """Something that has things to say."""

    due_at = None

    def __init__(self) -> None:
        self.said: list[str] = []
        self.closing: CloseConnection | None = None

    def outgoing(self) -> list[str]:
        said, self.said = self.said, []
        return said


class Socket:
    """Keeps what a client would get."""

    def __init__(self) -> None:
        self.got: list[str] = []

    async def send_message(self, message: str) -> None:
        await trio.lowlevel.checkpoint()
        self.got.append(message)

    async def aclose(self, code: int, reason: str | None) -> None:
        await trio.lowlevel.checkpoint()
        self.got.append(f"close {code}")


@pytest.fixture(autouse=True)
def room_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message may wait for a client that does not read; who has another waits."""
    monkeypatch.setattr(websocket, "UNSENT", 1)


async def cancelled_flush(line: Line) -> None:
    """Flush until that has to wait, and then be cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.flush)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_a_task_that_is_cancelled_while_it_flushes_loses_nothing() -> None:
    """What it had taken, of itself and of others, goes out with the next flush, in order and once."""
    core, socket = Core(), Socket()
    line = Line(core)
    core.said = ["a's sound", "b's sound", "b is terminated"]
    await cancelled_flush(line)
    core.said = ["c's sound"]
    core.closing = CloseConnection()
    await cancelled_flush(line)
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.write, socket)
            await line.flush()
    assert socket.got == ["a's sound", "b's sound", "b is terminated", "c's sound", "close 1000"]


async def test_a_close_that_could_not_be_queued_is_not_taken_for_queued() -> None:
    """While the last message has no room the line is not closing; the next flush queues it."""
    core, socket = Core(), Socket()
    line = Line(core)
    core.said, core.closing = ["goodbye"], CloseConnection()
    await cancelled_flush(line)
    assert not line.closing
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.write, socket)
            await line.flush()
            assert line.closing
    assert socket.got == ["goodbye", "close 1000"]


async def test_an_error_goes_out_before_the_close_that_it_causes() -> None:
    """What is said while another task waits for the client is sent by that task, ahead of the end."""
    core, socket = Core(), Socket()
    line = Line(core)
    core.said = ["one", "two"]
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.flush)
            await wait_all_tasks_blocked()
            core.said, core.closing = ["an error"], CloseConnection()
            await line.write(socket)
    assert socket.got == ["one", "two", "an error", "close 1000"]
