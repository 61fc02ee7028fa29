"""The policies: their defaults, what they refuse, and what the word lists match."""

# ruff: noqa: RUF001  # words of many scripts

from __future__ import annotations

import dataclasses
import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.turns import words
from voicekit.errors import ConfigError
from voicekit.events import Word
from voicekit.turn.phrases import InterruptionWeigher
from voicekit.turn.policy import CallPolicy, InterruptPolicy, Policy, Speculation, TurnPolicy
from voicekit.turn.wordlists import IGNORE_WORDS, STOP_WORDS
from voicekit.writing import letters


def test_the_defaults_are_the_documented_ones() -> None:
    """A call without settings runs with the numbers of the design."""
    turn, interrupt, call = TurnPolicy(), InterruptPolicy(), CallPolicy()
    assert (turn.endpointing, turn.settle, turn.max_endpoint_delay, turn.fallback) == ("auto", 0.8, 2.0, 2.5)
    assert (interrupt.barge_in, interrupt.doubt, interrupt.regret) == (True, 2.0, 2.0)
    assert (interrupt.min_words, interrupt.min_speech) == (2, 0.25)
    assert (call.greeting, call.idle_after, call.idle_prompt, call.idle_limit) == (None, None, None, None)
    assert (call.max_duration, call.open_timeout, call.end_within) == (None, 10.0, 15.0)
    assert Policy() == Policy(turn, interrupt, call)


def test_speculation_is_off_on_or_in_numbers() -> None:
    """It is off unless asked for; True is the documented numbers, and a Speculation is itself."""
    assert TurnPolicy().speculation is None
    assert TurnPolicy(speculate=True).speculation == Speculation(after=0.2, most=3, ahead="text")
    assert TurnPolicy(speculate=Speculation(most=1)).speculation == Speculation(most=1)


@pytest.mark.parametrize(
    ("kind", "field", "value", "expected"),
    [
        (TurnPolicy, "endpointing", "magic", "one of auto, stt, vad"),
        (TurnPolicy, "settle", -0.1, "0 or more seconds"),
        (TurnPolicy, "settle", "0.8", "0 or more seconds"),
        (TurnPolicy, "max_endpoint_delay", math.nan, "0 or more seconds"),
        (TurnPolicy, "speculate", "yes", "True, False or a Speculation"),
        (Speculation, "after", -1, "0 or more seconds"),
        (Speculation, "most", 0, "an integer of at least 1"),
        (Speculation, "ahead", "words", "one of text, sound"),
        (InterruptPolicy, "barge_in", 1, "True or False"),
        (InterruptPolicy, "doubt", math.inf, "0 or more seconds"),
        (InterruptPolicy, "regret", None, "0 or more seconds"),
        (InterruptPolicy, "min_speech", True, "0 or more seconds"),
        (InterruptPolicy, "min_words", 0, "an integer of at least 1"),
        (InterruptPolicy, "min_words", 1.5, "an integer of at least 1"),
        (InterruptPolicy, "stop_words", ("stop",), "phrases by language such as"),
        (InterruptPolicy, "stop_words", {"en": "stop"}, "phrases by language such as"),
        (InterruptPolicy, "ignore_words", {"en": (1,)}, "phrases by language such as"),
        (CallPolicy, "greeting", b"hello", "text or None"),
        (CallPolicy, "idle_prompt", 5, "text or None"),
        (CallPolicy, "idle_after", 0, "a number of seconds above 0"),
        (CallPolicy, "idle_limit", -1, "an integer of at least 0"),
        (CallPolicy, "idle_limit", True, "an integer of at least 0"),
        (CallPolicy, "max_duration", -5, "a number of seconds above 0"),
        (CallPolicy, "open_timeout", None, "a number of seconds above 0"),
        (CallPolicy, "end_within", 0.0, "a number of seconds above 0"),
        (Policy, "turn", InterruptPolicy(), "a TurnPolicy"),
        (Policy, "call", None, "a CallPolicy"),
    ],
)
def test_a_value_that_no_call_can_run_with_is_refused(kind: Any, field: str, value: Any, expected: str) -> None:
    """The error names the field, what was expected, and what came."""
    with pytest.raises(ConfigError) as caught:
        kind(**{field: value})
    assert str(caught.value).startswith(f"{kind.__name__}.{field}: expected {expected}")
    assert str(caught.value).endswith(f", got {value!r}")


