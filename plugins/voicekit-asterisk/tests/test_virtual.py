"""Both drivers in virtual time: AudioSocket's pace, and pause, flush and position on a model of Asterisk's queue."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from random import Random

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from tests.counts import count
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.call.connection import open_call
from voicekit.call.info import EndReason
from voicekit.call.wire import StreamClosed, WireMessage
from voicekit_asterisk.announced import LIFE_S, AnnouncedCalls
from voicekit_asterisk.audiosocket import GOODBYE, AudioSocketPeer, AudioSocketWire, FrameReader, frame
from voicekit_asterisk.audiosocket_stream import AudioSocketStream
from voicekit_asterisk.chan_websocket import ChanWebsocketPeer, ChanWebsocketWire
from voicekit_asterisk.peers import PeerAsked, PeerCleared, PeerHungUp, PeerMark, PeerPaused, PeerSound

FRAME = 640


class ModelAsterisk:
    """chan_websocket's queue: a frame each 20 ms unless it is paused, marks between the frames, STATUS on demand."""

    def __init__(self) -> None:
        self.played = 0  # bytes, in all generations
        self.most = 0  # the largest number of frames in the queue so far
        self.hung_up = False
        self._peer = ChanWebsocketPeer()
        self._queue: deque[bytes | str] = deque()
        self._paused = False
        self._send, self._receive = trio.open_memory_channel[WireMessage | StreamClosed](1_000)
        for message in self._peer.begin():
            self._send.send_nowait(message)

    async def run(self) -> None:
        while True:
            await trio.sleep(0.02)
            while self._queue and isinstance(self._queue[0], str):
                self._send.send_nowait(self._peer.passed(str(self._queue.popleft())))
            if self._queue and not self._paused:
                self.played += len(self._queue.popleft())

    async def receive(self) -> WireMessage:
        message = await self._receive.receive()
        if isinstance(message, StreamClosed):
            raise message
        return message

    async def send(self, message: WireMessage) -> None:
        await trio.lowlevel.checkpoint()
        match self._peer.receive(message):
            case PeerSound(pcm):
                assert len(pcm) == FRAME
                self._queue.append(pcm)
                self.most = max(self.most, sum(isinstance(each, bytes) for each in self._queue))
            case PeerMark(name):
                self._queue.append(name)
            case PeerCleared():
                self._queue.clear()  # this drops the marks too, and they never come back
            case PeerPaused(paused):
                self._paused = paused
            case PeerAsked():
                queued = sum(isinstance(each, bytes) for each in self._queue)
                self._send.send_nowait(self._peer.status(queued, paused=self._paused))
            case PeerHungUp():
                self.hung_up = True

    async def close(self, code: int = 1000) -> None:
        self._send.send_nowait(StreamClosed(code))
        await trio.lowlevel.checkpoint()


def speech(at: int) -> AudioFrame:
    return AudioFrame(b"\1\0" * 320, at, PCM16K)


@pytest.mark.full_counts
def test_the_position_is_that_of_asterisks_queue_whatever_is_held_and_cut() -> None:
    """Any order of speaking, holding, letting go and cutting: never more than was played, at most three frames less."""

    async def main(seed: int) -> None:
        roll = Random(seed)
        model = ModelAsterisk()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(model.run)
            async with open_call(model, ChanWebsocketWire()) as call, call.sink.open() as speaker:
                assert call.sink.pausable
                at = last = 0
                held = False
                for _ in range(60):
                    match roll.randrange(8):
                        case 0:
                            speaker.hold()
                            held = True
                        case 1:
                            speaker.release()
                            held = False
                        case 2:
                            speaker.discard()
                            held = False
                        case _ if not held:
                            for _ in range(roll.randrange(1, 6)):
                                await speaker.write(speech(at))
                                at += 320
                    await trio.sleep(roll.choice((0.0, 0.02, 0.05, 0.1)))
                    await trio.testing.wait_all_tasks_blocked(0.001)
                    position, played = speaker.position, model.played // 2
                    assert last <= position <= played, (seed, position, played)
                    last = position
                speaker.release()
                await trio.sleep(3.0)
                assert model.played // 2 - speaker.position <= 320 * 3 * 60
            assert model.hung_up
            nursery.cancel_scope.cancel()

    for seed in range(count(200)):
        trio.run(main, seed, clock=MockClock(autojump_threshold=0))


