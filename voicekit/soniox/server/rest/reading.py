"""Requests read and answers written: JSON held against its type and its bounds, and lists cut into pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.schema.answers import Violation
from voicekit.soniox.rest.schema.requests import wrongs
from voicekit.soniox.server.rest.refusal import Problem, invalid
from voicekit.soniox.server.rest.shared import RestAnswer, RestCall

T = TypeVar("T")
S = TypeVar("S", bound=Struct)


class Shelf(Generic[T]):
    """Things by id, in the order in which they came, which is that of their pages."""

    def __init__(self) -> None:
        self._things: dict[str, tuple[int, T]] = {}
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._things)

    def __iter__(self) -> Iterator[T]:
        return (thing for _, thing in self._things.values())

    def put(self, name: str, thing: T) -> None:
        """Put it there, in the place of one of the same name."""
        number = self._things[name][0] if name in self._things else next(self._numbers)
        self._things[name] = (number, thing)

    def get(self, name: str) -> T | None:
        found = self._things.get(name)
        return None if found is None else found[1]

    def take(self, name: str) -> None:
        self._things.pop(name, None)

    def numbered(self) -> list[tuple[int, T]]:
        """All things with their places, which stay theirs."""
        return list(self._things.values())

    def page(self, call: RestCall, name: str) -> RestAnswer:
        """The page that the query asks for."""
        return page(call, name, self.numbered())


def page(
    call: RestCall,
    name: str,
    things: list[tuple[int, T]],
    *,
    most: tuple[int, int] = limits.PAGE,
    usual: int | None = None,
) -> RestAnswer:
    """A page of numbered `things` under `name`; Problem for a wrong limit or cursor.

    A cursor is the number of the last thing, so that it stays good while things come and go.
    """
    limit = number(call, "limit", most, most[1] if usual is None else usual)
    after = _place(call.query.get("cursor", [""])[0])
    later = [thing for thing in things if thing[0] > after]
    more = base64.urlsafe_b64encode(f"after:{later[limit - 1][0]}".encode()).decode() if len(later) > limit else None
    return answer(200, {name: [thing for _, thing in later[:limit]], "next_page_cursor": more})


def number(call: RestCall, name: str, bounds: tuple[int, int], usual: int | None = None) -> int:
    """A whole number of the query; Problem where it is none, or out of bounds."""
    said = call.query.get(name, ["" if usual is None else str(usual)])[0]
    if not said.isdecimal() or not bounds[0] <= int(said) <= bounds[1]:
        raise invalid([violation(f"query.{name}", f"an integer from {bounds[0]} to {bounds[1]}")])
    return int(said)


def answer(status: int, body: Any = None) -> RestAnswer:
    """`body` as JSON, or nothing."""
    if body is None:
        return RestAnswer(status)
    return RestAnswer(status, (("content-type", "application/json"),), msgspec.json.encode(body))


def read(call: RestCall, kind: type[S], required: tuple[str, ...] = ()) -> S:
    """The body as a `kind` whose fields are all within bounds; Problem otherwise. Null is the same as absent."""
    try:
        said = msgspec.json.decode(call.body or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise invalid([violation("body", "JSON")]) from None
    if not isinstance(said, dict):
        raise invalid([violation("body", "an object")])
    return checked(_without_nulls(said), kind, required)


def checked(said: Mapping[str, Any], kind: type[S], required: tuple[str, ...] = (), where: str = "body.payload") -> S:
    """`said` as a `kind`; Problem that names the fields in which it is none."""
    missing = [name for name in required if name not in said]
    if missing:
        message = f"Missing required field: {missing[0]}"
        raise invalid([violation(f"{where}.{name}", "this field") for name in missing], message)
    try:
        request = msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at `$.")
        place = f"{where}.{at.rstrip('`')}" if at else where
        raise invalid([Violation(error_type="type_error", location=place, message=what)]) from None
    wrong = [violation(f"{where}.{wrong.field}", wrong.expected) for wrong in wrongs(request)]
    if wrong:
        raise invalid(wrong, f"Invalid value of {wrong[0].location}: {wrong[0].message}")
    return request


def violation(location: str, expected: str) -> Violation:
    return Violation(error_type="value_error", location=location, message=f"Expected {expected}.")


def not_found(kind: str, name: str) -> Problem:
    return Problem(f"{kind}_not_found", f"{kind.capitalize()} {name} was not found.")


def _without_nulls(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: _without_nulls(value) for name, value in said.items() if value is not None}
    return [_without_nulls(value) for value in said] if isinstance(said, list) else said


def _place(cursor: str) -> int:
    """The number that a cursor stands for; 0 for none."""
    if not cursor:
        return 0
    try:
        word, _, place = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
    except ValueError:
        word, place = "", ""
    if word != "after" or not place.isdecimal():
        raise Problem("invalid_cursor", "The cursor is invalid.")
    return int(place)
