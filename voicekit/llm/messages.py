"""The messages to a model and the pieces of its answer, independent of any vendor.

A conversation has this order:

    User, Assistant, User, Assistant with calls, Results, Assistant, User ...

It begins with a User. An Assistant follows only a User or Results. An Assistant that called tools is followed by the
Results of exactly these calls. The protocols of both OpenAI and Anthropic accept every such list, each in its own
notation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class User:
    """The caller's words; lines in [brackets] are our notes about the call."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A tool that the model wants to run; `arguments` is the text of a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Assistant:
    """The model's words, as far as the caller heard them, followed by its calls."""

    text: str
    calls: tuple[ModelCall, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of the call `id`."""

    id: str
    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ToolResults:
    """The results of all calls in the previous message, in the same order."""

    results: tuple[ToolResult, ...]


ModelMessage: TypeAlias = User | Assistant | ToolResults


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """Everything in one request. If `may_call` is off, the model must answer in words, though it sees the tools."""

    system: str
    messages: Sequence[ModelMessage]
    tools: Sequence[ToolSpec] = ()
    may_call: bool = True


# --- what the model returns, piece by piece ---

Why: TypeAlias = Literal["end", "calls", "length", "filtered", "refused"]
"""Why a model stopped: its answer was complete, it wants tools to run, it ran out of tokens, it was filtered, or it
refused.
"""


@dataclass(frozen=True, slots=True)
class Delta:
    """More of the answer's text; `final` is set if the event repeats earlier deltas."""

    text: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class ModelRefusal:
    """More of a refusal in the model's own words; `final` has the same meaning as in Delta."""

    text: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class CallPiece:
    """More of the call at `place`: an index in the answer, or None if the service gives no index.

    `id` and `name` come once, `arguments` in any number of pieces; with `final`, `arguments` repeats all of them.
    """

    place: int | None
    arguments: str = ""
    id: str | None = None
    name: str | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """The token counts so far; a count that the service has not reported is None. `input` includes cached tokens."""

    input: int | None = None
    output: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The model has stopped; the answer is as complete as it will be."""

    why: Why


@dataclass(frozen=True, slots=True)
class ModelFault:
    """The service reports an error instead of an answer, or in the middle of one."""

    message: str
    error_type: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The stream has ended."""


ModelPiece: TypeAlias = Delta | ModelRefusal | CallPiece | ModelUsage | Stop | ModelFault | Done
