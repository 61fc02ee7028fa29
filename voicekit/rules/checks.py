"""Checks that are possible only when all rules are known; they run in the first turn of each call."""

from __future__ import annotations

from collections.abc import Sequence

from voicekit.errors import ConfigError
from voicekit.rules.states import NOTHING, Form, State
from voicekit.rules.table import Table


def check_rules(table: Table, states: Sequence[State], forms: Sequence[Form]) -> None:
    """Raise ConfigError for a question without a next step, a gap that no slot fills, or a slot that has two kinds."""
    _check_ends(states, forms)
    asked = {state.question.slot.name: state for state in states if state.question is not None}
    known = set(asked)
    for fills in (fills for place in (table, *states) for fills in place.fills):
        for name, kind in fills.slots:
            known.add(name)
            question = asked[name].question if name in asked else None
            if question is not None and question.slot.kind.name != kind.name:
                both = f"{kind.name!r} here, {question.slot.kind.name!r} in {asked[name].where}"
                raise ConfigError(f"{fills.where}: expected a single kind for the slot {name!r}, got {both}")
    confirmations = [form.confirmation for form in forms if form.confirmation is not None]
    all_gaps = [gaps for state in (*states, *confirmations) for gaps in state.gaps]
    for where, names in (*all_gaps, *(gaps for form in forms for gaps in form.gaps)):
        if names - known:
            raise ConfigError(f"{where}: neither a phrase nor a question fills the slot {min(names - known)!r}")


def _check_ends(states: Sequence[State], forms: Sequence[Form]) -> None:
    in_forms = {ask for form in forms for ask in form.asks.values()}
    for state in states:
        if state.question is None and not state.keys and not state.rules:
            raise ConfigError(f"{state.where}: expected keys or phrases that answer {state.prompt.line!r}, got none")
        if state.question is not None and state.next is NOTHING and state not in in_forms:
            raise ConfigError(f"{state.where}: nothing happens after the answer; set the next step with `then`")
    for form in forms:
        if form.next is NOTHING:
            raise ConfigError(f"{form.where}: nothing happens after the form is filled; set the next step with `then`")
