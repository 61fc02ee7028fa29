"""Reads server-sent events from bytes, however the network has split them. Pure; each stream has its own reader.

Lines end in LF, CR or CRLF, and an empty line ends an event. An event without data is ignored. Fields other than
`event` and `data` are skipped, like comments: they are needed only to resume a stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_EVENT = 1024 * 1024
"""The maximum number of bytes of an event. An answer's last event may repeat the whole answer, but no spoken answer is
that long.
"""

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A CR at the very end may be the first half of a CRLF, so it waits for what follows."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its kind, by default "message", and its data."""

    kind: str
    data: str


class EventReader:
    """Takes the bytes of one stream as they arrive and returns the complete events."""

    __slots__ = ("_data", "_kind", "_rest", "_size", "_started")

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # the beginning of an incomplete line
        self._kind = ""
        self._data: list[str] = []
        self._size = 0
        self._started = False

    def feed(self, received: bytes) -> list[ServerSentEvent]:
        """The events that `received` completes. An event longer than LONGEST_EVENT is skipped, and not stored."""
        events = [event for line in self._lines(received) if (event := self._line(line)) is not None]
        if self._size + sum(map(len, self._rest)) > LONGEST_EVENT:
            self._size, self._data = LONGEST_EVENT + 1, []  # skips everything up to the empty line that ends the event
            if sum(map(len, self._rest)) > len(b"\r\n"):
                self._rest = [b":" + self._rest[-1][-1:]]  # turns the rest of the line into a comment
        return events

    def _lines(self, received: bytes) -> list[bytes]:
        """The lines that `received` completes. The earlier pieces of a long line are not searched again."""
        waiting_cr = bool(self._rest) and self._rest[-1].endswith(b"\r")
        self._rest.append(received)
        if not waiting_cr and not _LINE_END.search(received):
            return []
        *lines, rest = _LINE_END.split(b"".join(self._rest))
        self._rest = [rest] if rest else []
        return lines

    def _line(self, raw: bytes) -> ServerSentEvent | None:
        line = raw.decode("utf-8", "replace")
        if not self._started:
            self._started, line = True, line.removeprefix("\ufeff")
        if not line:
            return self._complete()
        self._size += len(raw)
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if self._size > LONGEST_EVENT:
            self._data = []
        elif name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        return None

    def _complete(self) -> ServerSentEvent | None:
        event = ServerSentEvent(self._kind or "message", "\n".join(self._data)) if self._data else None
        self._kind, self._data, self._size = "", [], 0
        return event
