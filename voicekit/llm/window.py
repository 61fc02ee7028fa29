"""How much of a long call a model is told: the oldest exchanges are left out, or summed up, once they are too many.

    Window(tokens=4_000)                                   leaves the oldest out
    Window(tokens=4_000, summary=lambda left_out: "...")   and tells what this makes of them

The rule is a function, not a model: a summary that is asked of a model would keep the caller waiting, or be stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from voicekit.contracts import Exchange
from voicekit.errors import ConfigError
from voicekit.llm.conversation import ModelStep

CHARACTERS_PER_TOKEN = 3.5
"""Of English; models differ by a tenth, other scripts by more. Too few rather than too many: a full window fails."""

PER_MESSAGE = 8
"""Tokens that a message takes beside its text."""

TOKENS = 8_000
"""Some hours of talk. Every token of it is read again in every turn, and delays the answer."""


def estimate(text: str) -> int:
    """About how many tokens `text` is."""
    return PER_MESSAGE + round(len(text) / CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Window:
    """At most `tokens` of the past, as `count` counts those of a message's text; ConfigError below 1.

    `summary`, if given, is told the exchanges that are left out, oldest first, and returns what the model is told
    instead; it is called in each turn, on the event loop.
    """

    tokens: int = TOKENS
    count: Callable[[str], int] = estimate
    summary: Callable[[Sequence[Exchange]], str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.tokens, int) or isinstance(self.tokens, bool) or self.tokens < 1:
            raise ConfigError(f"Window: expected tokens, 1 or more, got {self.tokens!r}")

    def fit(
        self, exchanges: Sequence[Exchange], steps: Mapping[int, Sequence[ModelStep]]
    ) -> tuple[Sequence[Exchange], str]:
        """The newest of `exchanges` that fit, and what is noted in place of the others ("" for nothing)."""
        room, kept = self.tokens, len(exchanges)
        while kept and (cost := self._cost(exchanges[kept - 1], steps)) <= room:
            room -= cost
            kept -= 1
        left_out = exchanges[:kept]
        if not left_out or self.summary is None:
            return exchanges[kept:], ""
        return exchanges[kept:], f"[Earlier in this call: {self.summary(left_out)}]"

    def _cost(self, exchange: Exchange, steps: Mapping[int, Sequence[ModelStep]]) -> int:
        called = steps.get(exchange.turn, ())
        calls = sum(self.count(call.name + call.arguments) for step in called for call in step.calls)
        results = sum(self.count(result.text) for step in called for result in step.results.values())
        return self.count(exchange.user) + self.count(exchange.heard) + calls + results
