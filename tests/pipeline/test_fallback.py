"""A service that fails in a call, and another that stands in: whatever the fault and the instant, no turn is lost."""

from __future__ import annotations

import math
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from voicekit import Fallback
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError, QuotaExceeded, RemoteProtocolError, Unauthenticated, Unavailable
from voicekit.events import Audible, SttDown, SttUp, Switched, TurnEnded
from voicekit.flow.fallback import REST_REFUSED_S, crossing, rest
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.stage import Run
from voicekit.flow.store import count as one_each
from voicekit.listen.fallback_stt import FallbackStt
from voicekit.listen.sound_log import moved, moved_back
from voicekit.llm import LanguageModel
from voicekit.reply.fallback_tts import FallbackTts
from voicekit.session.eventlog import describe, open_event_log, read_events
from voicekit.soniox import Endpoints, SonioxStt, SonioxTts
from voicekit.testing import FakeTts, HeldCall, Script, ScriptedStt, check_tts, hold_call
from voicekit.testing.llm import AnswerCut, AnswerStall, Asked, ModelServer, Pause, ScriptedAnswer, Status
from voicekit.testing.positions import POSITIONS, WINDOW
from voicekit_openai.models import openai

ANSWER = "The doctor can see you at half past nine. Is that early enough for you? Please bring your card."
GAP_S = 6.0
"""The longest that a caller waits for a word."""

ERRORS: dict[str, Callable[[], Exception]] = {
    "402": lambda: QuotaExceeded("the balance is used up", service="fake", code=402),
    "429": lambda: QuotaExceeded("too many at once", service="fake", code=429, retryable=True),
    "401": lambda: Unauthenticated("no such key", service="fake", code=401),
    "lost": lambda: Unavailable("the connection was lost", service="fake", retryable=True),
    "nonsense": lambda: RemoteProtocolError("a message of no kind"),
}
KINDS = [*ERRORS, "half-open"]


