"""Reads requests, checking the types and bounds in their JSON, and writes answers, splitting lists into pages."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.schema.answers import Violation
from voicekit.soniox.rest.schema.requests import wrongs
from voicekit.soniox.server.rest.refusal import Problem, invalid
from voicekit.soniox.server.rest.shared import RestAnswer, RestCall, RestRoute

T = TypeVar("T")
S = TypeVar("S", bound=Struct)


class Shelf(Generic[T]):
    """Stores up to `most` objects of one kind under their ids. Pages list them in the order in which they were
    added."""

    def __init__(self, kind: str, most: int, view: Callable[[T], Any] = lambda thing: thing) -> None:
        self._kind, self._most, self._view = kind, most, view
        self._things: dict[str, tuple[int, T]] = {}
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._things)

    def __iter__(self) -> Iterator[T]:
        return (thing for _, thing in self._things.values())

    def routes(self, delete: Callable[[RestCall], RestAnswer], counts: Callable[[int], Any]) -> list[RestRoute]:
        """Routes for the list of the objects, for their number, and for a single object; `delete` handles deletions."""
        path = f"/v1/{self._kind}s"
        return [
            RestRoute("GET", path, self._page),
            RestRoute("GET", f"{path}/count", lambda call: answer(200, counts(len(self)))),
            RestRoute("GET", f"{path}/{{id}}", lambda call: answer(200, self._view(self.find(call.ids[0])))),
            RestRoute("DELETE", f"{path}/{{id}}", delete),
        ]

    def admit(self) -> None:
        """Raise Problem if there is no room for another object."""
        if len(self) >= self._most:
            raise Problem("limit_exceeded", f"At most {self._most} {self._kind}s can be kept.")

    def put(self, name: str, thing: T) -> None:
        """Store an object, replacing any object with the same id."""
        number = self._things[name][0] if name in self._things else next(self._numbers)
        self._things[name] = (number, thing)

    def get(self, name: str) -> T | None:
        return self._things.get(name, (0, None))[1]

    def find(self, name: str) -> T:
        """The object with this id. Raises Problem if there is no such object."""
        found = self.get(name)
        if found is None:
            raise Problem(f"{self._kind}_not_found", f"{self._kind.capitalize()} {name} was not found.")
        return found

    def drop(self, call: RestCall) -> RestAnswer:
        """Delete the object whose id is in the path."""
        self.find(call.ids[0])
        del self._things[call.ids[0]]
        return answer(204)

    def _page(self, call: RestCall) -> RestAnswer:
        things = [(number, self._view(thing)) for number, thing in self._things.values()]
        return page(call, f"{self._kind}s", things)


def page(
    call: RestCall,
    name: str,
    things: list[tuple[int, T]],
    *,
    most: tuple[int, int] = limits.PAGE,
    usual: int | None = None,
) -> RestAnswer:
    """An answer with one page of `things`, which are pairs of a number and an object; the objects are put into the
    field `name`. Raises Problem for an invalid limit or cursor.

    A cursor is the number of the last object on a page, so it stays valid when objects are added or deleted.
    """
    limit = number(call, "limit", most, most[1] if usual is None else usual)
    after = _place(call.query.get("cursor", [""])[0])
    later = [thing for thing in things if thing[0] > after]
    more = base64.urlsafe_b64encode(f"after:{later[limit - 1][0]}".encode()).decode() if len(later) > limit else None
    return answer(200, {name: [thing for _, thing in later[:limit]], "next_page_cursor": more})


def number(call: RestCall, name: str, bounds: tuple[int, int], usual: int | None = None) -> int:
    """A whole number from the query. Raises Problem if it is invalid, or out of bounds."""
    said = call.query.get(name, ["" if usual is None else str(usual)])[0]
    if not said.isdecimal() or not bounds[0] <= int(said) <= bounds[1]:
        raise invalid([violation(f"query.{name}", f"an integer from {bounds[0]} to {bounds[1]}")])
    return int(said)


def answer(status: int, body: Any = None) -> RestAnswer:
    """An answer with `body` as JSON, or without a body."""
    if body is None:
        return RestAnswer(status)
    return RestAnswer(status, (("content-type", "application/json"),), msgspec.json.encode(body))


def read(call: RestCall, kind: type[S], required: tuple[str, ...] = ()) -> S:
    """Decode the body as the type `kind`. Raises Problem if a field is out of bounds. A field that is null counts as
    absent."""
    try:
        said = _without_nulls(msgspec.json.decode(call.body or b"{}"))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise invalid([violation("body", "JSON")]) from None
    if not isinstance(said, dict):
        raise invalid([violation("body", "an object")])
    return checked(said, kind, required)


def checked(said: Mapping[str, Any], kind: type[S], required: tuple[str, ...] = (), where: str = "body.payload") -> S:
    """Convert `said`, the fields of a request, to the type `kind`. Raises a Problem that names the invalid fields."""
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


def _without_nulls(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: _without_nulls(value) for name, value in said.items() if value is not None}
    return [_without_nulls(value) for value in said] if isinstance(said, list) else said


def _place(cursor: str) -> int:
    """The number in a cursor; 0 if there is no cursor."""
    if not cursor:
        return 0
    try:
        word, _, place = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
    except ValueError:
        word, place = "", ""
    if word != "after" or not place.isdecimal():
        raise Problem("invalid_cursor", "The cursor is invalid.")
    return int(place)
