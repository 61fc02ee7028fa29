"""The checks of sources, detectors and transcribers find each promise that can be broken."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
import trio
from msgspec.structs import replace

from tests.unit.broken_kit import Changing, Stating
from tests.unit.test_contracts_kept import script, speech
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError
from voicekit.events import Endpoint, Final, Progress, SpeechStarted, Word
from voicekit.flow import FunctionStage, open_link
from voicekit.listen import EnergyVad, SilenceSource
from voicekit.testing import ScriptedStt, check_source, check_stt, check_vad

SECOND = 16_000


def source(**options) -> SilenceSource:
    return SilenceSource(duration=1.0, **options)


def saying(change) -> Changing:
    return Changing(source(), lambda item: [change(item)])


def running(run, **stated) -> Stating:
    """A source that runs `run`, and otherwise states what silence does."""
    return Stating(source(**stated), open=FunctionStage(run, "broken").open)


def without_the_second(item):
    return [] if item.at == 320 else [item]


async def slow_to_clean_up(inbox, outbox):
    try:
        await outbox.send(AudioFrame(bytes(640), 0, PCM16K))
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(1.0)


async def in_a_hurry(inbox, outbox):
    for at in range(0, 10 * SECOND, 320):
        await outbox.send(AudioFrame(bytes(640), at, PCM16K))


async def until_its_inbox_ends(inbox, outbox):
    await outbox.send(AudioFrame(bytes(640), 0, PCM16K))
    async for _ in inbox:
        pass


async def dropping(inbox, outbox):
    """Loses what the consumer does not take at once."""
    for at in range(0, 10 * SECOND, 3_200):
        with suppress(trio.WouldBlock):
            outbox.offer(AudioFrame(bytes(6_400), at, PCM16K))
            await trio.sleep(0.01)


async def hoarding(inbox, outbox):
    hoard, hoarded = open_link(10**9)

    async def record():
        with hoard:
            for at in range(0, 200 * SECOND, 10 * SECOND):
                await trio.sleep(10.0)
                await hoard.send(AudioFrame(bytes(bytearray(20 * SECOND)), at, PCM16K))

    with hoarded:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(record)
            async for frame in hoarded:
                await outbox.send(frame)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Stating(source(), live="yes"), "must state `live` as True or False, not as 'yes'"),
        (lambda: Stating(source(), produces=None), "must declare `produces` as an AudioFormat, not None"),
        (
            lambda: Stating(source(), produces=AudioFormat(8_000)),
            "`produces` pcm16 8000 Hz mono, but emitted AudioFrame",
        ),
        (lambda: saying(lambda item: replace(item, pcm=item.pcm[1:])), "cut a sample in two: 639 bytes"),
        (lambda: saying(lambda item: replace(item, at=item.at + 1)), "emitted .* at 1, .* where sample 0 was due"),
        (lambda: Changing(source(), without_the_second), "where sample 320 was due; lost sound must be a Gap"),
        (lambda: Changing(source(), lambda item: [item, item]), "emitted .* at 0, .* where sample 320 was due"),
        (lambda: saying(lambda item: Gap(item.samples - 1, item.at)), "where sample 319 was due"),
        (lambda: Changing(source(), lambda item: []), "emitted no sound"),
        (lambda: running(slow_to_clean_up), "took 1 s to clean up after a cancellation"),
        (lambda: running(in_a_hurry), "is live, but emitted .* s before it could have been recorded"),
        (lambda: running(until_its_inbox_ends), "must return at the end of its stream; it ran 3600 s after it began"),
        (lambda: running(dropping, live=False), "must wait and lose nothing, but emitted 160000 samples to a quick"),
        (lambda: running(hoarding), "kept .* bytes while its output was not read for 600 s"),
        (lambda: EnergyVad(), "does not fit: expected a source"),
    ],
)
async def test_each_promise_of_a_source_that_is_broken_is_told(autojump_clock, make, sentence):
    """A source that breaks one promise fails the check with the sentence that says which."""
    with pytest.raises(AssertionError, match=sentence):
        await check_source(make)


async def test_gaps_keep_the_positions_of_a_source_true(autojump_clock):
    """Sound that is lost and said to be lost breaks no promise of a live source."""

    def losing(item):
        return [Gap(item.samples, item.at)] if item.at % 960 == 0 else [item]

    await check_source(lambda: Changing(source(), losing))


class UsedUp(Changing):
    """A source that has one stream in its life, like a wire: opened again, it has nothing more to say."""

    used = False

    @asynccontextmanager
    async def open(self):
        if self.used:
            raise RuntimeError("this wire is gone")
        self.used = True
        async with super().open() as run:
            yield run


async def test_a_source_with_one_stream_in_its_life_passes_as_such_alone(autojump_clock):
    """With `once`, each stream gets a source of its own; without it, a source must open again."""

    def make():
        return UsedUp(source(), lambda item: [item])

    await check_source(make, once=True)
    with pytest.raises(AssertionError, match="this wire is gone"):
        await check_source(make)


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (slow_to_clean_up, "took 1 s to clean up after a cancellation"),
        (in_a_hurry, "is live, but emitted .* s before it could have been recorded"),
        (until_its_inbox_ends, "must return at the end of its stream"),
        (hoarding, "kept .* bytes while its output was not read for 600 s"),
    ],
)
async def test_all_other_promises_hold_for_one_stream_too(autojump_clock, run, sentence):
    """`once` excuses from a second stream, and from nothing else."""
    with pytest.raises(AssertionError, match=sentence):
        await check_source(lambda: running(run), once=True)


class Judge:
    """A detector of a level that does what its options say, and otherwise what is right."""

    def __init__(self, *, rates=(8_000, 16_000), window=160, refuses=ConfigError, fails=0, says=None, trail=0) -> None:
        self.rates = rates
        self.window = window
        self.trail = trail
        self._refuses = refuses
        self._fails = fails
        self._says = says

    def start(self, rate):
        if rate not in self.rates and self._refuses:
            raise self._refuses(f"not {rate}")
        if rate == self._fails:
            raise ValueError("no model")
        return self

    def probability(self, pcm):
        if isinstance(self._says, Exception):
            raise self._says
        return any(pcm) if self._says is None else self._says


class Averaging(Judge):
    """All of its streams are one: it says how much of all that it has heard sounded."""

    windows = sounded = 0

    def probability(self, pcm):
        self.windows += 1
        self.sounded += any(pcm)
        return self.sounded / self.windows


class Resetting(Averaging):
    """Has one memory for all of its streams, which each new one empties."""

    def start(self, rate):
        self.windows = self.sounded = 0
        return super().start(rate)


def test_the_judge_of_these_tests_keeps_the_contract():
    """Unbroken, it passes the check: so the sentences below are those of what was broken."""
    check_vad(Judge)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Judge(rates=()), r"must state `rates` as whole numbers of Hz, not \(\)"),
        (lambda: Judge(rates=(16_000.0,)), "must state `rates` as whole numbers of Hz"),
        (lambda: Judge(window=20.0), "must state `window` as a number of samples at 8000 Hz, not 20.0"),
        (lambda: Judge(window=0), "must state `window` as a number of samples at 8000 Hz, not 0"),
        (lambda: Judge(trail=-1), "must state `trail` as a number of samples, not -1"),
        (lambda: Judge(refuses=None), "must raise ConfigError for 7999 Hz, which is none of its rates, not None"),
        (lambda: Judge(refuses=ValueError), r"must raise ConfigError .* not ValueError\('not 7999'\)"),
        (lambda: Judge(fails=16_000), r"raised ValueError\('no model'\) when it was started at 16000 Hz"),
        (lambda: Judge(says=1.5), r"must return a probability from 0 to 1, but returned 1\.5"),
        (lambda: Judge(says=-0.1), r"must return a probability from 0 to 1, but returned -0\.1"),
        (lambda: Judge(says=float("nan")), "must return a probability from 0 to 1, but returned nan"),
        (lambda: Judge(says="speech"), "raised TypeError.* for a window of 160 samples, as it wants them"),
        (lambda: Judge(says=ValueError("loud")), r"raised ValueError\('loud'\) for a window of 160 samples"),
        (Resetting, "mixes up its streams"),
        (Averaging, "mixes up its streams: it judges the same sound differently beside another stream"),
        (object, "does not fit: expected a vad"),
    ],
)
def test_each_promise_of_a_detector_that_is_broken_is_told(make, sentence):
    """A detector that breaks one promise fails the check with the sentence that says which."""
    with pytest.raises(AssertionError, match=sentence):
        check_vad(make)


def ears(change=lambda item: [item], **options) -> Changing:
    return Changing(ScriptedStt(script(), **options), change)


def adding(*more):
    return lambda: ears(lambda item: [item, *more])


class Ears(ScriptedStt):
    """Scripted ears that look at each item before they understand it."""

    def __init__(self, look) -> None:
        super().__init__(script())
        self._look = look

    async def _run(self, inbox, outbox):
        seen, looked = open_link(1)

        async def look():
            with seen:
                async for item in inbox:
                    self._look(item)
                    await seen.send(item)

        with looked:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look)
                await super()._run(looked, outbox)


class Expecting(ScriptedStt):
    """Wants at least one item."""

    def __init__(self) -> None:
        super().__init__(script())

    async def _run(self, inbox, outbox):
        outlet, inlet = open_link(10**6)
        with outlet, inlet:
            await outlet.send(await inbox.receive())
            async for item in inbox:
                await outlet.send(item)
            outlet.close()
            await super()._run(inlet, outbox)


def refusing(kind):
    def look(item):
        if isinstance(item, kind):
            raise TypeError(f"no {kind.__name__}, please")

    return lambda: Ears(look)


def losing_count_at_gaps():
    """Understands everything right, unless some of the sound is missing."""
    holes = []
    inside = Ears(lambda item: holes.append(item) if isinstance(item, Gap) else None)
    return Changing(inside, lambda item: [Endpoint(10**6)] if holes else [item])


def keeping_everything():
    kept = []
    return Ears(kept.append)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Stating(ears(), endpoints=1), "must state `endpoints` as True or False, not as 1"),
        (
            lambda: Stating(ears(), negotiate=lambda offered: None),
            "must return an AudioFormat, not None",
        ),
        (lambda: Stating(ears(), accepts=None), "has negotiated pcm16 16000 Hz mono, but `accepts` is None"),
        (lambda: Stating(ears(), endpoints=False), "states that it has no `endpoints`, but emitted an Endpoint"),
        (lambda: ears(lambda item: []), "emitted no final words for the sound that it was sent"),
        (lambda: ears(lambda item: [item, item]), "must emit its finals once and in order"),
        (adding(Final((Word("far", 99_999, 99_999),))), "was sent 32768 samples, but emitted Final"),
        (adding(Final((Word("back", 200, 100),))), "was sent 32768 samples, but emitted Final"),
        (adding(Endpoint(-1)), r"was sent 32768 samples, but emitted Endpoint\(at=-1\)"),
        (adding(Progress(2), Progress(1)), r"must never go back with its Progress, but emitted \[2, 1, "),
        (adding("hello"), "must emit only transcripts, but emitted 'hello'"),
        (Expecting, r"raised EndOfChannel\(\) while it ran"),
        (refusing(Gap), r"raised TypeError\('no Gap, please'\)"),
        (refusing(SpeechStarted), r"raised TypeError\('no SpeechStarted, please'\)"),
        (losing_count_at_gaps, "was sent 32768 samples, but emitted Endpoint"),
        (keeping_everything, "kept .* bytes of 240 s of sound"),
        (EnergyVad, "does not fit: expected an stt"),
    ],
)
async def test_each_promise_of_a_transcriber_that_is_broken_is_told(autojump_clock, make, sentence):
    """A transcriber that breaks one promise fails the check with the sentence that says which."""
    with pytest.raises(AssertionError, match=sentence):
        await check_stt(make, speech())


@pytest.mark.slow
async def test_a_transcriber_is_sent_speech_as_a_caller_would_speak_it(autojump_clock):
    """Whatever format and position the recording has, it comes in the format that was negotiated, and in real time."""
    formats, came = set(), [(0.0, 0.0, 0)]  # when each frame came, its length, and where it ends

    def note(item):
        if isinstance(item, AudioFrame):
            formats.add(item.format)
            came.append((trio.current_time(), item.seconds, item.end))

    class Elsewhere(Ears):
        def __init__(self) -> None:
            super().__init__(note)

        def negotiate(self, offered):
            self.accepts = PCM16K
            return PCM16K

        def open(self):
            assert self.accepts is PCM16K
            return super().open()

    mono = speech().pcm
    both = b"".join(mono[place : place + 2] * 2 for place in range(0, len(mono), 2))
    await check_stt(Elsewhere, AudioFrame(both, 5, AudioFormat(16_000, channels=2)))
    assert formats == {PCM16K}
    paces = [now - then - long for (then, _, before), (now, long, end) in pairwise(came) if end > before]
    assert len(paces) > 1_000
    assert min(paces) > -1e-6
