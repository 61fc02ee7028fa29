"""The handler "anthropic", for Anthropic's models."""

from __future__ import annotations

from voicekit.extend import Registry, hookimpl


@hookimpl
def voicekit_register(registry: Registry) -> None:
    registry.handler("anthropic", "voicekit_anthropic.models:anthropic")