def test_policies_are_values() -> None:
    """They can't be changed, can be compared and replaced, and keep lists of their own."""
    lists = {"en": ["stop"]}
    policy = InterruptPolicy(stop_words=lists)
    lists["en"].append("go")
    assert policy.stop_words == {"en": ("stop",)}
    assert dataclasses.replace(policy, doubt=1.0) == InterruptPolicy(doubt=1.0, stop_words={"en": ("stop",)})
    assert hash(policy) == hash(InterruptPolicy(stop_words={"en": ("stop",)}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.doubt = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
def test_word_lists_of_a_language_stand_apart(language: str) -> None:
    """Each language has both lists, and no phrase is in both, as then it would both always and never cut."""
    stop, ignore = ({letters(phrase) for phrase in lists[language]} for lists in (STOP_WORDS, IGNORE_WORDS))
    assert stop
    assert ignore
    assert not stop & ignore
    assert "" not in stop | ignore


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("mhm", 0),
        ("uh huh", 0),
        ("I see, all right.", 0),
        ("I see a train", 2),
        ("see I", 2),
        ("okey-dokey twenty-one", 2),
        ("yeah-nah", 1),
        ("but - ...", 1),
    ],
)
def test_weight_counts_the_words_that_are_no_backchannel(text: str, weight: int) -> None:
    """Phrases count as nothing, a word only partly ignored as one, and marks without letters as none."""
    assert InterruptionWeigher(InterruptPolicy()).weight(words(text, 0.0)) == weight


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mhm", None),
        ("tell", None),
        ("tell me", "2 words"),
        ("hold", None),
        ("Hold on.", "stop-word 'hold on'"),
        ("please wait", "stop-word 'wait'"),
    ],
)
def test_enough_words_or_a_stop_word_cut(text: str, why: str | None) -> None:
    """The reason names the stop-word or the number of words."""
    assert InterruptionWeigher(InterruptPolicy()).cuts(words(text, 0.0)) == why


def said(text: str, language: str | None) -> list[Word]:
    return [Word(text, 0, 1, language)]


def test_the_language_of_a_word_chooses_its_list() -> None:
    """ "para" stops a Spanish speaker's reply and not a German one's; a region makes no difference."""
    scales = InterruptionWeigher(InterruptPolicy())
    assert scales.cuts(said("para", "es")) == scales.cuts(said("para", "es-MX")) == "stop-word 'para'"
    assert scales.cuts(said("para", "de")) is None
    assert (scales.weight(said("genau", "de")), scales.weight(said("genau", "en"))) == (0, 1)


def weigher(languages: Sequence[str] = (), **lists: Any) -> InterruptionWeigher:
    return InterruptionWeigher(InterruptPolicy(**lists), languages)


def test_a_word_of_no_known_language_is_looked_up_in_those_that_are_expected_and_in_english() -> None:
    """ "para" is Spanish for "stop" and for "for": it cuts only where Spanish is known or expected."""
    for language in (None, "nl"):
        assert weigher().cuts(said("para", language)) is None
        assert weigher(["es-MX"]).cuts(said("para", language)) == "stop-word 'para'"
        assert weigher(["es"]).cuts(said("Wait!", language)) == "stop-word 'wait'"
    assert [weigher(hints).weight(said("genau", None)) for hints in ((), ["de"], ["fr"])] == [1, 0, 1]
    assert weigher(["es"]).cuts(said("para", "en")) is None


def test_the_phrases_of_any_language_count_in_each() -> None:
    """They stand under "any", and a word's own list counts beside them."""
    lists = {"any": ("хм",), "en": ("mhm",)}
    found = [weigher(ignore_words=lists).weight(said(word, it)) for word in ("хм", "mhm") for it in ("en", "ru", None)]
    assert found == [0] * 6


