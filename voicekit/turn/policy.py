"""The numbers and word lists that are used to judge turns: frozen values, with a reason for each default.

A policy is only data; the turn machine, the conductor and the session read it. All times are in seconds. A value that
no call could use raises a ConfigError that names the field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from voicekit.errors import ConfigError
from voicekit.turn.advice import Adviser
from voicekit.turn.adviser import WordAdviser
from voicekit.turn.wordlists import IGNORE_WORDS, STOP_WORDS, WordLists

Endpointing: TypeAlias = Literal["auto", "stt", "vad"]
Ahead: TypeAlias = Literal["text", "sound"]

# A recogniser keeps exactly to its own maximum delay; half a second more covers the network and a slow decode.
FALLBACK_MARGIN = 0.5

FAREWELL = "I have to end this call now. Goodbye."
APOLOGY = "I'm sorry, something went wrong. Could you say that again?"


@dataclass(frozen=True, slots=True)
class Speculation:
    """Settings for replies that are begun before it is certain that the caller has finished.

    `after`: how long the words must have been unchanged in a pause; a recogniser rarely corrects a word that is 0.2 s
    old. `most`: how many times per turn a reply may be begun, limited because each attempt may incur a model's fee.
    `ahead`: "text" holds the handler's words back before the voice; "sound" holds the voice's audio back before the
    sink. The latter also hides the voice's delay, but you may pay for speech that is then discarded.
    """

    after: float = 0.2
    most: int = 3
    ahead: Ahead = "text"

    def __post_init__(self) -> None:
        _check(self, _SECONDS, "after")
        _check(self, _count(1), "most")
        _check(self, _one_of(get_args(Ahead)), "ahead")


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """Settings that determine when the caller's turn is over.

    `endpointing`: "stt" uses the recogniser's Endpoint, "vad" uses silence, "auto" uses "stt" if the transcriber
    declares endpoints. `settle`: how long a pause must last in vad mode; 0.8 s is longer than nearly all pauses inside
    a sentence. `max_endpoint_delay`: the recogniser's maximum delay for its Endpoint. `noise`: how long a sound may
    continue after the last word before the words are answered anyway, since steady noise would otherwise delay the
    answer forever; 4 s is longer than anyone draws out a word, and longer than a busy recogniser takes for the next
    word. `speculate`: whether replies are begun while a pause is still being judged; True is `Speculation()`. Off by
    default, because the handler must be prepared for replies that are discarded (see `Turn.committed`). `adviser`: a
    function that judges each pause by the words before it, to end the turn before the recogniser's endpoint or to wait
    longer (`voicekit.turn.advice`); True is `WordAdviser()`, False leaves the decision to endpoints and silence.
    """

    endpointing: Endpointing = "auto"
    settle: float = 0.8
    max_endpoint_delay: float = 2.0
    noise: float = 4.0
    speculate: bool | Speculation = False
    adviser: bool | Adviser = True

    def __post_init__(self) -> None:
        _check(self, _one_of(get_args(Endpointing)), "endpointing")
        _check(self, _SECONDS, "settle", "max_endpoint_delay", "noise")
        _check(self, _SPECULATE, "speculate")
        _check(self, _ADVISER, "adviser")

    @property
    def advises(self) -> Adviser | None:
        """The adviser; None if advice is off."""
        if isinstance(self.adviser, bool):
            return _BY_WORDS if self.adviser else None
        return self.adviser

    @property
    def speculation(self) -> Speculation | None:
        """The settings for speculation; None if it is off."""
        if isinstance(self.speculate, Speculation):
            return self.speculate
        return Speculation() if self.speculate else None

    @property
    def fallback(self) -> float:
        """How long a pause must last to end the turn in stt mode, if there is no Endpoint."""
        return self.max_endpoint_delay + FALLBACK_MARGIN


@dataclass(frozen=True, slots=True)
class InterruptPolicy:
    """Settings that determine when speech cuts a reply.

    `barge_in`: whether speech interrupts at all; typed lines and keys always do. `min_words`: how many words cut a
    reply. Fewer words hold the reply while they are spoken, and are answered after the reply. Before the first sound of
    a reply, one word is enough, since the caller has not finished. In scripts without spaces, two characters count as a
    word. `doubt`: the longest time for which a reply is held. When this time is up, words that are still arriving cut
    the reply; otherwise the reply continues. `late_words`: how long to wait for the words of a sound that has ended,
    unless the recogniser reports sooner that there are none; with the gate's hangover of 0.3 s, a cough holds the reply
    for 0.4 s. Later words can still cut the reply. `sound_cuts`: whether a sound without words cuts the reply if the
    sound lasts until the end of the doubt. This is for a recogniser that takes longer than `doubt` to deliver words.
    `min_speech`: with `sound_cuts`, how many seconds of that sound must be speech. `regret`: if the words that cut a
    reply vanish, and none of that reply was heard, the caller's question is answered after all, once this many seconds
    have passed without words.

    `ignore_echo`: whether words that the reply is saying at the same moment are ignored. `faint_db`: sound that is this
    many dB below the caller's usual level is ignored (television, side talk, echo); None turns this off. One person's
    speech varies in level by up to 10 dB. `stop_words`: phrases that always cut, by language code; "any" is the code
    for all languages. If the language of a word is unknown or has no list, the word is looked up in the lists of the
    languages that the recogniser expects, and in the English list; if it is not in Latin letters, it is looked up in
    all lists. `ignore_words`: phrases that never cut, also by language code.
    """

    barge_in: bool = True
    doubt: float = 2.0
    late_words: float = 0.1
    regret: float = 2.0
    min_words: int = 2
    sound_cuts: bool = False
    min_speech: float = 0.25
    ignore_echo: bool = True
    faint_db: float | None = 13.0
    stop_words: WordLists = field(default_factory=lambda: STOP_WORDS, hash=False)
    ignore_words: WordLists = field(default_factory=lambda: IGNORE_WORDS, hash=False)

    def __post_init__(self) -> None:
        _check(self, _FLAG, "barge_in", "sound_cuts", "ignore_echo")
        _check(self, _SECONDS, "doubt", "late_words", "regret", "min_speech")
        _check(self, _DECIBELS, "faint_db")
        _check(self, _count(1), "min_words")
        _check(self, _WORD_LISTS, "stop_words", "ignore_words")
        # copied, so that later changes to the given lists have no effect
        for name in ("stop_words", "ignore_words"):
            lists = {language: tuple(phrases) for language, phrases in getattr(self, name).items()}
            object.__setattr__(self, name, lists)


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Settings for the course of a call: how it begins, is kept alive and ends, and what is spoken when something
    fails.

    For each text, None means silence. While the far side has put the call on hold, the clock stops for all these times.

    `greeting`: the text that is spoken before the caller speaks; with None, the bot waits for the caller.
    `greeting_interruptible`: whether speech can cut the greeting; if not, words spoken over it are answered after it.
    `idle_after`: how long a silence lasts before the bot prompts the caller; with None, it never does. `idle_prompt`:
    the words with which the bot prompts after such a silence; with None, the handler is called. `idle_limit`: after
    this many prompts in a row, the next silence ends the call; with 0, the first silence does; with None, no silence
    does. `max_duration`: after this time the call ends gracefully, as soon as the caller has finished speaking, and at
    most 10 s later. `warning`: the text that is spoken before `max_duration` is reached: 30 s before, or a quarter of
    `max_duration` if that is less. `farewell`: the text that is spoken before `idle_limit`, `max_duration` or failures
    end the call. `apology`: the text that is spoken when a reply has failed, unless a plugin provides another. The call
    continues; after three failed replies in a row, it ends. `open_timeout`: how long each stage may take to open.
    `end_within`: how long a graceful end may take.
    """

    greeting: str | None = None
    greeting_interruptible: bool = True
    idle_after: float | None = None
    idle_prompt: str | None = None
    idle_limit: int | None = None
    max_duration: float | None = None
    warning: str | None = None
    farewell: str | None = FAREWELL
    apology: str | None = APOLOGY
    open_timeout: float = 10.0
    end_within: float = 15.0

    def __post_init__(self) -> None:
        _check(self, _TEXT, "greeting", "idle_prompt", "warning", "farewell", "apology")
        _check(self, _FLAG, "greeting_interruptible")
        _check(self, _count(0), *self._given("idle_limit"))
        _check(self, _POSITIVE, "open_timeout", "end_within", *self._given("idle_after", "max_duration"))

    def _given(self, *names: str) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]


