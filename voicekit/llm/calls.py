"""Puts together the pieces of a model's tool calls, in whatever order they arrive, and limits the number and length of
the calls.

Some services give parallel calls the same number or no number, omit ids, repeat names, or send arguments only at the
end. So all available information is used to decide to which call a piece belongs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import inf

import msgspec

from voicekit.llm.messages import CallPiece, ModelCall, ToolResult
from voicekit.llm.tools import as_name

MOST_CALLS = 32
"""The maximum number of calls in one answer that are run; the caller waits for all of them."""

MOST_KEPT = 2 * MOST_CALLS
"""The maximum number of calls in one answer that are shown to the model again. After these, the answer is not read any
further.
"""

MOST_ARGUMENTS = 64 * 1024
"""The maximum number of characters of the arguments of all calls in an answer."""

LONGEST_ID = 128
"""The maximum number of characters of an id; a longer id is replaced by one of ours."""

MOST_SHOWN = 200
"""The maximum number of characters of malformed arguments that are shown to the model again."""


@dataclass(slots=True)
class _Begun:
    """A partial call; `final` has the arguments as a later event repeats them."""

    place: int | None
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    final: str = ""

    @property
    def arguments(self) -> str:
        """The joined pieces or, if they are missing or don't fit together, the arguments repeated by a later event."""
        written = "".join(self.pieces).strip()
        return written if written and (not self.final or is_object(written)) else self.final.strip()


class ModelCalls:
    """The tool calls in one answer. `full` means that there are more calls, or longer ones, than the limits allow."""

    def __init__(self) -> None:
        self._begun: list[_Begun] = []
        self._size = 0
        self.full = False
        self.complete_ones = 0  # the number of complete calls before the newest one

    def __bool__(self) -> bool:
        return any(call.name or call.id for call in self._begun)

    def add(self, piece: CallPiece) -> None:
        """Add `piece` to the call that it belongs to, or begin a new call with it."""
        call = self._final_of(piece) if piece.final else self._continued_by(piece)
        if call is None:
            if len(self._begun) == MOST_KEPT:
                self.full = True
                return
            self.complete_ones += bool(self._begun) and is_object(self._begun[-1].arguments)
            call = _Begun(piece.place)
            self._begun.append(call)
        call.id, call.name = call.id or piece.id or "", call.name or piece.name or ""
        if piece.final:
            call.final = piece.arguments[: MOST_ARGUMENTS + 1] or call.final
            return
        self._size += len(piece.arguments)
        self.full = self.full or self._size > MOST_ARGUMENTS
        call.pieces.append(piece.arguments[: MOST_ARGUMENTS + 1])

    def complete(self, turn: int, round: int) -> tuple[ModelCall, ...]:  # noqa: A002  # the word for it
        """The calls in order; calls without an id from the service get one."""
        calls: dict[str, ModelCall] = {}
        begun = [call for call in self._begun if call.name or call.id]
        for number, call in enumerate(sorted(begun, key=lambda call: inf if call.place is None else call.place)):
            usable = call.id and call.id not in calls and len(call.id) <= LONGEST_ID
            own = call.id if usable else f"call_{turn}_{round}_{number}"
            calls[own] = ModelCall(own, call.name, call.arguments or "{}")
        return tuple(calls.values())

    def are_whole(self) -> bool:
        """Whether there are calls, all of them with complete arguments."""
        return bool(self) and all(is_object(call.arguments) for call in self._begun)

    def _at(self, place: int | None) -> _Begun | None:
        """The last call at `place`. If there is none, the last of all calls, provided that it has no place."""
        last = self._begun[-1] if self._begun else None
        if place is None or (last is not None and last.place == place):
            return last
        here = next((call for call in reversed(self._begun) if call.place == place), None)
        return here or (last if last is not None and last.place is None else None)

    def _continued_by(self, piece: CallPiece) -> _Begun | None:
        call = self._at(piece.place)
        if call is None:
            return None
        if piece.id and call.id:
            if piece.id != call.id:
                return next((each for each in self._begun if piece.place is None and each.id == piece.id), None)
            if not piece.arguments.strip():
                return call
        names_anew = piece.name and call.name and (piece.name != call.name or is_object(call.arguments))
        return None if names_anew else call

    def _final_of(self, piece: CallPiece) -> _Begun | None:
        """The call that `piece` repeats: the call with its id, or the call at its place, or else one with the same name
        and arguments.
        """
        call = next((each for each in self._begun if piece.id and each.id == piece.id), None) or self._at(piece.place)
        other = call is not None and bool(piece.id and call.id and piece.id != call.id)
        if call is not None and not other and (piece.place is not None or not piece.name or piece.id == call.id):
            return call
        same = (piece.name, piece.arguments.strip())
        nameless = (each for each in self._begun if not (piece.id and each.id))
        return next((each for each in nameless if (each.name, each.arguments) == same), None)


def settled(calls: Iterable[ModelCall]) -> tuple[tuple[ModelCall, ...], dict[str, ToolResult]]:
    """The calls in a form that can be sent back to a model, and results for those that are not run.

    A model may invent a tool name that services would refuse in every later request, so names are made valid.
    """
    kept, results = [], {}
    for number, call in enumerate(calls):
        why = _why_not_run(call, number)
        if why is not None:
            results[call.id] = ToolResult(call.id, f"Not run: {why}", failed=True)
            call = replace(call, arguments="{}")
        kept.append(replace(call, name=as_name(call.name)))
    return tuple(kept), results


def is_object(text: str) -> bool:
    """Whether `text` is a complete JSON object."""
    try:
        msgspec.json.decode(text, type=dict)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


def _why_not_run(call: ModelCall, number: int) -> str | None:
    if number >= MOST_CALLS:
        return f"too many calls; at most {MOST_CALLS} of one answer are run."
    if len(call.arguments) > MOST_ARGUMENTS:
        return f"the arguments are longer than {MOST_ARGUMENTS} characters."
    if not is_object(call.arguments):
        return f"the arguments are not a JSON object: {call.arguments[:MOST_SHOWN]}"
    return None
