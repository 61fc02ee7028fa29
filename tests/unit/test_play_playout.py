"""Playout and its leases: on time, at most the lead ahead, and silent from the instant of a cut."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.contracts import Reply, ReplyScope, this_reply
from voicekit.errors import ConfigError
from voicekit.events import Audible, HeardSoFar, ReplyDone, Underrun, WordMark
from voicekit.flow import open_link
from voicekit.play.lease import LOOK_AGAIN, PlaybackLease
from voicekit.play.playout import LEAD, LONGEST_LEAD, Playout
from voicekit.play.sink import RecordingSink
from voicekit.session.recording_taps import OverheardSink
from voicekit.session.speculation import Commitment

FORMAT = AudioFormat(8_000)
SINKS = [
    pytest.param({}, id="no buffer"),
    pytest.param({"latency": 0.02}, id="20 ms"),
    pytest.param({"latency": 0.2}, id="200 ms"),
    pytest.param({"pausable": False}, id="can't pause"),
    pytest.param({"pausable": False, "latency": 0.2}, id="can't pause, 200 ms"),
]


def counting(at: int, samples: int) -> AudioFrame:
    """Sound from sample `at` of a reply on, whose samples count up from `at + 1`."""
    return AudioFrame(array("h", range(at + 1, at + samples + 1)).tobytes(), at, FORMAT)


def a_second() -> Iterable[WordMark | AudioFrame]:
    """A second of sound in frames of 20 ms, with a word each 0.2 s."""
    for at in range(0, 8_000, 160):
        if at % 1_600 == 0:
            yield WordMark("word", at, at // 1_600 + 1)
        yield counting(at, 160)


class Stand:
    """A playout with one lease and both links, as a reply line would have them; `items` come with pauses between."""

    def __init__(
        self,
        sink: RecordingSink,
        *,
        items: Iterable[WordMark | AudioFrame | Gap] = (),
        pauses: Sequence[float] = (),
        lead: float = LEAD,
    ) -> None:
        self.sink = sink
        sink.lead = lead
        self.playout = Playout(sink)
        self.reply = Reply(1, "", "speech")
        self.reply.said = "words"  # one character for each word of `a_second`
        self.reports: list[object] = []
        self.said: list[object] = []
        self.said_at: list[float] = []
        self._items = items or a_second()
        self._pauses = iter(pauses)
        self._to_play, self._inbox = open_link(FORMAT.samples(2.0))
        self._outbox, self._signals = open_link(100, weigh=lambda item: 1)

    async def play(self, control) -> None:
        """Play the items, while `control(lease)` runs."""
        with self._to_play, self._inbox, self._outbox, self._signals:
            async with self.playout.open() as run:
                self._began = trio.current_time()
                lease = self.playout.lease(self.reply, self.reports.append)
                this_reply.set(ReplyScope(self.reply, lease, Commitment(made=True)))
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._feed)
                    nursery.start_soon(control, lease)
                    nursery.start_soon(self._collect)
                    with trio.CancelScope() as self.scope:
                        await run(self._inbox, self._outbox)
                    self._outbox.close()

    async def _feed(self) -> None:
        with self._to_play:
            for item in self._items:
                await self._to_play.send(item)
                await trio.sleep(next(self._pauses, 0.0))

    async def _collect(self) -> None:
        async for signal in self._signals:
            self.said.append(signal)
            self.said_at.append(trio.current_time() - self._began)

    @property
    def samples(self) -> list[int]:
        return list(array("h", self.sink.pcm))


async def untouched(lease: PlaybackLease) -> None:
    """Leave the reply alone."""


@pytest.mark.parametrize("options", SINKS)
async def test_a_reply_plays_whole_and_says_what_was_heard(autojump_clock, options):
    """Every sample is heard once and in order; Audible comes first, each word once, ReplyDone after the last sample."""
    stand = Stand(RecordingSink(FORMAT, **options))
    began = trio.current_time()
    await stand.play(untouched)
    assert stand.samples == list(range(1, 8_001))
    assert stand.said[0] == Audible(1)
    assert stand.said[-1] == ReplyDone(1)
    assert [signal for signal in stand.said if isinstance(signal, HeardSoFar)][-1] == HeardSoFar(1, 5)
    assert stand.reports == []
    assert trio.current_time() - began >= 1.0


@pytest.mark.parametrize("options", SINKS)
async def test_a_hold_and_a_release_lose_and_double_nothing(autojump_clock, options):
    """Around a hold of three seconds the listener hears the same samples, and none of them while it lasts."""

    async def doubt(lease: PlaybackLease) -> None:
        await trio.sleep(0.5)
        lease.hold()
        held_at = lease.position
        await trio.sleep(3.0)
        assert lease.position == held_at
        lease.release()

    stand = Stand(RecordingSink(FORMAT, **options))
    await stand.play(doubt)
    assert stand.samples == list(range(1, 8_001))


@pytest.mark.parametrize("options", SINKS)
async def test_after_a_cut_nothing_sounds_and_what_was_heard_is_final(autojump_clock, options):
    """From the instant of the cut no sample is heard, although the dead reply still writes."""

    async def cut(lease: PlaybackLease) -> None:
        await trio.sleep(0.55)
        lease.revoke()
        heard = lease.reply.heard_to
        await lease.write(AudioFrame(b"\1\1" * 160, 0, FORMAT))
        await trio.sleep(1.0)
        assert lease.reply.heard_to == heard
        stand.scope.cancel()

    stand = Stand(RecordingSink(FORMAT, **options))
    await stand.play(cut)
    latency = options.get("latency", 0.0)
    assert stand.samples == list(range(1, len(stand.samples) + 1))
    assert len(stand.samples) == pytest.approx((0.55 - latency) * 8_000, abs=1)
    assert stand.reply.heard_to == (len(stand.samples) - 1) // 1_600 + 1
    assert ReplyDone(1) not in stand.said


@pytest.mark.parametrize("options", SINKS)
async def test_at_most_the_lead_is_ever_ahead_of_the_clock(autojump_clock, options):
    """What a cut would have to take back is never more than the lead and the device's own buffer."""
    most = 0

    async def watch(lease: PlaybackLease) -> None:
        nonlocal most
        for _ in range(100):
            await trio.sleep(0.01)
            most = max(most, lease.queued)

    stand = Stand(RecordingSink(FORMAT, **options))
    await stand.play(watch)
    assert 0 < most <= (LEAD + options.get("latency", 0.0)) * 8_000 + 1