@dataclass(frozen=True, slots=True)
class Policy:
    """All settings for the conversation in one call."""

    turn: TurnPolicy = field(default_factory=TurnPolicy)
    interrupt: InterruptPolicy = field(default_factory=InterruptPolicy)
    call: CallPolicy = field(default_factory=CallPolicy)

    def __post_init__(self) -> None:
        for name, kind in (("turn", TurnPolicy), ("interrupt", InterruptPolicy), ("call", CallPolicy)):
            _check(self, _Kind(f"a {kind.__name__}", kind.__instancecheck__), name)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the value of a field must be: in words, and as a test."""

    words: str
    holds: Callable[[Any], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_phrases(value: object) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str) and all(isinstance(item, str) for item in value)


def _is_lists(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_phrases, value.values()))


def _count(least: int) -> _Kind:
    return _Kind(f"an integer of at least {least}", lambda value: type(value) is int and value >= least)


def _one_of(allowed: tuple[str, ...]) -> _Kind:
    return _Kind(f"one of {', '.join(allowed)}", lambda value: value in allowed)


def _check(policy: object, kind: _Kind, *names: str) -> None:
    for name in names:
        value = getattr(policy, name)
        if not kind.holds(value):
            raise ConfigError(f"{type(policy).__name__}.{name}: expected {kind.words}, got {value!r}")


_SECONDS = _Kind("0 or more seconds", lambda value: _is_number(value) and value >= 0)
_POSITIVE = _Kind("a number of seconds above 0", lambda value: _is_number(value) and value > 0)
_DECIBELS = _Kind("decibels above 0, or None", lambda value: value is None or (_is_number(value) and value > 0))
_FLAG = _Kind("True or False", lambda value: isinstance(value, bool))
_TEXT = _Kind("text or None", lambda value: isinstance(value, str | None))
_WORD_LISTS = _Kind('phrases by language such as {"en": ("stop", "hold on")}', _is_lists)
_ADVISER = _Kind("True, False or a function of a CallerPause", lambda value: isinstance(value, bool) or callable(value))
_BY_WORDS = WordAdviser()
_SPECULATE = _Kind("True, False or a Speculation", lambda value: isinstance(value, bool | Speculation))
