"""Remembers what the caller said: the words, and the questions that they became. Every word counts only once.

Finals arrive about 260 ms late, and every interim repeats the whole tail of words that are not final. A final word
arrives only once, so it always counts: either it corrects the question that it belongs to, or it is new. A word in a
tail arrives again and again, so it is judged by where it *starts*: at or after the watermark `heard_to`, it is new;
before the watermark, it has already been handled. Final words, and questions that have been asked, move the watermark;
no word is discarded before it is final.

A word belongs to a question if the question was asked with the same word at about the same position, or if the word
starts within the question's span. The first rule is needed because recognisers change the times of words by a few
tenths of a second when the words become final.

The events leave two questions open, which are decided as follows. First, a final settles all audio before its end, so
tail words that start before then are dropped, even if a newer interim has overtaken the final. Second, a late final
that reaches past the watermark moves the watermark to its own end: by then the recogniser knows how long the committed
word was, and the Endpoint that follows is out of date.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from voicekit.events import Dtmf, Typed, Word, joined
from voicekit.writing import letters

# The number of questions to remember; by the time a question is dropped, its final words can no longer arrive.
REMEMBERED = 8


def _ends(words: Iterable[Word]) -> int:
    return max((word.end for word in words), default=0)


@dataclass(slots=True)
class Utterance:
    """The final words of an utterance, and its tail: the words that may still change."""

    finals: list[Word] = field(default_factory=list)
    tail: list[Word] = field(default_factory=list)

    def settle(self, finals: Sequence[Word]) -> None:
        """Append `finals`, and remove the tail words that the finals cover."""
        done = _ends(finals)
        self.tail = [word for word in self.tail if word.start >= done]
        self.finals.extend(finals)

    @property
    def words(self) -> list[Word]:
        """All words in the order in which they were spoken, which may differ from the order in which they arrived."""
        return sorted(self.finals + self.tail, key=lambda word: word.start)

    @property
    def end(self) -> int:
        return max(_ends(self.finals), _ends(self.tail))

    @property
    def text(self) -> str:
        return joined(self.words)

    def __bool__(self) -> bool:
        return bool(self.finals or self.tail)


@dataclass(slots=True)
class PendingQuestion:
    """The question that reply `turn` answers: a question that was put back, then spoken words, then typed lines and
    keys.

    Words that start in [start, end) belong to the question. So do words that were not final yet when the question was
    asked with them. Late finals for such words amend the question.
    """

    turn: int
    reason: str
    before: PendingQuestion | None
    spoken: Utterance
    after: str
    start: int
    end: int

    @property
    def text(self) -> str:
        before = self.before.text if self.before is not None else ""
        return spaced(before, self.spoken.text, self.after)

    def has(self, word: Word, near: int) -> bool:
        """Whether `word` starts in the question's span, or was part of the question when it was asked."""
        return self.start <= word.start < self.end or self.asked_with(word, near)

    def asked_with(self, word: Word, near: int) -> bool:
        """Whether the question was asked with `word` before the word was final; since then, the word may have moved by
        up to `near` samples."""
        return self._place(word, near) is not None

    def amend(self, word: Word, near: int) -> None:
        """Correct the question with a late final word that belongs to it."""
        place = self._place(word, near)
        if place is None:
            self.spoken.settle([word])
        else:
            self.spoken.finals.append(word)
            del self.spoken.tail[: place + 1]
        self.end = max(self.end, word.end)

    def _place(self, word: Word, near: int) -> int | None:
        """The index of `word` among the words with which the question was asked before they were final."""
        for place, asked in enumerate(self.spoken.tail):
            if abs(word.start - asked.start) <= near and letters(word.text) == letters(asked.text):
                return place
        return None


def spaced(*texts: str) -> str:
    """`texts` joined with spaces; empty ones are skipped."""
    return " ".join(text for text in texts if text)


