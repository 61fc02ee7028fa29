"""What is decoded when, what becomes final, and where utterances end; with ears that count words, and real sound."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import LocalProtocolError
from voicekit.soniox.api.wire import SttConfig, Token
from voicekit_local.engines.align import LetterAligner
from voicekit_local.engines.interface import HEARING_RATE, LONGEST_S, Heard, HeardWord, Progress
from voicekit_local.hearing import Hearing
from voicekit_local.outbox import Result

RATE = HEARING_RATE
FRAME = RATE // 50
ENDPOINTS = SttConfig(enable_endpoint_detection=True)
MARKERS = ("<end>", "<fin>")


class Counting:
    """Hears a word for each half second of sound, "w1. w2. ..." or ending with `last`; remembers what it was given."""

    name = "counting"
    languages: tuple[str, ...] = ("en",)

    def __init__(self, last: str = "done.", partials: bool = True, most: int = 1_000) -> None:
        self.partials = partials
        self.given: list[Any] = []
        self._last = last
        self._most = most

    def load(self, progress: Progress) -> None:
        """It has nothing to load."""

    def decode(self, sound: Any, draft: tuple[int, ...] = ()) -> Heard:
        self.given.append(sound)
        count = min(self._most, round(len(sound) / RATE / 0.5))
        words = [HeardWord(f"w{place + 1}", 0.9) for place in range(count)]
        return Heard((*words[:-1], HeardWord(self._last, 0.5)) if words else (), tuple(range(count)))


@dataclass
class Call:
    """A session whose every job takes `lag` seconds of sound; what it said is timed by the sound heard.

    A job that isn't urgent is taken `wait` seconds after it was wanted.
    """

    config: SttConfig = ENDPOINTS
    ears: Counting = field(default_factory=Counting)
    lag: float = 0.1
    wait: float = 0.0

    def __post_init__(self) -> None:
        self.hearing = Hearing(self.config, partials=self.ears.partials)
        self.results: list[tuple[float, Result]] = []
        self._out: Any = None
        self._ready = 0.0
        self._wanted: float | None = None
        self.now = 0.0

    def hear(self, *sounds: Any) -> Call:
        for sound in sounds:
            for start in range(0, len(sound), FRAME):
                self.hearing.feed(pcm(sound[start : start + FRAME]))
                self.now += len(sound[start : start + FRAME]) / RATE
                self.work()
        return self

    def work(self) -> None:
        if self._out is not None and self.now >= self._ready:
            self.hearing.done(self._out.run(self.ears, LetterAligner()))
            self._out = None
        if self._out is None and self._may_take() and (job := self.hearing.job()) is not None:
            self._out, self._ready, self._wanted = job, self.now + self.lag, None
        self.results += [(self.now, result) for result in self.hearing.results()]

    def _may_take(self) -> bool:
        if self._wanted is None and self.hearing.wants_job:
            self._wanted = self.now
        return self.hearing.urgent or (self._wanted is not None and self.now >= self._wanted + self.wait)

    def end(self) -> Call:
        self.hearing.end()
        while not self.hearing.finished:
            self.now += self.lag
            self.work()
        self.work()
        return self

    @property
    def tokens(self) -> list[tuple[float, Token]]:
        return [(at, token) for at, result in self.results for token in result.tokens]

    @property
    def finals(self) -> list[Token]:
        return [token for _, token in self.tokens if token.is_final]

    @property
    def text(self) -> str:
        return "".join(token.text or "" for token in self.finals)

    def said_at(self, text: str) -> list[float]:
        return [at for at, token in self.tokens if token.text == text]


def pcm(sound: Any) -> bytes:
    return bytes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())


def silence(seconds: float) -> Any:
    """A quiet room."""
    return np.random.default_rng(1).normal(0, 1e-4, round(seconds * RATE)).astype(np.float32)


@pytest.fixture(scope="session")
def talk(recordings: dict[str, Any]) -> Any:
    """Five seconds of somebody speaking, without a pause that counts."""
    return recordings["austen-0890"][round(0.27 * RATE) : round(5.05 * RATE)]


def test_silence_has_no_words_and_moves_on() -> None:
    """In silence messages come all the time, without tokens, and say up to where there is nothing."""
    call = Call().hear(silence(5)).end()
    assert call.tokens == []
    assert call.ears.given == []
    assert len(call.results) >= 20
    behind = [result.total_ms - result.final_ms for _, result in call.results[5:-1]]
    assert max(behind) <= 450
    assert (call.results[-1][1].final_ms, call.results[-1][1].total_ms) == (5_000, 5_000)


def test_segments_begin_shortly_before_their_speech(talk: Any) -> None:
    """However long the silence before it, what is decoded has at most 0.3 s of it, and at least 0.1 s."""
    call = Call().hear(silence(3), talk, silence(2)).end()
    for sound in call.ears.given:
        loud = int(np.argmax(np.abs(sound) > 0.02))
        assert 0.1 * RATE <= loud <= 0.4 * RATE


def test_words_settle_while_they_are_spoken(talk: Any) -> None:
    """Final words come during speech, each once, before the others, and never the last word that is heard."""
    call = Call(ears=Counting(last="tail")).hear(silence(1), talk)
    early = call.finals
    assert [token.text for token in early][:4] == ["w1", " w2", " w3", " w4"]
    assert "tail" not in call.text
    call.hear(silence(3)).end()
    assert call.finals[: len(early)] == early
    assert len({token.text for token in call.finals}) == len(call.finals)


def test_a_message_has_new_finals_then_the_whole_tail(talk: Any) -> None:
    """In each message final tokens are first, and all of the rest of what is heard follows."""
    call = Call(ears=Counting(last="tail")).hear(silence(1), talk)
    settled = 0
    for _, result in call.results:
        final = [bool(token.is_final) for token in result.tokens]
        assert final == sorted(final, reverse=True)
        settled += sum(final)
        if False in final:
            assert result.tokens[-1].text in (" tail", "tail")
            first_open = (result.tokens[sum(final)].text or "").strip()
            assert first_open in (f"w{settled + 1}", "tail")


def test_words_have_times_within_the_speech(talk: Any) -> None:
    """Times of final words rise, and lie where somebody spoke."""
    call = Call().hear(silence(2), talk, silence(2)).end()
    times = [ms for token in call.finals if token.text not in MARKERS for ms in (token.start_ms, token.end_ms)]
    assert times == sorted(times)
    assert 1_700 <= times[0] <= 2_300
    assert times[-1] <= 2_000 + 4_780 + 300


def test_one_blank_is_between_words_and_none_before_the_first(talk: Any) -> None:
    """Tokens joined are the text, over utterances too, whether they are final or not."""
    call = Call().hear(silence(1), talk, silence(3), talk, silence(3)).end()
    assert call.text.startswith("w1 w2 ")
    assert call.text.count("<end> w1 w2") == 1
    first = next(result for _, result in call.results if result.tokens)
    assert not (first.tokens[0].text or "").startswith(" ")


@pytest.mark.parametrize(
    ("last", "knobs", "delay"),
    [
        ("done.", {}, 0.6),
        ("done", {}, 1.1),
        ("um.", {}, 1.1),
        ("done.", {"endpoint_sensitivity": 1.0}, 0.35),
        ("done.", {"endpoint_sensitivity": -1.0}, 1.2),
        ("done", {"endpoint_sensitivity": -1.0}, 2.0),
        ("done", {"endpoint_sensitivity": -1.0, "max_endpoint_delay_ms": 3000}, 2.2),
        ("done", {"max_endpoint_delay_ms": 500}, 0.5),
        ("done.", {"endpoint_latency_adjustment_level": 3}, 0.36),
    ],
)
def test_an_utterance_ends_after_the_silence_that_was_configured(
    talk: Any, last: str, knobs: dict[str, Any], delay: float
) -> None:
    """The silence before <end> depends on whether the words look complete, and on the three knobs."""
    config = SttConfig(enable_endpoint_detection=True, **knobs)
    call = Call(config, Counting(last), lag=0.04).hear(silence(1), talk, silence(4))
    assert call.said_at("<end>") == [pytest.approx(1 + len(talk) / RATE + delay, abs=0.15)]
    assert call.text.endswith(f" {last}<end>")


def test_sound_without_words_does_not_keep_an_utterance_open(talk: Any) -> None:
    """When three seconds that are taken for speech bring no new word, the utterance ends, and the next can begin."""
    call = Call(ears=Counting(most=4)).hear(silence(1), talk, talk, talk[: 2 * RATE])
    ended, *_ = call.said_at("<end>")
    assert 1 + 2 + 3 <= ended <= 1 + 2 + 3 + 2.5
    assert call.text.startswith("w1 w2 w3 done.<end> w1")


def test_without_endpoint_detection_the_tail_waits(talk: Any) -> None:
    """The last words stay open through silence, until somebody speaks again; there is no <end>."""
    call = Call(SttConfig()).hear(silence(1), talk, silence(5))
    assert call.results[-1][1].tokens[-1].text == " done."
    assert " done." not in call.text
    call.hear(talk)
    assert " done." in call.text
    call.hear(silence(1)).end()
    assert "<end>" not in call.text


def test_finalize_in_silence_is_answered_at_once(talk: Any) -> None:
    """When all words are decoded already, finalize makes them final without waiting; it answers to silence too."""
    call = Call(SttConfig()).hear(silence(1))
    call.hearing.finalize()
    assert [token.text for result in call.hearing.results() for token in result.tokens] == ["<fin>"]
    call.hear(talk, silence(1))
    call.hearing.finalize()
    (result,) = call.hearing.results()
    assert [token.text for token in result.tokens][-2:] == [" done.", "<fin>"]


@pytest.mark.parametrize(("last", "delay"), [("done.", 0.6), ("done", 1.1)])
def test_an_utterance_ends_as_soon_after_a_finalize(talk: Any, last: str, delay: float) -> None:
    """Final words end nothing: <end> follows <fin> when it would have come without, and once."""
    call = Call(ears=Counting(last)).hear(silence(1), talk, silence(0.4))
    call.hearing.finalize()
    call.hear(silence(3))
    assert call.said_at("<fin>") == [pytest.approx(1.4 + len(talk) / RATE, abs=0.15)]
    assert call.said_at("<end>") == [pytest.approx(1 + len(talk) / RATE + delay, abs=0.15)]
    assert call.text.endswith("<fin><end>")


def test_finalize_in_the_middle_of_speech_parts_it(talk: Any) -> None:
    """What was said before is final before <fin>, what is said after it is heard as its own."""
    call = Call().hear(silence(1), talk[: 2 * RATE])
    call.hearing.finalize()
    call.hear(talk[2 * RATE :], silence(3)).end()
    before, after = call.text.split("<fin>")
    assert before.endswith("done.")
    assert after.endswith("done.<end>")
    parts = [len(sound) for sound in call.ears.given]
    assert sum(sorted(parts)[-1:]) < len(talk)


def test_end_makes_everything_final(talk: Any) -> None:
    """Sound that ends in the middle of a word is heard to its last sample, and <end> is not made up."""
    sound = talk[: 3 * RATE + 123]
    call = Call().hear(silence(1), sound).end()
    assert call.text.endswith("done.")
    assert call.results[-1][1].final_ms == call.results[-1][1].total_ms == 1000 * (4 * RATE + 123) // RATE
    assert np.allclose(call.ears.given[-1][-FRAME:], sound[-FRAME:], atol=1e-3)


def test_long_speech_is_cut_where_it_is_quiet(talk: Any) -> None:
    """No segment is longer than engines take, nothing between two is lost, and the cut is at the quietest place."""
    gap = round(0.15 * RATE)
    speech = np.concatenate([talk, talk, talk[: round(3.5 * RATE)], np.zeros(gap, np.float32), talk, talk, talk])
    call = Call().hear(silence(1), speech, silence(3)).end()
    assert max(len(sound) for sound in call.ears.given) <= LONGEST_S * RATE + FRAME
    ends = [token.end_ms for token in call.finals if token.text == " done."]
    quiet_at = 1_000 + 1000 * (2 * len(talk) + round(3.5 * RATE)) / RATE
    assert ends[0] == pytest.approx(quiet_at + 75, abs=100)


def test_a_long_pause_parts_segments(talk: Any) -> None:
    """Without endpoints too, silence in the middle of what is decoded stays short."""
    call = Call(SttConfig()).hear(silence(1), talk, silence(3), talk, silence(1)).end()
    assert max(len(sound) for sound in call.ears.given) <= len(talk) + 0.6 * RATE


def test_an_engine_without_partials_is_asked_once(talk: Any) -> None:
    """Where decoding is dear, it happens only when speech has stopped."""
    call = Call(ears=Counting(partials=False)).hear(silence(1), talk, silence(3)).end()
    assert len(call.ears.given) <= 2
    assert call.text.endswith("done.<end>")


def test_an_engine_that_is_late_is_asked_less(talk: Any) -> None:
    """With a slow engine partial results get rare, and the final ones are the same."""
    quick, slow = Call(lag=0.05), Call(lag=1.5)
    for call in (quick, slow):
        call.hear(silence(1), talk, silence(4)).end()
    assert len(slow.ears.given) <= len(quick.ears.given) / 2
    assert slow.text == quick.text


def test_who_has_to_wait_for_workers_asks_less(talk: Any) -> None:
    """Where jobs wait 0.3 s for a worker, there are half as many or fewer, and the final words are the same."""
    prompt, patient = Call(lag=0.05), Call(lag=0.05, wait=0.3)
    for call in (prompt, patient):
        call.hear(silence(1), talk, silence(4)).end()
    assert len(patient.ears.given) <= len(prompt.ears.given) / 2
    assert patient.text == prompt.text


@pytest.mark.parametrize("message", [FRAME, 2 * FRAME, 5 * FRAME])
def test_messages_of_up_to_a_tenth_of_a_second_are_no_wait(talk: Any, message: int) -> None:
    """A job that is due within a message and taken at its end is not late: the next one is due as usual."""
    hearing, ears, starts = Hearing(ENDPOINTS), Counting(), []
    sound = np.concatenate([silence(1), talk])
    for place in range(0, len(sound), message):
        hearing.feed(pcm(sound[place : place + message]))
        if (job := hearing.job()) is not None:
            starts.append(job.end)
            hearing.done(job.run(ears, LetterAligner()))
    assert max(later - sooner for sooner, later in pairwise(starts)) <= 0.4 * RATE + message


def test_the_backlog_is_told(talk: Any) -> None:
    """Speech that is over and not decoded counts as behind, from its end on."""
    hearing = Hearing(ENDPOINTS)
    hearing.feed(pcm(np.concatenate([silence(1), talk, silence(1)])))
    assert (hearing.urgent, hearing.behind_s) == (True, 0.0)
    hearing.feed(pcm(silence(3)))
    assert hearing.behind_s == pytest.approx(3.8, abs=0.3)
    job = hearing.job()
    assert job is not None
    assert not hearing.wants_job
    hearing.done(job.run(Counting(), LetterAligner()))
    assert (hearing.urgent, hearing.behind_s) == (False, 0.0)


@given(seed=st.integers(0, 10_000))
def test_no_schedule_loses_or_repeats_words(seed: int, recordings: dict[str, Any]) -> None:
    """Whenever jobs are taken, brought back, and finalize comes in between, all messages keep their promises."""
    chance = random.Random(seed)
    hearing, ears, out = Hearing(ENDPOINTS), Counting(), None
    results: list[Result] = []
    fins = 0
    for block in blocks(chance, recordings):
        hearing.feed(block)
        if chance.random() < 0.02:
            hearing.finalize()
            fins += 1
        if out is None and chance.random() < 0.3:
            out = hearing.job()
        elif out is not None and chance.random() < 0.3:
            hearing.done(out.run(ears, LetterAligner()))
            out = None
        results += hearing.results()
    hearing.end()
    while out is not None or hearing.wants_job:
        out = out or hearing.job()
        assert out is not None
        hearing.done(out.run(ears, LetterAligner()))
        out = None
        results += hearing.results()
    results += hearing.results()
    assert hearing.finished
    check(results, fins)


def check(results: Sequence[Result], fins: int) -> None:
    finals = [token for result in results for token in result.tokens if token.is_final]
    times = [ms for token in finals if token.text not in MARKERS for ms in (token.start_ms, token.end_ms)]
    assert times == sorted(times)
    assert [token.text for token in finals].count("<fin>") == fins
    texts = "".join(token.text or "" for token in finals)
    assert "<end><end>" not in texts
    progress = [(result.final_ms, result.total_ms) for result in results]
    assert progress == sorted(progress)
    assert all(final <= total for final, total in progress)
    assert progress[-1][0] == progress[-1][1]
    assert not [token for token in results[-1].tokens if not token.is_final]
    for utterance in texts.replace("<fin>", "<end>").split("done."):
        numbers = [int(word[1:]) for word in utterance.replace("<end>", " ").split()]
        assert numbers == list(range(1, len(numbers) + 1))


def blocks(chance: random.Random, recordings: dict[str, Any]) -> Iterator[bytes]:
    """Some seconds of speech and silence, in blocks of any size."""
    names = sorted(recordings)
    parts = [
        recordings[chance.choice(names)] if chance.random() < 0.6 else silence(chance.random() * 3) for _ in range(5)
    ]
    sound = pcm(np.concatenate(parts))
    place = 0
    while place < len(sound):
        size = 2 * chance.choice((160, 320, 333, 1_600, 8_000))
        yield sound[place : place + size]
        place += size


def test_what_can_not_be_is_refused() -> None:
    """Half a sample, sound after the end, and a job that is not out are mistakes of the caller."""
    hearing = Hearing(ENDPOINTS)
    with pytest.raises(LocalProtocolError, match="whole samples, got 3 bytes"):
        hearing.feed(b"abc")
    hearing.end()
    with pytest.raises(LocalProtocolError, match="after the end"):
        hearing.feed(b"ab")


def test_languages_and_speakers_are_named_where_asked(talk: Any) -> None:
    """Tokens have a language and a speaker only when the configuration wants them."""
    plain, full = (
        Call(SttConfig(enable_language_identification=wanted, enable_speaker_diarization=wanted))
        for wanted in (None, True)
    )
    for call in (plain, full):
        call.hear(silence(1), talk, silence(1)).end()
    assert {(token.language, token.speaker) for token in plain.finals} == {(None, None)}
    assert {(token.language, token.speaker) for token in full.finals} == {("en", "1")}
