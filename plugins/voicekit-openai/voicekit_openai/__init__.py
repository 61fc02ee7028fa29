"""The models of OpenAI, and of every service with the same API, as the handler "openai"."""

from __future__ import annotations

from voicekit.extend import Registry, hookimpl


@hookimpl
def voicekit_register(registry: Registry) -> None:
    registry.handler("openai", "voicekit_openai.models:openai")
