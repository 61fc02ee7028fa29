"""Decides which rule or question the caller's words, typed lines or keys belong to (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from voicekit.reply.handler import Turn
from voicekit.rules.actions import Action
from voicekit.rules.dialogue import Decision, Memory, Slots, answered, fill_form, missed
from voicekit.rules.keys import Collected, press
from voicekit.rules.kinds import UNTIL_HASH, YES_NO, SlotKind
from voicekit.rules.matching import Filled, Match, best, match
from voicekit.rules.states import Form, State
from voicekit.rules.table import KEYS, Rule, Table
from voicekit.rules.words import Said

SILENCE = ("silence", "idle")
"""The reasons for a turn without words."""


class Book(NamedTuple):
    """A bot's rules that apply everywhere, and its answers for when no rule matches or the caller is silent."""

    table: Table
    otherwise: Action | None = None
    silence: Action | None = None


class _Candidate(NamedTuple):
    """A match of a rule of the state itself (`own`) or of the bot. If `rule` is None, the match answers the state's
    question."""

    match: Match
    rule: Rule | None
    own: bool

    @property
    def rank(self) -> tuple[float, bool, bool, int]:
        return self.match.coverage, self.own, self.match.in_order, self.match.literals


def decide(book: Book, memory: Memory, turn: Turn, text: str, keys: str) -> Decision | None:
    """The decision for a turn that consists of the words `text` or of `keys`; None if no rule has an answer."""
    if keys:
        return by_keys(book, memory, keys, late=turn.reason == "keys")
    fresh = replace(memory, keys="")
    if turn.reason in SILENCE or (turn.reason == "keys" and not text):
        return missed(fresh) if fresh.state is not None else _act(fresh, book.silence)
    if text:
        typed = text.strip() if turn.reason == "typed" else ""
        found = _by_words(book, fresh, turn, Said.of(text))
        if found is None and typed and not typed.strip(KEYS):  # in a typed conversation, keys are typed as characters
            return by_keys(book, memory, typed)
        return found if found is not None else _not_understood(book, fresh)
    return Decision(fresh, (fresh.state.prompt,)) if fresh.state is not None else None


def _by_words(book: Book, memory: Memory, turn: Turn, said: Said) -> Decision | None:
    """The decision for the best match; among equally good matches, a rule of the state comes first."""
    candidates = _candidates(book, memory.state, turn, said)
    chosen = max(candidates, key=lambda candidate: candidate.rank, default=None)
    if chosen is not None and chosen.rule is not None:
        slots = chosen.match.slots
        kept = replace(memory, slots={**memory.slots, **slots} if chosen.own else memory.slots, misses=0)
        return Decision(kept, action=chosen.rule.action, fresh=slots, own=chosen.own)
    state, form = memory.state, memory.form if memory.state is not None else None
    offered = _offered(form, memory, said, chosen.match if chosen is not None else None) if form is not None else {}
    if form is not None and state is form.confirmation:
        offered = {**_corrected(form, memory, said, chosen.match if chosen is not None else None), **offered}
        if offered:  # "no, on Friday"
            return fill_form(form, {**memory.slots, **offered})
    if chosen is None:
        return None
    return answered(memory, {**offered, **chosen.match.slots})


def _candidates(book: Book, state: State | None, turn: Turn, said: Said) -> Iterator[_Candidate]:
    if state is not None:
        yield from _of(state, turn, said, own=True)
    if state is not None and state.question is not None:
        answer = best(match(pattern, said) for pattern in state.question.patterns)
        if answer is not None:
            yield _Candidate(answer, None, own=True)
    yield from _of(book.table, turn, said, own=False)


def _of(table: Table, turn: Turn, said: Said, *, own: bool) -> Iterator[_Candidate]:
    for rule in table.rules:
        found = rule.match(said, turn)
        if found is not None:
            yield _Candidate(found, rule, own)


def _offered(form: Form, memory: Memory, said: Said, answer: Match | None) -> Slots:
    """Choices that the caller gave for other questions of the form, together with the `answer`."""
    offered: dict[str, Filled] = {}
    for name, ask in form.asks.items():
        known = memory.slots.get(name)
        if ask is memory.state or ask.question is None or (known is not None and memory.state is not form.confirmation):
            continue
        for value in _choices_in(ask.question.slot.kind, said, answer):
            if known is None or value.value != known.value:
                offered[name] = value
    return offered


def _choices_in(kind: SlotKind, said: Said, answer: Match | None) -> Iterator[Filled]:
    for found in kind.find(said.words) if kind.is_choice and kind.find is not None else ():
        if answer is None or not answer.accounts_for(found.start):
            yield Filled(found.value, found.words or "")


def _corrected(form: Form, memory: Memory, said: Said, answer: Match | None) -> Slots:
    """A new number, time or the like, given alone or with a "no", if it fits one of the form's questions best."""
    if answer is not None and any(filled.value for filled in answer.slots.values()):
        return {}  # the caller has said yes: "yes, for the two of us" corrects nothing
    fits: list[tuple[float, str, Filled]] = []
    for name, ask in form.asks.items():
        kind = ask.question.slot.kind if ask.question is not None else YES_NO
        if ask.question is None or kind.find is None or kind is YES_NO or kind.is_choice:
            continue
        found = best(match(pattern, said) for pattern in ask.question.patterns)
        if found is not None:
            fits.append((found.coverage, name, found.slots[name]))
    most = max((coverage for coverage, _, _ in fits), default=0.0)
    closest = {name: filled for coverage, name, filled in fits if coverage == most}
    news = {name: filled for name, filled in closest.items() if memory.slots[name].value != filled.value}
    return news if len(closest) == 1 else {}


def by_keys(book: Book, memory: Memory, keys: str, *, late: bool = False) -> Decision | None:
    """The decision for `keys`. They are taken one by one until, together, they have a meaning or can no longer acquire
    one. Any remaining keys were pressed ahead of the next question.

    If `late` is true, no more keys will arrive, so the requested digits are either complete or too few.
    """
    state = memory.state
    tables = [*([state.keys] if state is not None else []), book.table.keys]
    collects = state.collects if state is not None else None
    for end in range(1, len(keys) + 1):
        row = memory.keys + keys[:end]
        found = press(row, tables, collects)
        cleared, ahead = replace(memory, keys=""), keys[end:]
        match found:
            case Collected(digits):
                return replace(_by_digits(cleared, digits), ahead=ahead)
            case Action():
                own = state is not None and row in state.keys
                return Decision(replace(cleared, misses=0), action=found, own=own, ahead=ahead)
            case None:
                return _not_understood(book, cleared)
    row = memory.keys + keys
    if late and collects is not None and row.isdecimal():
        cleared = replace(memory, keys="")
        return _by_digits(cleared, row) if collects == UNTIL_HASH else missed(cleared)
    return Decision(replace(memory, keys=row))


def _by_digits(memory: Memory, digits: str) -> Decision:
    """The decision if `digits` answer the state's question."""
    assert memory.state is not None
    assert memory.state.question is not None
    name, kind = memory.state.question.slot
    found = kind.find((digits,)) if kind.find is not None else ()
    return answered(memory, {name: Filled(found[0].value, found[0].words or digits)}) if found else missed(memory)


def _not_understood(book: Book, memory: Memory) -> Decision | None:
    return missed(memory) if memory.state is not None else _act(memory, book.otherwise)


def _act(memory: Memory, action: Action | None) -> Decision | None:
    return Decision(memory, action=action) if action is not None else None
