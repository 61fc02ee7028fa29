"""What the tests of language models share: a turn asked by hand, over loopback, and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import trio

from voicekit.contracts import CallEnds, Stash, tell
from voicekit.events import ModelAnswered, SessionEvent, Trouble
from voicekit.llm import LanguageModel, Limits
from voicekit.llm.handler import FALLBACK
from voicekit.llm.messages import Assistant, ModelMessage, ToolResults, User
from voicekit.reply.handler import Turn
from voicekit.reply.say import Say
from voicekit.testing.llm.refusals import NAME

KEY = "sk-very-secret"

IMPATIENT = Limits(connect=5.0, first_token=0.3, between=0.3, attempts=2, patience=5.0)
"""For answers that never come: short, but long enough for a machine that is busy."""


@dataclass
class Heard:
    """What one turn said, token by token, and told."""

    said: list[str] = field(default_factory=list)
    events: list[SessionEvent] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.said)

    @property
    def troubles(self) -> list[Exception]:
        return [event.error for event in self.events if isinstance(event, Trouble)]

    @property
    def answers(self) -> list[ModelAnswered]:
        return [event for event in self.events if isinstance(event, ModelAnswered)]

    @property
    def fell_back(self) -> bool:
        return self.text.endswith(FALLBACK)

    @property
    def say(self) -> Say:
        """As good as one."""
        return cast("Say", self._say)

    async def _say(self, text: str) -> None:
        await trio.lowlevel.checkpoint()
        self.said.append(text)


async def ask(handler: LanguageModel, text: str = "hello", **turn: Any) -> Heard:
    """Ask `handler` one turn that belongs to no call."""
    heard = Heard()
    telling = tell.set(heard.events.append)
    try:
        await handler(Turn(1, text, **turn), heard.say)
    finally:
        tell.reset(telling)
    return heard


@dataclass
class OneCall:
    """Stands for a call of several turns."""

    start_soon: Callable[..., None]
    stash: Stash = field(default_factory=Stash)
    call: CallEnds | None = None
    said: list[str] = field(default_factory=list)

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        self.said.append(text)


@asynccontextmanager
async def one_call() -> AsyncIterator[OneCall]:
    async with trio.open_nursery() as nursery:
        yield OneCall(nursery.start_soon)
        nursery.cancel_scope.cancel()


def why_invalid(messages: Sequence[ModelMessage]) -> str | None:
    """Why no model would take `messages` as what comes before its answer; None where any would."""
    before: ModelMessage | None = None
    for place, message in enumerate(messages):
        if not _may_follow(before, message):
            return f"message {place}: {type(message).__name__} after {type(before).__name__ if before else 'nothing'}"
        if isinstance(message, Assistant) and not all(NAME.fullmatch(call.name) for call in message.calls):
            return f"message {place}: names of tools that no service takes"
        if isinstance(message, ToolResults) and isinstance(before, Assistant):
            called, told = [call.id for call in before.calls], [result.id for result in message.results]
            if called != told:
                return f"message {place}: results of {told}, but the calls were {called}"
        before = message
    return None if isinstance(before, User | ToolResults) else "the last message is the model's own"


def _may_follow(before: ModelMessage | None, message: ModelMessage) -> bool:
    match message:
        case User(text):
            return (
                bool(text.strip())
                and not isinstance(before, User)
                and not (isinstance(before, Assistant) and before.calls)
            )
        case Assistant(text, calls):
            return bool(text.strip() or calls) and isinstance(before, User | ToolResults)
        case ToolResults():
            return isinstance(before, Assistant) and bool(before.calls)
