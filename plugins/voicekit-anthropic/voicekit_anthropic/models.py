"""The handler "anthropic": makes a model of its options, and a handler of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from voicekit.errors import ConfigError
from voicekit.llm import LanguageModel
from voicekit_anthropic.messages import MessagesModel

MAX_TOKENS = 1024
"""Of one answer: some six minutes of speech. The service wants to be told a limit."""


def anthropic(
    *,
    model: str,
    system: str = "",
    tools: Iterable[Callable[..., Any]] = (),
    max_tokens: int = MAX_TOKENS,
    api_key: str | None = None,
    base_url: str | None = None,
    body: Mapping[str, Any] | None = None,
    **how: Any,
) -> LanguageModel:
    """A handler that asks `model` of Anthropic.

    `body` adds fields to every request, such as {"temperature": 0.3}. `how` are the other options of
    `voicekit.llm.LanguageModel`: window, limits, fallback. Raises ConfigError without a key, or for options that don't
    fit.
    """
    if not isinstance(model, str) or not model:
        raise ConfigError(f"anthropic: expected the name of a model, got {model!r}")
    if not isinstance(max_tokens, int) or max_tokens < 1:
        raise ConfigError(f"anthropic: expected max_tokens, 1 or more, got {max_tokens!r}")
    asked = MessagesModel(model, max_tokens, base_url=base_url, key=api_key, body=body)
    return LanguageModel(asked, system=system, tools=tools, **how)
