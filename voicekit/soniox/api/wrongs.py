"""Finds mistakes for which the realtime services or the REST API would reject a request.

Each check yields a Wrong for every mistake. A client raises ConfigError for the first one before it sends anything; a
server answers with all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from voicekit.errors import ConfigError
from voicekit.soniox.api import limits
from voicekit.soniox.api.wire import Context, Translation

_USUAL_CODES = {"nb": "no", "nn": "no", "fil": "tl"}
"""Language codes that this service refuses although they are used elsewhere, each with the service's own code."""


class Wrong(Struct, frozen=True):
    """A field that the service would reject."""

    field: str
    expected: str
    got: object

    @property
    def error(self) -> ConfigError:
        return ConfigError(f"Soniox option {self.field}: expected {self.expected}, got {self.got!r}")


Wrongs: TypeAlias = Iterator[Wrong]


def length(field: str, value: str | None, bounds: tuple[int, int], *, required: bool = False) -> Wrongs:
    """Check the length of a text. The error does not show the text, since it may be a secret."""
    if value is None and not required:
        return
    if not isinstance(value, str) or not bounds[0] <= len(value) <= bounds[1]:
        expected = f"{bounds[0]} to {bounds[1]}" if bounds[0] else f"at most {bounds[1]}"
        yield Wrong(field, f"{expected} characters", len(value) if isinstance(value, str) else value)


def between(field: str, value: object, bounds: tuple[float, float], *, whole: bool = False) -> Wrongs:
    """Check that a value is None, or a number within bounds."""
    fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if value is not None and not (fits and bounds[0] <= value <= bounds[1]):  # type: ignore[operator]
        yield Wrong(field, f"{'an integer' if whole else 'a number'} from {bounds[0]} to {bounds[1]}", value)


def one_of(field: str, value: object, allowed: Collection[object], *, optional: bool = False) -> Wrongs:
    if value not in allowed and not (optional and value is None):
        yield Wrong(field, f"one of {', '.join(map(str, allowed))}", value)


def reference(value: str | None) -> Wrongs:
    yield from length("client_reference_id", value, (0, limits.ID_LENGTH))


def hints(codes: Sequence[str] | None) -> Wrongs:
    if isinstance(codes, str):
        yield Wrong("language_hints", "a sequence of language codes", codes)
        return
    codes = codes or ()
    if len(codes) > limits.HINTS:
        yield Wrong("language_hints", f"at most {limits.HINTS} codes", len(codes))
    if len(set(codes)) < len(codes):
        yield Wrong("language_hints", "each code once", codes)
    for code in codes:
        yield from _language("language_hints", code)


def context(value: Context | str | None) -> Wrongs:
    size = context_length(value)
    if size > limits.CONTEXT_LENGTH:
        yield Wrong("context", f"at most {limits.CONTEXT_LENGTH} characters in all", size)


def context_length(context: Any) -> int:
    """The total number of characters in all strings of a Context, or in a plain string."""
    if isinstance(context, str):
        return len(context)
    if isinstance(context, msgspec.Struct):
        return sum(context_length(getattr(context, field)) for field in context.__struct_fields__)
    return sum(context_length(part) for part in context or ())


def translation(value: Translation | None) -> Wrongs:
    if value is None:
        return
    yield from one_of("translation.type", value.type, ("one_way", "two_way"))
    wanted = ("target_language",) if value.type == "one_way" else ("language_a", "language_b")
    for field in ("target_language", "language_a", "language_b"):
        code = getattr(value, field)
        if field in wanted:
            yield from _language(f"translation.{field}", code)
        elif code is not None:
            yield Wrong(f"translation.{field}", f"nothing in a {value.type} translation", code)


def _language(field: str, code: object) -> Wrongs:
    if code in _USUAL_CODES:
        yield Wrong(field, f"{_USUAL_CODES[code]!r}, as this service calls that language", code)
    elif not isinstance(code, str) or not 0 < len(code) <= limits.HINT_LENGTH:
        yield Wrong(field, f"a language code of 1 to {limits.HINT_LENGTH} characters", code)
