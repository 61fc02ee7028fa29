"""The handler that uses a language model: it sends the conversation so far, speaks the words of the answer, and runs
the tool calls.

    turn ─▶ conversation ─▶ model ─▶ words ─▶ say
                 ▲             └───▶ calls ─▶ tools ─┐
                 └───────────── results ─────────────┘

The handler keeps no transcript of its own: the messages come from the history, where an interrupted reply ends with the
last word that was heard. The handler stores only calls and their results.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import httpx
import trio

from voicekit.contracts import tell, this_reply
from voicekit.errors import ConfigError, ProtocolError, ServiceError
from voicekit.events import ModelAnswered, Switched, Trouble
from voicekit.flow.fallback import EXCUSE_S, Fallback, called, crossing
from voicekit.flow.groups import alone
from voicekit.llm.answer import ModelAnswer
from voicekit.llm.call_state import CallState, call_state, happened
from voicekit.llm.calling import Running
from voicekit.llm.calls import settled
from voicekit.llm.conversation import ABOUT_NOTES, ModelStep, conversation
from voicekit.llm.messages import ModelCall, ModelMessage, ModelQuery, ToolResult
from voicekit.llm.model import Model
from voicekit.llm.streaming import Limits, ModelQuestion, impatient
from voicekit.llm.tools import tools_of
from voicekit.llm.window import Window
from voicekit.reply.handler import CallView, Turn
from voicekit.reply.say import Say, set_apart

FALLBACK = "I'm sorry, something went wrong. Could you say that again?"
REFUSED = "I'm sorry, I can't help with that."

MOST_ROUNDS = 6
"""The maximum number of questions to the model per turn. A model that still calls tools after these is going round in
circles, and must answer.
"""

REPORT = "[The tool {name}, started earlier, has a result: {result} Tell the caller now, in one or two sentences.]"


class LanguageModel:
    """Answers every turn with `model`. One object serves any number of calls.

    `system` describes the role; `tools` are functions that the model may call (see `voicekit.llm.tool`). `window`
    limits the history that is sent, and `limits` how long each step may take. If there is no answer, `fallback` is
    spoken and the error is emitted as a Trouble event; if `fallback` is None, the error is raised. `transport` replaces
    the network, in tests.

    With a `Fallback` of models, the next model is asked if one fails, or is silent for longer than the Fallback's
    `patience`. The next model gives a complete answer, even if the first model's words were cut off.
    """

    def __init__(
        self,
        model: Model | Fallback[Model],
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
        self.standby = model if isinstance(model, Fallback) else None
        self.models: tuple[Model, ...] = model.members if isinstance(model, Fallback) else (model,)
        self.model = self.models[0]
        self.tools = tools_of(tools)
        self.system = f"{system.strip()}\n\n{ABOUT_NOTES}".strip()
        self.window = window or Window()
        self.limits = limits or Limits()
        self.fallback = fallback
        self._transport = transport

    def __repr__(self) -> str:
        return f"<LanguageModel {self.model.name!r} of {self.model.service}>"

    async def __call__(self, turn: Turn, say: Say) -> None:
        """Answer `turn`. If cancelled, close the connection immediately and handle the tools according to their
        policies.
        """
        async with self._state(turn.session) as state:
            answering = _Answering(self, state, turn, say)
            try:
                await answering.run()
            except (ServiceError, ProtocolError) as error:
                # a failed speculative reply is repeated after the commit
                if self.fallback is None or not happened(turn):
                    raise
                tell.get()(Trouble("handler", error))
                await answering.speak_apart(self.fallback)

    async def warm(self, session: CallView) -> None:
        """Connect before the first question of `session`."""
        async with self._state(session) as state:
            await state.connect()

    def _state(self, session: CallView) -> AbstractAsyncContextManager[CallState]:
        return call_state(self, session, self.model, self._transport, self.limits.connect)


class _Answering:
    """Answers one turn."""

    def __init__(self, handler: LanguageModel, state: CallState, turn: Turn, say: Say) -> None:
        self._handler = handler
        self._state = state
        self._turn = turn
        self._say = say
        scope = this_reply.get(None)
        self._reply = None if scope is None else scope.reply
        self._said = ""  # only this handler's words; the reply may contain other words too
        self._anew = False  # whether the next words start a new sentence instead of continuing the current one
        self._ended = False  # whether a tool has ended the call
        self._steps = state.begin(turn)

    async def run(self) -> None:
        """Answer the turn. If there is a standby model, speak an excuse after EXCUSE_S seconds without a word."""
        standby = self._handler.standby
        if standby is None or standby.excuse is None:
            await self._answer()
            return
        with alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._excuse, standby.excuse)
                await self._answer()
                nursery.cancel_scope.cancel()

    async def _excuse(self, text: str) -> None:
        await trio.sleep(EXCUSE_S)
        if not self._so_far.strip():
            await self.speak_apart(text)

    async def _answer(self) -> None:
        handler, turn = self._handler, replace(self._turn, end_call=self._end)
        running = Running(handler.tools, turn, self.speak_apart, self._reply, self._state, handler.window, self._report)
        for round in range(MOST_ROUNDS):  # noqa: A001  # the word for it
            may_call, self._anew, before = round < MOST_ROUNDS - 1, True, len(self._so_far)
            answer = await self._ask_in_order(may_call)
            if answer.stop in ("filtered", "refused"):
                if not answer.refused:
                    await self.speak_apart(REFUSED)
                return
            calls, results = settled(answer.calls.complete(turn.number, round))
            if not calls or not may_call:
                return
            spoke = bool(self._so_far[before:].strip())
            step = ModelStep(len(self._so_far), calls, results)
            self._steps.append(step)
            await running.run(step)
            if self._ended and spoke and len(calls) == 1:
                return  # the words came with `end_call`: if asked again, many models would repeat their goodbye

    async def speak_apart(self, text: str) -> None:
        """Speak `text` as a separate sentence, whether or not the text before it was cut off."""
        self._anew = True
        await self._speak(text)
        self._anew = True

    @property
    def _so_far(self) -> str:
        return self._said if self._reply is None else self._reply.said

    async def _speak(self, text: str) -> None:
        if self._anew and text.strip():
            text, self._anew = set_apart(self._so_far, text), False
        await self._say(text)
        self._said += text

    def _end(self, farewell: str | None) -> None:
        self._turn.end(farewell)
        self._ended = True

    def _messages(self, note: str = "") -> list[ModelMessage]:
        """The messages of the call so far, including this turn; or, with a `note`, of the past turns, followed by the
        note.
        """
        turn, history = self._turn, self._turn.history
        exchanges = [history[place] for place in range(len(history))]
        if exchanges:
            self._state.forget(before=exchanges[0].turn)
        steps = self._state.steps(None if note else turn)
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

    async def _ask_in_order(self, may_call: bool) -> ModelAnswer:
        """Ask the model and, if it fails, the standby models, one after the other."""
        handler, standby = self._handler, self._handler.standby
        if standby is None:
            return await self._ask(self._messages(), self._speak, may_call=may_call)
        order = standby.order(trio.current_time())
        for number in order[:-1]:
            try:
                limits = impatient(handler.limits, standby.patience)
                answer = await self._ask(
                    self._messages(), self._speak, may_call=may_call, model=handler.models[number], limits=limits
                )
            except (ServiceError, ProtocolError) as error:
                self._switch(standby, number, order[order.index(number) + 1], error)
            else:
                standby.works(number)
                return answer
        return await self._ask(self._messages(), self._speak, may_call=may_call, model=handler.models[order[-1]])

    def _switch(self, standby: Fallback[Model], left: int, taken: int, error: ServiceError | ProtocolError) -> None:
        self._anew = True
        standby.failed(left, error, trio.current_time())
        a, b = self._handler.models[left], self._handler.models[taken]
        tell.get()(Switched("model", called(a, left), called(b, taken), error, crossing(a, b)))

    async def _ask(
        self,
        messages: Sequence[ModelMessage],
        speak: Callable[[str], Awaitable[None]],
        *,
        may_call: bool = True,
        model: Model | None = None,
        limits: Limits | None = None,
    ) -> ModelAnswer:
        """Ask one question; the words of the answer go to `speak` as they arrive."""
        handler, asked = self._handler, trio.current_time()
        model, limits = model or handler.model, limits or handler.limits
        query = ModelQuery(handler.system, messages, [tool.spec for tool in handler.tools.values()], may_call)
        question = ModelQuestion(model, self._state.client, limits, query, speak, may_be_empty=self._ended)
        stop: str = "cancelled"
        try:
            with self._state.in_use():
                await question.ask()
            stop = question.answer.stop or "end"
        except (ServiceError, ProtocolError):
            stop = "failed"
            raise
        finally:
            if stop in ("cancelled", "failed"):
                self._state.cold()
            first, used = question.first, question.answer.usage
            tell.get()(
                ModelAnswered(
                    self._turn.number,
                    model.name,
                    stop,
                    None if first is None else first - asked,
                    trio.current_time() - asked,
                    used.input,
                    used.output,
                )
            )
        return question.answer

    async def _report(self, call: ModelCall, result: ToolResult) -> None:
        """Speak the result of a call that reports later, in the model's words, at the next silence."""
        messages = self._messages(REPORT.format(name=call.name, result=result.text))
        said: list[str] = []

        async def keep(text: str) -> None:
            said.append(text)

        try:
            await self._ask(messages, keep, may_call=False)
        # the tool's result is not lost: the next request to the model contains it
        except (ServiceError, ProtocolError) as error:
            tell.get()(Trouble("handler", error))
            return
        if "".join(said).strip():
            await self._turn.session.say("".join(said).strip())
