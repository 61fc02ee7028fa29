"""Messages of a golden set with one thing changed, and what wires make of them: events or RemoteProtocolError."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voicekit.errors import RemoteProtocolError

STRANGE: list[Any] = [
    None, True, 0, -1, 7.5, 1e400, 2**70, "", "é", "\ud800", "x" * 500, [], {}, [None], {"a": {"b": []}}, "5", "NaN",
]  # fmt: skip

MOST_REPR = 400_000
"""Characters that an event may have: far more than a message has."""


def messages(golden: Path) -> list[str]:
    """What the far side sends in the cases of a golden set."""
    lines = golden.read_text(encoding="utf-8").splitlines()
    return [line[2:] for line in lines if line.startswith("< ") and not line.startswith("< repeat")]


def mutated(message: str, roll: random.Random) -> str | bytes:
    """`message` with one thing changed: a value, a key, some of its text, a byte; or as the other kind."""
    if message.startswith("0x"):
        return _mutated_bytes(bytearray.fromhex(message[2:]), roll)
    match roll.randrange(6):
        case 0:
            return message[: roll.randrange(len(message) + 1)]
        case 1:
            place = roll.randrange(len(message) + 1)
            return message[:place] + chr(roll.randrange(0x2000)) + message[place + 1 :]
        case 2:
            return message.encode("utf-8", "replace")[: roll.randrange(len(message) + 1)]
        case 3:
            return message
        case _:
            return _changed(message, roll)


def feed_mutations(
    make_wire: Callable[[], Any], make_peer: Callable[[], Any], known: list[str], tries: int, roll: random.Random
) -> None:
    """Feed `tries` mutations, half of them into a call that has begun, with orders of our side in between.

    Each is events, or RemoteProtocolError, and some are each; anything else that a wire raises passes.
    """
    tried = refused = 0
    while tried < tries:
        wire = make_wire()
        if roll.random() < 0.5:
            for message in make_peer().begin({"tier": "gold"}):
                wire.receive(message)
        for _ in range(5):
            tried += 1
            if roll.random() < 0.3:
                _order(wire, roll)
            try:
                events = wire.receive(mutated(roll.choice(known), roll))
            except RemoteProtocolError:
                refused += 1
                break
            for event in events:
                assert len(repr(event)) < MOST_REPR
    assert 0 < refused < tried


def _order(wire: Any, roll: random.Random) -> None:
    match roll.randrange(3):
        case 0:
            wire.clear()
        case 1:
            wire.sound(bytes(640))
        case _:
            wire.mark("1.2")


def _mutated_bytes(data: bytearray, roll: random.Random) -> bytes:
    match roll.randrange(4):
        case 0:
            return bytes(data[: roll.randrange(len(data) + 1)])
        case 1 if data:
            data[roll.randrange(len(data))] = roll.randrange(256)
            return bytes(data)
        case 2:
            return roll.randbytes(roll.randrange(40))
        case _:
            return bytes(data)


def _changed(message: str, roll: random.Random) -> str:
    try:
        value = json.loads(message)
    except ValueError:
        return message
    places = [(value, key) for key in value] if isinstance(value, dict) else []
    for holder, key in places:
        if isinstance(holder[key], dict):
            places += [(holder[key], inner) for inner in holder[key]]
    if not places:
        return message
    holder, key = roll.choice(places)
    if roll.random() < 0.3:
        del holder[key]
    else:
        holder[key] = roll.choice(STRANGE)
    return json.dumps(value)
