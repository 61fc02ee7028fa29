"""The score of a scene, from the two recorded tracks, the texts to be said, and the history. Pure; see docs/scenes.md.

All times are in seconds. A sound of the caller begins and ends with its first and last audible part, not with its file;
the bot's sound is given as stretches of its replies. No rule relies on the bot's own report of what it did.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from voicekit.turn.wordlists import IGNORE_WORDS
from voicekit_scenes.activity import Stretch
from voicekit_scenes.scene import UNCUT_KINDS, Due

FULL_FROM_S: Final = 0.5
FULL_TO_S: Final = 2.0
ZERO_S: Final = 3.5
"""An answer from FULL_FROM_S to FULL_TO_S after the caller's end scores 1; the score falls to 0 at 0 s and ZERO_S."""

WAITS_S: Final = 8.0
"""An answer that begins later than this many seconds after the caller's end counts as missing."""

SAME_WORD_S: Final = 0.35
"""A reply continues at the same word if it continues within this many seconds of the place where it stopped."""

NOTICED_S: Final = 0.04
"""A break in a reply is ignored if it is shorter than this many seconds."""

SOON_S: Final = 0.4
"""A reply that continues within this many seconds after the end of the sound continues soon enough."""

GOES_ON_S: Final = 0.25
"""A reply that sounds again for less than this many seconds has not continued."""

RESUMES_S: Final = 4.0
"""A reply that does not continue within this many seconds after the end of the sound counts as cut."""


END_S: Final = 0.3
"""A reply that stops within this many seconds of its end counts as complete: the rest is silence."""


BACKCHANNELS: Final = frozenset(word for word in IGNORE_WORDS["en"] if " " not in word) | {"oh", "yes", "um"}
"""Words that may be missing from a question if the caller also said other words."""


class Became(Enum):
    """What happened to the reply that was playing when the caller made a sound."""

    WHOLE = "whole"  # the reply was not disturbed
    RESUMED = "resumed"  # the reply was silent for a while, and continued at the same word
    ELSEWHERE = "elsewhere"  # the reply continued at another word
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound of the caller, from its first to its last audible part, and what the bot must do about it."""

    start: float
    end: float
    due: Due


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one sound of the caller. A field is None if it does not apply; times are in seconds.

    `latency`: from the end of the caller's sound to the answer's first sound. `cut_in`: whether an answer began during
    the sound. `yielded`: from the beginning of the caller's sound until the bot was silent. `talked`: how long the bot
    then talked over the caller again. `late`: from the end of the caller's sound until the reply resumed.
    """

    due: Due
    given: bool | None = None
    latency: float | None = None
    cut_in: bool = False
    mark: float | None = None
    yielded: float | None = None
    talked: float = 0.0
    became: Became | None = None
    late: float | None = None

    @property
    def good(self) -> bool:
        """Whether the bot did what it had to do. The latency does not matter here."""
        if self.cut_in or self.given is False:
            return False
        if self.due in (Due.YIELD, Due.HUSH):
            return self.yielded is not None and self.yielded <= 0.5 and self.talked <= 0.3
        return self.became in (None, Became.WHOLE) or (self.became is Became.RESUMED and soon(self.late))


def soon(late: float | None) -> bool:
    """Whether a reply continued soon enough; 5 ms more are allowed, because times are measured in steps of 10 ms."""
    return (late or 0.0) <= SOON_S + 0.005


def mark(latency: float) -> float:
    """The score of an answer that begins `latency` seconds after the caller has finished.

    >>> [mark(latency) for latency in (-0.2, 0.25, 0.5, 2.0, 2.75, 3.5)]
    [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if latency < FULL_FROM_S:
        return max(0.0, latency / FULL_FROM_S)
    return max(0.0, min(1.0, (ZERO_S - latency) / (ZERO_S - FULL_TO_S)))


def outcomes(
    heard: Sequence[Heard], bot: Sequence[Stretch], lengths: Sequence[float], *, may_cut_in: bool = False
) -> list[Outcome]:
    """The outcome of each sound of the caller; `lengths` are the lengths of the replies.

    With `may_cut_in`, an answer during a sound costs nothing, because the caller seemed to have finished.
    """
    found = []
    for place, one in enumerate(heard):
        until = heard[place + 1].start if place + 1 < len(heard) else float("inf")
        found.append(_outcome(one, bot, lengths, until, may_cut_in))
    return found


def _outcome(one: Heard, bot: Sequence[Stretch], lengths: Sequence[float], until: float, may_cut_in: bool) -> Outcome:
    started = [stretch for stretch in _beginnings(bot) if one.start < stretch.start < until]
    if one.due is Due.NOTHING:
        wrong = bool(started)
        return Outcome(one.due, given=not wrong)
    if one.due is Due.WHOLE:
        became, late = became_of(one, bot, lengths)
        return Outcome(one.due, became=became, late=late)
    yielded, talked = yielding(one, bot) if one.due in (Due.YIELD, Due.HUSH) else (None, 0.0)
    if one.due is Due.HUSH:
        return Outcome(one.due, yielded=yielded, talked=talked)
    inside = any(stretch.start < one.end for stretch in started)
    after = [stretch.start - one.end for stretch in started if stretch.start >= one.end]
    given = bool(after) and after[0] <= WAITS_S
    worth = mark(after[0]) if given and (may_cut_in or not inside) else 0.0
    latency = after[0] if given else None
    if inside and not after and not may_cut_in and _last_is_answer(started, one):
        given = True  # the bot answered, but too early
    return Outcome(one.due, given, latency, inside and not may_cut_in, worth, yielded, talked)


def _last_is_answer(started: Sequence[Stretch], one: Heard) -> bool:
    """Whether an answer that began during the caller's sound is still sounding at the end of it."""
    return any(stretch.end > one.end for stretch in started)


