"""The greeting that a local server prints when it is ready: one line of JSON with its addresses and key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from voicekit.errors import RemoteProtocolError
from voicekit.soniox.api.region import Endpoints

LONGEST_LINE: Final = 8 * 1024
"""The maximum number of bytes in the line; four addresses and a key take a few hundred."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """The addresses of a local server, and the key that it accepts."""

    endpoints: Endpoints
    key: str = field(repr=False)


class _Line(msgspec.Struct, frozen=True):
    rest: str
    stt: str
    tts: str
    tts_rest: str
    key: str


_decoder = msgspec.json.Decoder(_Line)


def write_hello(greeting: ServerHello) -> bytes:
    """The greeting as one line, including the line break."""
    where = greeting.endpoints
    return msgspec.json.encode(_Line(where.rest, where.stt, where.tts, where.tts_rest, greeting.key)) + b"\n"


def read_hello(line: bytes) -> ServerHello:
    """Parse a greeting. Raises RemoteProtocolError if the line is not a greeting; the error does not quote the line,
    since it may contain a key."""
    try:
        said = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise RemoteProtocolError(f"the local server's greeting: expected a line of JSON: {error}") from None
    where = Endpoints.find(rest=said.rest, stt=said.stt, tts=said.tts, tts_rest=said.tts_rest, environ={})
    return ServerHello(where, said.key)
