"""Reads multipart forms (RFC 7578) piece by piece: a file passes through without ever being held.

form = Form(content_type)
for event in form.feed(data): ...       PartBegun, PartData and PartDone, in this order for each part
form.finished                           whether the last boundary has come
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from typing import Final

from voicekit.errors import RemoteProtocolError

HEAD_BYTES: Final = 16 * 1024  # of a part's headers: far more than any client sends


@dataclass(frozen=True, slots=True)
class PartBegun:
    """A part begins: its name, and the name of its file if it is one."""

    name: str
    filename: str | None


@dataclass(frozen=True, slots=True)
class PartData:
    """More bytes of the part."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartDone:
    """The part is complete."""


FormEvent = PartBegun | PartData | PartDone


class ReceivedForm:
    """A multipart body on its way. RemoteProtocolError when it is none."""

    def __init__(self, content_type: str) -> None:
        kind = Message()
        kind["content-type"] = content_type
        boundary = kind.get_param("boundary")
        if kind.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
            raise RemoteProtocolError(f"expected a multipart/form-data body with a boundary, got {content_type!r}")
        self._mark = b"\r\n--" + boundary.encode("latin-1")
        self._rest = b"\r\n"  # as if a line had ended before the first boundary, which has none before it
        self._in_part = False
        self._in_head = False
        self.finished = False

    def feed(self, data: bytes) -> list[FormEvent]:
        """What `data` brings. What may be the beginning of a boundary is kept until more comes."""
        if self.finished:
            return []
        self._rest += data
        events: list[FormEvent] = []
        while not self.finished and (self._head(events) if self._in_head else self._content(events)):
            pass
        return events

    def _head(self, events: list[FormEvent]) -> bool:
        head, blank, rest = self._rest.partition(b"\r\n\r\n")
        if len(head) > HEAD_BYTES:
            raise RemoteProtocolError(f"a part of a form: expected headers of at most {HEAD_BYTES} bytes")
        if not blank:
            return False
        events.append(_part(head))
        self._rest, self._in_head, self._in_part = rest, False, True
        return True

    def _content(self, events: list[FormEvent]) -> bool:
        """Pass on what is before the next boundary; whether there is one."""
        at = self._rest.find(self._mark)
        after = at + len(self._mark)
        if at < 0 or len(self._rest) < after + 2:
            self._pass(events, len(self._rest) - len(self._mark) - 2 if at < 0 else at)
            return False
        self._pass(events, at)
        if self._in_part:
            events.append(PartDone())
        ending = self._rest[len(self._mark) : len(self._mark) + 2]
        if ending not in (b"--", b"\r\n"):
            raise RemoteProtocolError(f"a boundary of a form: expected a line end or '--' behind it, got {ending!r}")
        self._rest = self._rest[len(self._mark) + 2 :]
        self.finished = ending == b"--"
        self._in_part, self._in_head = False, not self.finished
        return True

    def _pass(self, events: list[FormEvent], count: int) -> None:
        if count > 0:
            if self._in_part:
                events.append(PartData(self._rest[:count]))
            self._rest = self._rest[count:]


def _part(head: bytes) -> PartBegun:
    headers = Message()
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    field = headers.get_param("name", header="content-disposition")
    if not isinstance(field, str):
        raise RemoteProtocolError("a part of a form: expected a Content-Disposition with a name")
    return PartBegun(field, headers.get_filename())