def _beginnings(bot: Sequence[Stretch]) -> list[Stretch]:
    """The stretches that begin a reply; other stretches continue one."""
    begun: set[int] = set()
    found = []
    for stretch in bot:
        if stretch.reply == -1 or stretch.reply not in begun:
            found.append(stretch)
        begun.add(stretch.reply)
    return found


def yielding(one: Heard, bot: Sequence[Stretch]) -> tuple[float | None, float]:
    """How long the bot went on speaking after the caller's sound began (None if the bot was silent then), and how long
    it later talked over the same sound again, continuing a reply that had begun before the sound.
    """
    over = next((stretch for stretch in bot if stretch.start <= one.start < stretch.end), None)
    if over is None:
        return None, 0.0
    before = {stretch.reply for stretch in bot if stretch.start <= one.start}
    again = (
        max(0.0, min(stretch.end, one.end) - max(stretch.start, one.start))
        for stretch in bot
        if stretch is not over and stretch.reply in before and stretch.start > one.start
    )
    return over.end - one.start, sum(again)


def became_of(one: Heard, bot: Sequence[Stretch], lengths: Sequence[float]) -> tuple[Became, float | None]:
    """What happened to the reply that was playing when the caller's sound began, and how long it took to resume."""
    over = next((stretch for stretch in bot if stretch.start <= one.start < stretch.end), None)
    if over is None:  # the reply had ended, or was silent between two sentences
        over = next((stretch for stretch in reversed(bot) if stretch.end <= one.start), None)
    if over is None:
        return Became.WHOLE, None
    if over.end > one.end + 1.0 or (over.reply >= 0 and over.stops > lengths[over.reply] - END_S):
        return Became.WHOLE, None
    behind = [stretch for stretch in bot if stretch.start >= over.end and stretch.start > one.start]
    while len(behind) > 1 and behind[0].reply == over.reply and behind[0].end - behind[0].start < GOES_ON_S:
        over = behind.pop(0)  # the reply continued only briefly, and then fell silent again
    later = behind[0] if behind else None
    if later is None or later.reply != over.reply:
        return Became.CUT, None
    if later.start - one.end > RESUMES_S:
        return Became.CUT, None
    if later.start - over.end < NOTICED_S:
        return Became.WHOLE, None
    late = max(0.0, later.start - one.end)
    same = over.stops - SAME_WORD_S <= later.begins <= max(over.stops, over.reached) + SAME_WORD_S
    return (Became.RESUMED if same else Became.ELSEWHERE), late


def whole(bot: Sequence[Stretch], lengths: Sequence[float], heard: Sequence[Heard]) -> list[Became]:
    """What happened to each reply that should have been completed. Replies that began while the caller spoke, and those
    during which a sound marked YIELD or HUSH began, are left out.
    """
    meant = [one for one in heard if one.due in (Due.YIELD, Due.HUSH)]
    spoken = [one for one in heard if one.due in (Due.ANSWER, Due.YIELD)]
    found = []
    for reply, length in enumerate(lengths):
        own = [stretch for stretch in bot if stretch.reply == reply]
        if not own or any(own[0].start <= one.start <= own[-1].end + 0.1 for one in meant):
            continue
        if any(one.start < own[0].start < one.end for one in spoken):
            continue  # this was already counted as an interruption of the caller
        if own[-1].stops < length - END_S:
            found.append(Became.CUT)
        else:
            found.append(Became.WHOLE if len(own) == 1 else Became.RESUMED)
    return found


def lost_words(final: Iterable[str], asked: Iterable[str]) -> list[str]:
    """The recogniser's final words that are missing from the questions; backchannels count only if there were no other
    words.

    >>> lost_words(["Yes.", " it", " is"], ["Yes. It"]), lost_words(["Okay,", " go"], ["go"]), lost_words(["Yes"], [])
    (['is'], [], ['yes'])
    """
    words = [word for text in final for word in _plain(text)]
    rest = Counter(words)
    rest.subtract(word for text in asked for word in _plain(text))
    small = BACKCHANNELS if any(word not in BACKCHANNELS for word in words) else frozenset[str]()
    return sorted(word for word in rest.elements() if word not in small)


def empty_questions(asked: Iterable[str]) -> int:
    """How often the handler was called with an empty question."""
    return sum(not _plain(text) for text in asked)


def history_differs(heard: str, words: Sequence[tuple[str, float]], stops: float) -> bool:
    """Whether `heard` differs from the words that had begun when a reply stopped, `stops` seconds into it.

    A word that begins within 60 ms of `stops` may be in `heard` or not.
    """
    certain = sum(begins < stops - 0.06 for _, begins in words)
    possible = sum(begins < stops + 0.06 for _, begins in words)
    return not certain <= len(heard.split()) <= possible


def cuts_in(kind: str) -> bool:
    """Whether answers during the caller's utterance count as mistakes in this kind of scene."""
    return kind in UNCUT_KINDS


def _plain(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['\u2019][^\W_]+)*", text.lower())
