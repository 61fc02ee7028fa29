"""Tools: Python functions that a model may call while it answers.

    @tool(on_barge_in="finish", filler="One moment.")
    async def book_table(day: Literal["Friday", "Saturday"], people: int) -> str:
        '''Book a table.

        people: how many will come
        '''

Any function can be a tool; the decorator adds what a function can't express, such as what happens when the caller
interrupts. A tool runs during a guess only if it is declared free of side effects. Plain functions are called on the
event loop: run blocking code with `voicekit.in_thread`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar, overload

import msgspec

from voicekit.errors import ConfigError
from voicekit.llm.messages import ToolSpec
from voicekit.llm.schema import AnyObject, Reader, Signature, described
from voicekit.reply.handler import Turn

OnBargeIn: TypeAlias = Literal["cancel", "finish"]

TIME_LIMIT = 15.0
"""Seconds that a tool may take; callers do not wait longer for one sentence."""

LATE_TIME_LIMIT = 600.0
"""Seconds that a tool that reports later may take: ten minutes is a long call."""

LONGEST_NAME = 64

_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{LONGEST_NAME}}}")
"""The names that both OpenAI and Anthropic accept."""

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """How a tool is run. See `tool`."""

    side_effects: bool = True
    on_barge_in: OnBargeIn = "cancel"
    time_limit: float | None = None
    filler: str | None = None
    reports_later: bool = False

    def check(self, where: str) -> None:
        if self.on_barge_in not in ("cancel", "finish"):
            raise ConfigError(f"{where}: expected on_barge_in to be 'cancel' or 'finish', got {self.on_barge_in!r}")
        limit = self.time_limit
        if limit is not None and not (isinstance(limit, int | float) and limit > 0):
            raise ConfigError(f"{where}: expected time_limit to be above 0 seconds, got {limit!r}")

    @property
    def seconds(self) -> float:
        """The time limit in seconds, or its default."""
        return self.time_limit or (LATE_TIME_LIMIT if self.reports_later else TIME_LIMIT)

    @property
    def outlives_the_turn(self) -> bool:
        """Whether the tool continues when the caller interrupts."""
        return self.reports_later or self.on_barge_in == "finish"


@dataclass(frozen=True)
class Tool:
    """A function, its description for the model, and how it is run. Calling a Tool calls its function."""

    function: Callable[..., Any]
    spec: ToolSpec
    signature: Reader
    policy: ToolPolicy

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def name(self) -> str:
        return self.spec.name

    async def run(self, arguments: Mapping[str, Any], turn: Turn) -> str:
        """The function's result for these arguments, as a model reads it. Raises what the function raises."""
        given = dict(arguments)
        if self.signature.turn is not None:
            given[self.signature.turn] = turn
        value = self.function(**given)
        if inspect.isawaitable(value):
            value = await value
        return as_text(value)


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    side_effects: bool = True,
    on_barge_in: OnBargeIn = "cancel",
    time_limit: float | None = None,
    filler: str | None = None,
    reports_later: bool = False,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, **policy: Any
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool from a function. The docstring describes the tool, and the type hints define its arguments.

    - `side_effects` (True): the tool may change something, so it runs only when it is certain that the caller has
      finished. With False, it also runs during a guess.
    - `on_barge_in`: when the caller interrupts, "cancel" cancels the tool and "finish" lets it finish; the model is
      told what happened.
    - `time_limit`: seconds after which the tool is cancelled and the model is informed.
    - `filler`: a sentence for the caller, spoken if the tool takes longer than a moment.
    - `reports_later`: the model continues immediately, and later puts the result into words for the caller.

    A parameter of type `Turn` receives the current turn. Raises ConfigError if the function can't be a tool.
    """
    how = ToolPolicy(**policy)

    def make(function: Callable[..., Any]) -> Tool:
        return _made(function, name, how)

    return make if function is None else make(function)


def tools_of(given: Iterable[Callable[..., Any]]) -> dict[str, Tool]:
    """The tools by name; plain functions become tools. Raises ConfigError if two tools have the same name."""
    tools: dict[str, Tool] = {}
    for each in given:
        made = each if isinstance(each, Tool) else _made(each, None, ToolPolicy())
        if made.name in tools:
            raise ConfigError(f"tools: two tools have the name {made.name!r}")
        tools[made.name] = made
    return tools


def remote_tool(spec: ToolSpec, call: Callable[[Mapping[str, Any]], Any], policy: ToolPolicy | None = None) -> Tool:
    """A tool that is described elsewhere: `call` gets the arguments unchanged, and must check them itself.

    Raises ConfigError for a name that models don't accept.
    """
    if not _NAME.fullmatch(spec.name):
        raise ConfigError(f"tool {spec.name!r}: expected a name of at most 64 letters, digits, '_' and '-'")
    policy = policy or ToolPolicy()
    policy.check(f"tool {spec.name!r}")
    return Tool(lambda **arguments: call(arguments), spec, AnyObject(), policy)


def as_name(text: str) -> str:
    """A tool name that models accept, as close to `text` as possible."""
    return _NOT_IN_NAMES.sub("_", text)[:LONGEST_NAME] or "_"


def as_text(value: object) -> str:
    """A tool's return value as a model reads it: text unchanged, anything else as JSON."""
    if isinstance(value, str):
        return value or "Done."
    return "Done." if value is None else msgspec.json.encode(value, enc_hook=str).decode()


def _made(function: Callable[..., Any], name: str | None, policy: ToolPolicy) -> Tool:
    if not callable(function):
        raise ConfigError(f"tools: expected functions, got {function!r}")
    name = str(name or getattr(function, "__name__", ""))
    where = f"tool {name!r}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: expected a name of at most 64 letters, digits, '_' and '-'; pass one as `name`")
    policy.check(where)
    signature = Signature(function, where)
    return Tool(function, ToolSpec(name, described(function), signature.schema), signature, policy)
