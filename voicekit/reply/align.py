"""Finds each spoken word in the text sent to the voice, to show how much of the handler's text was heard.

A service reports the words that it *speaks*, which may differ from the text: "5" becomes "five", a dash disappears, a
word is omitted. So the spoken words are matched to the sent words, by letters and digits only. For each sent word that
may be next, the aligner calculates the cost of assuming that the voice has reached it, and chooses the cheapest
assumption. After a spoken word that matches nothing, the choice is a guess, which the next match corrects. An earlier
approach always took the nearest equal word, and lost its place for good when several numbers were close together.
"""

# ruff: noqa: RUF001  # typographic apostrophes

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from voicekit.contracts import Text
from voicekit.writing import CHARACTER_WORD, skeleton, word_spans

REACH = 8
"""How many sent words are considered before and after the word that the voice is assumed to be at."""

# What each assumption about a spoken word costs; the cheapest assumption is chosen.
OTHER = 0.9  # cost if a spoken word is the next sent word, read in another way ("doctor" for "Dr")
STRANGE = 1.0  # cost if a spoken word was never sent
# cost if a sent word was not spoken; less than OTHER, so that a single dropped word is detected
LEFT_OUT = 0.8
NUMBER = 0.3  # cost if a spoken word begins a number or a symbol
IN_NUMBER = 0.1  # cost if a spoken word continues a number, up to its usual length
# cost of each word beyond the usual length of a number; more than NUMBER, so that a following number takes precedence
LONG_NUMBER = 0.35
CUT_SHORT = 0.5  # cost of each word by which a number falls short of its minimum

SPOKEN_SIGNS = frozenset("$€£¥₹%&@#+=/°")
"""Signs that are always spoken; others (a dot, a dash) are spoken only inside a word, if at all."""

SPOKEN_CHARACTERS = 3
"""How many characters are spoken for each word of a number in a script without spaces, where a character is a word."""

# These patterns work on the skeleton of a text; see `voicekit.writing.shapes`.
_SENT_WORD = re.compile(
    rf"(?P<character>{CHARACTER_WORD})"
    r"|(?P<letters>[aq][aqmvz]*(?:['’][aq][aqmvz]*)*)"
    r"|(?P<number>[$€£¥₹#]?\d+(?:[.,:/-]\d+)*[%°€]?)"
    rf"|(?P<spoken>[{re.escape(''.join(sorted(SPOKEN_SIGNS)))}])"
    # a sign inside a word, or at the start of the text, where the beginning of the word may have been dropped
    r"|(?:^|(?<=\w))[^\w\s](?=\w)"
)
_NEAR_CHARACTER = re.compile(r"[up]")
_BEHIND_CHARACTER = re.compile(r"[^\w\s]*")
_BEHIND_WORD = re.compile(r"[^\w\s]*(?=\s|[up]|$)")


class Aligner:
    """Tracks how far a voice has come in the text of one reply; the results of `mark` never decrease.

    It keeps the text that has been sent but not yet spoken, plus the last few spoken words. A voice receives text only
    a little ahead of its speech, so the kept text stays short.

        >>> aligner = Aligner()
        >>> aligner.sent(Text.raw("It costs 5 euros.", 0))
        >>> [aligner.mark(word) for word in ("it", "costs", "five", "euros")]
        [2, 8, 10, 17]
    """

    __slots__ = ("_beliefs", "_said_to", "_text")

    def __init__(self) -> None:
        self._text = Text("", ())  # the text that may still be spoken
        # at index n, the assumption that the voice is at the nth word; at 0, that it is before the first word
        self._beliefs = [_Belief(0.0, 0)]
        self._said_to = 0

    def sent(self, text: Text) -> None:
        """Record that `text` was sent to the voice, after the earlier text."""
        self._text += text

    def mark(self, word: str) -> int:
        """Return how many characters of the handler's text count as heard when the voice begins its next word, `word`.

        The result does not change for a word that has no letters or digits, or that was never sent.
        """
        for start, end in word_spans(word):
            plain = _plain(word[start:end])
            if plain:
                sent = list(islice(_words(self._text.text), len(self._beliefs) - 1 + REACH))
                self._beliefs = _after(plain, sent, self._beliefs)
                self._settle(sent)
        return self._said_to

    def _settle(self, sent: list[_Sent]) -> None:
        """Choose the cheapest assumption, and drop assumptions and text that are too far from it."""
        here = min(range(len(self._beliefs)), key=lambda place: self._beliefs[place].cost)
        if here:
            self._said_to = max(self._said_to, self._text.to[sent[here - 1].end - 1])
        first = max(0, here - REACH)
        cheapest = self._beliefs[here].cost
        self._beliefs = [_Belief(it.cost - cheapest, it.words) for it in self._beliefs[first : here + REACH]]
        if first:
            self._text = self._text.part(sent[first - 1].end, len(self._text))


