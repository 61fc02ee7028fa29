"""voicekit's own adviser: it judges the caller's last words, by rules that people can check.

The first rule that applies gives the advice:

1. The caller is searching for a word ("um"), is spelling or dictating a number, has stopped at a word that can't end a
   sentence, or has only begun to ask ("Can you tell me?"): wait.
2. The bot asked for a number or a name, and the answer so far may be only the beginning of one: wait.
3. The words may still change: ask for final words, and judge again.
4. The caller says yes or no to a yes/no question: commit. The recogniser's punctuation and the sound model show that a
   question, or a yes or no, is complete: commit. After a complete statement, wait a little, since another one often
   follows.
5. Anything else is left to the recogniser's endpoint, or to silence.

Except after a yes or no, no rule ends a turn without a punctuation mark that ends a sentence, because words alone prove
nothing: "I would like a table" may be a complete sentence or only its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from voicekit.errors import ConfigError
from voicekit.events import Word
from voicekit.turn.advice import NO_OPINION, Advice, AdviceAct, CallerPause
from voicekit.turn.endings import LONGEST_OPENER, Endings, endings_of
from voicekit.turn.spelling import LOOKED_AT, bare, spelt
from voicekit.writing import ends_sentence

LONGEST_ANSWER = 4
"""The maximum number of words in a yes or no: "yes, that's right, thank you" has one more, so it counts as a sentence.
"""

SURE = 0.5
"""The lowest probability from the sound model at which a sentence counts as finished."""

ASKING = "?\uff1f\u061f"
"""Question marks in all scripts; before such a mark, even a preposition may end a sentence: "What are you waiting
for?"."""


TRAILS_OFF = ("...", "…")
"""How recognisers write the end of a sentence that breaks off."""


@dataclass(frozen=True, slots=True)
class PausePatience:
    """How many seconds a pause must last, counted from when it is noticed (0.3 s after the last sound, because of the
    gate's hangover).

    `complete`: after a complete question, or a yes or no. Together with the hangover, this is about as long as the
    recogniser's own quickest endpoints take. `statement`: after any other complete sentence; people pause about as long
    between two sentences of one thought. `unfinished`: after a word that can't end a sentence. `filler`: after an "um",
    with which a speaker asks for time. `number`: between the groups of a dictated number, which are 0.9 s apart when
    somebody reads it from a card. `name`: while the caller remembers or spells a name. `unsettled`: if the words are
    complete but do not sound finished.
    """

    complete: float = 0.15
    statement: float = 0.57
    unfinished: float = 1.4
    filler: float = 1.8
    number: float = 1.4
    name: float = 1.0
    unsettled: float = 0.9

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 60:
                raise ConfigError(f"PausePatience.{name}: expected 0 to 60 seconds, got {value!r}")


class WordAdviser:
    """Gives advice based on the caller's words, in the languages of `voicekit.turn.endings`; in other languages it
    recognises only digits."""

    __slots__ = ("_patience",)

    def __init__(self, patience: PausePatience | None = None) -> None:
        self._patience = patience or PausePatience()

    def __repr__(self) -> str:
        return f"WordAdviser({self._patience!r})"

    def __call__(self, pause: CallerPause) -> Advice:
        """Return the advice for `pause`. Only the last few words are examined, however many there are."""
        if not pause.words:
            return NO_OPINION
        endings = _endings(pause)
        return self._wait(pause, endings) or _finalize(pause, endings) or self._commit(pause, endings) or NO_OPINION

    def _wait(self, pause: CallerPause, endings: Endings) -> Advice | None:
        words, patience = pause.words, self._patience
        last = bare(words[-1].text)
        found = spelt(words[-LOOKED_AT:], endings)
        expects_digits = pause.expected == "number" and found.digits
        if found.is_dictated or expects_digits:
            return _waits("a number is being dictated", patience.number)
        if found.is_spelling or (pause.expected == "name" and found.letters):
            return _waits("something is being spelt", patience.number)
        if last in endings.fillers and not _is_answer(words, endings):
            return _waits("the caller searches for a word", patience.filler)
        if (last in endings.unfinished and not _asks(words)) or words[-1].text.endswith(TRAILS_OFF):
            return _waits("the sentence is not finished", patience.unfinished)
        if _has_only_begun(words, endings):
            return _waits("the sentence has only begun", patience.unfinished)
        if pause.expected == "name" and not _is_answer(words, endings):
            return _waits("the question asked for a name", patience.name)
        return None

    def _commit(self, pause: CallerPause, endings: Endings) -> Advice | None:
        if (pause.expected == "yes_no" or pause.asked) and _is_answer(pause.words, endings):
            return _commits("yes or no, as the question asked")
        if not endings or not _is_sentence(pause.words):
            return None
        kind = "question" if _asks(pause.words) else "answer" if _is_answer(pause.words, endings) else "statement"
        if pause.score is not None and pause.score < SURE:
            return _waits("a complete sentence that does not sound finished", self._patience.unsettled)
        if kind == "statement":
            return _waits("a statement, and another may follow", self._patience.statement, melody=pause.score is None)
        if pause.score is None:
            return Advice(AdviceAct.COMMIT, f"a complete {kind}", self._patience.complete, melody=True)
        return _commits(f"a complete {kind}, and it sounds finished")


def _finalize(pause: CallerPause, endings: Endings) -> Advice | None:
    if pause.final:
        return None
    is_sentence = bool(endings) and _is_sentence(pause.words)
    return Advice(AdviceAct.FINALIZE, "the last word may end the turn", melody=is_sentence)


def _waits(why: str, seconds: float, *, melody: bool = False) -> Advice:
    return Advice(AdviceAct.WAIT, why, seconds, melody)


def _commits(why: str) -> Advice:
    return Advice(AdviceAct.COMMIT, why)


def _endings(pause: CallerPause) -> Endings:
    """The word lists for the language of the last word; if this is unknown, for the languages that the stt expects."""
    language = pause.words[-1].language
    return _lists((language,) if language else tuple(pause.languages))


_lists = lru_cache(256)(endings_of)


def _is_answer(words: Sequence[Word], endings: Endings) -> bool:
    if len(words) > LONGEST_ANSWER:
        return False
    said = [bare(word.text) for word in words]
    return any(each in endings.answers for each in said) and all(each in endings.yes_no for each in said)


def _has_only_begun(words: Sequence[Word], endings: Endings) -> bool:
    if not endings.openers:
        return False
    # one word more than the longest opener has, because French puts a space before the punctuation mark
    last = [bare(word.text) for word in words[-LONGEST_OPENER - 1 :]]
    return "".join(f" {each}" for each in last if each).endswith(endings.openers)


def _asks(words: Sequence[Word]) -> bool:
    return any(mark in words[-1].text[-2:] for mark in ASKING)


def _is_sentence(words: Sequence[Word]) -> bool:
    """Whether the words end with a mark that ends a sentence; after a number, the mark may belong to the number."""
    text = "".join(word.text for word in words[-2:])
    return text[-1:] in "?!" or (text[-1:] != ":" and ends_sentence(text))
