"""Assembles a recogniser's tokens into words. Each final word is emitted once; the tail, which may still change, is
emitted anew each time. Pure.

Recognisers emit pieces of words, with white space before each word; a piece that begins with white space begins a word.
Scripts without spaces (Chinese, Japanese, Thai, ...) have no such hint: in these scripts, each token is a word,
including the punctuation after it, unless the token begins with an accent or a similar mark. A change of speaker begins
a word as well.

A final word is released when the next final word begins or when `flush` ends it: until then "week" may become
"weekend". So the released text always ends with a whole word, and another recogniser can continue from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from voicekit.events import Final, Interim, Word
from voicekit.writing import begins_word


class HeardToken(Struct, frozen=True):
    """A piece of a word, as the recogniser sent it; `start` and `end` are sample numbers of the caller's audio, None if
    unknown.
    """

    text: str
    start: int | None = None
    end: int | None = None
    language: str | None = None
    speaker: str | None = None
    confidence: float | None = None


class Assembly:
    """One stream's transcript: `feed` takes the content of each message from the recogniser, and returns what is new.

    Each final word is in exactly one Final. An Interim contains everything after the final words: the final pieces of
    an unfinished word, and the tokens that may still change. It is emitted whenever it differs from the previous
    Interim. Words without times are placed where the previous word ended. A word is as certain as its least certain
    piece.
    """

    __slots__ = ("_at", "_interim", "_open")

    def __init__(self) -> None:
        self._open: list[HeardToken] = []  # the tokens of the last final word, which may still grow
        self._at = 0  # the end of the last released word
        self._interim = Interim(())

    def feed(self, final: Iterable[HeardToken], nonfinal: Iterable[HeardToken] = ()) -> list[Final | Interim]:
        """Take new `final` tokens, and `nonfinal` tokens that replace the previous ones."""
        *finished, self._open = _cut([*self._open, *final])
        return self._say(finished, list(nonfinal))

    def flush(self) -> list[Final | Interim]:
        """End the utterance or the stream: the last word is complete, and tokens that are not final are dropped."""
        if not _spoken(self._open):
            return self._say([], [])  # keep white space: otherwise the next word would be joined to the last one
        finished, self._open = [self._open], []
        return self._say(finished, [])

    def _say(self, finished: Sequence[Sequence[HeardToken]], tail: list[HeardToken]) -> list[Final | Interim]:
        said: list[Final | Interim] = []
        released = tuple(_words(finished, self._at))
        if released:
            self._at = released[-1].end
            said.append(Final(released))
        interim = Interim(tuple(_words(_cut([*self._open, *tail]), self._at)))
        if interim != self._interim:
            self._interim = interim
            said.append(interim)
        return said


def words(text: str, start: int, end: int) -> tuple[Word, ...]:
    """`text` as words, for recognisers that give no times: the samples from `start` to `end` are divided among the
    words in proportion to their length in letters.
    """
    groups = _cut([HeardToken(character) for character in text])
    spoken = ["".join(token.text for token in group) for group in groups if _spoken(group)]
    letters = sum(len(word.strip()) for word in spoken)
    timed, before = [], 0
    for word in spoken:
        after = before + len(word.strip())
        span = end - start
        timed.append(Word(word, start + span * before // letters, start + span * after // letters))
        before = after
    return tuple(timed)


def _cut(tokens: Iterable[HeardToken]) -> list[list[HeardToken]]:
    """The tokens in groups, each with the pieces of one word. There is at least one group, which may be empty."""
    groups: list[list[HeardToken]] = [[]]
    for token in tokens:
        if not token.text:
            continue
        if _begins_word(groups[-1], token):
            groups.append([])
        groups[-1].append(token)
    return groups


def _begins_word(before: Sequence[HeardToken], token: HeardToken) -> bool:
    """Whether `token` begins a word instead of continuing the one with the pieces `before`."""
    if not _spoken(before):
        return False
    return token.speaker != before[-1].speaker or begins_word("".join(piece.text for piece in before), token.text)


def _spoken(pieces: Sequence[HeardToken]) -> bool:
    return any(not piece.text.isspace() for piece in pieces)


def _words(groups: Iterable[Sequence[HeardToken]], at: int) -> Iterator[Word]:
    """The words of `groups`; if the first word's tokens have no times, it is placed at `at`."""
    for pieces in groups:
        if _spoken(pieces):
            word = _word(pieces, at)
            at = word.end
            yield word


def _word(pieces: Sequence[HeardToken], at: int) -> Word:
    start = min((piece.start for piece in pieces if piece.start is not None), default=at)
    end = max((piece.end for piece in pieces if piece.end is not None), default=start)
    return Word(
        "".join(piece.text for piece in pieces),
        start,
        max(start, end),
        next((piece.language for piece in pieces if piece.language is not None), None),
        next((piece.speaker for piece in pieces if piece.speaker is not None), None),
        min((piece.confidence for piece in pieces if piece.confidence is not None), default=None),
    )