class _Belief(Struct, frozen=True):
    """The cost of assuming that the voice is at a certain sent word, and how many words have been spoken for that
    word."""

    cost: float
    words: int


_IMPOSSIBLE = _Belief(math.inf, 0)


class _Sent(Struct, frozen=True):
    """A word that was sent: its end in the text, and how many spoken words a number or a sign takes."""

    plain: str
    end: int
    at_least: int = 0
    usually: int = 0  # the usual number of spoken words; 0 for a word of letters
    at_most: int = 1

    def begun(self) -> float:
        """The cost of assuming that the voice speaks a different word where this sent word begins."""
        return NUMBER if self.usually else OTHER

    def gone_on(self, words: int) -> float:
        """The cost of assuming that one more spoken word belongs to this sent word, after `words` earlier ones."""
        if words >= self.at_most:
            return STRANGE
        return IN_NUMBER if words < self.usually else LONG_NUMBER

    def left(self, words: int) -> float:
        """The cost of assuming that the voice spoke only `words` words, or none, for this sent word."""
        if words:
            return CUT_SHORT * max(0, self.at_least - words)
        return 0.0 if self.usually and not self.at_least else LEFT_OUT + CUT_SHORT * self.at_least


def _after(plain: str, sent: list[_Sent], before: list[_Belief]) -> list[_Belief]:
    """The assumptions after the voice has spoken one more word, `plain`."""
    before = before[: len(sent) + 1] + [_IMPOSSIBLE] * (len(sent) + 1 - len(before))
    after = [_Belief(before[0].cost + STRANGE, 0)]
    after += [
        _Belief(it.cost + word.gone_on(it.words), it.words + 1) for it, word in zip(before[1:], sent, strict=True)
    ]
    next_up = before[0].cost  # the cost of assuming that the voice now begins this word
    for place, word in enumerate(sent):
        if place:
            done = before[place].cost + sent[place - 1].left(before[place].words)
            next_up = min(done, next_up + sent[place - 1].left(0))
        _cheaper(after, place + 1, next_up + word.begun())
        last = _reads(plain, sent, place)
        if last is not None:
            _cheaper(after, last + 1, next_up)
    return after


def _cheaper(beliefs: list[_Belief], place: int, cost: float) -> None:
    if cost < beliefs[place].cost:
        beliefs[place] = _Belief(cost, 1)


def _reads(plain: str, sent: list[_Sent], first: int) -> int | None:
    """The index up to which the words of `sent`, joined from `first` on, make up `plain`; None if they never do."""
    read = ""
    for place in range(first, len(sent)):
        read += sent[place].plain
        if read == plain:
            return place
        if not plain.startswith(read):
            return None
    return None


def _words(text: str) -> Iterator[_Sent]:
    bones = skeleton(text)
    for match in _SENT_WORD.finditer(bones):
        start, end = match.span()
        written = text[start:end]
        trailing = (_BEHIND_CHARACTER if match["character"] else _BEHIND_WORD).match(bones, end)
        plain, end = _plain(written), trailing.end() if trailing else end
        if match["character"] or match["letters"]:
            yield _Sent(plain, end)
        elif match["number"]:
            digits = sum(char.isdigit() for char in written)
            signs = sum(char in SPOKEN_SIGNS for char in written)
            each = SPOKEN_CHARACTERS if _NEAR_CHARACTER.search(bones, max(0, start - 2), end + 2) else 1
            yield _Sent(plain, end, (digits + 1) // 2 + signs, each * (digits + signs), 2 * each * (digits + signs))
        else:
            yield _Sent(plain, end, 1 if match["spoken"] else 0, 1, 2)


def _plain(word: str) -> str:
    """The letters and digits of `word`, without case and accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", word).casefold() if char.isalnum())