def test_a_hold_keeps_what_is_queued() -> None:
    """What Asterisk has queued is neither played nor lost while it is held, and the position is exact then."""

    async def main() -> None:
        model = ModelAsterisk()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(model.run)
            async with open_call(model, ChanWebsocketWire()) as call, call.sink.open() as speaker:
                for number in range(20):
                    await speaker.write(speech(320 * number))
                await trio.sleep(0.21)
                speaker.hold()
                await trio.sleep(0.05)
                held = model.played // 2
                assert held < 20 * 320
                assert held - 640 <= speaker.position <= held
                await trio.sleep(5.0)
                assert model.played // 2 == held
                speaker.release()
                await trio.sleep(1.0)
                assert speaker.position == model.played // 2 == 20 * 320
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_frame_goes_out_each_20_ms_sound_or_silence() -> None:
    """Each frame is whole and in time; sound takes the place of silence, in order, and nothing is sent twice."""
    sent: list[tuple[float, bytes]] = []

    async def main() -> None:
        ours, theirs = memory_stream_pair()
        wire = AudioSocketWire()
        stream = AudioSocketStream(ours)
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                reader, peer, began = FrameReader(), AudioSocketPeer(), trio.current_time()
                async for data in theirs:
                    for each in reader.feed(bytes(data)):
                        peer.receive(each)
                        sent.append((trio.current_time() - began, each))

            nursery.start_soon(listen)
            nursery.start_soon(stream.pace, wire.silence())
            await trio.sleep(0.1)
            for number in range(1, 6):
                await stream.send(frame(0x10, bytes([number]) * 320))
            await trio.sleep(0.1)
            await stream.send(frame(0x00))
            await trio.testing.wait_all_tasks_blocked()  # until the listener has received it
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    sound = [at for at, each in sent if each[0] == 0x10]
    assert [round(b - a, 3) for a, b in pairwise(sound)] == [0.02] * (len(sound) - 1)
    loud = [each[3] for _, each in sent if each[0] == 0x10 and any(each[3:])]
    assert loud == [1, 2, 3, 4, 5]
    assert [each for _, each in sent if each[0] != 0x10] == [frame(0x00)]


@pytest.mark.parametrize(("orderly", "reason"), [(True, EndReason.CALLER), (False, EndReason.LOST)])
def test_an_end_of_file_is_a_hang_up_and_a_reset_a_loss(orderly: bool, reason: EndReason) -> None:
    """An orderly end of the connection is told apart from one that broke."""

    async def main() -> None:
        ours, theirs = memory_stream_pair()
        stream = AudioSocketStream(ours)
        if orderly:
            await theirs.send_eof()
        else:
            await ours.aclose()
        with pytest.raises(StreamClosed) as closed:
            await stream.receive()
        assert closed.value.code == (GOODBYE if orderly else None)
        assert AudioSocketWire().closed(closed.value.code).end.reason is reason

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_an_announced_uuid_is_good_once_and_for_a_while() -> None:
    """A UUID that was announced is taken once, within its life; a fixed one always; a stranger's never."""
    announced = AnnouncedCalls()
    first, second = announced.announce({"caller": "+15550001"}, 0.0), announced.announce({}, 0.0)
    known = announced.take(first, 1.0)
    assert known is not None
    assert known.facts == {"caller": "+15550001"}
    assert announced.take(first, 1.0) is None
    assert announced.take(second, LIFE_S + 0.1) is None
    fixed = AnnouncedCalls([first])
    assert fixed.take(first, 1.0) is not None
    assert fixed.take(first, 2.0) is not None
    assert fixed.take(second, 1.0) is None
