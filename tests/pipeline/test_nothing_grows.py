"""Nothing grows: whoever stalls in a call, memory and lag stay where they were, and every loss is written down."""

from __future__ import annotations

import gc
import os
import re
import resource
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import asynccontextmanager
from itertools import count as counting
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.counts import count
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.events import Blocked, Overrun, SpeechStarted, TurnEnded
from voicekit.extend import hookimpl, load_plugins
from voicekit.flow import Full
from voicekit.flow.store import LinkStatistics
from voicekit.flow.threads import inline
from voicekit.play.sink import DEVICE_SECONDS, NullSink
from voicekit.reply.say import PIECE
from voicekit.session import Session, open_event_log
from voicekit.session.assembly import EAR_SECONDS, TEXT_CHARACTERS, VOICE_SECONDS
from voicekit.session.eventlog import log_lines
from voicekit.session.reporting import OBSERVED
from voicekit.testing import FakeTts, Script, ScriptedSource, ScriptedStt, ScriptedVad, hold_call
from voicekit.testing.fakes import PER_CHARACTER
from voicekit.testing.scripted import FRAME
from voicekit.turn.history import LIMIT
from voicekit.turn.policy import CallPolicy, Policy

WARM_UP = 10
SECONDS = count(600)
"""Seconds in which everything fills that can."""

MOST = 1 << 20
"""Bytes that may be in use beyond what was after the warm-up."""

MOST_UNHEARD = TEXT_CHARACTERS + 2 * PIECE + round((VOICE_SECONDS + DEVICE_SECONDS) / PER_CHARACTER)
"""Characters said and not heard: those on the link, a piece before and one in the voice, and their sound."""


async def brief(turn, say):
    """Answers in a sentence."""
    await say(f"You said: {turn.text}.")


async def endless(turn, say):
    """Never has said enough."""
    for number in counting():
        await say(f"And number {number} of all the things that there are to say. ")


class Stalling(ScriptedStt):
    """Reads half the warm-up's sound and then no more, without going away."""

    read = 0

    @asynccontextmanager
    async def open(self):
        async def run(inbox, outbox):
            async for item in inbox:
                self.read += item.samples if isinstance(item, AudioFrame) else 0
                if self.read >= PCM16K.samples(WARM_UP / 2):
                    await trio.sleep_forever()

        yield run


def talk(seconds: float) -> Script:
    """A caller who asks something each 20 s, coughs, and types."""
    user = Script()
    for start in range(0, round(seconds), 20):
        user.says("tell me all about it", at=start + 1.0, for_=1.5)
        user.coughs(at=start + 12.0, for_=0.4)
        user.types("and that too", at=start + 15.0)
    user.stays(until=seconds + 60.0)
    return user


def quiet() -> Script:
    user = Script()
    user.stays(until=60.0)
    return user


class Watched:
    """A call that is looked at while it lasts; it keeps numbers and no events."""

    def __init__(self, seconds: float, **parts: Any) -> None:
        user = talk(seconds)
        script = {"source": ScriptedSource(user), "vad": ScriptedVad(), "stt": ScriptedStt(user)}
        mouth = {"handler": endless, "tts": FakeTts(), "sink": NullSink()}
        self.session = Session(**{**script, **mouth, **parts})
        self.session.watch(self._note)
        self.seen: dict[type, int] = {}
        self.lost = 0
        self.most_unheard = 0
        self.at_the_end: tuple[LinkStatistics, ...] = ()

    async def hold(self, log: Path) -> None:
        async with open_event_log(log) as note, trio.open_nursery() as nursery:
            self.session.watch(note)
            nursery.start_soon(self._look)
            await self.session.run()
            nursery.cancel_scope.cancel()

    async def _look(self) -> None:
        while True:
            await trio.sleep(1.0)
            for link in self.session.statistics():
                assert link.peak <= link.capacity
            if self.session.reply is not None:
                unheard = len(self.session.reply.said) - self.session.reply.heard_to
                self.most_unheard = max(self.most_unheard, unheard)

    def _note(self, event: object) -> None:
        self.seen[type(event)] = self.seen.get(type(event), 0) + 1
        if isinstance(event, Overrun):
            self.lost += event.samples


def in_use() -> tuple[int, int]:
    """Bytes that Python has allocated, and bytes that the process occupies."""
    gc.collect()
    if sys.platform == "linux":
        occupied = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    else:
        occupied = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # the peak so far; bytes on a Mac
    return tracemalloc.get_traced_memory()[0], occupied


async def hold(calls: dict[Path, Watched], seconds: int) -> list[tuple[int, int]]:
    """Hold `calls`, one log each, side by side; what was in use after the warm-up, and each ten seconds later."""
    start = trio.current_time() + FRAME / 2  # never exactly when a frame is due
    weights = []
    async with trio.open_nursery() as nursery:
        for log, call in calls.items():
            nursery.start_soon(call.hold, log)
        for at in range(WARM_UP, seconds + 1, 10):
            await trio.sleep_until(start + at)
            weights.append(in_use())
        for call in calls.values():
            call.at_the_end = call.session.statistics()
            call.session.end(graceful=False)
    return weights


