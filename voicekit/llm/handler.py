"""The handler that asks a language model: tells it the call so far, says what it says, runs what it calls.

    turn ─▶ conversation ─▶ model ─▶ words ─▶ say
                 ▲             └───▶ calls ─▶ tools ─┐
                 └───────────── results ─────────────┘

It keeps no transcript of its own: what the model is told comes from the history, where an interrupted reply ends with
the last word that was heard. Only calls and their results are its own notes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx
import trio

from voicekit.contracts import tell, this_reply
from voicekit.errors import ConfigError, ProtocolError, ServiceError
from voicekit.events import ModelAnswered, Trouble
from voicekit.llm.backstage import Backstage, backstage, happened
from voicekit.llm.calling import Calls, Running, settled
from voicekit.llm.conversation import ABOUT_NOTES, Step, conversation
from voicekit.llm.messages import Ask, Call, CallPiece, Delta, Message, Piece, Refusal, Result, Stop, Usage
from voicekit.llm.model import Model
from voicekit.llm.streaming import Asking, Limits
from voicekit.llm.tools import tools_of
from voicekit.llm.window import Window
from voicekit.reply.handler import CallView, Turn
from voicekit.reply.say import Say

FALLBACK = "I'm sorry, something went wrong. Could you say that again?"
REFUSED = "I'm sorry, I can't help with that."

MOST_ROUNDS = 6
"""Questions to the model in one turn; a model that still calls tools then goes round in a circle, and must answer."""

REPORT = "[The tool {name}, started earlier, has a result: {result} Tell the caller now, in one or two sentences.]"


@dataclass
class Answer:
    """What came of one question so far."""

    refused: bool = False
    stop: str = "cancelled"
    first: float | None = None
    usage: Usage = field(default_factory=Usage)
    calls: Calls = field(default_factory=Calls)

    def note(self, piece: Piece) -> None:
        match piece:
            case CallPiece():
                self.calls.add(piece)
            case Usage(given, written):
                self.usage = Usage(
                    self.usage.input if given is None else given,
                    self.usage.output if written is None else written,
                )
            case Refusal():
                self.refused = True
            case Stop(why):
                self.stop = why
        if self.first is None and isinstance(piece, Delta | Refusal | CallPiece):
            self.first = trio.current_time()

    def event(self, turn: int, model: str, asked: float) -> ModelAnswered:
        first = None if self.first is None else self.first - asked
        used = self.usage
        return ModelAnswered(turn, model, self.stop, first, trio.current_time() - asked, used.input, used.output)


class LanguageModel:
    """Answers every turn by `model`. One object serves any number of calls.

    `system` says who the model is; `tools` are functions that it may call (see `voicekit.llm.tool`). `window` bounds
    what it is told of the past, `limits` how long anything may take. When it can't answer, `fallback` is said and the
    error is told as a Trouble event; with None the error is raised. `transport` replaces the network, in tests.
    """

    def __init__(
        self,
        model: Model,
        *,
        system: str = "",
        tools: Iterable[Callable[..., Any]] = (),
        window: Window | None = None,
        limits: Limits | None = None,
        fallback: str | None = FALLBACK,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if not isinstance(system, str):
            raise ConfigError(f"system: expected text, got {system!r}")
        self.model = model
        self.tools = tools_of(tools)
        self.system = f"{system.strip()}\n\n{ABOUT_NOTES}".strip()
        self.window = window or Window()
        self.limits = limits or Limits()
        self.fallback = fallback
        self._transport = transport

    def __repr__(self) -> str:
        return f"<LanguageModel {self.model.name!r} of {self.model.service}>"

    async def __call__(self, turn: Turn, say: Say) -> None:
        """Answer `turn`; cancelled, the connection is closed at once and the tools do what their policies say."""
        async with self._backstage(turn.session) as stage:
            answering = _Answering(self, stage, turn, say)
            try:
                await answering.run()
            except (ServiceError, ProtocolError) as error:
                if self.fallback is None or not happened(turn):  # a guess is asked again when it is none any more
                    raise
                tell.get()(Trouble("handler", error))
                await say(self.fallback)

    async def warm(self, session: CallView) -> None:
        """Connect before the first question of `session`."""
        async with self._backstage(session) as stage:
            await stage.connect()

    def _backstage(self, session: CallView) -> AbstractAsyncContextManager[Backstage]:
        return backstage(self, session, self.model.url, self._transport, self.limits.connect)


class _Answering:
    """One turn."""

    def __init__(self, handler: LanguageModel, stage: Backstage, turn: Turn, say: Say) -> None:
        self._handler = handler
        self._stage = stage
        self._turn = turn
        self._say = say
        self._asking = Asking(handler.model, stage.client, handler.limits)
        scope = this_reply.get(None)
        self._reply = None if scope is None else scope.reply
        self._said = ""  # by us; what was said in all is in the reply, where there is one
        self._steps = stage.begin(turn)

    async def run(self) -> None:
        running = Running(
            self._handler.tools, self._turn, self._speak, self._reply, self._stage.start_soon, self._report
        )
        for round in range(MOST_ROUNDS):  # noqa: A001  # the word for it
            answer = await self._ask(self._messages(), self._speak, may_call=round < MOST_ROUNDS - 1)
            if answer.stop in ("filtered", "refused"):
                if not answer.refused:
                    await self._speak(REFUSED)
                return
            calls, results = settled(answer.calls.complete(self._turn.number, round))
            if not calls:
                return
            step = Step(len(self._so_far), calls, results)
            self._steps.append(step)
            await running.run(step)

    @property
    def _so_far(self) -> str:
        return self._said if self._reply is None else self._reply.said

    async def _speak(self, text: str) -> None:
        await self._say(text)
        self._said += text

    def _messages(self, note: str = "") -> list[Message]:
        """The call so far, with this turn in it; or, with a `note`, what is over, and the note instead."""
        turn, history = self._turn, self._turn.history
        exchanges = [history[place] for place in range(len(history))]
        if exchanges:
            self._stage.forget(before=exchanges[0].turn)
        steps = self._stage.steps(None if note else turn)
        kept, earlier = self._handler.window.fit(exchanges, steps)
        if note:
            return conversation(kept, steps, turn=0, user=note, reason="say", earlier=earlier)
        return conversation(
            kept,
            steps,
            turn=turn.number,
            user=turn.text,
            reason=turn.reason,
            said=self._so_far,
            earlier=earlier,
        )

    async def _ask(
        self, messages: Sequence[Message], speak: Callable[[str], Awaitable[None]], *, may_call: bool = True
    ) -> Answer:
        """Ask one question; the words of the answer go to `speak` as they come."""
        answer, asked = Answer(), trio.current_time()

        async def take(piece: Piece) -> None:
            answer.note(piece)
            if isinstance(piece, Delta | Refusal):
                await speak(piece.text)

        specs = [tool.spec for tool in self._handler.tools.values()]
        try:
            with self._stage.in_use():
                await self._asking.ask(Ask(self._handler.system, messages, specs, may_call), take)
        except (ServiceError, ProtocolError):
            answer.stop = "failed"
            raise
        finally:
            if answer.stop in ("cancelled", "failed"):
                self._stage.cold()
            tell.get()(answer.event(self._turn.number, self._handler.model.name, asked))
        return answer

    async def _report(self, call: Call, result: Result) -> None:
        """Tell the caller what came of a call that reports later, in the model's words, when nobody else speaks."""
        messages = self._messages(REPORT.format(name=call.name, result=result.text))
        said: list[str] = []

        async def keep(text: str) -> None:
            said.append(text)

        try:
            await self._ask(messages, keep, may_call=False)
        except (ServiceError, ProtocolError) as error:  # the next question tells the model the result anyway
            tell.get()(Trouble("handler", error))
            return
        if "".join(said).strip():
            await self._turn.session.say("".join(said).strip())
