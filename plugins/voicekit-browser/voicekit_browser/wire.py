"""`voicekit.v1`, the wire between a page and its server (pure): the messages of each side, and their meaning.

    page                            server
    start{token}              -->
                              <--   welcome{call resume heard spoken}
    binary: PCM16 LE, `heard` Hz -->                                    the caller, mono, without a break
                              <--   binary: PCM16 LE, `spoken` Hz       the bot, mono, of the current generation
    played{gen samples playing} -->                                     heard so far, of generation `gen`
                              <--   flush{gen}                          drop unheard sound: a new generation begins
                              <--   hold, release                       pause and keep the sound; continue
    text{n text}, dtmf{n digit} -->                                     entries, numbered from 1
                              <--   event{n name ...}                   what happens, numbered from 1
    pong{n}                   -->   ping{n} every 2 s
    bye                       -->   bye{reason}

A new socket must replace a lost one within 10 s. Both sides then say how far they have come, and continue from there:

    resume{token gen got played events} -->
                              <--   resumed{heard entered gen held}, or gone
    skip{samples}             -->                                       audio that the page no longer has

The page sends its audio from sample `heard` on, and the entries after number `entered`. The server sends the events
after number `events`, and its audio from sample `got` on, or all of it if `gen` is no longer the current generation. So
nothing is lost or duplicated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from voicekit.call.json_object import read_object
from voicekit.call.wire import WireMessage
from voicekit.errors import RemoteProtocolError
from voicekit_browser.reading import dumped, text, whole

SUBPROTOCOL: Final = "voicekit.v1"

HEARD_RATE: Final = 16_000
"""The sample rate of the caller's audio, in Hz."""

LONGEST_TEXT: Final = 4_000
"""The longest typed line, in characters."""

LONGEST_SOUND: Final = 64_000
"""The maximum length of the audio in a message from the page, in bytes: two seconds."""

LONGEST_TOKEN: Final = 2_048

DIGITS: Final = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class PageStart:
    """The first message of a call."""

    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PageSpot:
    """The page's position: how many samples of generation `gen` it received and played, and the last event's number."""

    gen: int
    got: int
    played: int
    events: int


@dataclass(frozen=True, slots=True)
class PageResume:
    """The first message of a socket that replaces a lost one."""

    token: str = field(repr=False)
    spot: PageSpot


@dataclass(frozen=True, slots=True)
class PageSound:
    """A piece of the caller's audio, in whole samples."""

    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PageSkip:
    """How many samples of the caller's audio will never arrive, because they were lost, or never captured."""

    samples: int


@dataclass(frozen=True, slots=True)
class PagePlayed:
    """How many samples of generation `gen` have been heard, by the page's own count, and whether more are playing."""

    gen: int
    samples: int
    playing: bool


@dataclass(frozen=True, slots=True)
class PageText:
    n: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PageDigit:
    n: int
    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PagePong:
    n: int


@dataclass(frozen=True, slots=True)
class PageBye:
    """The caller hangs up."""


PageEvent: TypeAlias = (
    PageStart | PageResume | PageSound | PageSkip | PagePlayed | PageText | PageDigit | PagePong | PageBye
)


class PageWire:
    """The server's side of one socket. `receive` raises RemoteProtocolError and nothing else."""

    def __init__(self) -> None:
        self._begun = False

    def receive(self, message: WireMessage) -> PageEvent | None:
        """The event in a message from the page; None for a message that this version does not know."""
        if isinstance(message, bytes):
            return self._sound(message)
        value = read_object(message, SUBPROTOCOL)
        kind = text(value, "type", 40)
        if (kind in ("start", "resume")) is self._begun:
            raise RemoteProtocolError(f"{SUBPROTOCOL}: expected start or resume as the first message, and only there")
        self._begun = True
        read = _READERS.get(kind)
        return None if read is None else read(value)

    def _sound(self, message: bytes) -> PageSound:
        if not self._begun:
            raise RemoteProtocolError(f"{SUBPROTOCOL}: expected start or resume first, got sound")
        if len(message) % 2 or len(message) > LONGEST_SOUND:
            raise RemoteProtocolError(
                f"{SUBPROTOCOL}: expected whole samples of sound, at most {LONGEST_SOUND} bytes, got {len(message)}"
            )
        return PageSound(message)


def _resume(value: Mapping[str, Any]) -> PageResume:
    spot = PageSpot(whole(value, "gen"), whole(value, "got"), whole(value, "played"), whole(value, "events"))
    return PageResume(text(value, "token", LONGEST_TOKEN), spot)


def _digit(value: Mapping[str, Any]) -> PageDigit:
    digit = text(value, "digit", 1)
    if digit not in DIGITS:
        raise RemoteProtocolError(f"{SUBPROTOCOL}: expected one of the keys 0-9, *, # and A-D, got something else")
    return PageDigit(whole(value, "n"), digit)


def _played(value: Mapping[str, Any]) -> PagePlayed:
    return PagePlayed(whole(value, "gen"), whole(value, "samples"), value.get("playing") is True)


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], PageEvent]]] = {
    "start": lambda value: PageStart(text(value, "token", LONGEST_TOKEN)),
    "resume": _resume,
    "skip": lambda value: PageSkip(whole(value, "samples")),
    "played": _played,
    "text": lambda value: PageText(whole(value, "n"), text(value, "text", LONGEST_TEXT)),
    "dtmf": _digit,
    "pong": lambda value: PagePong(whole(value, "n")),
    "bye": lambda value: PageBye(),
}


# The server's messages:


def welcome(call: str, resume: str, spoken_rate: int) -> str:
    return dumped(type="welcome", call=call, resume=resume, heard=HEARD_RATE, spoken=spoken_rate)


def resumed(heard: int, entered: int, gen: int, *, held: bool) -> str:
    return dumped(type="resumed", heard=heard, entered=entered, gen=gen, held=held)


def gone() -> str:
    return dumped(type="gone")


def flush(gen: int) -> str:
    return dumped(type="flush", gen=gen)


HOLD: Final = dumped(type="hold")
RELEASE: Final = dumped(type="release")


def ping(n: int) -> str:
    return dumped(type="ping", n=n)


def happened(n: int, event: Mapping[str, object]) -> str:
    """Write `event`, which is already in the page's format, as the message with the number `n`."""
    return json.dumps({"type": "event", "n": n, **event}, ensure_ascii=False, separators=(",", ":"), default=str)


def bye(reason: str) -> str:
    return dumped(type="bye", reason=reason)
