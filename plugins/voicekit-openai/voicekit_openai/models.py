"""The handler "openai": makes a model from the options, and a handler from the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from voicekit.errors import ConfigError
from voicekit.llm import LanguageModel
from voicekit.llm.model import HttpModel
from voicekit_openai.access import endpoint
from voicekit_openai.chat import ChatModel
from voicekit_openai.responses import ResponsesModel

APIS: Mapping[str, type[HttpModel]] = {"chat": ChatModel, "responses": ResponsesModel}


def openai(
    *,
    model: str,
    system: str = "",
    tools: Iterable[Callable[..., Any]] = (),
    api: Literal["chat", "responses"] = "chat",
    api_key: str | None = None,
    base_url: str | None = None,
    body: Mapping[str, Any] | None = None,
    **how: Any,
) -> LanguageModel:
    """A handler that asks the model called `model`, from OpenAI or any service with the same API.

    `body` adds fields to every request, such as {"temperature": 0.3}; the value None removes a field. `how` holds the
    other options of `voicekit.llm.LanguageModel`: window, limits, fallback. Raises ConfigError if there is no API key,
    or if an option is not valid.
    """
    if api not in APIS:
        raise ConfigError(f"openai: expected api to be {' or '.join(map(repr, APIS))}, got {api!r}")
    return LanguageModel(APIS[api](model, endpoint(base_url, api_key), body or {}), system=system, tools=tools, **how)
