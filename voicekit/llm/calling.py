"""Runs the tools that a model has called: side by side, each as its policy says. No call is left without a result.

What fails in a tool fails that call and no more: the model is told, in words, and can say so or do better.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec
import trio

from voicekit.contracts import Reply, tell
from voicekit.events import Trouble
from voicekit.flow.groups import alone
from voicekit.llm.conversation import RUNNING, ModelStep
from voicekit.llm.messages import CallPiece, ModelCall, ToolResult
from voicekit.llm.tools import Tool, as_name
from voicekit.reply.handler import Turn

FILLER_AFTER = 0.7
"""Seconds of silence after which a caller begins to wonder; most tools are done by then, and need no filler."""

STARTED = "Started. You will be told the result when it is there; until then, say that it is under way."

MOST_SHOWN = 200
"""Characters of broken arguments that a model is shown again."""


class ModelCalls:
    """Puts the pieces of calls together, whatever order they come in."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[CallPiece]] = {}  # the calls at each place, oldest first: mostly one

    def add(self, piece: CallPiece) -> None:
        """Add to the call at the piece's place; one with another id than that call's begins a new one.

        Some services number all calls of an answer alike, or not at all.
        """
        here = self._pieces.setdefault(piece.place, [])
        so_far = here[-1] if here else None
        if so_far is None or (so_far.id and piece.id and so_far.id != piece.id):
            here.append(piece)
            return
        here[-1] = replace(
            piece,
            arguments=so_far.arguments + piece.arguments,
            id=so_far.id or piece.id,
            name=so_far.name or piece.name,
        )

    def complete(self, turn: int, round: int) -> tuple[ModelCall, ...]:  # noqa: A002  # the word for it
        """The calls in their places; one that the service gave no id of its own is given one."""
        calls: dict[str, ModelCall] = {}
        for number, piece in enumerate(piece for _, here in sorted(self._pieces.items()) for piece in here):
            own = piece.id if piece.id and piece.id not in calls else f"call_{turn}_{round}_{number}"
            calls[own] = ModelCall(own, piece.name or "", piece.arguments.strip() or "{}")
        return tuple(calls.values())


def settled(calls: Iterable[ModelCall]) -> tuple[tuple[ModelCall, ...], dict[str, ToolResult]]:
    """The calls as they may be repeated to a model, and the results of those whose arguments are no JSON object.

    A model may make up a name like none that was offered; the services would refuse it in every later request.
    """
    kept, results = [], {}
    for call in calls:
        call = replace(call, name=as_name(call.name))
        try:
            msgspec.json.decode(call.arguments, type=dict)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            shown = call.arguments[:MOST_SHOWN]
            results[call.id] = ToolResult(
                call.id, f"Not run: the arguments are no JSON object ({error}): {shown}", True
            )
            call = replace(call, arguments="{}")
        kept.append(call)
    return tuple(kept), results


@dataclass
class Running:
    """Runs tools in `turn`. `outlasting` starts what may outlive it; `report` is told of what reports later."""

    tools: Mapping[str, Tool]
    turn: Turn
    say: Callable[[str], Awaitable[None]]
    reply: Reply | None
    outlasting: Callable[..., None]
    report: Callable[[ModelCall, ToolResult], Awaitable[None]]
    _waiting: dict[str, str] = field(default_factory=dict)  # fillers, by the calls that are running

    async def run(self, step: ModelStep) -> None:
        """Run the calls of `step` that have no result yet; returns when each has one, or is let go on by itself.

        Cancelled, it leaves those that may finish to finish; the others stay without a result.
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
        if tool is None:
            known = ", ".join(self.tools) or "none"
            step.results[call.id] = ToolResult(
                call.id, f"There is no tool {call.name!r}; there are: {known}.", failed=True
            )
            return
        try:
            arguments = tool.signature.arguments(call.arguments)
        except (msgspec.DecodeError, ValueError) as error:
            step.results[call.id] = ToolResult(call.id, f"Not run: wrong arguments: {error}", failed=True)
            return
        if tool.policy.side_effects:
            await self.turn.committed()
        if tool.policy.filler and not tool.policy.reports_later:
            self._waiting[call.id] = tool.policy.filler
        await self._started(_Run(tool, arguments, call, step, self.turn))
        self._waiting.pop(call.id, None)

    async def _started(self, run: _Run) -> None:
        if not run.tool.policy.outlives_the_turn:
            await run.to_its_result()
            return
        run.note(STARTED if run.tool.policy.reports_later else RUNNING)
        self.outlasting(self._outlast, run)
        if not run.tool.policy.reports_later:
            await run.over.wait()

    async def _outlast(self, run: _Run) -> None:
        await run.to_its_result()
        if run.tool.policy.reports_later:
            await self.report(run.call, run.step.results[run.call.id])

    async def _fill(self) -> None:
        """Say one filler, if a tool that has one takes long and the caller has heard everything before it."""
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
    """One call of one tool."""

    tool: Tool
    arguments: Mapping[str, object]
    call: ModelCall
    step: ModelStep
    turn: Turn
    over: trio.Event = field(default_factory=trio.Event)

    def note(self, text: str, *, failed: bool = False) -> None:
        self.step.results[self.call.id] = ToolResult(self.call.id, text, failed)

    async def to_its_result(self) -> None:
        try:
            limit = self.tool.policy.seconds
            with trio.move_on_after(limit) as scope:
                self.note(await self.tool.run(self.arguments, self.turn))
            if scope.cancelled_caught:
                self.note(f"Cancelled: no result within {limit:g} s.", failed=True)
        except Exception as error:  # a tool is somebody's code: whatever it raises is the result, and is reported
            self.note(f"Failed: {type(error).__name__}: {error}", failed=True)
            tell.get()(Trouble(f"tool {self.tool.name!r}", error))
        finally:
            self.over.set()
