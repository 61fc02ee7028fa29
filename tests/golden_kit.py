"""Golden message sets, one file per wire, which both roles read: each line means what the file has under it.

-- a case: a new wire, to which the far side's first messages were fed, unless the title begins with "raw"
< a message of the far side's; "0x.." is binary, "repeat N c" a text of N times c
. an order to our side, such as `sound ffff`, `sound 160*0000`, `mark 7.160`, `digits 12#`, `clear` or `closed 1006`
= the events that come of it, in short            ! the error that comes of it
> the messages that come of it                    ~ what the far side makes of them
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicekit.call.peer import PeerCleared, PeerHungUp, PeerMark, PeerOther, PeerSound
from voicekit.call.wire import (
    FarFull,
    FarHold,
    MarkPassed,
    PlayedTo,
    WireCleared,
    WireDigit,
    WireEnded,
    WireMessage,
    WireNotice,
    WireReply,
    WireSound,
)
from voicekit.errors import VoicekitError

SHOWN_BYTES = 24
"""A binary message that is longer is shown by its first bytes and its length."""


@dataclass(frozen=True)
class Case:
    wire: str
    title: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.wire}: {self.title}"


def cases(folder: Path, wire: str) -> Iterator[Case]:
    """The cases of a wire's file."""
    title = ""
    lines: list[str] = []
    for line in [*(folder / f"{wire}.txt").read_text(encoding="utf-8").splitlines(), "-- "]:
        if line.startswith("-- "):
            if title:
                yield Case(wire, title, tuple(lines))
            title, lines = line[3:], []
        elif line.strip() and not line.startswith("#"):
            lines.append(line)


def played(case: Case, wire: Any, peer: Any, in_short: Callable[[object], str]) -> list[str]:
    """The lines of `case` with what really comes of its inputs, each event in the words of `in_short`."""
    if not case.title.startswith("raw"):
        for message in peer.begin({"tier": "gold"}):
            for event in wire.receive(message):
                if isinstance(event, WireReply):
                    peer.receive(event.message)
    out = []
    for line in case.lines:
        kind, _, rest = line.partition(" ")
        if kind not in ("<", "."):
            continue
        out.append(line)
        try:
            out += _fed(wire, rest, in_short) if kind == "<" else _ordered(wire, peer, rest, in_short)
        except VoicekitError as error:
            out.append(f"! {type(error).__name__}: {error}")
    return out


def common_words(event: object) -> str:
    """An event in a few words, for those that are the same over all wires."""
    match event:
        case WireSound(pcm) | PeerSound(pcm):
            return f"sound {pcm.hex() if len(pcm) < 9 else f'of {len(pcm)} bytes'}"
        case WireDigit(digit):
            return f"digit {digit}"
        case MarkPassed(name) | PeerMark(name):
            return f"mark {name}"
        case PlayedTo(samples):
            return f"played {samples}"
        case FarFull(full):
            return "full" if full else "room again"
        case WireCleared() | PeerCleared():
            return "cleared"
        case FarHold(held):
            return "held" if held else "taken back"
        case WireReply(message):
            return f"owes {message!s}"
        case WireEnded(end):
            return f"ended: {end.reason.value} {end.code}".strip()
        case WireNotice(text):
            return f"notice: {text}"
        case PeerHungUp():
            return "hung up"
        case PeerOther(kind):
            return kind
        case _:
            raise AssertionError(f"no words for {event!r}")


def _fed(wire: Any, written: str, in_short: Callable[[object], str]) -> list[str]:
    return [f"= {in_short(event)}" for event in wire.receive(_message(written))] or ["= nothing"]


def _ordered(wire: Any, peer: Any, written: str, in_short: Callable[[object], str]) -> list[str]:
    order, _, argument = written.partition(" ")
    if order == "closed":
        return [f"= {in_short(wire.closed(int(argument) if argument else None))}"]
    out = []
    for message in _messages(wire, order, argument):
        out += [f"> {_shown(message)}", f"~ {in_short(peer.receive(message))}"]
    return out or ["> nothing"]


def _messages(wire: Any, order: str, argument: str) -> Any:
    match order:
        case "sound":
            times, _, what = argument.rpartition("*")
            return wire.sound(bytes.fromhex(what) * int(times or 1))
        case "clear" | "pause" | "resume" | "query":
            return getattr(wire, order)()
        case _:
            return getattr(wire, order)(argument)


def _message(written: str) -> WireMessage:
    if written.startswith("0x"):
        return bytes.fromhex(written[2:])
    if written.startswith("repeat "):
        _, times, what = written.split(" ", 2)
        return what * int(times)
    return written


def _shown(message: WireMessage) -> str:
    if isinstance(message, str):
        return message
    return f"0x{message[:8].hex()}.. of {len(message)} bytes" if len(message) > SHOWN_BYTES else f"0x{message.hex()}"