class FaultyPart:
    """A part that fails: at `open`, or in the first stream after it has passed on `after` items. Later it works."""

    def __init__(self, part: Any, kind: str, after: float, *, at_open: bool = False) -> None:
        self._part = part
        self._kind = kind
        self._after = after
        self._at_open = at_open
        self.opened = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    async def _fail(self) -> None:
        if self._kind == "half-open":
            await trio.sleep_forever()
        raise ERRORS[self._kind]()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        self.opened += 1
        if self._at_open:
            await self._fail()
        async with self._part.open() as run:
            yield partial(self._run, run)

    async def _run(self, run: Run[Any, Any], inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        """Half open, it goes on taking what it is given; that is what makes it hard to see."""
        passed, made = 0, open_link(1, weigh=one_each, name="made by a faulty part")

        async def work() -> None:
            with made[0]:
                await run(inbox, made[0])

        with made[0], made[1]:
            async with trio.open_nursery() as nursery:
                if self._after > 0:
                    nursery.start_soon(work)
                    async for item in made[1]:
                        await outbox.send(item)
                        passed += isinstance(item, AudioFrame) or not hasattr(item, "at")
                        if passed >= self._after:
                            break
                    else:
                        return
                nursery.cancel_scope.cancel()
        if self._kind != "half-open":
            await self._fail()
        async for _ in inbox:
            pass
        await trio.sleep_forever()


def asking(*more: tuple[str, float]) -> Script:
    script = Script()
    script.says("may I see the doctor", at=1.0, for_=1.5)
    for text, at in more:
        script.says(text, at=at, for_=1.0)
    script.stays(until=max([at for _, at in more], default=0.0) + 30.0)
    return script


def switches(call: HeldCall) -> list[Switched]:
    return [event for _, event in call.events if isinstance(event, Switched)]


def waits(call: HeldCall, script: Script) -> list[float]:
    """How long after each utterance the first sound of a reply came."""
    audible = [at for at, event in call.events if isinstance(event, Audible)]
    ends = [sound.end for sound in script.sounds if sound.text]
    return [min((at - end for at in audible if at >= end), default=math.inf) for end in ends]


async def answering(turn: Any, say: Any) -> None:
    await say(ANSWER)


def with_a_faulty_voice(kind: str, after: float, at_open: bool) -> tuple[HeldCall, Script]:
    script = asking()
    first = FaultyPart(FakeTts(), kind, after, at_open=at_open)
    return hold_call(answering, script, tts=Fallback(first, FakeTts(), roll=lambda: 0.5)), script


def with_a_faulty_recogniser(kind: str, after: float, at_open: bool) -> tuple[HeldCall, Script]:
    script = asking(("and how long does it take", 15.0))
    part = ScriptedStt(script)
    ears = Downer(part) if kind == "down" else FaultyPart(part, kind, after, at_open=at_open)
    return hold_call(answering, script, stt=Fallback(ears, LateStt(script), roll=lambda: 0.5)), script


@settings(max_examples=count(200))
@given(kind=st.sampled_from(KINDS), after=st.integers(0, 120), at_open=st.booleans())
@pytest.mark.full_counts
def test_a_voice_that_fails_at_any_instant(kind: str, after: int, at_open: bool) -> None:
    """The other goes on at the word that broke off: the caller has heard all of the answer, within 6 s, in one turn."""
    call, script = with_a_faulty_voice(kind, after, at_open)
    (turn,) = [turn for turn in call.history if turn.user]
    assert turn.said == ANSWER
    assert turn.heard == ANSWER
    assert max(waits(call, script)) <= GAP_S
    ended_before = not at_open and after > len(ANSWER)
    assert [switch.role for switch in switches(call)] == ([] if ended_before else ["tts"])
    assert longest_silence(call) <= GAP_S


def longest_silence(call: HeldCall) -> float:
    """In the middle of the reply, by what the sink has played."""
    underruns = [event.samples for _, event in call.events if type(event).__name__ == "Underrun"]
    return max(underruns, default=0) / 16_000


@settings(max_examples=count(200))
@given(kind=st.sampled_from([*KINDS, "down"]), after=st.integers(0, 12), at_open=st.booleans())
@pytest.mark.full_counts
def test_a_recogniser_that_fails_at_any_instant(kind: str, after: int, at_open: bool) -> None:
    """The other hears again what was not final: every word of the caller's is in the history, within 6 s."""
    call, script = with_a_faulty_recogniser(kind, after, at_open)
    assert [turn.user for turn in call.history if turn.user] == ["may I see the doctor", "and how long does it take"]
    assert max(waits(call, script)) <= GAP_S
    told = [switch.role for switch in switches(call)]
    assert told == ["stt"] or (after > 11 and not told)
    assert not [event for _, event in call.events if isinstance(event, SttDown | SttUp)]


class LateStt:
    """A recogniser of the script that may have come late: it reads in the sound itself where it began."""

    def __init__(self, script: Script) -> None:
        self._part = ScriptedStt(script)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        async with self._part.open() as run:
            yield partial(self._run, run)

    async def _run(self, run: Run[Any, Any], inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        base = 0
        sound = open_link(1, weigh=one_each, name="sound in its place")
        said = open_link(1, weigh=one_each, name="transcripts in their place")

        async def feed() -> None:
            nonlocal base
            begun = False
            with sound[0]:
                async for item in inbox:
                    if not begun and isinstance(item, AudioFrame):
                        begun, base = True, position(item.pcm)
                        if base:
                            await sound[0].send(Gap(base, 0))
                    await sound[0].send(moved(item, -base))

        async def hear() -> None:
            with sound[1], said[0]:
                await run(sound[1], said[0])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed)
            nursery.start_soon(hear)
            with said[1]:
                async for transcript in said[1]:
                    await outbox.send(moved_back(transcript, -base))


class Downer:
    """Says that it has lost its service, and goes on trying for ever."""

    def __init__(self, part: Any) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        async def run(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
            await outbox.send(SttDown("the connection was lost"))
            async for _ in inbox:
                pass
            await trio.sleep_forever()

        yield run


def position(pcm: bytes) -> int:
    """Where the sound of a script begins, by what its samples spell (see `voicekit.testing.positions`)."""
    samples = array("h", pcm)
    place = samples[0] % POSITIONS
    skip = 0 if place + WINDOW <= POSITIONS else POSITIONS - place
    spelt = [(skip + n + place) % WINDOW for n in range(WINDOW)]
    block = sum(bool(samples[skip + n] & POSITIONS) << bit for n, bit in enumerate(spelt))
    return (block - bool(skip)) * POSITIONS + place


FAULTS: dict[str, Any] = {
    "402": Status(402, "billing_error"),
    "429": Status(429, "rate_limit_error", retry_after=30.0),
    "500": Status(500),
    "half-open": ScriptedAnswer(AnswerStall()),
    "cut in mid-word": ScriptedAnswer("The doctor can see you at ha", AnswerCut(), every=0.03),
    "half-open in mid-word": ScriptedAnswer("The doctor can see you at ha", AnswerStall(), every=0.03),
}


def two_models(fault: Any, other: Any = ANSWER) -> tuple[LanguageModel, ModelServer]:
    """A model that fails once, behind it one that answers."""
    answers = iter([fault])

    def answer(asked: Asked) -> Any:
        if asked.body["model"] == "second":
            return other
        return next(answers, ScriptedAnswer("The first is back.", every=0.03))

    server = ModelServer(otherwise=answer)
    first, second = (openai(model=name, api_key="k", transport=server.transport) for name in ("first", "second"))
    spec = Fallback(first.model, second.model, roll=lambda: 0.5)
    return LanguageModel(spec, transport=server.transport), server


@pytest.mark.parametrize("kind", FAULTS)
def test_a_model_that_fails(kind: str) -> None:
    """The next one answers the same turn, behind a stop if words had been said; the caller waits 6 s at most."""
    handler, server = two_models(FAULTS[kind])
    script = asking(("and then", 20.0))
    call = hold_call(handler, script)
    turns = [turn for turn in call.history if turn.user]
    assert turns[0].said.endswith(ANSWER)
    assert turns[0].heard == turns[0].said
    assert max(waits(call, script)) <= GAP_S
    (switch,) = switches(call)
    assert (switch.role, switch.left, switch.taken) == ("model", "first 1", "second 2")
    if "mid-word" in kind:
        assert turns[0].said == f"The doctor can see you at ha. {ANSWER}"
        assert [asked.body["model"] for asked in server.asked][:2] == ["first", "second"]
    assert "stands in for first 1" in (describe(switch) or "")
    back = kind not in ("402", "429")
    assert turns[1].said == ("The first is back." if back else ANSWER)


def gap(call: HeldCall, script: Script) -> float:
    """The longest that the caller waited: for a reply's first word, or for its next one."""
    return max(*waits(call, script), longest_silence(call))


@pytest.mark.real
def test_the_gap_of_each_fault_is_stated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A table of the longest waits, over instants of the fault; the log on disk has each switch and its error."""
    instants: list[tuple[float, bool]] = [(0, True), *((after, False) for after in (0, 1, 4, 11, 40))]
    gaps: dict[tuple[str, str], float] = {}
    for role, held, kinds in (
        ("stt", with_a_faulty_recogniser, [*KINDS, "down"]),
        ("tts", with_a_faulty_voice, KINDS),
    ):
        for kind in kinds:
            for after, at_open in instants:
                call, script = held(kind, after, at_open)
                gaps[role, kind] = max(gaps.get((role, kind), 0.0), gap(call, script))
                told_on_disk(call, tmp_path / "events.jsonl")
    for kind, fault in FAULTS.items():
        script = asking(("and then", 20.0))
        call = hold_call(two_models(fault)[0], script)
        gaps["model", kind] = gap(call, script)
        told_on_disk(call, tmp_path / "events.jsonl")
    with capsys.disabled():
        print("\nwhat fails   how                     the caller waits at most")
        for (role, kind), longest in gaps.items():
            print(f"{role:12} {kind:23} {longest:4.1f} s")
    assert max(gaps.values()) <= GAP_S


def story(switch: Switched) -> tuple[str, ...]:
    return switch.role, switch.left, switch.taken, type(switch.error).__name__, str(switch.error)


def told_on_disk(call: HeldCall, path: Path) -> None:
    """The event log, written and read again, has the switches of the call and what was said in it, in their order."""
    path.unlink(missing_ok=True)

    async def write() -> None:
        async with open_event_log(path) as note:
            for _, event in call.events:
                note(event)

    trio.run(write)
    kept = [event for _, event in read_events(path)]
    assert [story(event) for event in kept if isinstance(event, Switched)] == [story(e) for e in switches(call)]
    heard = [event.heard for event in kept if isinstance(event, TurnEnded)]
    assert heard == [turn.heard for turn in call.history]


def test_an_excuse_comes_if_all_are_slow() -> None:
    """After three seconds without a word the caller hears one; the answer comes when it comes."""
    handler, _ = two_models(ScriptedAnswer(AnswerStall()), ScriptedAnswer(Pause(6.0), "Here it is."))
    script = asking()
    call = hold_call(handler, script)
    (turn,) = [turn for turn in call.history if turn.user]
    assert turn.heard == "One moment, please. Here it is."
    assert max(waits(call, script)) <= GAP_S


def test_if_all_fail_the_last_error_counts() -> None:
    """An apology is said, as for one model that fails."""
    handler, _ = two_models(Status(402, "billing_error"), Status(401, "authentication_error"))
    call = hold_call(handler, asking(), strict=False)
    assert [turn.heard for turn in call.history] == ["I'm sorry, something went wrong. Could you say that again?"]


def test_what_one_call_has_learnt_spares_the_next_the_wait() -> None:
    """A Fallback that is shared goes to the one that works at once, and comes back to the first when it has rested."""
    spec: Fallback[str] = Fallback("a", "b", "c", roll=lambda: 1.0)
    assert spec.order(0.0) == [0, 1, 2]
    spec.failed(0, ERRORS["429"](), 0.0)
    spec.failed(1, ERRORS["lost"](), 0.0)
    assert spec.order(1.0) == [2, 1, 0]
    assert spec.order(16.0) == [1, 2, 0]
    assert spec.order(41.0) == [0, 1, 2]
    spec.failed(0, ERRORS["402"](), 50.0)
    assert spec.order(300.0) == [1, 2, 0]
    spec.works(0)
    assert spec.order(300.0) == [0, 1, 2]


def test_a_shared_quota_brings_calls_back_one_after_the_other() -> None:
    """After a 429 each call rests for a time of its own: chance spreads them over twenty seconds."""
    rolls = iter([number / 100 for number in range(100)])
    specs = [Fallback("a", "b", roll=lambda: next(rolls)) for _ in range(100)]
    for spec in specs:
        spec.failed(0, ERRORS["429"](), 0.0)
    back = [sum(spec.order(at)[0] == 0 for spec in specs) for at in (19.9, 25.0, 30.0, 35.0, 40.1)]
    assert back == sorted(back)
    assert back[0] == 0
    assert back[-1] == 100
    assert 40 <= back[2] <= 60


def test_a_service_rests_by_what_it_said() -> None:
    """Refused for good rests longest."""
    assert rest(ERRORS["401"]()) == rest(ERRORS["402"]()) == REST_REFUSED_S
    assert rest(ERRORS["lost"]()) < rest(ERRORS["429"]()) < REST_REFUSED_S


def test_a_switch_across_regions_is_told() -> None:
    """The event names both, and the log warns that voices leave one."""

    class Regional(FakeTts):
        def __init__(self, region: str) -> None:
            super().__init__()
            self.region = region

    first = FaultyPart(Regional("eu"), "402", 0)
    call = hold_call(answering, asking(), tts=Fallback(first, Regional("us")))
    (switch,) = switches(call)
    assert switch.crosses == "eu to us"
    assert "warning: eu to us" in (describe(switch) or "")


@pytest.mark.parametrize("make", [SonioxStt, SonioxTts])
def test_soniox_parts_know_their_region(make: Callable[..., Any]) -> None:
    """A switch from one region's host to another's is a crossing; within a region, or to a local server, none is."""
    eu, us = (make(key="k", endpoints=Endpoints.find(region)) for region in ("eu", "us"))
    local = make(key="k", endpoints=Endpoints.find(stt="ws://127.0.0.1:1", tts="ws://127.0.0.1:1"))
    assert crossing(eu, us) == "eu to us"
    assert crossing(us, make(key="other", endpoints=Endpoints.find("us"))) is None
    assert crossing(eu, local) is None


def test_a_fallback_that_can_not_work_is_refused() -> None:
    """One member alone, parts that do not agree, a role that has none."""
    with pytest.raises(ConfigError, match="at least two members, got 1"):
        Fallback("soniox")
    script = asking()
    with pytest.raises(ConfigError, match="detect endpoints"):
        FallbackStt(Fallback(1, 2), [ScriptedStt(script), ScriptedStt(script, endpoints=False)])
    with pytest.raises(ConfigError, match="a Fallback can only be an stt, a tts"):
        hold_call(answering, script, vad=Fallback("webrtc", "energy"))
    voices = [FakeTts(), FakeTts()]
    voices[1].negotiate = lambda wanted: AudioFormat(48_000)  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="use the same format"):
        FallbackTts(Fallback(1, 2), voices).negotiate(AudioFormat(16_000))


async def test_a_fallback_keeps_the_contracts_of_its_parts(autojump_clock: Any) -> None:
    """What is true of any voice is true of several."""
    await check_tts(lambda: FallbackTts(Fallback(1, 2), [FakeTts(), FakeTts()]))