async def test_sound_that_comes_too_late_is_counted_and_the_schedule_moves(autojump_clock):
    """An underrun is reported in samples, once, and what follows plays at its normal pace."""
    playout = Playout(RecordingSink(FORMAT))
    reports: list[object] = []
    async with playout.open():
        reply = Reply(7, "", "speech")
        reply.said = "Two words"
        lease = playout.lease(reply, reports.append)
        lease.mark(WordMark("Two", 0, 3))
        await lease.write(AudioFrame(b"\1\1" * 160, 0, FORMAT))
        await trio.sleep(0.12)
        await lease.write(AudioFrame(b"\1\1" * 160, 160, FORMAT))
        await lease.finish()
    assert reports == [Underrun(7, 800)]


@pytest.mark.parametrize(
    ("said", "marked", "late", "there"),
    [
        ("One moment.", 10, None, False),
        ("One moment. 🙂 **", 10, None, False),
        ("One moment, it", 10, None, True),
        ("One moment, it", 10, WordMark("it", 150, 14), False),
        ("One moment, it", 10, WordMark("it", 160, 14), True),
        ("你好。再见", 2, None, True),
        ("你好。", 2, None, False),
    ],
)
async def test_a_pause_behind_all_that_was_said_is_no_underrun(autojump_clock, said, marked, late, there):
    """A hole counts where words were there that had not begun to sound when it began, in any script; what the handler
    says during the hole was not there, and what the voice tells late was."""
    playout = Playout(RecordingSink(FORMAT))
    reports: list[object] = []
    async with playout.open():
        reply = Reply(7, "", "speech")
        lease = playout.lease(reply, reports.append)
        reply.said = said
        lease.mark(WordMark("moment", 0, marked))
        await lease.write(counting(0, 160))
        await trio.sleep(4.0)
        reply.said += " And here is the rest."
        if late is not None:
            lease.mark(late)
        lease.mark(WordMark("And", 160, len(said) + 4))
        await lease.write(counting(160, 160))
        await lease.finish()
    assert bool(reports) is there


