"""Reads multipart forms (RFC 7578) piece by piece: a file's data is passed on and never kept.

    form = ReceivedForm(content_type)
    for event in form.feed(data): ...       a PartBegun for each part, then its bytes
    form.finished                           whether the last boundary has arrived

The work grows linearly with the number of bytes, however they are split, and a form has at most PARTS parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from typing import Final

from voicekit.errors import RemoteProtocolError

HEAD_BYTES: Final = 16 * 1024  # the maximum number of bytes in a part's headers: far more than any client sends
PARTS: Final = 64  # the maximum number of parts in a form; the API's own forms have two


@dataclass(frozen=True, slots=True)
class PartBegun:
    """Event: a part begins. The event gives the part's name, and the file's name if the part is a file."""

    name: str
    filename: str | None


FormEvent = PartBegun | bytes


class ReceivedForm:
    """Reads a multipart body as it arrives. Raises RemoteProtocolError if the body is invalid."""

    def __init__(self, content_type: str) -> None:
        kind = Message()
        kind["content-type"] = content_type
        boundary = kind.get_param("boundary")
        if kind.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
            raise RemoteProtocolError(f"expected a multipart/form-data body with a boundary, got {content_type!r}")
        self._mark = b"\r\n--" + boundary.encode("latin-1")
        self._rest = bytearray(b"\r\n")  # supplies the line break that precedes every boundary except the first
        self._at = 0  # the index, in `_rest`, of the first byte that has not been examined
        self._parts = 0
        self._in_head = self.finished = False

    def feed(self, data: bytes) -> list[FormEvent]:
        """Take `data` and return the events in it. Bytes that may be the beginning of a boundary are kept until more
        arrive.
        """
        events: list[FormEvent] = []
        if not self.finished:
            self._rest += data
            while not self.finished and (self._head(events) if self._in_head else self._content(events)):
                pass
            del self._rest[: self._at]
            self._at = 0
        return events

    def _head(self, events: list[FormEvent]) -> bool:
        end = self._rest.find(b"\r\n\r\n", self._at)
        if (len(self._rest) if end < 0 else end) - self._at > HEAD_BYTES:
            raise RemoteProtocolError(f"form part: expected headers of at most {HEAD_BYTES} bytes")
        if end < 0:
            return False
        events.append(_part(self._rest[self._at : end]))
        self._at, self._in_head = end + 4, False
        return True

    def _content(self, events: list[FormEvent]) -> bool:
        """Pass on the bytes before the next boundary, and return whether there is one."""
        found = self._rest.find(self._mark, self._at)
        after = found + len(self._mark)
        whole = found >= 0 and after + 2 <= len(self._rest)
        end = found if found >= 0 else max(self._at, len(self._rest) - len(self._mark) - 2)
        if self._parts and end > self._at:
            events.append(bytes(self._rest[self._at : end]))
        self._at = end
        if whole:
            self._boundary(bytes(self._rest[after : after + 2]))
            self._at = after + 2
        return whole

    def _boundary(self, ending: bytes) -> None:
        if ending not in (b"--", b"\r\n"):
            raise RemoteProtocolError(f"form boundary: expected a line end or '--' after it, got {ending!r}")
        self.finished = ending == b"--"
        self._in_head = not self.finished
        self._parts += 1
        if self._parts > PARTS and not self.finished:
            raise RemoteProtocolError(f"form: expected at most {PARTS} parts")


def _part(head: bytearray) -> PartBegun:
    headers = Message()
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    field = headers.get_param("name", header="content-disposition")
    if not isinstance(field, str):
        raise RemoteProtocolError("form part: expected a Content-Disposition with a name")
    return PartBegun(field, headers.get_filename())
