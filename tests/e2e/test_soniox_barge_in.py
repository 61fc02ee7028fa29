"""Barge-in over a speech connection: what is cut is silent at once; neither the socket nor the next reply suffers."""

from __future__ import annotations

import statistics
from array import array
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from random import Random
from string import ascii_lowercase

import pytest
import trio
from trio.testing import MockClock

from tests.counts import count
from tests.e2e.speech_kit import KEY, Typist, until, voice
from tests.machine import Machine
from voicekit.audio.format import AudioFormat
from voicekit.events import SessionEvent, SessionStarted, Trouble, TurnCommitted, TurnEnded
from voicekit.play.sink import RecordingSink
from voicekit.reply import Say, Turn
from voicekit.session import Session
from voicekit.soniox.api.wire import Message
from voicekit.soniox.connection.transport import Address, Socket, WebsocketTransport
from voicekit.soniox.server.account import Account
from voicekit.soniox.tts.soniox_tts import SonioxTts
from voicekit.testing.soniox import SonioxPeer, Speaking, SpokenStream

pytestmark = pytest.mark.slow

TELEPHONE = AudioFormat(8_000)
PLENTY = 10**6


class Watched:
    """A transport that knows who sends on it, and whether a send was ever cut short."""

    def __init__(self, transport: WebsocketTransport) -> None:
        self.senders: set[str] = set()
        self.sent = 0
        self.cut_short = 0
        self._transport = transport

    @asynccontextmanager
    async def connect(self, address: Address) -> AsyncIterator[Socket]:
        async with self._transport.connect(address) as socket:
            yield _WatchedSocket(socket, self)


class _WatchedSocket:
    def __init__(self, socket: Socket, watch: Watched) -> None:
        self._socket = socket
        self._watch = watch

    async def send(self, *messages: Message) -> None:
        self._watch.senders.add(repr(trio.lowlevel.current_task()))
        self._watch.sent += len(messages)
        done = False
        try:
            await self._socket.send(*messages)
            done = True
        finally:
            self._watch.cut_short += not done

    async def receive(self) -> Message:
        return await self._socket.receive()

    async def ping(self) -> None:
        await self._socket.ping()


@dataclass
class Cutting:
    """A caller who interrupts each answer at a random moment; each is said in a letter of its own."""

    random: Random
    cuts: int
    longest: float
    sink: RecordingSink = field(default_factory=lambda: RecordingSink(TELEPHONE, keep=4_000.0))
    begun_at: list[float] = field(default_factory=list)
    cut_at: list[float] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)  # how many pieces had been heard at each cut
    trouble: list[Trouble] = field(default_factory=list)

    def session(self, tts: SonioxTts) -> Session:
        session = Session(handler=self.answer, source=Typist(), vad=None, stt=None, tts=tts, sink=self.sink)
        session.watch(self.note)
        return session

    def note(self, event: SessionEvent) -> None:
        if isinstance(event, TurnCommitted):
            self.begun_at.append(trio.current_time())
        elif isinstance(event, TurnEnded):
            assert event.cut
            self.cut_at.append(trio.current_time())
            self.pieces.append(len(self.sink.heard))
        elif isinstance(event, Trouble):
            self.trouble.append(event)

    async def answer(self, turn: Turn, say: Say) -> None:
        """Said at once or in pieces, sooner or later; never to the end."""
        await trio.sleep(self.random.choice([0.0, 0.0, 0.05, 0.5]))
        word = letter(turn.number) * 5 + " "
        await say(word * 3)
        pause = self.random.choice([0.0, 0.05])
        for _ in range(9):
            await trio.sleep(pause)
            await say(word * 5)

    async def interrupt(self, session: Session) -> None:
        """Most cuts come while an answer begins, some at once, some when it is well under way."""
        for _ in range(self.cuts):
            session.type("but")
            longest = self.random.choice([0.0, 0.3, self.longest])
            await trio.sleep(self.random.uniform(0.0, longest))
        session.end(graceful=False)

    def check_silence(self) -> None:
        """Between two cuts nothing sounds but the answer that was begun between them."""
        assert len(self.pieces) == self.cuts
        for place, (first, last) in enumerate(
            zip([0, *self.pieces], [*self.pieces, len(self.sink.heard)], strict=False)
        ):
            letters = {chr(value) for heard in self.sink.heard[first:last] for value in array("h", heard.pcm)}
            assert letters <= {letter(place + 1), " "}, f"answer {place + 1} sounded of {letters}"

    def delays(self, streams: list[SpokenStream]) -> list[float]:
        """Seconds from each cut until the peer had the cancel of the stream that was alive then."""
        delays = []
        for stream in streams:
            cut_at = self.cut_at[bisect_right(self.begun_at, stream.started_at) - 1]
            over_at = inf if stream.over_at is None else stream.over_at
            if stream.cancelled_at is not None:
                delays.append(stream.cancelled_at - cut_at)
            else:
                assert over_at <= cut_at, f"{stream} was left to speak after {cut_at}"
        return delays