def test_a_word_in_another_script_than_latin_is_looked_up_in_all_lists() -> None:
    """Nobody need be told to expect Japanese to find "はい" in the Japanese list."""
    assert weigher(ignore_words={"ja": ("はい",)}).weight(said("はい", None)) == 0


PHRASES = {
    "はい": ("はい", "は|い", "はい。", "「は|い」"),
    "一会儿": ("一会儿", "一|会|儿", "一会|儿。", "一 会 儿"),
    "알겠습니다": ("알겠습니다", " 알겠| 습니다", "알겠|습니다."),
    "네": ("네", "네.", "(네)"),
    "ไม่เป็นไร": ("ไม่เป็นไร", "ไม่|เป็น|ไร", "ไม่ เป็น ไร"),
    "ជំរាបសួរ": ("ជំរាបសួរ", "ជំ|រាប|សួរ"),
    "ဟုတ်ကဲ့": ("ဟုတ်ကဲ့", "ဟုတ်|ကဲ့", "ဟုတ်ကဲ့။"),
    "ठीक है": ("ठीक है", "ठीक| है", "ठीक है।"),
    "ஆமாம்": ("ஆமாம்", "ஆமாம்!"),
    "نعم": ("نعم", "نعم؟"),
    "باشه": ("باشه", "\u200cباشه"),
    "אוקיי": ("אוקיי", "אוקיי,"),
    "добре": ("Добре", "ДОБРЕ!"),
    "uh-huh": ("uh-huh", "Uh huh,", "uhhuh", "uh|-huh"),
    "d'accord": ("D\u2019accord", "d'accord.", "d'| accord"),
    "all right": ("all right", " all| right", "All  right!", "all-right"),
    "sí": ("si\u0301", "SÍ."),
}


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_is_found_however_its_words_are_cut(phrase: str) -> None:
    """Its letters count, joined; where the recogniser cut, and how it punctuates, makes no difference."""
    for heard in PHRASES[phrase]:
        pieces = [Word(piece, 0, 1) for piece in unicodedata.normalize("NFKC", heard).split("|")]
        assert weigher(ignore_words={"any": (phrase,)}, stop_words={}).cuts(pieces) is None
        assert weigher(ignore_words={"any": (phrase,)}).weight(pieces) == 0
        assert weigher(stop_words={"any": (phrase,)}).cuts(pieces) == f"stop-word {phrase!r}"


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("不", 1),
        ("再见", 1),
        ("我想问一下", 3),
        ("ちょっと待って", 4),
        ("안녕하세요", 1),
        ("여보세요 잠깐만요", 2),
        ("ครับ", 2),
        ("मुझे मदद चाहिए", 3),
        ("لدي سؤال", 2),
        ("用 iPhone 吗", 2),
        ("。！", 0),
    ],
)
def test_words_are_counted_as_people_of_that_language_do(text: str, weight: int) -> None:
    """By white space where there is some, and by two characters where there is none."""
    assert weigher().weight(words(text, 0.0)) == weight


def test_a_part_of_a_word_is_no_phrase() -> None:
    """ "stop" is no part of "nonstop", nor "네" of "네팔"; and half a phrase counts as the words that it has."""
    assert weigher().cuts(said("nonstop", "en")) is None
    assert weigher(stop_words={"ko": ("네",)}).cuts(said("네팔", "ko")) is None
    assert weigher(stop_words={"en": ("hold on",)}).cuts(said("hold", "en") + said(" one", "en")) == "2 words"


def test_without_lists_only_the_count_decides() -> None:
    """Empty lists are allowed: nothing is ignored and nothing stops alone."""
    scales = InterruptionWeigher(InterruptPolicy(stop_words={}, ignore_words={}))
    assert (scales.cuts(words("stop", 0.0)), scales.cuts(words("mhm mhm", 0.0))) == (None, "2 words")