async def test_a_new_lease_ends_the_one_before(autojump_clock):
    """Only one reply can sound: whoever had the lease has it no longer."""
    sink = RecordingSink(FORMAT)
    playout = Playout(sink)
    async with playout.open():
        first = playout.lease(Reply(1, "", "speech"), untouched)
        playout.lease(Reply(2, "", "speech"), untouched)
        assert first.over
        await first.write(AudioFrame(b"\1\1" * 160, 0, FORMAT))
        await trio.sleep(1.0)
    assert sink.pcm == b""


async def test_a_gap_in_a_reply_is_played_as_silence(autojump_clock):
    """Positions stay true where a voice has lost sound."""
    stand = Stand(RecordingSink(FORMAT), items=[counting(0, 80), Gap(1_000, 80), counting(1_080, 80)])
    await stand.play(untouched)
    assert stand.samples == [*range(1, 81), *[0] * 1_000, *range(1_081, 1_161)]


@pytest.mark.parametrize("lead", [0, -0.1, LONGEST_LEAD + 0.01])
def test_a_lead_outside_its_bounds_is_refused(lead):
    """A lead must be above zero and at most what a hold can take back unheard."""
    sink = RecordingSink(FORMAT)
    sink.lead = lead
    with pytest.raises(ConfigError, match=r"lead of 'recording sink': expected"):
        Playout(sink)


@pytest.mark.parametrize("packet", [0, -0.02, 0.11, "20 ms", True])
def test_a_packet_outside_its_bounds_is_refused(packet):
    """A packet is a number of seconds, and no longer than the lead: it must be whole before it is due."""
    sink = RecordingSink(FORMAT)
    sink.packet = packet
    with pytest.raises(ConfigError, match=r"packet of 'recording sink': expected"):
        Playout(sink)


