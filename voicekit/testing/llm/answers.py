"""What a stand-in model answers: words, calls, refusals, and everything that can go wrong on the way."""

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
    """The model calls a tool; `arguments` given as text go out as they are, valid or not.

    `index` is the number that the service gives the call in its answer, as some do: the same to all, or None to none.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None
    pieces: int = 3
    index: int | Literal["its own"] | None = "its own"

    def numbered(self, name: str, own: int) -> Mapping[str, int]:
        """The field `name` with the call's index, which is rightly `own`."""
        index = own if self.index == "its own" else self.index
        return {} if index is None else {name: index}

    def cut(self) -> list[str]:
        """The JSON of the arguments in as many pieces, or fewer where there is not enough of it."""
        text = self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)
        size = max(1, -(-len(text) // self.pieces))
        return [text[start : start + size] for start in range(0, len(text), size)]


@dataclass(frozen=True, slots=True)
class Refuses:
    """The model will not answer; where the wire has a place for them, in these words."""

    text: str = "I can't help with that."


@dataclass(frozen=True, slots=True)
class Stops:
    """The answer ends here for this reason, and not because it is complete."""

    why: Literal["length", "filtered", "refused"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing comes for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerStall:
    """Nothing comes any more, and the connection stays; `behind` as with AnswerCut."""

    behind: Behind = None


@dataclass(frozen=True, slots=True)
class AnswerCut:
    """The connection breaks: here, or `behind` the word that the answer has stopped, or the one that it is over."""

    behind: Behind = None


@dataclass(frozen=True, slots=True)
class Broken:
    """An event comes that is no JSON."""


@dataclass(frozen=True, slots=True)
class Fails:
    """An event tells of an error in the middle of the answer."""

    error_type: str = "server_error"
    message: str = "The server had an error."


AnswerPart: TypeAlias = str | AnswerCalls | Refuses | Stops | Pause | AnswerStall | AnswerCut | Broken | Fails


class ScriptedAnswer:
    """A streamed answer: its parts in their order, text among them token by token, each `every` seconds."""

    def __init__(self, *parts: AnswerPart, every: float = 0.0) -> None:
        self.parts = parts
        self.every = every

    def __repr__(self) -> str:
        return f"ScriptedAnswer({', '.join(map(repr, self.parts))})"


@dataclass(frozen=True, slots=True)
class Status:
    """No answer but an error: HTTP `code`, or with 200 an error where an answer should be."""

    code: int
    error_type: str = "server_error"
    message: str = "The server had an error."
    retry_after: float | None = None
    body: bytes | None = None


def tokens(text: str) -> list[str]:
    """`text` as a model would write it: word by word, with the white space in front."""
    return _TOKEN.findall(text)
