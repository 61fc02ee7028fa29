"""Runs the tools that a model has called: concurrently, each according to its policy. Every call gets a result.

A failure in a tool affects only that call: the model gets an explanation, and can react. Every result is cut to a
limit, so that one result can't fill the model's context.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec
import trio

from voicekit.contracts import Reply, tell
from voicekit.events import ToolRan, Trouble
from voicekit.flow.groups import alone
from voicekit.llm.call_state import CallState
from voicekit.llm.conversation import RUNNING, ModelStep
from voicekit.llm.messages import ModelCall, ToolResult
from voicekit.llm.tools import Tool
from voicekit.llm.window import Window
from voicekit.reply.handler import Turn

FILLER_AFTER = 0.7
"""Seconds of silence before a filler is spoken: by then, a caller begins to wonder. Most tools are faster, and need no
filler.
"""

STARTED = "Started. You will be told the result when it is there; until then, say that it is under way."

AT_ONCE = 8
"""The maximum number of a turn's tools that run at the same time; further ones wait."""

NO_TOOL = "(unknown)"
"""The name in events for a call to an unknown tool; the name in the call may be any text."""

ToolOutcome: TypeAlias = Literal["result", "failed", "late", "cancelled", "refused"]


@dataclass
class Running:
    """Runs the tools that are called in `turn`. `state` starts the tools that may outlive the turn; `report` gets the
    results that are reported later.
    """

    tools: Mapping[str, Tool]
    turn: Turn
    say: Callable[[str], Awaitable[None]]
    reply: Reply | None
    state: CallState
    window: Window
    report: Callable[[ModelCall, ToolResult], Awaitable[None]]
    _waiting: dict[str, str] = field(default_factory=dict)  # maps the id of each running call to its filler
    _room: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(AT_ONCE))

    async def run(self, step: ModelStep) -> None:
        """Run the calls in `step` that have no result yet. Returns when each call has a result or continues in the
        background.

        If `run` is cancelled, tools with the policy "finish" still finish; calls to other tools get no result.
        """
        with alone():
            async with trio.open_nursery() as fillers:
                fillers.start_soon(self._fill)
                async with trio.open_nursery() as nursery:
                    for call in step.calls:
                        if call.id not in step.results:
                            nursery.start_soon(self._one, call, step)
                fillers.cancel_scope.cancel()

    async def _one(self, call: ModelCall, step: ModelStep) -> None:
        tool = self.tools.get(call.name)
        run = _Run(tool, {}, call, step, self.turn, self.window, self._room)
        if tool is None:
            run.tell_outcome("refused")
            run.note(f"There is no tool {call.name!r}; there are: {', '.join(self.tools) or 'none'}.", failed=True)
            return
        try:
            run.arguments = tool.signature.arguments(call.arguments)
        except (msgspec.DecodeError, ValueError) as error:
            run.tell_outcome("refused")
            run.note(f"Not run: wrong arguments: {error}", failed=True)
            return
        policy = tool.policy
        if policy.side_effects:
            await self.turn.committed()
        if policy.filler and not policy.reports_later:
            self._waiting[call.id] = policy.filler
        if policy.outlives_the_turn:
            run.note(STARTED if policy.reports_later else RUNNING)
            run.room = self.state.late if policy.reports_later else self._room
            self.state.start_soon(self._outlast, run)
            if not policy.reports_later:
                await run.over.wait()
        else:
            await run.to_its_result()
        self._waiting.pop(call.id, None)

    async def _outlast(self, run: _Run) -> None:
        await run.to_its_result()
        if run.tool is not None and run.tool.policy.reports_later:
            await self.report(run.call, run.step.results[run.call.id])

    async def _fill(self) -> None:
        """Speak one filler, if a tool with a filler takes long and the caller has heard everything that was said
        before.
        """
        while True:
            await trio.sleep(FILLER_AFTER)
            if self._waiting and not self._has_more_to_hear():
                await self.say(next(iter(self._waiting.values())))
                return

    def _has_more_to_hear(self) -> bool:
        unheard = self.reply.said[self.reply.heard_to :] if self.reply is not None else ""
        return any(character.isalnum() for character in unheard)


@dataclass
class _Run:
    """One call of one tool; it runs as soon as there is `room`."""

    tool: Tool | None
    arguments: Mapping[str, object]
    call: ModelCall
    step: ModelStep
    turn: Turn
    window: Window
    room: trio.CapacityLimiter
    over: trio.Event = field(default_factory=trio.Event)
    began: float | None = None

    def tell_outcome(self, outcome: ToolOutcome) -> None:
        seconds = 0.0 if self.began is None else trio.current_time() - self.began
        name = NO_TOOL if self.tool is None else self.tool.name
        tell.get()(ToolRan(self.turn.number, name, outcome, seconds))

    def note(self, text: str, *, failed: bool = False) -> None:
        text = self.window.cut(text, shares=len(self.step.calls))
        self.step.results[self.call.id] = ToolResult(self.call.id, text, failed)

    async def to_its_result(self) -> None:
        assert self.tool is not None, "only what there is is run"
        limit = self.tool.policy.seconds
        self.began = trio.current_time()
        outcome: ToolOutcome = "cancelled"
        try:
            async with self.room:
                with trio.move_on_after(limit) as scope:
                    self.note(await self.tool.run(self.arguments, self.turn))
                    outcome = "result"
                if scope.cancelled_caught:
                    outcome = "late"
                    self.note(f"Cancelled: no result within {limit:g} s.", failed=True)
        except Exception as error:  # a tool is the user's code: any error becomes its result, and is reported
            outcome = "failed"
            self.note(f"Failed: {type(error).__name__}: {error}", failed=True)
            tell.get()(Trouble(f"tool {self.tool.name!r}", error))
        finally:
            self.over.set()
            self.tell_outcome(outcome)