def letter(turn: int) -> str:
    return ascii_lowercase[turn % 26]


@pytest.mark.full_counts
def test_cuts_at_random_moments(capsys: pytest.CaptureFixture[str]) -> None:
    """Of 2,000 answers (or 200) cut at any moment not a sample sounds afterwards, each cancel goes out in the same
    instant, and one task sends on the one connection, whose messages are never cut short."""
    peer = SonioxPeer(account=Account(requests_per_minute=PLENTY), speaking=Speaking(latency=0.03))
    watched = Watched(peer.transport)
    cutting = Cutting(Random(1), count(2_000), 0.8)
    tts = voice(peer, transport=watched)

    async def main() -> None:
        session = cutting.session(tts)
        async with trio.open_nursery() as nursery:
            async with until(session, SessionStarted):
                nursery.start_soon(session.run)
            await cutting.interrupt(session)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    cutting.check_silence()
    delays = cutting.delays(peer.streams)
    audible = sum(first < last for first, last in zip(cutting.pieces, cutting.pieces[1:], strict=False))
    with capsys.disabled():
        print(
            f"\n{len(cutting.cut_at)} cuts, {audible} of them of sound, {len(delays)} cancels, {watched.sent} messages"
        )
    assert len(delays) >= cutting.cuts / 2
    assert audible >= cutting.cuts / 5
    assert max(delays) == 0.0
    assert len(peer.speakings) == 1
    assert cutting.trouble == []
    assert len(watched.senders) == 1
    assert watched.cut_short == 0


async def test_a_cancel_is_on_the_wire_at_once(capsys: pytest.CaptureFixture[str], machine: Machine) -> None:
    """Over loopback and in real time, half of the cancels have reached the peer 5 ms after the cut."""
    peer = SonioxPeer(account=Account(requests_per_minute=PLENTY), speaking=Speaking(first_sound=0.02, faster=2.0))
    cutting = Cutting(Random(2), 60, 0.4)
    async with peer.serve() as endpoints:
        session = cutting.session(SonioxTts(key=KEY, endpoints=endpoints))
        with trio.fail_after(240):
            async with trio.open_nursery() as nursery:
                async with until(session, SessionStarted):
                    nursery.start_soon(session.run)
                await cutting.interrupt(session)
    cutting.check_silence()
    delays = sorted(1_000 * delay for delay in cutting.delays(peer.streams))
    median, last = statistics.median(delays), delays[-1 - len(delays) // 100]
    with capsys.disabled():
        print(f"\n{len(delays)} cancels: on the wire after a median of {median:.2f} ms, p99 {last:.2f} ms")
    assert len(delays) >= 20
    if machine.keeps_time(within=0.005):
        assert median <= 5.0
    assert len(peer.speakings) == 1
    assert cutting.trouble == []
