"""The handler "openai", for OpenAI's models and for every service with the same API."""

from __future__ import annotations

from voicekit.extend import Registry, hookimpl


@hookimpl
def voicekit_register(registry: Registry) -> None:
    registry.handler("openai", "voicekit_openai.models:openai")
