"""The answers from a stand-in model: words, tool calls, refusals, and everything that can go wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Behind: TypeAlias = Literal["stop", "done"] | None

_TOKEN = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True)
class AnswerCalls:
    """The model calls a tool. If `arguments` is a str, it is sent unchanged, valid or not.

    `index` replaces the call's index within the answer: some services give all calls the same index, and some give
    them no index (None).
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None
    pieces: int = 3
    index: int | Literal["its own"] | None = "its own"

    def numbered(self, name: str, own: int) -> Mapping[str, int]:
        """The call's index, as a field called `name`; `own` is the correct index."""
        index = own if self.index == "its own" else self.index
        return {} if index is None else {name: index}

    def cut(self) -> list[str]:
        """The arguments as JSON, cut into `pieces` pieces, or fewer if the JSON is too short."""
        text = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        size = max(1, -(-len(text) // self.pieces))
        return [text[start : start + size] for start in range(0, len(text), size)]


@dataclass(frozen=True, slots=True)
class Refuses:
    """The model refuses to answer; `text` is sent if the wire has a field for the words of a refusal."""

    text: str = "I can't help with that."


@dataclass(frozen=True, slots=True)
class Stops:
    """The answer ends early, for the reason `why`."""

    why: Literal["length", "filtered", "refused"]


@dataclass(frozen=True, slots=True)
class Pause:
    """The answer pauses for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerStall:
    """The answer stops, but the connection stays open. `behind` has the same meaning as for AnswerCut."""

    behind: Behind = None


@dataclass(frozen=True, slots=True)
class AnswerCut:
    """The connection is lost at this point in the answer or, with `behind`, only after the event that ends the answer
    ("stop") or the one that ends the stream ("done")."""

    behind: Behind = None


@dataclass(frozen=True, slots=True)
class Broken:
    """An event that is not JSON is sent."""


@dataclass(frozen=True, slots=True)
class Fails:
    """An event in the middle of the answer reports an error."""

    error_type: str = "server_error"
    message: str = "The server had an error."


AnswerPart: TypeAlias = str | AnswerCalls | Refuses | Stops | Pause | AnswerStall | AnswerCut | Broken | Fails


class ScriptedAnswer:
    """A streamed answer: its parts in order. Text is sent token by token, `every` seconds apart."""

    def __init__(self, *parts: AnswerPart, every: float = 0.0) -> None:
        self.parts = parts
        self.every = every

    def __repr__(self) -> str:
        return f"ScriptedAnswer({', '.join(map(repr, self.parts))})"


@dataclass(frozen=True, slots=True)
class Status:
    """An error instead of an answer, with HTTP status `code`. If `code` is 200, the error is sent as if it were the
    answer."""

    code: int
    error_type: str = "server_error"
    message: str = "The server had an error."
    retry_after: float | None = None
    body: bytes | None = None


def tokens(text: str) -> list[str]:
    """`text` as a model would write it: word by word, with the white space before each word."""
    return _TOKEN.findall(text)
