"""What the caller said: noted words, the question they became, and the watermark by which a word counts once.

Finals come about 260 ms late, and every interim repeats the whole unfinished tail. So a word is judged by where it
*starts*: at or behind the watermark `heard_to` it is new; before it, it belongs to a question already asked, and if it
is final it corrects the text of that question, or it was forgotten with a cough and stays so.

Two choices the events leave open. A final settles everything before its end, so tail words that start before that
are dropped, even where a newer interim overtook the final. And a late final that reaches past the watermark moves it
to its own end: the recogniser knows by then how long the committed word was, and the Endpoint that follows is stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from voicekit.events import Dtmf, Typed, Word, joined


def _ends(words: Iterable[Word]) -> int:
    return max((word.end for word in words), default=0)


@dataclass(slots=True)
class Utterance:
    """Final words and the tail that may still change."""

    finals: list[Word] = field(default_factory=list)
    tail: list[Word] = field(default_factory=list)

    def settle(self, finals: Sequence[Word]) -> None:
        """Append `finals`; what they cover is tail no more."""
        done = _ends(finals)
        self.tail = [word for word in self.tail if word.start >= done]
        self.finals.extend(finals)

    @property
    def words(self) -> list[Word]:
        """All words in the order of their sound, which may not be the order in which they came."""
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
    """What reply `turn` answers: text put back from before, then the spoken words, then what was typed or keyed.

    Words that start in [start, end) are its own; late finals among them amend it.
    """

    turn: int
    reason: str
    before: str
    spoken: Utterance
    after: str
    start: int
    end: int

    @property
    def text(self) -> str:
        return spaced(self.before, self.spoken.text, self.after)

    def amend(self, late: Iterable[Word]) -> bool:
        """Take in those `late` finals that are its own; True if they changed the text."""
        own = [word for word in late if self.start <= word.start < self.end]
        before = self.text
        self.spoken.settle(own)
        self.end = max(self.end, _ends(own))
        return self.text != before


def spaced(*texts: str) -> str:
    """`texts` with a space between them; empty ones leave no trace."""
    return " ".join(text for text in texts if text)


class QuestionMemory:
    """What the next question will be made of: a question put back, the noted words, typed lines and keys."""

    __slots__ = ("_asked", "heard_to", "noted", "put_back", "typed", "typed_reason")

    def __init__(self) -> None:
        self.noted = Utterance()
        self.heard_to = 0
        self.put_back: PendingQuestion | None = None
        self.typed: list[str] = []
        self.typed_reason = "typed"
        self._asked: PendingQuestion | None = None  # the last question with spoken words: late finals are for it

    def __bool__(self) -> bool:
        return bool(self.noted or self.put_back or self.typed)

    @property
    def text(self) -> str:
        """What the question would read, were it asked now."""
        back = self.put_back.text if self.put_back is not None else ""
        return spaced(back, self.noted.text, *self.typed)

    def hear_tail(self, words: Iterable[Word]) -> None:
        """An interim: its new words replace the tail."""
        self.noted.tail = [word for word in words if word.start >= self.heard_to and word.text.strip()]

    def hear_finals(self, words: Iterable[Word]) -> PendingQuestion | None:
        """A final: new words are noted; late ones amend the question that is returned, if that changed its text."""
        said = [word for word in words if word.text.strip()]
        self.noted.settle([word for word in said if word.start >= self.heard_to])
        late = [word for word in said if word.start < self.heard_to]
        if not late:
            return None
        self.heard_to = max(self.heard_to, _ends(late))
        self.noted.tail = [word for word in self.noted.tail if word.start >= self.heard_to]
        return self._asked if self._asked is not None and self._asked.amend(late) else None

    def read(self, event: Typed | Dtmf, reason: str = "dtmf") -> None:
        """A typed line, or a key and why it is taken. The watermark is for sound; it does not touch these."""
        self.typed.append(event.text.strip() if isinstance(event, Typed) else event.digit)
        self.typed_reason = "typed" if isinstance(event, Typed) else reason

    def forget(self, upto: int = 0) -> Utterance:
        """Take the noted words away, never to count again: the watermark moves to their end, and to `upto`."""
        gone, self.noted = self.noted, Utterance()
        self.heard_to = max(self.heard_to, gone.end, upto)
        return gone

    def ask(self, turn: int, upto: int = 0) -> PendingQuestion:
        """Make question `turn` of everything in the book, which is empty afterwards."""
        reason, start = self._reason(), self.heard_to
        back, spoken, typed = self.put_back, self.forget(upto), spaced(*self.typed)
        self.put_back = None
        self.typed = []
        if back is not None and not spoken:  # the old words again, still open to their late finals
            after = spaced(back.after, typed)
            question = PendingQuestion(turn, reason, back.before, back.spoken, after, back.start, back.end)
        else:
            before = back.text if back is not None else ""
            question = PendingQuestion(turn, reason, before, spoken, typed, start, self.heard_to)
        if question.spoken:
            self._asked = question
        return question

    def _reason(self) -> str:
        if self.typed:
            return self.typed_reason
        return "speech" if self.noted or self.put_back is None else self.put_back.reason
