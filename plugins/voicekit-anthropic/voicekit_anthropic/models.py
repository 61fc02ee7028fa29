"""The handler "anthropic": makes a model from the options, and a handler from the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from voicekit.errors import ConfigError
from voicekit.llm import LanguageModel
from voicekit.llm.model import ModelEndpoint
from voicekit_anthropic.messages import MAX_TOKENS, MessagesModel

BASE_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"


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
    """A handler that asks the Anthropic model called `model`.

    `body` adds fields to every request, such as {"temperature": 0.3}. `how` holds the other options of
    `voicekit.llm.LanguageModel`: window, limits, fallback. Raises ConfigError if there is no API key, or if an option
    is not valid.
    """
    if not isinstance(max_tokens, int) or max_tokens < 1:
        raise ConfigError(f"anthropic: expected max_tokens of at least 1, got {max_tokens!r}")
    asked = MessagesModel(model, endpoint(base_url, api_key), {"max_tokens": max_tokens, **(body or {})})
    return LanguageModel(asked, system=system, tools=tools, **how)


def endpoint(url: str | None = None, key: str | None = None, environ: Mapping[str, str] = os.environ) -> ModelEndpoint:
    """The endpoint at `url` with `key`; if either is not given, its value comes from `environ`."""
    url, key = url or environ.get("ANTHROPIC_BASE_URL"), key or environ.get("ANTHROPIC_API_KEY")
    return ModelEndpoint.find(
        "anthropic", BASE_URL, url, key, lambda key: {"x-api-key": key, "anthropic-version": VERSION}
    )
