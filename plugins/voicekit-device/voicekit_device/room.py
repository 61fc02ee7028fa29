"""The echo guard: a microphone is muted while a speaker of the same program plays, and for a moment afterwards.

Without headphones the microphone hears the bot, so the bot would answer itself. All speakers that are open in the same
trio run are assumed to be in the microphone's room.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias, get_args

from trio.lowlevel import RunVar

from voicekit.errors import ConfigError
from voicekit_device.ledger import Ledger

Echo: TypeAlias = Literal["half-duplex", "headphones"]
"""half-duplex: the microphone is silent while the bot is audible. headphones: the microphone is always on."""

LONGEST_TAIL = 1.0
"""The longest tail in seconds: a speaker's sound is remembered only a little longer than this."""

_speakers: RunVar[list[Ledger]] = RunVar("voicekit_device.speakers")


def check_echo(echo: str, tail: float) -> None:
    """Raise ConfigError if `echo` is not a known echo guard, or `tail` is not a valid time."""
    if echo not in get_args(Echo):
        raise ConfigError(f"echo: expected {' or '.join(map(repr, get_args(Echo)))}, got {echo!r}")
    if not 0 <= tail <= LONGEST_TAIL:
        raise ConfigError(f"tail: expected 0 to {LONGEST_TAIL:g} s, got {tail!r}")


@contextmanager
def sounding(ledger: Ledger) -> Iterator[None]:
    """Until the `with` block ends, assume that microphones hear the speaker that `ledger` belongs to."""
    speakers = _in_this_run()
    speakers.append(ledger)
    try:
        yield
    finally:
        speakers.remove(ledger)


def echoes(start: float, end: float, tail: float) -> bool:
    """Whether a microphone hears one of our speakers between `start` and `end`; sounds echo for `tail` seconds."""
    return any(ledger.sounds(start - tail, end) for ledger in _in_this_run())


def _in_this_run() -> list[Ledger]:
    try:
        return _speakers.get()
    except LookupError:
        speakers: list[Ledger] = []
        _speakers.set(speakers)
        return speakers