@pytest.mark.parametrize("options", SINKS)
@pytest.mark.parametrize(("packet", "lead"), [(0.02, LEAD), (0.2, LONGEST_LEAD), (0.01, 0.02)])
@pytest.mark.parametrize("size", [13, 160, 400, 8_000])
async def test_no_frame_reaches_over_the_end_of_a_packet(autojump_clock, options, packet, lead, size):
    """However long the frames of a voice are, a sink that sends packets can fill each with whole frames, and a hold
    loses nothing."""
    sink = RecordingSink(FORMAT, **options)
    sink.packet = packet
    stand = Stand(sink, items=[counting(at, min(size, 8_000 - at)) for at in range(0, 8_000, size)], lead=lead)
    written = []

    async def watch(lease: PlaybackLease) -> None:
        write = lease._speaker.write

        async def noted(frame: AudioFrame) -> None:
            await write(frame)
            written.append((frame.at, frame.end))

        lease._speaker.write = noted
        await trio.sleep(0.5)
        lease.hold()
        await trio.sleep(1.0)
        lease.release()

    await stand.play(watch)
    length = FORMAT.samples(packet)
    assert stand.samples == list(range(1, 8_001))
    assert all(at // length == (end - 1) // length for at, end in written)


async def test_an_error_of_the_position_is_passed_on(autojump_clock):
    """What the open sink states about its position can be asked of playout, through whatever listens in on the call."""

    class Estimating(RecordingSink):
        """Its position is an estimate."""

        @asynccontextmanager
        async def open(self):
            async with super().open() as speaker:
                speaker.position_error = 0.3
                yield speaker

    for sink in (Estimating(FORMAT), OverheardSink(Estimating(FORMAT), untouched, 0.0)):
        playout = Playout(sink)
        assert playout.position_error == 0.0
        async with playout.open():
            assert playout.position_error == 0.3
    async with (exact := Playout(RecordingSink(FORMAT))).open():
        assert exact.position_error == 0.0


# --- frames of any length, voices that stall, slow sinks ---


@pytest.mark.parametrize("lead", [0.01, 0.1, LONGEST_LEAD])
async def test_a_voice_may_say_everything_in_one_frame(autojump_clock, lead):
    """However long a frame is, the lead is kept, words are told while it sounds, and a hold takes effect inside it."""
    words = [WordMark("word", at, at // 1_600 + 1) for at in range(0, 8_000, 1_600)]
    stand = Stand(RecordingSink(FORMAT), items=[*words, counting(0, 8_000)], lead=lead)
    queued = []

    async def doubt(lease: PlaybackLease) -> None:
        for _ in range(100):
            await trio.sleep(0.005)
            queued.append(lease.queued)
        lease.hold()
        await trio.sleep(1.0)
        lease.release()

    await stand.play(doubt)
    assert stand.samples == list(range(1, 8_001))
    assert max(queued) <= lead * 8_000
    starts = [0.0, 0.2, 0.4, 1.6, 1.8]
    told = [at for at, said in zip(stand.said_at, stand.said, strict=True) if isinstance(said, HeardSoFar)]
    assert all(0 < at - start <= LOOK_AGAIN + 0.001 for at, start in zip(told, starts, strict=True))


@pytest.mark.parametrize("latency", [0.0, 0.2])
async def test_the_reply_is_audible_when_its_first_sample_sounds_although_the_voice_stalls(autojump_clock, latency):
    """Audible waits neither for the next frame nor for a word, only for the first sample."""
    sink = RecordingSink(FORMAT, latency=latency)
    stand = Stand(sink, items=[counting(0, 160), counting(160, 160)], pauses=[3.0])
    await stand.play(untouched)
    assert stand.said[0] == Audible(1)
    assert 0 < stand.said_at[0] - latency <= LOOK_AGAIN + 0.001


async def test_a_mark_that_comes_behind_its_sound_counts_at_once(autojump_clock):
    """A voice that says its times late is believed when it says them."""
    late = [counting(0, 160), WordMark("word", 0, 7), counting(160, 160)]
    stand = Stand(RecordingSink(FORMAT), items=late, pauses=[1.0, 1.0])
    await stand.play(untouched)
    [told] = [at for at, said in zip(stand.said_at, stand.said, strict=True) if said == HeardSoFar(1, 7)]
    assert told == pytest.approx(1.0)


async def test_a_sink_that_is_too_slow_makes_no_underruns(autojump_clock):
    """What a sink can't take in time is no hole in the sound: it plays whole, at the sink's pace."""
    stand = Stand(RecordingSink(FORMAT, speed=0.25))
    began = trio.current_time()
    await stand.play(untouched)
    assert stand.samples == list(range(1, 8_001))
    assert stand.reports == []
    assert trio.current_time() - began == pytest.approx(4.0, abs=0.01)


async def test_a_sink_that_stalls_until_it_has_nothing_to_play_makes_one_underrun(autojump_clock):
    """A hole in the sound is reported once, whoever's fault it is."""

    class Stalling(RecordingSink):
        """Takes nothing for a second, once."""

        stalled = False

    sink = Stalling(FORMAT)
    stand = Stand(sink)

    async def stall(lease: PlaybackLease) -> None:
        write = lease._speaker.write

        async def slow_write(frame: AudioFrame) -> None:
            if frame.at >= 4_000 and not sink.stalled:
                sink.stalled = True
                await trio.sleep(1.0)
            await write(frame)

        lease._speaker.write = slow_write

    await stand.play(stall)
    assert stand.samples == list(range(1, 8_001))
    [underrun] = stand.reports
    assert underrun.samples == pytest.approx(0.92 * 8_000, abs=1)


@pytest.mark.parametrize("options", SINKS)
async def test_a_hold_is_no_underrun_and_what_comes_late_during_one_is_none_either(autojump_clock, options):
    """Only sound that is missing while the reply could sound is counted."""

    async def doubt(lease: PlaybackLease) -> None:
        await trio.sleep(0.15)
        lease.hold()
        await trio.sleep(2.0)
        lease.release()

    late = Stand(RecordingSink(FORMAT, **options), items=[counting(0, 1_600), counting(1_600, 1_600)], pauses=[1.0])
    await late.play(doubt)
    assert late.samples == list(range(1, 3_201))
    assert late.reports == []


# --- holds, releases and cuts at any time ---

DOUBTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=6)
DEVICES = st.fixed_dictionaries(
    {"latency": st.sampled_from([0.0, 0.02, 0.2]), "speed": st.sampled_from([1.0, 0.3]), "pausable": st.booleans()}
)


@pytest.mark.slow
@settings(max_examples=150)
@given(DOUBTS, DEVICES, st.integers(0, 12_000) | st.none())
def test_whatever_is_held_and_released_each_sample_is_heard_once_up_to_the_cut(doubts, options, cut_at):
    """Holds and releases at any times lose and double nothing, are silent, and no word is heard that did not sound."""

    async def disturb(lease: PlaybackLease) -> None:
        for play_ms, hold_ms in doubts:
            await trio.sleep(play_ms / 1_000)
            lease.hold()
            position = lease.position
            await trio.sleep(hold_ms / 1_000)
            assert lease.position == position
            lease.release()

    async def cut(lease: PlaybackLease) -> None:
        await trio.sleep(cut_at / 8_000)
        lease.revoke()
        stand.scope.cancel()

    async def control(lease: PlaybackLease) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(disturb, lease)
            if cut_at is not None:
                nursery.start_soon(cut, lease)

    stand = Stand(RecordingSink(FORMAT, **options))
    trio.run(stand.play, control, clock=MockClock(autojump_threshold=0))
    heard = len(stand.samples)
    assert stand.samples == list(range(1, heard + 1))
    assert stand.reply.heard_to == -(-heard // 1_600)
    assert heard == 8_000 or cut_at is not None
    assert stand.reports == []


@pytest.mark.slow
@pytest.mark.parametrize("options", SINKS)
@pytest.mark.parametrize("order", ["hold", "revoke"])
def test_an_order_in_the_very_instant_of_a_write_lets_nothing_slip_in(options, order):
    """A full device takes the next frame or does not: nothing is written behind a hold or a cut, whoever runs first."""

    async def stop(lease: PlaybackLease) -> None:
        await trio.sleep(3.2 + latency % 0.2)  # until the full device has room for another frame
        getattr(lease, order)()
        await trio.sleep(1.0)
        heard.append(len(stand.samples))
        await trio.sleep(5.0)
        heard.append(len(stand.samples))
        stand.scope.cancel()

    latency = options.get("latency", 0.0)
    for _ in range(12):  # trio shuffles the tasks that are due at the same time
        heard: list[int] = []
        stand = Stand(RecordingSink(FORMAT, **{**options, "speed": 0.1}))
        trio.run(stand.play, stop, clock=MockClock(autojump_threshold=0))
        assert stand.samples == list(range(1, len(stand.samples) + 1))
        assert heard[0] == heard[1]


async def test_what_a_dead_reply_was_heard_of_does_not_grow_with_the_next_one(autojump_clock):
    """The account of a lease that is over stands still, whoever sounds on the sink now."""
    playout = Playout(RecordingSink(FORMAT))
    async with playout.open():
        first = playout.lease(Reply(1, "", "speech"), untouched)
        await first.write(counting(0, 160))
        await trio.sleep(0.01)
        first.revoke()
        second = playout.lease(Reply(2, "", "speech"), untouched)
        await second.write(counting(0, 800))
        await second.finish()
    assert (first.position, first.queued) == (80, 0)
    assert second.position == 800
