"""The shell around a protocol core: who sends, who reads, what is due, and how a loss is noticed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import pytest
import trio

from voicekit.soniox.api.wire import Message
from voicekit.soniox.connection.shell import PING_ANSWER_S, PING_EVERY_S, UNSENT, open_shell
from voicekit.soniox.connection.transport import Address, Disconnected

HERE = Address("ws://test.example/some-service", headers=[("Authorization", "Bearer sk-secret")])


class Line:
    """A transport and its one socket: what is put into `incoming` is received, what is sent is in `sent`."""

    def __init__(self, *, send_s: float = 0.0, pong_s: float = 0.0) -> None:
        self.sent: list[Message] = []
        self.pings: list[float] = []
        self.open = False
        self._send_s = send_s
        self._pong_s = pong_s
        self.incoming, self._outgoing = trio.open_memory_channel[Message | Disconnected](inf)

    @asynccontextmanager
    async def connect(self, address: Address) -> AsyncIterator[Line]:
        self.open = True
        try:
            yield self
        finally:
            self.open = False
            self.incoming.close()
            self._outgoing.close()

    async def send(self, *messages: Message) -> None:
        await trio.sleep(self._send_s)
        self.sent.extend(messages)

    async def receive(self) -> Message:
        came = await self._outgoing.receive()
        if isinstance(came, Disconnected):
            raise came
        return came

    async def ping(self) -> None:
        self.pings.append(trio.current_time())
        await trio.sleep(self._pong_s)


class Echo:
    """A core that says what happened to it, answers each message, and is due when it is told so."""

    def __init__(self, due_at: float | None = None) -> None:
        self.due_at = due_at
        self.out: list[Message] = []

    def say(self, message: Message) -> None:
        self.out.append(message)

    def tick(self, now: float) -> Sequence[str]:
        self.due_at = None
        return [f"tick at {now:g}"]

    def receive(self, message: Message, now: float) -> Sequence[str]:
        self.out.append(f"re: {message!r}")
        return [f"got {message!r}"]

    def closed(self, why: str = "") -> Sequence[str]:
        self.out.clear()
        return [f"closed: {why}"]

    def outgoing(self) -> list[Message]:
        out, self.out = self.out, []
        return out


async def test_messages_go_both_ways_in_order(autojump_clock: object) -> None:
    """What comes is handled and answered at once, what the core has to say is sent in its order."""
    line, core, events = Line(), Echo(), []
    core.say("hello")
    async with open_shell(line, HERE, core, events.append) as shell:
        line.incoming.send_nowait("one")
        line.incoming.send_nowait(b"two")
        await trio.sleep(0.1)
        core.say(b"three")
        shell.flush()
        await trio.sleep(0.1)
    assert events == ["got 'one'", "got b'two'"]
    assert line.sent == ["hello", "re: 'one'", "re: b'two'", b"three"]
    assert not line.open


async def test_a_cancelled_speaker_leaves_no_half_message(autojump_clock: object) -> None:
    """The one who had something to say may be cancelled in the middle of its sending: it is sent whole."""
    line, core = Line(send_s=1.0), Echo()
    async with open_shell(line, HERE, core, lambda event: None) as shell:
        with trio.move_on_after(0.5):
            core.say("a whole message")
            shell.flush()
            await trio.sleep_forever()
        assert line.sent == []
        await trio.sleep(1.0)
    assert line.sent == ["a whole message"]


async def test_the_reader_goes_on_while_the_writer_waits(autojump_clock: object) -> None:
    """A line that takes nothing does not keep us from hearing what comes."""
    line, core, events = Line(send_s=1e6), Echo(), []
    async with open_shell(line, HERE, core, events.append):
        for number in range(100):
            line.incoming.send_nowait(str(number))
        await trio.sleep(0.1)
    assert events == [f"got '{number}'" for number in range(100)]


async def test_the_core_is_called_when_it_is_due(autojump_clock: object) -> None:
    """A due time is kept, also one that is named, or moved, while the shell waits for another."""
    line, core, events = Line(), Echo(due_at=1.5), []
    async with open_shell(line, HERE, core, events.append) as shell:
        await trio.sleep(2.0)
        core.due_at = 9.0
        shell.flush()
        core.due_at = 4.0
        shell.flush()
        await trio.sleep(10.0)
    assert events == ["tick at 1.5", "tick at 4"]


async def test_pings_are_sent_and_an_unanswered_one_is_a_loss(autojump_clock: object) -> None:
    """Every two seconds, and after three without an answer the core is told that the peer is gone."""
    line, core, events = Line(), Echo(), []
    async with open_shell(line, HERE, core, events.append):
        await trio.sleep(7.0)
        assert (line.pings, events) == ([2.0, 4.0, 6.0], [])
        line._pong_s = 60.0
        await trio.sleep(PING_EVERY_S + PING_ANSWER_S)
    assert events == ["closed: the peer has not answered a ping within 3 s"]
    assert line.pings[-1] == 8.0


async def test_a_lost_line_is_told_once_and_not_raised(autojump_clock: object) -> None:
    """A loss is told to the core, whose events are handled; the body goes on, and what it says is dropped."""
    line, core, events = Line(), Echo(), []
    async with open_shell(line, HERE, core, events.append) as shell:
        line.incoming.send_nowait(Disconnected("it was cut"))
        await trio.sleep(20.0)
        core.say("too late")
        shell.flush()
        await trio.sleep(1.0)
    assert events == ["closed: it was cut"]
    assert line.sent == []


async def test_a_line_that_takes_nothing_is_given_up(autojump_clock: object) -> None:
    """A megabyte that waits to be sent is a dead peer: nothing grows without bound."""
    line, core, events = Line(send_s=1e6), Echo(), []
    async with open_shell(line, HERE, core, events.append) as shell:
        for _ in range(UNSENT // 640 + 3):
            core.say(bytes(640))
            shell.flush()
        await trio.lowlevel.checkpoint()
    assert events == [f"closed: the peer has taken nothing while {UNSENT} bytes were waiting for it"]


async def test_what_fails_in_the_handler_is_raised_alone(autojump_clock: object) -> None:
    """An error in what handles the events is a bug of ours: it ends the body, and comes out as it is."""

    def stumble(event: str) -> None:
        raise KeyError(event)

    line = Line()
    line.incoming.send_nowait("a message")
    with pytest.raises(KeyError, match="a message"):
        async with open_shell(line, HERE, Echo(), stumble):
            await trio.sleep_forever()
    assert not line.open


async def test_the_log_is_told_everything_but_the_key(autojump_clock: object) -> None:
    """It hears of the opening, of each message both ways, and of the loss; the key is taken out of all of them."""
    line, core = Line(), Echo()
    noted: list[tuple[Any, ...]] = []
    events: list[str] = []
    async with open_shell(line, HERE, core, events.append, lambda *entry: noted.append(entry)):
        line.incoming.send_nowait("your key is sk-secret")
        await trio.sleep(0.1)
        core.say(b"\x00\x01")
        line.incoming.send_nowait(Disconnected("closed because of sk-secret"))
        await trio.sleep(0.1)
    assert noted == [
        ("some-service", "opened", ""),
        ("some-service", "received", "your key is [key]"),
        ("some-service", "sent", "re: 'your key is [key]'"),
        ("some-service", "lost", "closed because of [key]"),
    ]
    assert events[-1] == "closed: closed because of [key]"
