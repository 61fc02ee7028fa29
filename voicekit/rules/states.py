"""The places of a dialogue: a state asks one question, a menu offers keys, a form asks several questions one by one.

A dialogue over several turns is defined explicitly: a rule's answer names the next state, and the session keeps the
current state as a plain value. A coroutine (`day = await ask("Which day?")`) would read better but is not possible. A
handler answers one turn, and is cancelled whenever the caller interrupts, so such a coroutine would have to outlive the
turns. Then the dialogue could not be inspected, or restored when the caller rephrases the last sentence, and its steps
could not be tested separately.

If another of the bot's rules matches while a state waits for an answer, that rule is followed, and then the state's
question is asked again. So "help" and "what time is it" work anywhere. An answer set with `then` ends the dialogue,
unless it names the next place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from voicekit.errors import ConfigError
from voicekit.events import ExpectedAnswer
from voicekit.reply.expecting import checked_answer
from voicekit.rules.actions import Action, Place, RuleAnswer, action
from voicekit.rules.kinds import UNTIL_HASH, YES_NO, SlotKind
from voicekit.rules.lines import RuleLine, Saying, Vary, written
from voicekit.rules.matching import Filled
from voicekit.rules.phrases import Phrase, Slot, Variant
from voicekit.rules.table import Fills, Gaps, Table, filled_by, read

F = TypeVar("F", bound=RuleAnswer)

Check: TypeAlias = Callable[..., RuleLine | None]
"""A function that takes the value of a slot, and returns an objection to be spoken, or None."""

REPROMPTS = 2
"""How many times a question is asked again by default."""

KEY_TIMEOUT = 5.0
"""The default for how many seconds after a key the next one must come: time to look at a card."""

DIGITS = "digits"
FEW = 3
"""The number of digits from which callers may pause between them."""

GIVE_UP = "I am sorry, I did not understand you. Let us leave it there."

NOTHING = action(lambda: None, "nothing", sure=())


@dataclass(frozen=True, slots=True)
class Question:
    """What a state asks for: the slot to fill, the phrases that answer the question, and the check that an answer must
    pass."""

    slot: Slot
    patterns: tuple[Phrase | re.Pattern[str], ...]
    check: Check | None = None
    expects: ExpectedAnswer | None = None
    """How to listen to the answer: see `Turn.expect`."""


class State(Table, Place):
    """Asks its prompt and waits for an answer; made by `Rules.ask` and `Rules.menu`.

    A state has its own rules and keys (`on`, `key`), which take precedence over those of the whole bot. If it does not
    understand the caller, it speaks the next of its reprompts; after the last one, it gives up.
    """

    def __init__(
        self,
        prompt: RuleLine,
        question: Question | None,
        *,
        table: Table,
        reprompts: Sequence[RuleLine] | None,
        give_up: RuleAnswer,
        where: str,
    ) -> None:
        super().__init__(table.named, table.coverage, where, in_dialogue=True)
        self.question = question
        self.fills += [] if question is None else [Fills(where, question.patterns)]
        self.prompt = written(prompt, f"{where}: prompt")
        again = [prompt] * REPROMPTS if reprompts is None else reprompts
        if isinstance(again, str) or not isinstance(again, Sequence):
            raise ConfigError(f"{where}: reprompts: expected a list of texts, got {reprompts!r}")
        self.reprompts = tuple(written(line, f"{where}: reprompts") for line in again)
        self.next: Action = NOTHING
        self.key_timeout = KEY_TIMEOUT
        self.give_up = NOTHING
        self.gives_up(give_up)
        self.gaps += [Gaps(f"{where}: {saying.line!r}", saying.names) for saying in (self.prompt, *self.reprompts)]

    def then(self, answer: F) -> F:
        """Set what happens after the question has been answered: a function (`@day.then`), a line, a Step or another
        place."""
        if self.question is None:
            raise ConfigError(
                f"{self.where}: a menu has no value, so it can't have `then`; set answers for its keys instead"
            )
        where = f"{self.where}.then"
        sure, perhaps = filled_by(self.question.patterns)
        self.next = action(answer, where, sure={self.question.slot.name, *sure}, perhaps=perhaps)
        self.add_gaps(self.next, where, ())
        return answer

    def gives_up(self, answer: F) -> F:
        """Set what the bot answers if the last reprompt fails; as with `then`, the dialogue ends unless this answer
        leads to another state.
        """
        self.give_up = action(answer, f"{self.where}: give_up", sure=())
        self.add_gaps(self.give_up, f"{self.where}: give_up", ())
        return answer

    def set_key_timeout(self, seconds: float) -> None:
        """Set how long to wait for the next key. Raises ConfigError if `seconds` is invalid."""
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < 600:
            raise ConfigError(f"{self.where}: key_timeout: expected more than 0 seconds, got {seconds!r}")
        self.key_timeout = float(seconds)

    @property
    def collects(self) -> int | None:
        """How many keys answer the question; None if keys can't answer it."""
        return self.question.slot.kind.keys if self.question is not None else None

    def __repr__(self) -> str:
        return f"<{self.where}>"


