"""How much of a long call is sent to a model: if there are too many exchanges, the oldest are left out or summarised.

    Window(tokens=4_000)                                   leaves the oldest out
    Window(tokens=4_000, summary=lambda left_out: "...")   and sends the summary instead

The summary comes from a function, not a model: a model's summary would keep the caller waiting, or be out of date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from voicekit.contracts import Exchange
from voicekit.errors import ConfigError
from voicekit.llm.conversation import ModelStep

CHARACTERS_PER_TOKEN = 3.5
"""For English; models differ by a tenth. The estimate is a little too high rather than too low, because a request with
too many tokens fails.
"""

BYTES_PER_TOKEN = 2
"""For the bytes that UTF-8 needs beyond one per character. This gives half a token for a letter of Greek, Cyrillic or
Arabic, one for a character of Chinese, Thai or Hindi, and one and a half for an emoji. Models differ by a half; no
model needs far more.
"""

PER_MESSAGE = 8
"""Tokens that a message needs in addition to its text."""

TOKENS = 8_000
"""The default size: some hours of talk. The model reads every token again in every turn, which delays the answer."""

RESULT_SHARE = 4
"""The results of all tools in one answer may take up one part in this many of the window: a quarter."""

LEAST_RESULT = 50
"""The minimum number of tokens that are kept of a result."""

MOST_PER_TOKEN = 8
"""The maximum number of characters that a token can have, for a first cut of what may be megabytes."""


def estimate(text: str) -> int:
    """Roughly how many tokens `text` has, estimated from its characters."""
    ascii_only = len(text.encode("ascii", "ignore"))
    beyond = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return PER_MESSAGE + round(ascii_only / CHARACTERS_PER_TOKEN + beyond / BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Window:
    """Limits the past to `tokens` tokens; `count` counts those in a message's text. Raises ConfigError if `tokens` is
    below 1.

    `summary`, if given, takes the exchanges that are left out, oldest first, and returns the text that replaces them;
    it is called in each turn, on the event loop.
    """

    tokens: int = TOKENS
    count: Callable[[str], int] = estimate
    summary: Callable[[Sequence[Exchange]], str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.tokens, int) or isinstance(self.tokens, bool) or self.tokens < 1:
            raise ConfigError(f"Window: expected at least 1 token, got {self.tokens!r}")

    def fit(
        self, exchanges: Sequence[Exchange], steps: Mapping[int, Sequence[ModelStep]]
    ) -> tuple[Sequence[Exchange], str]:
        """The newest of `exchanges` that fit, and the note that replaces the others ("" for none).

        A very long exchange that does not fit is skipped; earlier, shorter ones may still fit.
        """
        room, kept, left_out = self.tokens, list[Exchange](), list[Exchange]()
        for place in range(len(exchanges) - 1, -1, -1):
            cost = self._cost(exchanges[place], steps)
            if cost <= room:
                room -= cost
                kept.insert(0, exchanges[place])
            elif cost > self.tokens // RESULT_SHARE:
                left_out.insert(0, exchanges[place])
            else:
                left_out[:0] = exchanges[: place + 1]
                break
        summed_up = self.summary(left_out) if left_out and self.summary is not None else ""
        return kept, f"[Earlier in this call: {summed_up}]" if summed_up else ""

    def cut(self, text: str, shares: int = 1) -> str:
        """`text`, the result of a tool, cut if it is too long; a note mentions the cut. `shares` is the number of
        results that share the space equally.
        """
        most = max(LEAST_RESULT, self.tokens // RESULT_SHARE // max(1, shares))
        kept = text[: most * MOST_PER_TOKEN]
        while (tokens := self.count(kept)) > most and len(kept) > LEAST_RESULT:
            kept = kept[: max(LEAST_RESULT, int(len(kept) * min(0.9, most / tokens)))]
        if len(kept) == len(text):
            return text
        return f"{kept}\n[Cut short: showing {len(kept)} of {len(text)} characters.]"

    def _cost(self, exchange: Exchange, steps: Mapping[int, Sequence[ModelStep]]) -> int:
        called = steps.get(exchange.turn, ())
        calls = sum(self.count(call.name + call.arguments) for step in called for call in step.calls)
        results = sum(self.count(result.text) for step in called for result in step.results.values())
        return self.count(exchange.user) + self.count(exchange.heard) + calls + results
