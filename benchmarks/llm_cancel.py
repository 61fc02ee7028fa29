"""How soon an interrupted model is told to stop: `python -m benchmarks.llm_cancel [--times N] [--wire chat]`.

A turn is cancelled in the middle of an answer. The time is measured until the model's service sees the connection
close, which makes the service stop writing. The service is a stand-in in this process, over loopback, so its own time
to notice is included. The floor is the closing of a bare trio connection, seen by a task that reads from it. Tasks and
connections that are left behind are counted, except the connection for the next turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field

import trio
import trio.lowlevel

from benchmarks import machine
from benchmarks.llm_token import handler, line
from voicekit.contracts import Stash
from voicekit.llm import LanguageModel
from voicekit.reply.handler import Turn
from voicekit.testing.llm import Asked, ModelServer, Pause, ScriptedAnswer

AIM_MS = 5.0
TIMES = 1_000
WORDS = 3
"""Words heard before the interruption."""
GLANCE_S = 0.001
MOST_S = 10.0
"""Seconds after which a stream that is still open is an error."""


@dataclass(frozen=True, slots=True)
class Call:
    """Stands for the call to which the turns belong, so that the turns share their connections."""

    start_soon: Callable[..., None]
    stash: Stash = field(default_factory=Stash)
    call: None = None

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        raise NotImplementedError  # these tools never speak


def endless(asked: Asked) -> ScriptedAnswer:
    """An answer that has not ended when it is interrupted."""
    return ScriptedAnswer("Well, you see, ", Pause(60), "I never get so far.")


async def interrupted(model: LanguageModel, server: ModelServer, turn: Turn) -> float:
    """Cancel the answer after some words, and return the seconds until the server has seen the connection close."""
    said: list[str] = []
    spoken = trio.Event()

    async def say(text: str) -> None:
        await trio.lowlevel.checkpoint()
        said.append(text)
        if len(said) == WORDS:
            spoken.set()

    async def answer() -> None:
        await model(turn, say)  # type: ignore[arg-type]  # used like a Say

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        await spoken.wait()
        start = trio.current_time()
        nursery.cancel_scope.cancel()
    with trio.fail_after(MOST_S):
        await server.asked[-1].left.wait()
    return trio.current_time() - start


async def measure(wire: str, times: int) -> tuple[list[float], str]:
    """The seconds that each cancellation took, and what all cancellations have left behind."""
    server = ModelServer(otherwise=endless)
    took: list[float] = []
    async with server.serve() as url, trio.open_nursery() as nursery:
        model, call = handler(wire, url), Call(nursery.start_soon)
        await model.warm(call)
        await _until(lambda: server.greetings == 1)
        before = _tasks()
        for number in range(times):
            took.append(await interrupted(model, server, Turn(number, "hello", session=call)))
            await _until(lambda made=number + 2: server.greetings == made)  # type: ignore[misc]  # the next connection
        await _until(lambda: server.open_connections == 1)
        left = f"{_tasks() - before} tasks and {server.open_connections - 1} connections are left"
        nursery.cancel_scope.cancel()
    return took, left


async def floor(times: int) -> list[float]:
    """The seconds from closing a connection over loopback until the task that reads the other end sees it."""
    opened, seen = trio.open_memory_channel[float](1)
    took: list[float] = []

    async def read(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        opened.send_nowait(trio.current_time())

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            trio.serve_listeners, read, await trio.open_tcp_listeners(0, host="127.0.0.1")
        )
        port = listeners[0].socket.getsockname()[1]
        for _ in range(times):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await trio.sleep(GLANCE_S)
            start = trio.current_time()
            await stream.aclose()
            took.append(await seen.receive() - start)
        nursery.cancel_scope.cancel()
    return took


def _tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


async def _until(true: Callable[[], bool]) -> None:
    with trio.fail_after(MOST_S):
        while not true():  # noqa: ASYNC110  # infrequent polling disturbs less
            await trio.sleep(GLANCE_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=TIMES, help="number of cancellations on each wire (%(default)s)")
    parser.add_argument("--wire", choices=["chat", "responses", "messages"], action="append")
    arguments = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine.describe().items()))
    print(f"\nms until the stream is closed               min    median       p99   (aim: median <= {AIM_MS:g})")
    print(line(f"a bare connection, {arguments.times} times", trio.run(floor, arguments.times)))
    for wire in arguments.wire or ["chat", "responses", "messages"]:
        took, left = trio.run(measure, wire, arguments.times)
        print(f"{line(f'{wire}: cancelled, {len(took)} times', took)}   {left}")


if __name__ == "__main__":
    main()