class Form(Place):
    """Asks several questions until all their slots are filled, and then asks for confirmation; made by `Rules.form`.

    Slots that are already filled, for example by the phrase that led to the form, are not asked for. If the caller's
    words also contain one of the choices of another question, that question is answered as well. At the end, "no,
    Friday" corrects the day, and "no, four" corrects a number if it can belong to only one of the questions.
    """

    def __init__(
        self, asks: Sequence[State], confirm: RuleLine | None, again: RuleLine | None, *, table: Table
    ) -> None:
        self.where = "form"
        if not asks or not all(isinstance(ask, State) and ask.question is not None for ask in asks):
            raise ConfigError(f"form: expected states that rules.ask(...) returned, got {asks!r}")
        self.asks = {ask.question.slot.name: ask for ask in asks if ask.question is not None}
        if len(self.asks) < len(asks):
            raise ConfigError(
                f"form: expected a different slot for each question, got {', '.join(self.asks)} for "
                f"{len(asks)} questions"
            )
        self.where = f"form({', '.join(self.asks)})"
        self.again = None if again is None else written(again, f"{self.where}: again")
        self.confirmation = None if confirm is None else _confirmation(confirm, table, f"{self.where}: confirm")
        self.next = NOTHING
        self.gaps: list[Gaps] = []

    def then(self, answer: F) -> F:
        """Set what happens after the form has been filled in and confirmed; a function may take all slots of the
        form."""
        where = f"{self.where}.then"
        self.next = action(answer, where, sure=self.asks)
        known = self.next.known.sayings if self.next.known is not None else ()
        self.gaps = [Gaps(where, saying.names.difference(self.asks)) for saying in known]
        return answer

    def missing(self, slots: Mapping[str, Filled]) -> State | None:
        """The first question that has not been answered yet; None if all have been answered."""
        return next((ask for name, ask in self.asks.items() if name not in slots), None)

    def __repr__(self) -> str:
        return f"<{self.where}>"


def complaint(state: State, slots: Mapping[str, Filled]) -> Saying | None:
    """The objection to the value in `slots` that answers the question of `state`; None if there is no objection or no
    value."""
    question = state.question
    if question is None or question.check is None or question.slot.name not in slots:
        return None
    wrong = question.check(slots[question.slot.name].value)
    if not isinstance(wrong, str | Vary | None):
        raise TypeError(f"{state.where}: check returned {wrong!r:.80}; expected the text of an objection, or None")
    return None if wrong is None else Saying(wrong)


def ask_state(
    prompt: RuleLine,
    slot: str,
    kind: SlotKind,
    *,
    phrases: Sequence[str | re.Pattern[str]],
    check: Check | None,
    expect: ExpectedAnswer | None,
    table: Table,
    reprompts: Sequence[RuleLine] | None,
    give_up: RuleAnswer,
) -> State:
    """Make the state that asks for `slot`. Raises ConfigError if one of its `phrases` does not fill `slot`."""
    where = f"ask({slot!r})"
    if not isinstance(slot, str) or not slot.isidentifier():
        raise ConfigError(f"{where}: expected a slot name that is a valid Python name")
    patterns = (_alone(Slot(slot, kind)), *(read(phrases, table.named, where) if phrases else ()))
    if slot not in filled_by(patterns)[0]:
        raise ConfigError(f"{where}: expected each phrase to fill the slot {slot!r}, got {list(phrases)!r}")
    expects = _usual(kind) if expect is None else checked_answer(expect)
    question = Question(Slot(slot, kind), patterns, check, expects)
    return State(prompt, question, table=table, reprompts=reprompts, give_up=give_up, where=where)


def _usual(kind: SlotKind) -> ExpectedAnswer | None:
    """What a question for a value of `kind` expects. Callers pause within sequences of digits, but a yes is complete
    immediately.
    """
    if kind is YES_NO:
        return "yes_no"
    if not kind.name.endswith(DIGITS):
        return None
    return "number" if kind.keys is None or kind.keys == UNTIL_HASH or kind.keys >= FEW else None


def _alone(slot: Slot) -> Phrase:
    return Phrase(f"{{{slot.name}}}", (Variant((slot,), Counter()),))


def _confirmation(confirm: RuleLine, table: Table, where: str) -> State:
    slot = Slot("confirmed", YES_NO)
    question = Question(slot, (_alone(slot),), expects=_usual(YES_NO))
    return State(confirm, question, table=table, reprompts=None, give_up=GIVE_UP, where=where)
