"""What the adviser of words says to the end of an utterance, in tables by language."""

from __future__ import annotations

import pytest

from voicekit.errors import ConfigError
from voicekit.events import ExpectedAnswer, Word
from voicekit.turn.advice import NO_OPINION, AdviceAct, CallerPause
from voicekit.turn.adviser import PausePatience, WordAdviser
from voicekit.turn.endings import LANGUAGES, endings_of
from voicekit.turn.spelling import bare
from voicekit.writing import letters

ADVISER = WordAdviser()
PATIENCE = PausePatience()
STATEMENT = ("wait", PATIENCE.statement)


def words(text: str, language: str | None = None) -> tuple[Word, ...]:
    return tuple(Word(f" {word}", n, n + 1, language) for n, word in enumerate(text.split()))


def advised(
    text: str,
    language: str | None = None,
    *,
    final: bool = True,
    expected: ExpectedAnswer | None = None,
    score: float | None = None,
    asked: bool = False,
    languages: tuple[str, ...] = (),
) -> tuple[str, float]:
    advice = ADVISER(CallerPause(words(text, language), 0.0, final, expected, score, asked, languages))
    return advice.act.value, advice.seconds


COMPLETE = {
    "en": ("What time is it?", "I would like a table for two.", "Yes, please.", "What are you looking for?"),
    "de": ("Wie spät ist es?", "Ich hätte gern einen Tisch.", "Mach bitte das Fenster zu.", "Nein, danke."),
    "es": ("¿Qué hora es?", "Quiero una mesa para dos.", "Sí, gracias."),
    "fr": ("Quelle heure est-il ?", "Je voudrais une table pour deux.", "Oui, merci."),
    "it": ("Che ore sono?", "Vorrei un tavolo per due.", "No, grazie."),
    "nl": ("Hoe laat is het?", "Ik wil graag een tafel.", "Ja, dank je."),
    "pt": ("Que horas são?", "Quero uma mesa para dois.", "Sim, obrigado."),
}
SHORT = ("Yes, please.", "Nein, danke.", "Sí, gracias.", "Oui, merci.", "No, grazie.", "Ja, dank je.", "Sim, obrigado.")
BEGUN = {
    "en": ("Can you tell me?", "Well, I'd like to know.", "Um, let me think, I think."),
    "de": ("Können Sie mir sagen?", "Also, ich wollte fragen.", "Ich glaube."),
    "es": ("¿Me puede decir?", "A ver.", "Quisiera saber."),
    "fr": ("Pouvez-vous me dire ?", "Je voudrais savoir."),
    "it": ("Mi può dire?", "Vorrei sapere.", "Credo."),
    "nl": ("Kunt u mij vertellen?", "Even kijken."),
    "pt": ("Pode me dizer?", "Eu acho."),
}
UNFINISHED = {
    "en": ("I would like to", "a table for", "because", "My name is.", "I want the...", "and"),
    "de": ("ich hätte gern einen", "weil", "mein Name und", "ein Tisch für", "Ich bin."),
    "es": ("quiero una mesa para", "porque", "mi nombre y", "con el"),
    "fr": ("je voudrais une", "parce que", "c'est", "une table pour"),
    "it": ("vorrei un tavolo per", "perché io", "il mio nome è", "con il"),
    "nl": ("ik wil een", "omdat", "een tafel voor", "mijn"),
    "pt": ("quero uma mesa para", "porque", "com a minha", "no"),
}
SEARCHING = {
    "en": ("I would like to, um", "Uh,"),
    "de": ("ich möchte, äh", "ähm"),
    "es": ("quiero, eh", "este"),
    "fr": ("je voudrais, euh",),
    "it": ("vorrei, ehm",),
    "nl": ("ik wil, uhm",),
    "pt": ("eu quero, hum",),
}
DICTATING = {
    "en": (
        "oh one seven",
        "My number is five five one",
        "It's 0171",
        "555 12",
        "555",
        "one, uh, two, three,",
        "+44 20",
    ),
    "de": ("null eins sieben", "Meine Nummer ist zwo drei vier", "0171 55"),
    "es": ("seis cero cero", "mi número es 600 12"),
    "fr": ("zéro six douze zéro un", "06 12"),
    "it": ("tre tre otto", "338 12"),
    "nl": ("nul zes een", "06 12 34"),
    "pt": ("nove um meia", "91 234"),
}


