"""The server's REST API: RestServer speaks the protocol, uploads are kept on disk, and the engines do the work.

Uploads go into a folder that is removed when the server ends. Up to two files are transcribed at a time, and only while
no call needs the cores; deleting a transcription stops it. Requests that the engines can't fulfil (translate, clone a
voice) or should not fulfil (download) are rejected.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import httpx
import trio

from voicekit.flow.groups import alone, sole
from voicekit.flow.threads import in_thread
from voicekit.soniox.api.wire import SttConfig, TtsConfig
from voicekit.soniox.rest.schema.answers import TranscriptToken
from voicekit.soniox.rest.schema.requests import SpeechRequest, TranscriptionRequest
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.refusal import Refusal, invalid
from voicekit.soniox.server.rest.http import Act, MakeSpeech, RestConnection, SpokenPiece
from voicekit.soniox.server.rest.server import (
    Begun,
    Catalogue,
    Dropped,
    Effect,
    FileChunk,
    FileKept,
    Notify,
    PrepareVoice,
    RestExchange,
    RestRequest,
    RestServer,
    Transcribe,
)
from voicekit_local.container import Decoder, TooLong, Undecodable
from voicekit_local.hearing import Hearing
from voicekit_local.packing import unmakeable
from voicekit_local.speaking import Chunk, Saying, Stream
from voicekit_local.streams import Patient
from voicekit_local.studio import BROKEN, EngineFailed, Studio

AT_ONCE: Final = 2
"""Files that are transcribed at the same time: with two, a bad file does not block the others."""

BLOCK: Final = 64 * 1024
"""Bytes of a file read at a time."""

WEBHOOK_S: Final = 10.0
"""Seconds that a webhook may take."""

Outcome = tuple[list[TranscriptToken], int]


@asynccontextmanager
async def open_rest(
    studio: Studio, account: Account, offer: Offer, origins: Callable[[str], bool]
) -> AsyncIterator[RestService]:
    """Run the REST API, with a folder for its files, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="voicekit-local-") as folder, alone():
        async with trio.open_nursery() as nursery:
            yield RestService(studio, account, offer, origins, Path(folder), nursery)
            nursery.cancel_scope.cancel()


