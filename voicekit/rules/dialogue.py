"""Tracks a call's dialogue as actions move it from place to place (pure).

The dialogue is a value: a Memory goes in, a Decision with another Memory comes out. So the dialogue can be restored
when the caller rephrases the last sentence, and each step can be tested separately.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from voicekit.rules.actions import Action, Place, RuleOutcome
from voicekit.rules.lines import Saying
from voicekit.rules.matching import Filled
from voicekit.rules.states import Form, State, complaint

Slots: TypeAlias = Mapping[str, Filled]


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered from one turn to the next.

    `form` is the form to which the question of `state` belongs, if any. `misses` is how many times in a row the state
    has not understood the caller. `keys` have been pressed, but have no meaning yet.
    """

    state: State | None = None
    form: Form | None = None
    slots: Slots = field(default_factory=dict)
    misses: int = 0
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do next: speak `sayings`, or carry out `action`. `fresh` are the slots that the action's rule has filled.

    If `own` is true, the action belongs to the current state. If `ends` is true, the dialogue ends after the action,
    unless the action moves it to another place. `ahead` are keys that were pressed for later questions. For `transfer`
    and `digits`, see Step.
    """

    memory: Memory
    sayings: tuple[Saying, ...] = ()
    action: Action | None = None
    fresh: Slots = field(default_factory=dict)
    own: bool = False
    ends: bool = False
    hangs_up: bool = False
    ahead: str = ""
    transfer: str | None = None
    digits: str | None = None

    @property
    def slots(self) -> Slots:
        """The slots that fill the action's parameters and the gaps in the sayings."""
        return {**self.memory.slots, **self.fresh}


def follow(decision: Decision, outcome: RuleOutcome) -> Decision:
    """The next decision, after the action of `decision` has returned `outcome`."""
    memory = decision.memory
    over = decision.ends or memory.state is None
    if outcome.end or (outcome.moves and outcome.to is None) or (over and not outcome.moves):
        return Decision(
            Memory(),
            outcome.sayings,
            fresh=decision.slots,
            hangs_up=outcome.end,
            transfer=outcome.transfer,
            digits=outcome.digits,
        )
    if outcome.to is not None:
        entered = enter(outcome.to, _carried(decision, outcome.to))
        sayings, fresh = outcome.sayings + entered.sayings, {**decision.slots, **entered.fresh}
        return replace(entered, sayings=sayings, fresh=fresh, digits=outcome.digits)
    again = () if memory.state is None else (memory.state.prompt,)
    return Decision(memory, outcome.sayings + again, fresh=decision.slots)


def enter(place: Place, slots: Slots) -> Decision:
    """The decision when the dialogue goes to `place`, with `slots` filled."""
    if isinstance(place, Form):
        return fill_form(place, {name: filled for name, filled in slots.items() if not filled.used})
    assert isinstance(place, State)
    return Decision(Memory(place, slots=slots), (place.prompt,))


def answered(memory: Memory, fresh: Slots) -> Decision:
    """The decision when the slots in `fresh` answer the state's question, and possibly other questions of the same
    form."""
    state, form = memory.state, memory.form
    assert state is not None
    assert state.question is not None
    if form is not None and state is form.confirmation:
        return _confirmed(memory, form) if fresh[state.question.slot.name].value else _start_again(memory, form)
    wrong = complaint(state, fresh)
    if wrong is not None:
        return missed(memory, wrong)
    slots = {**memory.slots, **fresh}
    if form is not None:
        return fill_form(form, slots)
    return Decision(replace(memory, slots=slots), action=state.next, own=True, ends=True)


def missed(memory: Memory, wrong: Saying | None = None) -> Decision:
    """The decision when the state has not understood the caller: the next reprompt, or the objection `wrong` followed
    by the prompt. After the last reprompt, the state gives up.
    """
    state = memory.state
    assert state is not None
    if memory.misses == len(state.reprompts):
        return Decision(memory, action=state.give_up, own=True, ends=True)
    again = (state.reprompts[memory.misses],) if wrong is None else (wrong, state.prompt)
    return Decision(replace(memory, misses=memory.misses + 1), again)


def fill_form(form: Form, slots: Slots, *first: Saying) -> Decision:
    """Ask for the first slot that has no acceptable value; if every slot has one, ask for confirmation."""
    for name, ask in form.asks.items():
        wrong = complaint(ask, slots)
        if wrong is not None:
            first, slots = (*first, wrong), {other: filled for other, filled in slots.items() if other != name}
    place = form.missing(slots) or form.confirmation
    if place is None:
        return _confirmed(Memory(form=form, slots=slots), form)
    return Decision(Memory(place, form, slots), (*first, place.prompt))


def _confirmed(memory: Memory, form: Form) -> Decision:
    slots = {name: filled._replace(used=filled.used or name in form.asks) for name, filled in memory.slots.items()}
    return Decision(replace(memory, slots=slots), action=form.next, own=True, ends=True)


def _start_again(memory: Memory, form: Form) -> Decision:
    slots = {name: filled for name, filled in memory.slots.items() if name not in form.asks}
    return fill_form(form, slots, *([form.again] if form.again is not None else []))


def _carried(decision: Decision, place: Place) -> Slots:
    """The slots that stay filled on the way to `place`: all slots of this dialogue, if the dialogue continues there.

    A rule of the whole bot begins another dialogue, with only the slots that this rule has filled.
    """
    goes_on = decision.own or place is decision.memory.form
    return decision.slots if goes_on else decision.fresh