def table(cases: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    assert sorted(cases) == sorted(LANGUAGES), "a row for each language"
    return [(language, text) for language, texts in cases.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), table(COMPLETE))
def test_a_complete_question_ends_a_turn_soon_and_a_statement_later(language: str, text: str) -> None:
    """Final words are committed after a pause, a longer one behind a statement; words that may change are finalised."""
    assert advised(text, language, final=False) == ("finalize", 0.0)
    soon = "?" in text or text in SHORT
    expected = ("commit", PATIENCE.complete) if soon else STATEMENT
    assert advised(text, language) == expected


@pytest.mark.parametrize(("language", "text"), table(BEGUN))
def test_a_beginning_is_no_sentence(language: str, text: str) -> None:
    """Recognisers put a mark behind "Can you tell me"; what the caller wants to know is still to come."""
    for final in (False, True):
        assert advised(text, language, final=final) == ("wait", PATIENCE.unfinished)
    assert advised(f"{text.rstrip('?.,')} xyz?", language) == ("commit", PATIENCE.complete)


@pytest.mark.parametrize(("language", "text"), table(UNFINISHED))
def test_a_word_that_nothing_ends_with_waits(language: str, text: str) -> None:
    """Whether or not the recogniser has put a full stop behind it, and without asking it for anything."""
    for final in (False, True):
        assert advised(text, language, final=final) == ("wait", PATIENCE.unfinished)


@pytest.mark.parametrize(("language", "text"), table(SEARCHING))
def test_a_hesitation_waits_longest(language: str, text: str) -> None:
    """An "um" asks for time in so many sounds."""
    assert advised(text, language) == ("wait", PATIENCE.filler)


@pytest.mark.parametrize(("language", "text"), table(DICTATING))
def test_a_dictated_number_waits_untold(language: str, text: str) -> None:
    """Digits in a row, in words or in groups, are a number whose next part may follow."""
    assert advised(text, language) == ("wait", PATIENCE.number)


@pytest.mark.parametrize(
    "text",
    [
        "A table for two.",
        "At half past eight.",
        "Twenty three.",
        "It was in 1985, you see.",
        "I live at number nine.",
        "I do.",
    ],
)
def test_a_number_alone_is_no_dictation(text: str) -> None:
    """An amount, an hour, a year in a sentence are answered as soon as any statement."""
    assert advised(text) == STATEMENT


def test_spelling_waits() -> None:
    """Single letters in a row, alone or among digits, may have more behind them."""
    assert advised("It is S M I") == ("wait", PATIENCE.number)
    assert advised("A B 1") == ("wait", PATIENCE.number)
    assert advised("Plan B.")[0] != "wait"


@pytest.mark.parametrize("text", ["good morning", "I was born in 1985.", "at 8:30.", "I live in St.", "the following:"])
def test_no_mark_no_opinion(text: str) -> None:
    """Words without a mark, or with one that may belong to its word, leave the decision to the endpoint."""
    assert advised(text) == ("none", 0.0)


def test_yes_and_no_to_their_question_end_a_turn_at_once() -> None:
    """They need no mark; to another question, or with more words, they are words like others."""
    for text in ("yes", "No", "yeah that's right", "no thank you"):
        assert advised(text, expected="yes_no") == ("commit", 0.0)
    assert advised("ja", "de", expected="yes_no") == ("commit", 0.0)
    assert advised("yes", asked=True) == ("commit", 0.0)
    assert advised("good morning", asked=True) == ("none", 0.0)
    assert advised("yes", final=False, expected="yes_no") == ("finalize", 0.0)
    assert advised("yes") == ("none", 0.0)
    assert advised("yes but I", expected="yes_no")[0] == "wait"
    assert advised("thank you", expected="yes_no") == ("none", 0.0)


