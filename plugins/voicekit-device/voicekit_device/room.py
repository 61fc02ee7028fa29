"""The echo guard: a microphone is muted while a speaker of the same program sounds, and a moment longer.

Without headphones the microphone hears the bot, and the bot would answer itself. Each trio run knows its speakers: all
open ones are taken to sound in the same room.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias, get_args

from trio.lowlevel import RunVar

from voicekit.errors import ConfigError
from voicekit_device.ledger import Ledger

Echo: TypeAlias = Literal["half-duplex", "headphones"]
"""half-duplex: the microphone is replaced by silence while the bot is audible. headphones: it hears all the time."""

LONGEST_TAIL = 1.0
"""Seconds; sound that a speaker has taken is remembered only a little longer."""

_speakers: RunVar[list[Ledger]] = RunVar("voicekit_device.speakers")


def check_echo(echo: str, tail: float) -> None:
    """Raises ConfigError for a guard that does not exist."""
    if echo not in get_args(Echo):
        raise ConfigError(f"echo: expected {' or '.join(map(repr, get_args(Echo)))}, got {echo!r}")
    if not 0 <= tail <= LONGEST_TAIL:
        raise ConfigError(f"tail: expected 0 to {LONGEST_TAIL:g} s, got {tail!r}")


@contextmanager
def sounding(ledger: Ledger) -> Iterator[None]:
    """While this is open, the speaker with that ledger is in the room."""
    speakers = _in_this_run()
    speakers.append(ledger)
    try:
        yield
    finally:
        speakers.remove(ledger)


def echoes(start: float, end: float, tail: float) -> bool:
    """Whether a microphone hears one of our speakers between the two times; each is heard `tail` longer."""
    return any(ledger.sounds(start - tail, end) for ledger in _in_this_run())


def _in_this_run() -> list[Ledger]:
    try:
        return _speakers.get()
    except LookupError:
        speakers: list[Ledger] = []
        _speakers.set(speakers)
        return speakers
