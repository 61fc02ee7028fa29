"""What all connections of a server share: the engines, and the cores that they work on."""

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
"""Threads that decode containers, at most; they mostly wait for more of them."""

LATE_S: Final = 5.0
"""Seconds that a client in real time may have to wait for its words or its sound: nobody holds a conversation so."""

OVERLOADED: Final = Refusal(
    "service_unavailable",
    "Cannot continue request (code 1). Please restart the request. This machine can't keep up with its calls.",
)
"""What a client is told that would have to wait longer: it may try again, while in silence it could do nothing."""

BROKEN: Final = Refusal("internal_error", "The server had an error processing your request. Please try again.")
"""What a client is told when an engine fails."""


KNOWN_VOICES: Final = """
Maya Daniel Noah Nina Emma Jack Adrian Claire Grace Owen Mina Kenji Rafael Mateo Lucia Sofia Oliver Arthur Isla Victoria
Cooper Mason Ruby Elise Arjun Rohan Priya Meera Bryce
"""
"""Names of the service's own voices, as far as they are documented."""

INTRODUCED: Final = 100
"""Unknown names that are warned about; more are a program's doing."""


class EngineFailed(VoicekitError):
    """An engine raised something; it has been printed."""


class Studio:
    """Engines that are loaded, and the workers."""

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
        """Print once for each name that is no voice of the service's that another voice stands in for it."""
        if voice in self._introduced or voice in (*KNOWN_VOICES.split(), *self.voice.voices):
            return
        if len(self._introduced) < INTRODUCED:
            self._introduced.add(voice)
            said = f"{voice!r} is no known voice of the service, which would refuse it. {self.voice.name} speaks."
            print(f"warning: {said}", file=sys.stderr, flush=True)

    async def work(self, do: Callable[[*Args], R], *args: *Args) -> R:
        """Have an engine do it, in a slot of the workers; EngineFailed when it can't."""
        try:
            return await self.workers.work(do, *args)
        except Exception as error:  # an engine is third-party code: an error ends one connection, not the server
            traceback.print_exception(error, file=sys.stderr)
            raise EngineFailed(f"{type(error).__name__}: {error}") from error
