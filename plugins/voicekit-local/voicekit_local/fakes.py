"""Engines without models, for testing clients of the server: everything is real except the recogniser and the voice.

    async with fake_server() as (server, endpoints): ...     the API key is "secret"

The recogniser hears a word in each WORD_S seconds of sound, "one two three ...", with a confidence of 0.9. The voice
hums: each letter is a tone of LETTER_S seconds with its own pitch.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.server.account import Account
from voicekit_local.engines.interface import (
    HEARING_RATE,
    Heard,
    HeardWord,
    Progress,
    Recogniser,
    Speech,
    Spoken,
    SpokenWord,
    Synthesiser,
    no_progress,
)
from voicekit_local.server import CONNECTIONS, LocalServer, account_for
from voicekit_local.studio import Studio
from voicekit_local.workers import Workers

if TYPE_CHECKING:
    from voicekit_local.engines.interface import Sound

WORDS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
WORD_S: Final = 0.5
LETTER_S: Final = 0.05
KEY: Final = "secret"
SLOTS: Final = 2
LOUD: Final = 8_000
LOWEST_HZ: Final = 200
STEP_HZ: Final = 20
_PIECE: Final = re.compile(r".*?[.!?]\s+|.+$", re.DOTALL)


class FakeRecogniser:
    """Hears a word in each WORD_S seconds of sound."""

    name = "counting"
    languages: tuple[str, ...] = ("en",)
    partials = True

    def load(self, progress: Progress = no_progress) -> None:
        progress("learning to count", 1.0)

    def decode(self, sound: Sound, draft: tuple[int, ...] = ()) -> Heard:
        count = max(1, round(len(sound) / HEARING_RATE / WORD_S))
        words = [HeardWord(WORDS[place % len(WORDS)], 0.9) for place in range(count)]
        return Heard(tuple(words), tuple(range(count)))


class FakeAligner:
    """Gives all words equal shares of the time."""

    name = "evenly"

    def load(self, progress: Progress = no_progress) -> None:
        progress("dividing", 1.0)

    def align(self, sound: Sound, rate: int, words: Sequence[str]) -> list[tuple[float, float]]:
        each = len(sound) / rate / max(1, len(words))
        return [(place * each, (place + 1) * each) for place in range(len(words))]


class FakeTts:
    """Hums text, letter by letter."""

    name = "humming"
    rate = 16_000
    voices: tuple[str, ...] = ("Hum",)
    languages: tuple[str, ...] = ("en",)

    def load(self, progress: Progress = no_progress) -> None:
        progress("tuning", 1.0)

    def pieces(self, text: str) -> list[str]:
        return _PIECE.findall(text) or [text]

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken:
        letter_s = LETTER_S / speed
        pcm = b"".join(hum(letter, round(letter_s * self.rate), self.rate) for letter in text)
        words = [
            SpokenWord(found[0], found.start() * letter_s, found.end() * letter_s)
            for found in re.finditer(r"\S+", text)
        ]
        return Spoken(pcm, self.rate, tuple(words))

    def begin(self, text: str, voice: str, speed: float = 1.0) -> Speech:
        return Speech.of(self.speak(text, voice, speed))


@asynccontextmanager
async def fake_server(
    account: Account | None = None,
    *,
    recogniser: Recogniser | None = None,
    voice: Synthesiser | None = None,
    connections: int = CONNECTIONS,
) -> AsyncIterator[tuple[LocalServer, Endpoints]]:
    """A server with fake engines on a free port, and its addresses; if `account` is None, the API key is KEY."""
    workers = Workers(SLOTS)
    studio = Studio(recogniser or FakeRecogniser(), FakeAligner(), voice or FakeTts(), workers)
    server = LocalServer(studio, account or account_for(KEY, workers), connections=connections)
    async with server.serving() as endpoints:
        yield server, endpoints


def hum(letter: str, samples: int, rate: int) -> bytes:
    """The sound of one letter, as PCM16; a space is silent."""
    if letter.isspace():
        return bytes(2 * samples)
    turn = 2 * math.pi * (LOWEST_HZ + STEP_HZ * (ord(letter) % 64)) / rate
    return struct.pack(f"<{samples}h", *(round(LOUD * math.sin(turn * place)) for place in range(samples)))