def test_a_question_for_a_number_waits_from_the_first_digit() -> None:
    """One digit is enough then; an answer without any is judged like others."""
    assert advised("five", expected="number") == ("wait", PATIENCE.number)
    assert advised("It's 5", expected="number") == ("wait", PATIENCE.number)
    assert advised("I don't know.", expected="number") == STATEMENT


def test_a_question_for_a_name_waits() -> None:
    """A name comes after a thought and may be spelt; a refusal is none."""
    assert advised("Ann", expected="name") == ("wait", PATIENCE.name)
    assert advised("Ann Smith.", expected="name") == ("wait", PATIENCE.name)
    assert advised("S M", expected="name") == ("wait", PATIENCE.number)
    assert advised("No.", expected="name") == ("commit", PATIENCE.complete)


def test_the_melody_has_a_say_about_sentences() -> None:
    """A sound model makes a complete question surer, or makes a sentence wait; it can't complete words that are not."""
    assert advised("Is it open?", score=0.9) == ("commit", 0.0)
    assert advised("Is it open?", score=0.1) == ("wait", PATIENCE.unsettled)
    assert advised("I want a table.", score=0.9) == STATEMENT
    assert advised("I want a table.", score=0.1) == ("wait", PATIENCE.unsettled)
    assert advised("I want a", score=0.9) == ("wait", PATIENCE.unfinished)
    assert advised("good morning", score=0.9) == ("none", 0.0)


def test_other_languages_have_digits_and_no_opinion() -> None:
    """Without lists, sentence marks are no evidence; groups of digits are digits everywhere."""
    assert advised("今日は晴れです。", "ja") == ("none", 0.0)
    assert advised("今日は", "ja", final=False) == ("finalize", 0.0)
    assert advised("090 1234", "ja") == ("wait", PATIENCE.number)
    assert advised("٠٩٠ ١٢٣٤", "ar") == ("wait", PATIENCE.number)


def test_words_without_a_language_are_of_those_expected() -> None:
    """The recogniser's hints name the lists; without hints they are the English ones."""
    assert advised("ich hätte gern einen", languages=("de", "fr"))[0] == "wait"
    assert advised("je voudrais une", languages=("de", "fr"))[0] == "wait"
    assert advised("ich hätte gern einen") == ("none", 0.0)
    assert advised("a table for", languages=("de",)) == ("none", 0.0)


def test_without_words_there_is_no_opinion() -> None:
    """A cough is judged elsewhere."""
    assert ADVISER(CallerPause(())) is NO_OPINION
    assert NO_OPINION.act is AdviceAct.NONE


def test_reasons_hold_no_words_of_the_caller() -> None:
    """They go into the event log, where callers' words do not belong unless they are asked for."""
    for text in ("my secret is 4711 12", "My secret is out.", "my secret is, um", "it is secret and"):
        assert "secret" not in ADVISER(CallerPause(words(text), final=True)).why


def test_the_numbers_are_options() -> None:
    """A bot may be given more patience, and no nonsense."""
    adviser = WordAdviser(PausePatience(number=2.5))
    assert adviser(CallerPause(words("one two three"))).seconds == 2.5
    assert repr(adviser).startswith("WordAdviser(PausePatience(complete=0.15, ")
    for wrong in (-1, 60, "1", True, float("nan")):
        with pytest.raises(ConfigError, match=r"PausePatience.number: expected 0 to 60 seconds"):
            PausePatience(number=wrong)  # type: ignore[arg-type]


def test_lists_hold_what_they_compare() -> None:
    """Every entry is what is left of a word by `letters`, and answers are among the words of answers."""
    for language in LANGUAGES:
        endings = endings_of([language])
        for each in endings.unfinished | endings.fillers | endings.yes_no | endings.digits:
            assert each == letters(each) != ""
        assert endings.answers <= endings.yes_no
        assert endings_of([f"{language.upper()}-XX"]) == endings


@pytest.mark.parametrize(
    "text", [" Don't,", " Uh-huh.", " äh", " 555-12", " well", " \uff28\uff49", " \u200bso", "?", ""]
)
def test_bare_words_are_letters(text: str) -> None:
    """The short cut for plain words gives what `letters` gives."""
    assert bare(text) == letters(text)
