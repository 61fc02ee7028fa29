"""What a slot may hold: a number, digits, a time, a duration, yes or no, one of a list of choices, or any words (pure).

number     an int or a float       "twenty three", "2.5 million"
digits     a str of digits         "five five one two"; `4 digits` takes exactly four
time       a datetime.time         "half past three"
duration   a timedelta             "an hour and a half"
yes/no     a bool                  "yeah", "no thanks"
a|b|c      the choice, as a str    its case and accents don't matter
text       a str                   the words themselves
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

from voicekit.errors import ConfigError
from voicekit.rules.numbers import Reading, read_digits, read_number
from voicekit.rules.times import read_duration, read_time
from voicekit.rules.words import bare

Find: TypeAlias = Callable[[Sequence[str]], "Sequence[Found]"]
"""A function that finds every position among bare words at which a value begins, and the longest value there."""

Choices: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]]
"""A list of choices; a mapping also has synonyms for each choice."""

UNTIL_HASH = 0
"""If keys fill a slot: all keys before a #."""


class Found(NamedTuple):
    """A value that was found, and its position. `words` are the words in which to say the value back; None means the
    caller's own words."""

    start: int
    end: int
    value: object
    words: str | None = None


@dataclass(frozen=True, slots=True)
class SlotKind:
    """A kind of value that a slot may hold. `find` is None for free text, which may be any words.

    `keys` is how many telephone keys make up a value: UNTIL_HASH for any number of them, None if a value can't be keyed
    in.
    """

    name: str
    find: Find | None = None
    keys: int | None = None
    is_choice: bool = False


_YES = (
    *("yes", "yeah", "yep", "yup", "yes please", "uh-huh", "mhm", "mm-hmm", "correct", "exactly", "absolutely"),
    *("definitely", "of course", "that is right", "that is correct", "that is it", "please do", "go ahead", "i do"),
)
_SOFT_YES = ("okay", "ok", "right", "sure", "all right", "alright", "fine", "good", "please")
_NO = (
    *("no", "nope", "nah", "no thanks", "no thank you", "not really", "no way", "never", "not", "wrong", "incorrect"),
    *("not right", "not correct", "not yet", "not now", "not okay", "not good", "i do not", "do not"),
)
_NEITHER = ("i do not know", "do not know", "not sure", "not certain", "no idea", "either")


def kind_of(name: str, named: Mapping[str, SlotKind], where: str) -> SlotKind:
    """The kind of value that `name` stands for: a built-in kind, one of `named`, "4 digits", or "a|b|c". For any other
    name, raises a ConfigError that lists the kinds.
    """
    name = name.strip()
    if name in named:
        return named[name]
    if name in KINDS:
        return KINDS[name]
    counted = re.fullmatch(r"(\d+) digits?", name)
    if counted and int(counted[1]) > 0:
        count = int(counted[1])
        return SlotKind(name, _everywhere(partial(read_digits, count=count)), keys=count)
    if "|" in name:
        return choice(name.split("|"), where)
    known = ", ".join([*KINDS, *named])
    raise ConfigError(f"{where}: expected a kind of slot ({known}, or one like '4 digits' or 'a|b|c'), got {name!r}")


def choice(choices: Choices, where: str) -> SlotKind:
    """The kind that has `choices` as its values. Raises ConfigError if a choice has no words, or if two choices have
    the same words."""
    spoken: dict[tuple[str, ...], str] = {}
    if isinstance(choices, str) or not isinstance(choices, Sequence | Mapping) or not choices:
        raise ConfigError(f"{where}: expected a list of choices, or a list of words for each choice, got {choices!r}")
    for value in choices:
        for way in (value, *(_ways(choices[value]) if isinstance(choices, Mapping) else ())):
            words = bare(way) if isinstance(way, str) else ()
            if not words:
                raise ConfigError(f"{where}: expected a choice that contains words, got {way!r}")
            if spoken.setdefault(words, value.strip()) != value.strip():
                raise ConfigError(f"{where}: {way!r} can't mean both {spoken[words]!r} and {value!r}")
    return SlotKind("|".join(value.strip() for value in choices), partial(_find_choices, spoken), is_choice=True)


def _ways(ways: object) -> Sequence[object]:
    return ways if isinstance(ways, Sequence) and not isinstance(ways, str) else (ways,)


def _everywhere(read: Callable[[Sequence[str], int], Reading | None]) -> Find:
    """A function that finds all values that `read` reads, at any position."""

    def find(words: Sequence[str]) -> Sequence[Found]:
        readings = ((start, read(words, start)) for start in range(len(words)))
        return [Found(start, it.end, it.value, it.words) for start, it in readings if it is not None]

    return find


def _find_choices(spoken: Mapping[tuple[str, ...], str], words: Sequence[str]) -> Sequence[Found]:
    return [
        Found(start, end, value := spoken[tuple(words[start:end])], value)
        for start, end in _places(spoken, words).items()
    ]


def _find_yes_no(words: Sequence[str]) -> Sequence[Found]:
    """The meaning of the whole answer: "yes, no" means neither yes nor no, and an "okay" together with a "no" is not a
    yes."""
    no, yes, soft = (_places(phrases, words) for phrases in (_NO_WORDS, _YES_WORDS, _SOFT_WORDS))
    clear = {place: end for place, end in yes.items() if not any(first <= place < last for first, last in no.items())}
    if (no and clear) or _places(_NEITHER_WORDS, words):
        return ()
    return [Found(start, end, not no) for start, end in (no or clear or soft).items()]


def _places(phrases: Collection[tuple[str, ...]], words: Sequence[str]) -> dict[int, int]:
    """Where each of `phrases` begins and ends in `words`; of several that begin at the same word, only the longest."""
    ends = {start: _longest(phrases, words, start) for start in range(len(words))}
    return {start: end for start, end in ends.items() if end is not None}


def _longest(phrases: Collection[tuple[str, ...]], words: Sequence[str], start: int) -> int | None:
    """The end of the longest of `phrases` that begins at `start`."""
    longest = max(map(len, phrases))
    ends = range(min(len(words), start + longest), start, -1)
    return next((end for end in ends if tuple(words[start:end]) in phrases), None)


_YES_WORDS, _SOFT_WORDS, _NO_WORDS, _NEITHER_WORDS = (
    frozenset(map(bare, phrases)) for phrases in (_YES, _SOFT_YES, _NO, _NEITHER)
)

TEXT = SlotKind("text")
YES_NO = SlotKind("yes/no", _find_yes_no)
KINDS: Mapping[str, SlotKind] = {
    kind.name: kind
    for kind in (
        TEXT,
        SlotKind("number", _everywhere(read_number), keys=UNTIL_HASH),
        SlotKind("digits", _everywhere(read_digits), keys=UNTIL_HASH),
        SlotKind("time", _everywhere(read_time)),
        SlotKind("duration", _everywhere(read_duration)),
        YES_NO,
    )
}