class QuestionMemory:
    """The parts of the next question: a question that was put back, words that were kept or noted, typed lines and
    keys.

    `noted` are the words of the current utterance. When an utterance ends during a reply, it is `kept` for the end of
    the reply, or set `aside` if it was a backchannel. An utterance that was set aside is used only if it turns out to
    be an answer. `near` is how many samples a word may move by when it becomes final.
    """

    __slots__ = ("_asked", "_near", "aside", "heard_to", "kept", "noted", "put_back", "typed", "typed_reason")

    def __init__(self, near: int = 0) -> None:
        self.noted = Utterance()
        self.kept: list[Word] = []
        self.aside: list[Word] = []
        self.heard_to = 0
        self.put_back: PendingQuestion | None = None
        self.typed: list[str] = []
        self.typed_reason = "typed"
        self._near = near
        # questions that were spoken, so that final words may still arrive for them
        self._asked: deque[PendingQuestion] = deque(maxlen=REMEMBERED)

    def __bool__(self) -> bool:
        return bool(self.noted or self.kept or self.put_back or self.typed)

    @property
    def text(self) -> str:
        """The text that the question would have if it were asked now."""
        back = self.put_back.text if self.put_back is not None else ""
        return spaced(back, self._spoken.text, *self.typed)

    def hear_tail(self, words: Iterable[Word]) -> None:
        """Replace the tail with the new words of an interim."""
        new = [word for word in words if word.start >= self.heard_to and word.text.strip()]
        self.noted.tail = [word for word in new if not self._asked or not self._asked[-1].has(word, self._near)]

    def hear_finals(self, words: Iterable[Word]) -> list[PendingQuestion]:
        """Take the words of a final: words that belong to a question amend it, and all others are noted. Returns the
        changed questions."""
        late: list[tuple[PendingQuestion, Word]] = []
        new: list[Word] = []
        for word in words:
            if word.text.strip():
                question = self._question_of(word)
                if question is None:
                    new.append(word)
                else:
                    late.append((question, word))
        self.noted.settle(new)
        return self._amend(late) if late else []

    def read(self, event: Typed | Dtmf, reason: str = "dtmf") -> None:
        """Note a typed line or a key, and the reason for its turn. The watermark marks a position in the audio, so it
        does not change."""
        self.typed.append(event.text.strip() if isinstance(event, Typed) else event.digit)
        self.typed_reason = "typed" if isinstance(event, Typed) else reason

    def close(self, upto: int, *, keep: bool) -> None:
        """Close the utterance that ends at `upto`: its final words are kept for the next question, or set aside."""
        over = [word for word in self.noted.finals if word.start < upto]
        self.noted.finals = [word for word in self.noted.finals if word.start >= upto]
        if keep:
            self.kept += over
        elif over:
            self.aside = over
        self._raise(_ends(over))

    def recall(self) -> None:
        """Keep the words that were set aside last, since they belong to the next question after all."""
        self.kept += self.aside
        self.aside = []

    def ask(self, turn: int, upto: int = 0) -> PendingQuestion:
        """Make a question for reply `turn` from all collected words, which are then cleared."""
        reason, spoken = self._reason(), self._spoken
        start = min([self.heard_to, *(word.start for word in spoken.finals)])
        back, typed = self.put_back, spaced(*self.typed)
        self.noted, self.kept, self.aside, self.put_back, self.typed = Utterance(), [], [], None, []
        self.heard_to = max(self.heard_to, spoken.end, upto)
        # keeps the words of the previous question, since late finals may still change them
        if back is not None and not spoken:
            after = spaced(back.after, typed)
            question = PendingQuestion(turn, reason, back.before, back.spoken, after, back.start, back.end)
        else:
            question = PendingQuestion(turn, reason, back, spoken, typed, start, self.heard_to)
        if question.spoken:
            self._asked.append(question)
        return question

    @property
    def _spoken(self) -> Utterance:
        """All spoken words that have not been asked."""
        return Utterance([*self.kept, *self.noted.finals], self.noted.tail) if self.kept else self.noted

    def _question_of(self, word: Word) -> PendingQuestion | None:
        """The latest question that was asked with `word`, else the latest one whose span contains its start; spans may
        overlap."""
        latest = [asked for asked in reversed(self._asked) if asked.end > word.start or asked.spoken.tail]
        named = next((question for question in latest if question.asked_with(word, self._near)), None)
        return named or next((question for question in latest if question.has(word, self._near)), None)

    def _amend(self, late: Sequence[tuple[PendingQuestion, Word]]) -> list[PendingQuestion]:
        """Put late words into their questions. If a question was put back, the later question that contains it changes
        as well.
        """
        before = [asked.text for asked in self._asked]
        for question, word in late:
            question.amend(word, self._near)
        self._raise(_ends(word for _, word in late))
        return [asked for asked, text in zip(self._asked, before, strict=True) if asked.text != text]

    def _raise(self, to: int) -> None:
        """Move the watermark to `to`; tail words before it are no longer new."""
        self.heard_to = max(self.heard_to, to)
        self.noted.tail = [word for word in self.noted.tail if word.start >= self.heard_to]

    def _reason(self) -> str:
        if self.typed:
            return self.typed_reason
        return "speech" if self.noted or self.kept or self.put_back is None else self.put_back.reason
