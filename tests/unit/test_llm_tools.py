"""Functions become tools: what a model is told of them, and what becomes of what it sends."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest

from voicekit.errors import ConfigError
from voicekit.llm import Tool, tool
from voicekit.llm.tools import as_text, tools_of
from voicekit.reply.handler import Turn


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Guest:
    name: str
    age: int | None = None


class Table(msgspec.Struct):
    number: int


@tool
async def book(
    turn: Turn,
    day: Literal["Friday", "Saturday"],
    guests: list[Guest],
    size: Size = Size.SMALL,
    table: Table | None = None,
    price: float = 0.0,
    note: Annotated[str, "anything else"] = "none",
) -> str:
    """Book a table.

    Ask for the day first.

    day: when they come
    guests (a list): who comes
    """
    return f"{turn.text}: {day}, {len(guests)}, {size.value}, {table}, {price}, {note}"


def test_a_signature_becomes_a_schema() -> None:
    """Every kind of type hint has its JSON, defaults are optional, and the docstring explains."""
    assert book.name == "book"
    assert book.spec.description == "Book a table.\n\nAsk for the day first."
    schema = book.spec.parameters
    assert schema["type"] == "object"
    assert schema["required"] == ["day", "guests"]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["day"] == {"enum": ["Friday", "Saturday"], "description": "when they come"}
    assert properties["guests"]["items"] == {"$ref": "#/$defs/Guest"}
    assert properties["guests"]["description"] == "who comes"
    assert properties["price"] == {"type": "number"}
    assert properties["note"] == {"type": "string", "description": "anything else"}
    assert schema["$defs"]["Size"]["enum"] == ["large", "small"]
    assert schema["$defs"]["Guest"]["required"] == ["name"]
    assert "turn" not in properties


async def test_what_the_model_sends_becomes_arguments() -> None:
    """JSON becomes the types of the hints, and what is left out keeps the function's default."""
    sent = '{"day": "Friday", "guests": [{"name": "Ann"}, {"name": "Bo", "age": 9}], "table": {"number": 4}}'
    arguments = book.signature.arguments(sent)
    assert arguments == {"day": "Friday", "guests": [Guest("Ann"), Guest("Bo", 9)], "table": Table(4)}
    assert await book.run(arguments, Turn(1, "hi")) == "hi: Friday, 2, small, Table(number=4), 0.0, none"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ('{"day": "Monday", "guests": []}', r"Invalid enum value 'Monday' - at `\$.day`"),
        ('{"day": "Friday"}', "missing required field `guests`"),
        ('{"day": "Friday", "guests": [], "colour": "red"}', "unknown field `colour`"),
        ('{"day": "Friday", "guests": [{"name": 1}]}', r"Expected `str`, got `int` - at `\$\.guests\[.*\]\.name`"),
        ("[]", "Expected `object`, got `array`"),
        ('{"day": ', "truncated"),
    ],
)
def test_what_does_not_fit_is_told_where(sent: str, why: str) -> None:
    """What the schema doesn't allow is refused in words that a model can act on."""
    with pytest.raises(msgspec.DecodeError, match=why):
        book.signature.arguments(sent)


def test_a_tool_stays_a_function() -> None:
    """The decorated function can be called as before, so it can be tested as before."""

    @tool
    def double(number: int) -> int:
        return 2 * number

    assert double(4) == 8
    assert isinstance(double, Tool)
    assert list(tools_of([double, len_of])) == ["double", "len_of"]


def len_of(text: str) -> int:
    """Count."""
    return len(text)


def bare(what): ...  # type: ignore[no-untyped-def]
def starred(*many: int) -> None: ...
def complicated(number: complex) -> None: ...


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: tools_of([bare]), "the parameter 'what' needs a type hint"),
        (lambda: tools_of([starred]), "expected named parameters"),
        (lambda: tools_of([complicated]), "complex"),
        (lambda: tools_of([len_of, len_of]), "two tools have the name 'len_of'"),
        (lambda: tools_of([lambda: 1]), "expected a name of at most 64 letters"),
        (lambda: tools_of(["book"]), "expected functions, got 'book'"),  # type: ignore[list-item]
        (lambda: tool(time_limit=0)(len_of), "expected time_limit to be above 0"),
        (lambda: tool(on_barge_in="stop")(len_of), "expected on_barge_in to be 'cancel' or 'finish'"),  # type: ignore[call-overload]
    ],
)
def test_what_can_t_be_a_tool_is_refused(make: Any, why: str) -> None:
    """A mistake in a tool is found when the handler is made, and names the tool and the parameter."""
    with pytest.raises(ConfigError, match=why):
        make()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("fine", "fine"),
        (None, "Done."),
        ("", "Done."),
        ({"a": [1]}, '{"a":[1]}'),
        (Guest("Ann"), '{"name":"Ann","age":null}'),
    ],
)
def test_what_a_tool_returns_is_text(value: object, text: str) -> None:
    """Text goes to the model as it is, anything else as JSON, and nothing as a word for it."""
    assert as_text(value) == text
