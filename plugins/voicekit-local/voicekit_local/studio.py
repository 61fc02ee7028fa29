"""What all connections of a server share: the engines, and the workers that run them."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

import trio

from voicekit.errors import VoicekitError
from voicekit.soniox.server.refusal import Refusal
from voicekit_local.engines.interface import Aligner, Recogniser, Synthesiser
from voicekit_local.workers import Workers

Args = TypeVarTuple("Args")
R = TypeVar("R")

DECODERS: Final = 64
"""The maximum number of threads that decode containers; usually they are waiting for bytes."""

LATE_S: Final = 5.0
"""The maximum number of seconds that a realtime client may wait for words or sound: with more, no conversation is
possible."""

OVERLOADED: Final = Refusal(
    "service_unavailable",
    "Cannot continue request (code 1). Please restart the request. This machine can't keep up with its calls.",
)
"""The error for a client that would have to wait longer; it can then try again."""

BROKEN: Final = Refusal("internal_error", "The server had an error processing your request. Please try again.")
"""The error for a client when an engine fails."""


KNOWN_VOICES: Final = """
Maya Daniel Noah Nina Emma Jack Adrian Claire Grace Owen Mina Kenji Rafael Mateo Lucia Sofia Oliver Arthur Isla Victoria
Cooper Mason Ruby Elise Arjun Rohan Priya Meera Bryce
"""
"""The documented names of the service's voices."""

INTRODUCED: Final = 100
"""The maximum number of unknown names for which warnings are printed: a program that sends more must be inventing them.
"""


class EngineFailed(VoicekitError):
    """An engine raised an error, which has been printed."""


class Studio:
    """The loaded engines, and the workers."""

    def __init__(
        self, recogniser: Recogniser, aligner: Aligner, voice: Synthesiser, workers: Workers | None = None
    ) -> None:
        self.recogniser = recogniser
        self.aligner = aligner
        self.voice = voice
        self.workers = workers or Workers()
        self.decoders = trio.CapacityLimiter(DECODERS)
        self._introduced: set[str] = set()

    def introduce(self, voice: str) -> None:
        """If the service has no voice called `voice`, warn that another voice speaks instead, once per name."""
        if voice in self._introduced or voice in (*KNOWN_VOICES.split(), *self.voice.voices):
            return
        if len(self._introduced) < INTRODUCED:
            self._introduced.add(voice)
            said = f"{voice!r} is no known voice of the service, which would refuse it. {self.voice.name} speaks."
            print(f"warning: {said}", file=sys.stderr, flush=True)

    async def work(self, do: Callable[[*Args], R], *args: *Args) -> R:
        """Run `do`, one of an engine's functions, in a worker thread. Raises EngineFailed if `do` raises an error."""
        try:
            return await self.workers.work(do, *args)
        except Exception as error:  # an engine is third-party code: an error ends one connection, not the server
            traceback.print_exception(error, file=sys.stderr)
            raise EngineFailed(f"{type(error).__name__}: {error}") from error
