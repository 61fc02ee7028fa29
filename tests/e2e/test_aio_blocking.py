"""An asyncio handler that keeps its loop to itself, in a call of real time beside another one: whose sound goes on.

The handler blocks until both callers have heard some of the sound that is made meanwhile, so no clock judges it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from voicekit import CallPolicy, Policy, Session, aio
from voicekit.aio.plain_wire import PlainWire
from voicekit.call.connection import open_call
from voicekit.call.wire import StreamClosed, WireMessage
from voicekit.testing import FakeTts

pytestmark = pytest.mark.slow

LONG = "We are open from nine to five on every day of the week but Sunday. " * 6
PACKETS = 75
"""Of 20 ms, that each caller hears while the loop is blocked: 1.5 s."""

PATIENCE_S = 60.0
RATE = 16_000


@dataclass
class Caller:
    """The far end of a call in memory: `voicekit.call.wire.MessageStream` on one side, what was heard on the other."""

    heard: int = 0
    told: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[WireMessage](16)

    async def says(self, message: WireMessage) -> None:
        await self._send.send(message)

    def leaves(self) -> None:
        self._send.close()

    async def receive(self) -> WireMessage:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise StreamClosed(1000) from None

    async def send(self, message: WireMessage) -> None:
        await trio.lowlevel.checkpoint()
        self.heard += isinstance(message, bytes) and any(message)
        self.told.set()
        self.told = trio.Event()

    async def close(self, code: int = 1000) -> None:
        await trio.lowlevel.checkpoint()
        self._receive.close()

    async def hears(self, packets: int) -> None:
        """Return when so many more packets of sound have come."""
        enough = self.heard + packets
        while self.heard < enough:
            await self.told.wait()


async def hold(caller: Caller, handler: Any) -> None:
    async with open_call(caller, PlainWire(RATE)) as call:
        policy = Policy(call=CallPolicy(greeting="Hello."))
        await Session(handler=handler, call=call, stt=None, vad=None, tts=FakeTts(), policy=policy).run()


async def speaking(turn: Any, say: Any) -> None:
    await say(LONG)


async def test_a_blocked_asyncio_loop_delays_no_sound() -> None:
    """Both callers hear their replies go on, the one whose handler blocks its loop too."""
    blocked, enough = threading.Event(), threading.Event()
    came_in_time: list[bool] = []

    @aio.handler
    async def blocking(turn: Any, say: Any) -> None:
        await say(LONG)
        blocked.set()
        came_in_time.append(enough.wait(PATIENCE_S))

    first, second = Caller(), Caller()
    with trio.fail_after(2 * PATIENCE_S):
        async with trio.open_nursery() as nursery:
            for caller, handler in ((first, blocking), (second, speaking)):
                nursery.start_soon(hold, caller, handler)
                await caller.says(bytes(640))
                await caller.hears(1)
                await caller.says("5")
            await trio.to_thread.run_sync(blocked.wait)
            async with trio.open_nursery() as both:
                both.start_soon(first.hears, PACKETS)
                both.start_soon(second.hears, PACKETS)
            enough.set()
            first.leaves()
            second.leaves()
    assert came_in_time == [True]