def hold_in_virtual_time(call: Watched, log: Path) -> list[tuple[int, int]]:
    """Hold one call for ten minutes."""

    async def without_threads() -> list[tuple[int, int]]:
        inline.set(True)
        return await hold({log: call}, SECONDS)

    return trio.run(without_threads, clock=MockClock(autojump_threshold=0))


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def grown(weights: list[tuple[int, int]]) -> int:
    """By how much either measure was ever above its first value."""
    first = weights[0]
    return max(weight[kind] - first[kind] for weight in weights for kind in (0, 1))


def check_slow_sink(call: Watched, seconds: int) -> None:
    """Everything in front of the sink was full, and no fuller; the call went on."""
    assert TEXT_CHARACTERS < call.most_unheard <= MOST_UNHEARD
    assert call.seen[TurnEnded] >= seconds // 20
    assert sum(link.dropped for link in call.at_the_end) == call.lost == 0


def check_stalled_ears(call: Watched, ears: Stalling, log: Path, seconds: int, late: float = 0.0) -> None:
    """The ears' link was full, and no fuller; each sample was read, waits, or is reported lost; the call went on.

    `late` is how far the real clock's source may be behind.
    """
    link = call.at_the_end[0]
    assert link.peak == link.level == link.capacity == PCM16K.samples(EAR_SECONDS)
    source = PCM16K.samples(seconds)
    assert ears.read + link.level + link.dropped == pytest.approx(source, abs=PCM16K.samples(late))
    logged = re.findall(rf"overrun: (\d+) samples dropped from '{link.name}'", "\n".join(log_lines(log)))
    assert sum(map(int, logged)) == call.lost == call.session.statistics()[0].dropped
    assert call.lost > source - PCM16K.samples(EAR_SECONDS + WARM_UP)
    assert min(call.seen[SpeechStarted], call.seen[TurnEnded]) >= seconds // 20


@pytest.mark.slow
@pytest.mark.full_counts
def test_minutes_with_a_sink_at_a_tenth_of_its_speed(traced, tmp_path):
    """Backpressure reaches the handler, so a slow sink makes nothing grow."""
    call = Watched(SECONDS, sink=NullSink(speed=0.1))
    weights = hold_in_virtual_time(call, tmp_path / "log")
    check_slow_sink(call, SECONDS)
    assert grown(weights) < MOST


@pytest.mark.slow
@pytest.mark.full_counts
def test_minutes_with_ears_that_stop_reading(traced, tmp_path):
    """The oldest sound is dropped and reported to the sample, the VAD goes on hearing, and nothing grows."""
    ears = Stalling(Script())
    call = Watched(SECONDS, stt=ears, handler=brief)
    weights = hold_in_virtual_time(call, tmp_path / "log")
    check_stalled_ears(call, ears, tmp_path / "log", SECONDS)
    assert grown(weights) < MOST


@pytest.mark.real
def test_a_minute_of_both_on_the_real_clock(traced, tmp_path, machine):
    """What holds in virtual time holds in real time, with the event log's thread and all."""
    ears = Stalling(Script())
    slow, stalled = Watched(60, sink=NullSink(speed=0.1)), Watched(60, stt=ears, handler=brief)
    weights = trio.run(hold, {tmp_path / "slow": slow, tmp_path / "stalled": stalled}, 60)
    assert grown(weights) < MOST
    if machine.keeps_time(within=0.2):
        check_slow_sink(slow, 60)
        check_stalled_ears(stalled, ears, tmp_path / "stalled", 60, late=1.0)


def test_a_handler_that_nobody_hears_is_held_back():
    """With a sink that stands still the handler waits when the links are full, however much it has to say."""
    user = Script()
    user.types("tell me", at=1.0)
    user.stays(until=60.0)
    call = hold_call(endless, user, sink=NullSink(speed=1e-9), policy=Policy(call=CallPolicy(max_duration=50.0)))
    [exchange] = call.history
    assert exchange.heard == ""
    assert TEXT_CHARACTERS < len(exchange.said) <= MOST_UNHEARD


def test_observers_that_fall_behind_lose_events_and_nobody_else_does():
    """What observers can't be shown at once waits up to a bound, and is counted beyond it; watchers see everything."""
    observed = []

    class Observer:
        @hookimpl
        def voicekit_observe(self, event):
            observed.append(event)

    async def type_a_lot(session: Session) -> None:
        for number in range(60):  # before any other task runs: as many as the conductor's link holds
            session.type(f"line {number}")
        for number in range(OBSERVED):  # again before any other task runs
            session.report(Blocked(f"task {number}", 0.2))
        await trio.sleep(5.0)
        session.end(graceful=False)

    call = hold_call("Yes.", quiet(), during=type_a_lot, plugins=load_plugins(extra=[Observer()]))
    [link] = [link for link in call.session.statistics() if link.full is Full.DROP_NEWEST]
    assert link.peak == link.capacity == OBSERVED
    assert link.dropped > 0
    assert len(observed) == len(call.events) - link.dropped
    assert len(call.history) == 60


def test_the_history_keeps_the_latest_exchanges():
    """A call of any number of turns remembers as many as the history's cap."""

    async def type_on(session: Session) -> None:
        for number in range(LIMIT + 20):
            session.type(f"line {number}")
            await trio.sleep(0.2)  # long enough to be heard: a question is put back if its answer is not heard
        session.end(graceful=False)

    call = hold_call("Yes.", quiet(), during=type_on)
    assert len(call.history) == LIMIT
    assert call.history[0].user == "line 20"
