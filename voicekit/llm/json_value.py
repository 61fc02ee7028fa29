"""A lenient reader for a peer's JSON: anything that is missing, null or of an unexpected type reads as nothing.

Services change their protocols, and gateways in front of the services change even more. A field that can't be read
counts as missing, but the rest of its event is still read.

>>> chunk = JsonValue.read('{"choices": [{"delta": {"content": "Hello."}}, null], "usage": null}')
>>> [choice["delta"]["content"].text for choice in chunk["choices"]], chunk["usage"]["tokens"].number
(['Hello.', ''], None)
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

TEXT_KINDS = ("", "text", "output_text", "text_delta")
"""The types of parts that are text to be spoken; thoughts, pictures and other parts have other types."""

MOST_ITEMS = 1_000
"""The maximum number of items that are read from a list. Real lists have a few, and a hostile list of a megabyte would
delay every call in the process.
"""

LONGEST_NUMBER = 18
"""The maximum number of digits in a number; no service uses longer ones."""


class JsonValue:
    """One value, which may be nothing; in that case, everything inside it is nothing as well."""

    __slots__ = ("raw",)

    def __init__(self, raw: object = None) -> None:
        self.raw = raw

    @classmethod
    def read(cls, text: str | bytes) -> JsonValue:
        """The value of the JSON in `text`. Raises msgspec's DecodeError if `text` is not JSON."""
        try:
            return cls(msgspec.json.decode(text))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            try:
                return cls(json.loads(text, strict=False))  # accepts control characters and lone surrogates
            except (ValueError, RecursionError) as error:
                raise msgspec.DecodeError(f"not JSON: {error}") from None

    def __getitem__(self, name: str) -> JsonValue:
        return JsonValue(self.raw.get(name) if isinstance(self.raw, dict) else None)

    def __iter__(self) -> Iterator[JsonValue]:
        """The items of a list, up to MOST_ITEMS."""
        return map(JsonValue, self.raw[:MOST_ITEMS] if isinstance(self.raw, list) else ())

    def __bool__(self) -> bool:
        """Whether there is a value that is neither null nor empty nor 0."""
        return bool(self.raw)

    @property
    def word(self) -> str:
        """The value if it is a string, such as a name or an id; "" for anything else."""
        return self.raw.encode("utf-8", "ignore").decode() if isinstance(self.raw, str) else ""

    @property
    def text(self) -> str:
        """The text to be spoken, from a string, a part of type "text", or a list of these; other parts of the list are
        left out.
        """
        if isinstance(self.raw, list):
            return "".join(part.text for part in self)
        return self.part if isinstance(self.raw, dict) else self.word

    @property
    def part(self) -> str:
        """The text of a part of type "text"; "" for anything else."""
        return self["text"].text if self["type"].word in TEXT_KINDS else ""

    @property
    def number(self) -> int | None:
        """The value if it is a whole number, even if written as text or as 1.0; None for anything else."""
        if isinstance(self.raw, str) and self.raw.isdecimal() and len(self.raw) <= LONGEST_NUMBER:
            return int(self.raw)
        if isinstance(self.raw, float) and self.raw.is_integer() and abs(self.raw) < 10**LONGEST_NUMBER:
            return int(self.raw)
        return self.raw if isinstance(self.raw, int) and not isinstance(self.raw, bool) else None
