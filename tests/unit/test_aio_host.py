"""voicekit in a thread beside an asyncio program: sessions run, fail and are cancelled from there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from voicekit import CallPolicy, Policy, Session
from voicekit.aio import Host, HostedWire
from voicekit.aio.plain_wire import CLEAR, PlainWire
from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit.call.wire import CallStarted, StreamClosed, WireDigit, WireNotice, WireSound
from voicekit.errors import ConfigError, RemoteProtocolError, VoicekitError
from voicekit.testing import FakeTts


class Conversation:
    """What `Host.run` holds, as a test wants it."""

    def __init__(self, run: Callable[[], Awaitable[Any]]) -> None:
        self.run = run


class MemorySocket:
    """A websocket of Starlette's shape in memory: `far` puts messages in, and reads what was sent."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[str | bytes | int] = asyncio.Queue()

    async def receive(self) -> dict[str, Any]:
        return await self.inbox.get()

    async def send_text(self, data: str) -> None:
        self.sent.put_nowait(data)

    async def send_bytes(self, data: bytes) -> None:
        self.sent.put_nowait(data)

    async def close(self, code: int = 1000) -> None:
        self.sent.put_nowait(code)
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": code})

    def hear(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self.inbox.put_nowait({"type": "websocket.receive", kind: message})

    def leave(self, code: int = 1000) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": code})


def greeting(call: Call) -> Session:
    policy = Policy(call=CallPolicy(greeting="Hello."))
    return Session(handler="Yes?", call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)


def test_a_session_runs_in_trios_thread() -> None:
    """What its `run` returns is returned in asyncio; it was made and held in the other thread."""
    made = []

    def make() -> Conversation:
        made.append(threading.current_thread().name)

        async def run() -> float:
            await trio.lowlevel.checkpoint()
            return 4.5

        return Conversation(run)

    async def main() -> Any:
        async with Host() as host:
            return await host.run(make)

    assert asyncio.run(main()) == 4.5
    assert made == ["voicekit trio"]


def test_a_sessions_error_is_raised_with_its_type() -> None:
    """One session's error is its own: the next one runs."""

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("no such table")

    async def well() -> str:
        await trio.lowlevel.checkpoint()
        return "well"

    async def main() -> None:
        async with Host() as host:
            with pytest.raises(LookupError, match="no such table"):
                await host.run(lambda: Conversation(fail))
            with pytest.raises(ZeroDivisionError):
                await host.run(lambda: 1 / 0)
            assert await host.run(lambda: Conversation(well)) == "well"

    asyncio.run(main())


def test_cancelling_the_task_ends_the_session() -> None:
    """It is over, its clean-up done, before the cancelled task goes on."""
    ended = []

    async def main() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def run() -> None:
            loop.call_soon_threadsafe(begun.set)
            try:
                await trio.sleep_forever()
            finally:
                ended.append(True)

        async with Host() as host:
            task = asyncio.create_task(host.run(lambda: Conversation(run)))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended == [True]

    asyncio.run(main())


def test_closing_the_host_ends_its_sessions() -> None:
    """Whoever still waits gets a VoicekitError, and the thread is over."""

    async def main() -> None:
        async with Host() as host:
            tasks = [asyncio.create_task(host.run(lambda: Conversation(trio.sleep_forever))) for _ in range(5)]
            await asyncio.sleep(0)
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(done, VoicekitError)
        with pytest.raises(VoicekitError, match="not open"):
            await host.run(lambda: Conversation(trio.sleep_forever))

    asyncio.run(main())
    assert "voicekit trio" not in [thread.name for thread in threading.enumerate() if thread.is_alive()]


def test_a_whole_call_over_a_websocket() -> None:
    """The greeting comes out as sound, the caller hangs up, and the session has ended as the caller's."""

    async def main() -> tuple[Any, EndReason]:
        socket, calls = MemorySocket(), []

        def make(call: Call) -> Session:
            calls.append(call)
            return greeting(call)

        async with Host() as host:
            running = asyncio.create_task(host.run(make, host.wire(socket)))
            for _ in range(5):
                assert len(await socket.sent.get()) == 640  # type: ignore[arg-type]
                socket.hear(bytes(640))
            socket.leave()
            return await running, calls[0].end.reason

    ended, reason = asyncio.run(main())
    assert ended.error is None
    assert reason is EndReason.CALLER


def test_a_call_that_the_bot_ends_closes_the_socket() -> None:
    """Behind the goodbye comes a close with 1000."""

    async def main() -> list[str | bytes | int]:
        socket = MemorySocket()
        policy = Policy(call=CallPolicy(greeting="Bye.", max_duration=0.1))

        def make(call: Call) -> Session:
            return Session(handler="Yes?", call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)

        async with Host() as host:
            await host.run(make, host.wire(socket))
        return [socket.sent.get_nowait() for _ in range(socket.sent.qsize())]

    assert asyncio.run(main())[-1] == 1000


async def test_what_a_late_call_can_not_take_is_dropped_and_counted() -> None:
    """The queue towards trio is bounded; the oldest messages go."""
    wire = HostedWire(MemorySocket(), PlainWire())
    assert await wire.receive() == b""
    for number in range(300):
        wire._take(bytes([number % 256]))
    assert wire.dropped == 44
    assert await wire.receive() == bytes([44])
    wire._end(1001)
    for _ in range(255):
        await wire.receive()
    with pytest.raises(StreamClosed) as closed:
        await wire.receive()
    assert closed.value.code == 1001


def test_the_plain_wire_takes_sound_and_keys() -> None:
    """Any first message starts the call; half a sample breaks the protocol."""
    wire = PlainWire(8_000, call_id="42")
    first = wire.receive(b"")
    assert isinstance(first[0], CallStarted)
    assert (first[0].info.call_id.value, first[0].heard.rate, len(first)) == ("42", 8_000, 1)
    assert list(wire.receive(b"\1\2")) == [WireSound(b"\1\2")]
    assert list(wire.receive("5")) == [WireDigit("5")]
    assert [type(event) for event in wire.receive("hello")] == [WireNotice]
    assert (wire.sound(b"\1\2"), wire.mark("1"), wire.clear()) == ([b"\1\2"], [], [CLEAR])
    assert wire.closed(1001).end.reason is EndReason.CALLER
    assert wire.closed(1006).end.reason is EndReason.LOST
    with pytest.raises(RemoteProtocolError, match="whole samples"):
        wire.receive(b"\1")
    with pytest.raises(ConfigError):
        wire.digits("1")
