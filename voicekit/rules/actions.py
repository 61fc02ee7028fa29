"""What a rule does when it matches: it says something, goes to a place in the dialogue, or calls the author's function.

A function's parameters may have the names of slots that its phrases fill, or be called `turn`, `say` or `slots` (all
slots of the dialogue so far, by name). When the rule is created, a check makes sure that a value is available for each
parameter.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from voicekit.errors import ConfigError
from voicekit.reply.handler import Turn
from voicekit.reply.say import Say
from voicekit.rules.lines import RuleLine, Saying, Vary, written
from voicekit.rules.matching import Filled


class Place:
    """A place in a dialogue: a state or a form."""


@dataclass(frozen=True, slots=True)
class Step:
    """Says `say` and continues at `to`; without `to`, the dialogue ends. `end` also ends the call.

    `transfer` is a number or address to which the caller is transferred after `say` has been heard. `digits` are sent
    to the other side of the call as key tones.
    """

    say: RuleLine | None = None
    to: Place | None = None
    end: bool = False
    transfer: str | None = None
    digits: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.transfer, str | None) or not isinstance(self.digits, str | None):
            raise ConfigError("Step: expected strings for `transfer` and `digits`, got something else")
        if self.transfer is not None and (self.end or self.to is not None):
            raise ConfigError("Step: expected only a transfer, got a transfer with goto or end")
        if not isinstance(self.say, str | Vary | None) or not isinstance(self.to, Place | None):
            raise ConfigError(
                f"Step: expected `say` to be text or vary(...), and `goto` to be a state or a form, got {self!r}"
            )


RuleAnswer: TypeAlias = str | Vary | Step | Place | Callable[..., object]
"""The possible answers to a phrase or a key. A function that is an answer may return the same, or None for no
answer."""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """The result of an action. If `moves` is false, the action does not change where the dialogue continues."""

    sayings: tuple[Saying, ...] = ()
    moves: bool = False
    to: Place | None = None
    end: bool = False
    transfer: str | None = None
    digits: str | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """The turn that an action answers, the `say` that it may call, and the slots that have been filled."""

    turn: Turn
    say: Say
    slots: Mapping[str, Filled]


Perform: TypeAlias = Callable[[Occasion], Awaitable[RuleOutcome]]


@dataclass(frozen=True, slots=True)
class Action:
    """What happens when the bot gives an answer. `known` is the action's result, if that is known in advance. If
    `speaks` is true, the action may call `say` itself."""

    perform: Perform
    known: RuleOutcome | None = None
    speaks: bool = False


def action(answer: RuleAnswer, where: str, *, sure: Collection[str], perhaps: Collection[str] = ()) -> Action:
    """Return `answer` as an action, for use when the slots in `sure`, and possibly those in `perhaps`, are filled.

    Raises ConfigError for an invalid answer, and for a function with a parameter that is not available.
    """
    if isinstance(answer, str | Vary | Step | Place):
        return _fixed(_written(outcome(answer, where), where))
    if isinstance(answer, type) or not callable(answer):
        raise ConfigError(
            f"{where}: expected text, vary(...), Step(...), a state, a form or a function, got {answer!r}"
        )
    wanted = _wanted(answer, where, sure, perhaps)
    return Action(_caller(answer, where, wanted), speaks="say" in wanted)


def outcome(result: object, where: str) -> RuleOutcome:
    """Return `result` as an outcome. `result` is an answer that the author wrote, or that a function returned. Raises
    TypeError if it is invalid."""
    match result:
        case None:
            return RuleOutcome()
        case str() | Vary():
            return RuleOutcome((Saying(result),))
        case Place():
            return RuleOutcome(moves=True, to=result)
        case Step(say, to, end, transfer, digits):
            sayings = () if say is None else outcome(say, where).sayings
            return RuleOutcome(sayings, True, to, end, transfer, digits)
    kinds = "text, vary(...), Step(...), a state, a form or None"
    raise TypeError(f"{where} returned {result!r:.80} ({type(result).__name__}); expected {kinds}")


def _fixed(known: RuleOutcome) -> Action:
    async def perform(occasion: Occasion) -> RuleOutcome:
        return known

    return Action(perform, known)


def _written(known: RuleOutcome, where: str) -> RuleOutcome:
    return replace(known, sayings=tuple(written(saying.line, where) for saying in known.sayings))


def _caller(function: Callable[..., Any], where: str, wanted: Collection[str]) -> Perform:
    async def perform(occasion: Occasion) -> RuleOutcome:
        values = {name: filled.value for name, filled in occasion.slots.items()}
        given = {**values, "turn": occasion.turn, "say": occasion.say, "slots": values}
        result = function(**{name: given[name] for name in wanted if name in given})
        if inspect.isawaitable(result):
            result = await result
        return outcome(result, where)

    return perform


def _wanted(
    function: Callable[..., object], where: str, sure: Collection[str], perhaps: Collection[str]
) -> Collection[str]:
    """The names of the arguments to call `function` with."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigError(f"{where}: expected a function that returns its answer, but {_name(function)} yields")
    wanted = []
    for name, it in inspect.signature(function).parameters.items():
        optional = it.default is not it.empty
        if it.kind not in (it.POSITIONAL_OR_KEYWORD, it.KEYWORD_ONLY):
            raise ConfigError(f"{where}: {_name(function)} must take its arguments by name, but {it} is positional")
        if name in ("turn", "say", "slots") or name in sure or (optional and name in perhaps):
            wanted.append(name)
        elif name in perhaps:
            raise ConfigError(f"{where}: not every phrase fills {name!r}, so {_name(function)} needs a default for it")
        elif not optional:
            can = ", ".join([*dict.fromkeys([*sure, *perhaps]), "turn", "say", "slots"])
            raise ConfigError(f"{where}: {_name(function)} has the unknown parameter {name!r}; it may have: {can}")
    if "say" in wanted and not any(map(inspect.iscoroutinefunction, (function, type(function).__call__))):
        raise ConfigError(f"{where}: {_name(function)} takes `say`, so it must be `async def`")
    return wanted


def _name(function: Callable[..., object]) -> str:
    return f"{getattr(function, '__qualname__', type(function).__name__)}()"
