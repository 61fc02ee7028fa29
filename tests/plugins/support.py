"""What these tests share: a session to show to hooks, and plugins made from functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from voicekit.contracts import Exchange, Stash
from voicekit.extend import Plugins, hookimpl, load_plugins
from voicekit.turn.policy import Policy


@dataclass
class FakeSession:
    """As much of a session as hooks see."""

    policy: Policy = field(default_factory=Policy)
    stash: Stash = field(default_factory=Stash)
    history: Sequence[Exchange] = ()
    said: list[str] = field(default_factory=list)

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        self.said.append(text)

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        self.said.append(repr(task))

    def end(self, *, graceful: bool = True, why: str = "a plugin ended it") -> None:
        self.said.append(why)


class FakeSink:
    """Enough to be taken for a sink."""

    name = "fake"
    format = None
    pausable = True

    def open(self) -> None: ...


def plugin(name: str, **hooks: Callable[..., Any]) -> ModuleType:
    """A module called `name` with these functions, each marked as a hook."""
    module = ModuleType(name)
    for hook, function in hooks.items():
        setattr(module, hook, hookimpl(function))
    return module


def loaded(*plugins: object) -> Plugins:
    """These plugins and whatever is installed, in that order."""
    return load_plugins(extra=plugins)
