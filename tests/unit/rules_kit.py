"""A caller who talks to rules, one turn after the other, with no call around it and no event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from typing import cast

from voicekit.contracts import Exchange
from voicekit.events import ExpectedAnswer
from voicekit.reply.handler import NoCall, Turn
from voicekit.reply.say import Say
from voicekit.rules import Rules


class Caller:
    """Talks to `rules`; each method is a turn and returns what was said to it, None where the rules had no answer."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.call = NoCall()
        self.history: list[Exchange] = []
        self.ended = 0
        self.expected: list[ExpectedAnswer] = []  # what the rules expect from the next turn, after each answer

    def says(self, text: str, reason: str = "speech") -> str | None:
        turn = Turn(
            len(self.history) + 1,
            text,
            reason,
            history=tuple(self.history),
            previous_cut=bool(self.history) and self.history[-1].cut,
            session=self.call,
            end_call=self._end,
            listen_for=self.expected.append,
        )
        handler = self.rules.answer(turn)
        said: list[str] = []

        async def say(piece: str) -> None:
            said.append(piece)

        if handler is not None:
            _run(handler(turn, cast("Say", say)))
        answer = "".join(said)
        self.history.append(Exchange(turn.number, text, answer, heard=answer, cut=False, reason=reason))
        return answer if handler is not None else None

    def presses(self, digit: str) -> str | None:
        return self.says(digit, "dtmf")

    def types(self, text: str) -> str | None:
        return self.says(text, "typed")

    def is_silent(self) -> str | None:
        return self.says("", "idle")

    def goes_on(self, text: str, reason: str = "speech") -> str | None:
        """Speaks, or presses a key, before anything of the last answer was heard: the question is asked anew."""
        last = self.history[-1]
        self.interrupts()
        return self.says(f"{last.user} {text}".strip(), reason)

    def interrupts(self, heard: str = "") -> None:
        """Cuts the last answer off when `heard` of it was heard."""
        self.history[-1] = replace(self.history[-1], heard=heard, cut=True)

    def _end(self, farewell: str | None) -> None:
        self.ended += 1


def _run(answering: Awaitable[str | None]) -> None:
    """Run what never waits."""
    coroutine = cast("Coroutine[object, object, str | None]", answering)
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("the handler waited for something")
