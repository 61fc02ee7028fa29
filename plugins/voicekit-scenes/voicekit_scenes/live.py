"""The recogniser of voicekit-local in virtual time: it gets 20 ms of audio at a time, as in real time.

It decodes immediately, but returns a result only after the time that an idle core would need, which is computed from
the length of the audio. So the load on the machine changes nothing, and the same audio gives the same messages.
`--recogniser live` uses this recogniser, and scripts/record_recogniser.py records its messages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError
from voicekit.events import SpeechMark, SpeechStarted, Transcript
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.soniox.api.wire import SttConfig, SttResponse
from voicekit.soniox.stt.tokens import Tokens
from voicekit_scenes.noises import RATE

TRIP_S: Final = 0.005
"""Seconds to the recogniser's process and back, over loopback."""

DECODES_S: Final = (0.03, 0.045)
"""Seconds that a decode takes on an idle core, and seconds added per second of sound (Moonshine base, int8)."""


class Engines:
    """The recogniser and the aligner of voicekit-local, loaded once. Raises ConfigError if they are not installed."""

    def __init__(self) -> None:
        try:
            from voicekit_local.engines.choose import choose_aligner, choose_recogniser
            from voicekit_local.engines.interface import no_progress
        except ImportError as error:
            raise ConfigError("--recogniser live needs voicekit-local, which is not installed") from error
        chosen = choose_recogniser()
        self.recogniser, self.aligner, self.why = chosen.engine, choose_aligner().engine, chosen.why
        self.recogniser.load(no_progress)
        self.aligner.load(no_progress)

    def decode(self, job: Any) -> tuple[Any, float]:
        """Run a job, and return its result and the seconds that an idle core would take."""
        first, more = DECODES_S
        return job.run(self.recogniser, self.aligner), first + more * len(job.pcm) / 2 / RATE


class LiveHearing:
    """One stream: `feed` takes audio, and returns the recogniser's results up to the end of this audio."""

    def __init__(self, engines: Engines) -> None:
        from voicekit_local.hearing import Hearing

        self._engines = engines
        self._hearing = Hearing(SttConfig(enable_endpoint_detection=True), partials=engines.recogniser.partials)
        self._tokens = Tokens(RATE, 0)
        self._fed = 0
        self._out: tuple[float, Any] | None = None  # the time at which the current decode ends, and its result
        self._finalized: int | None = None

    def feed(self, pcm: bytes) -> list[Transcript]:
        self._hearing.feed(pcm)
        self._fed += len(pcm) // 2
        return self._answers()

    def finalize(self, at: int) -> None:
        """Make all words so far final; the transcripts then report that everything before sample `at` is final."""
        self._finalized = at
        self._hearing.finalize()

    def _answers(self) -> list[Transcript]:
        now = self._fed / RATE
        if self._out is not None and self._out[0] <= now:
            decoded, self._out = self._out[1], None
            self._hearing.done(decoded)
        if self._out is None and self._hearing.wants_job and (job := self._hearing.job()) is not None:
            decoded, seconds = self._engines.decode(job)
            self._out = (now + TRIP_S + seconds, decoded)
        said: list[Transcript] = []
        for result in self._hearing.results():
            response = SttResponse(tokens=result.tokens, final_audio_proc_ms=result.final_ms)
            said += self._tokens.read(response, self._fed, self._finalized)
        return said


class LiveStt(Pipeable):
    """The recogniser as a stage for PCM16 mono at RATE. It blocks while decoding, so it is meant for virtual time."""

    name = "live recogniser"
    produces = None
    endpoints = True
    finalizes = True

    def __init__(self, engines: Engines) -> None:
        self.accepts: AudioFormat | None = None
        self._asked: int | None = None
        self._hearing = LiveHearing(engines)

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        self.accepts = AudioFormat(RATE)
        return self.accepts

    def finalize(self, at: int) -> None:
        """Make all words up to sample `at` final once that sample has been heard, unless speech starts before that."""
        self._asked = at

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[AudioFrame | SpeechMark, Transcript]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Transcript]) -> None:
        async for item in inbox:
            said: Iterable[Transcript] = ()
            if isinstance(item, SpeechStarted):
                self._asked = None
            elif isinstance(item, AudioFrame):
                said = self._hearing.feed(item.pcm)
                if self._asked is not None and item.end >= self._asked:
                    self._hearing.finalize(self._asked)
                    self._asked = None
            for transcript in said:
                await outbox.send(transcript)