class RestService:
    """Serves connections; transcriptions run in `nursery`, so they outlive the connections."""

    def __init__(
        self,
        studio: Studio,
        account: Account,
        offer: Offer,
        origins: Callable[[str], bool],
        folder: Path,
        nursery: trio.Nursery,
    ) -> None:
        # the folder has just been made, so its modification time is the present time
        epoch = datetime.fromtimestamp(folder.stat().st_mtime - trio.current_time(), UTC)
        self._server = RestServer(
            account,
            catalogue=Catalogue.of(replace(offer, voices=studio.voice.voices)),
            offer=offer,
            epoch=epoch,
            stoppable=True,
            origins=origins,
        )
        self._studio = studio
        self._folder = folder
        self._nursery = nursery
        self._arriving: dict[str, IO[bytes]] = {}
        self._transcribing = trio.CapacityLimiter(AT_ONCE)
        self._jobs: dict[str, trio.CancelScope] = {}

    async def serve(self, stream: trio.abc.HalfCloseableStream, welcome: Callable[[], object]) -> None:
        """Answer the requests of one connection until either side ends it; `welcome` is called when a client has shown
        a valid key.
        """
        await _Connection(self._server, self._act, self._speak, Patient(stream), welcome).serve()

    # --- called by the protocol's server role ---

    async def _act(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Begun(name):
                    self._arriving[name] = await in_thread(self._path(name).open, "wb")
                case FileChunk(name, data):
                    await in_thread(self._arriving[name].write, data)
                case FileKept(name):
                    self._arriving.pop(name).close()
                case Dropped(name):
                    self._drop(name)
                case Transcribe(name, request):
                    self._nursery.start_soon(self._transcribe, name, request)
                case PrepareVoice(name, model):
                    self._server.voices.prepared(name, model, error=("voice_failed", "This server clones no voices."))
                case Notify():
                    self._nursery.start_soon(self._notify, effect)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _drop(self, name: str) -> None:
        if name in self._jobs:
            self._jobs[name].cancel()
        file = self._arriving.pop(name, None)
        if file is not None:
            file.close()
        self._path(name).unlink(missing_ok=True)

    async def _notify(self, notify: Notify) -> None:
        status = 0
        try:
            async with httpx.AsyncClient(timeout=WEBHOOK_S) as client:
                answer = await client.post(notify.url, headers=list(notify.headers), content=notify.body)
                status = answer.status_code
        except Exception:  # the address and the headers come from a client: whatever happens, the server continues
            pass  # the failure is reported as status 0
        self._server.jobs.notified(notify.id, status)

    # --- whole files ---

    async def _transcribe(self, name: str, request: TranscriptionRequest) -> None:
        with trio.CancelScope() as self._jobs[name]:
            async with self._transcribing:
                self._server.jobs.processing(name)
                try:
                    tokens, duration_ms = await self._understood(request)
                except Exception as error:  # whatever is wrong with one file, the server continues and reports it
                    effects = self._server.jobs.failed(name, *_why(error))
                else:
                    effects = self._server.jobs.completed(name, tokens, trio.current_time(), duration_ms=duration_ms)
            await self._act(effects)
        del self._jobs[name]

    async def _understood(self, request: TranscriptionRequest) -> Outcome:
        assert request.file_id is not None, "addresses are refused"
        reading = _Reading(self._studio, request)
        try:
            async with trio.open_nursery() as nursery:
                decoder = Decoder(reading.hear, self._studio.decoders)
                nursery.start_soon(decoder.run)
                with await in_thread(self._path(request.file_id).open, "rb") as file:
                    while block := await in_thread(file.read, BLOCK):
                        await decoder.feed(block)
                await decoder.end()
        except BaseExceptionGroup as group:
            raise sole(group) from None
        return await reading.finish()

    # --- one-shot speech ---

    def _speak(self, request: SpeechRequest) -> AsyncGenerator[SpokenPiece, None] | Refusal:
        named = ("model", "language", "voice", "audio_format", "sample_rate", "bitrate", "speed")
        config = TtsConfig(**{name: getattr(request, name) for name in named})
        why = unmakeable(config)
        if why is not None:
            return invalid(why)
        self._studio.introduce(request.voice)
        try:
            stream = Stream("", config, self._studio.voice)
        except Exception as error:  # an encoder may reject a format: the client gets an answer in any case
            traceback.print_exception(error, file=sys.stderr)
            return BROKEN
        return self._sound(stream, request.text)

    async def _sound(self, stream: Stream, text: str) -> AsyncGenerator[SpokenPiece, None]:
        stream.feed(text, True, trio.current_time())
        while (piece := await stream.next()) is not None:
            saying = stream.say(self._studio.voice, piece)
            while not saying.over:
                for chunk in await self._made(stream, saying):
                    stream.spoke(chunk.seconds)
                    if chunk.data:
                        yield SpokenPiece(chunk.data, chunk.seconds)
        rest = await self._studio.work(stream.packing.finish)
        if rest:
            yield SpokenPiece(rest, 0.0)

    async def _made(self, stream: Stream, saying: Saying) -> list[Chunk]:
        async with self._studio.workers.slot(stream.urgent):
            return await self._studio.work(saying.more)


class _Reading:
    """One file while the recogniser transcribes it."""

    def __init__(self, studio: Studio, request: TranscriptionRequest) -> None:
        self._studio = studio
        config = SttConfig(
            enable_speaker_diarization=request.enable_speaker_diarization,
            enable_language_identification=request.enable_language_identification,
        )
        self._hearing = Hearing(config, partials=False, language=studio.recogniser.languages[0])
        self._tokens: list[TranscriptToken] = []

    async def hear(self, pcm: bytes) -> None:
        self._hearing.feed(pcm)
        await self._decode()

    async def finish(self) -> Outcome:
        self._hearing.end()
        await self._decode()
        return self._tokens, self._hearing.total_ms

    async def _decode(self) -> None:
        """Decode the file while no call needs the cores, and keep the final words."""
        studio = self._studio
        while self._hearing.wants_job:
            async with studio.workers.slot(_never):
                job = self._hearing.job()
                if job is not None:
                    self._hearing.done(await studio.work(job.run, studio.recogniser, studio.aligner))
        for result in self._hearing.results():
            self._tokens += [
                TranscriptToken(
                    text=token.text or "",
                    start_ms=None if token.start_ms is None else round(token.start_ms),
                    end_ms=None if token.end_ms is None else round(token.end_ms),
                    confidence=token.confidence,
                    speaker=token.speaker,
                    language=token.language,
                )
                for token in result.tokens
                if token.is_final
            ]


def _never() -> bool:
    return False


def _why(error: Exception) -> tuple[str, str]:
    """The error for a client whose file can't be transcribed: a type and a sentence. Prints errors of the server."""
    match error:
        case Undecodable():
            return "invalid_audio_file", f"The audio can't be decoded ({error})."
        case TooLong():
            return "invalid_audio_file", f"Audio is too long: {error}."
        case FileNotFoundError():
            return "file_not_found", "The file was deleted before it was transcribed."
        case EngineFailed():
            pass  # already printed
        case _:
            traceback.print_exception(error, file=sys.stderr)
    return BROKEN.error_type, BROKEN.message


class _Connection(RestConnection):
    def __init__(
        self,
        server: RestServer,
        act: Act,
        speak: MakeSpeech,
        stream: trio.abc.Stream,
        welcome: Callable[[], object],
    ) -> None:
        super().__init__(server, act, speak, stream)
        self._welcome = welcome

    async def exchange(self, request: RestRequest, exchange: RestExchange) -> int:
        if exchange.known:
            self._welcome()
        return await super().exchange(request, exchange)
