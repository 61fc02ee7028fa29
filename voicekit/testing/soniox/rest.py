"""A simulated Soniox REST API (a test double), with scripted results and faults on demand.

    peer = RestPeer(outcomes={"bad.wav": Outcome(error=("invalid_audio_file", "No audio."))})
    async with peer.listening():                              # in memory, for virtual time
        async with SonioxClient("key", endpoints=peer.endpoints, http=peer.http()) as soniox: ...
    async with peer.serve() as endpoints: ...                 # over loopback

The double keeps only the size and a digest of each file.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import httpx
import trio

from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.rest.schema.answers import TranscriptToken
from voicekit.soniox.rest.schema.requests import SpeechRequest, TranscriptionRequest
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.refusal import Refusal, invalid
from voicekit.soniox.server.rest.http import SpokenPiece
from voicekit.soniox.server.rest.server import (
    Begun,
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
from voicekit.soniox.server.rest.shared import ReceivedUpload
from voicekit.testing.soniox.memory import Doors, InMemoryHttp
from voicekit.testing.soniox.peer_tts import PeerTts, Speaking, can_speak
from voicekit.testing.soniox.rest_faults import RestFault
from voicekit.testing.soniox.rest_http import FaultyRestConnection, RestWatch

KEPT: Final = 10_000  # the maximum number of requests kept in memory
BODY_KEPT: Final = 64 * 1024  # the maximum number of bytes kept from each body


def said(text: str) -> tuple[TranscriptToken, ...]:
    """Tokens for `text`: one for each word, 400 ms apart."""
    words = [word if place == 0 else f" {word}" for place, word in enumerate(text.split())]
    return tuple(
        TranscriptToken(text=word, start_ms=400 * place, end_ms=400 * place + 320, confidence=0.98)
        for place, word in enumerate(words)
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """The course of a transcription: the seconds in the queue, the seconds of work, and then the words or an error."""

    tokens: tuple[TranscriptToken, ...] = said("this is what was said")
    error: tuple[str, str] | None = None
    queued: float = 0.5
    processing: float = 1.0
    duration_ms: int = 2_000


@dataclass(slots=True)
class Stored:
    """The part of an uploaded file that has arrived; `complete` says whether this is the whole file."""

    filename: str
    size: int = 0
    complete: bool = False
    digest: Any = field(default_factory=hashlib.sha256, repr=False)


@dataclass(slots=True)
class Seen:
    """A request and its answer. `status` is None until the request is answered; `upload` is the request's form, if it
    has one."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    at: float
    status: int | None = None
    body: bytes = b""
    upload: ReceivedUpload | None = None


class RestPeer(Doors):
    """Simulates the REST API for one account, with scripted transcriptions, its own voice, and faults.

    `outcomes` gives the outcome for each file name; the one for "" applies to all other files. `faults` may be
    extended. Without an `account`, every key is accepted. Webhook calls are not sent, but kept in `notified`.
    """

    def __init__(
        self,
        *,
        outcomes: Mapping[str, Outcome] | None = None,
        faults: Iterable[RestFault] = (),
        account: Account | None = None,
        speaking: Speaking | None = None,
        server: RestServer | None = None,
    ) -> None:
        numbers = count(1)
        self.server = server or RestServer(account, mint=lambda: f"{next(numbers):032x}")
        self.outcomes = dict(outcomes or {})
        self.faults = list(faults)
        self.files: dict[str, Stored] = {}
        self.requests: deque[Seen] = deque(maxlen=KEPT)
        self.notified: list[Notify] = []
        self.spoken: list[SpeechRequest] = []
        self.away = False  # whether connections are refused
        self._speaking = speaking or Speaking()
        self._arrivals = trio.lowlevel.ParkingLot()
        self._struck: dict[int, int] = {}
        self._open: dict[int, Seen] = {}  # the open exchanges, by id
        self._watch = RestWatch(self._fault, self._seen, self._over)

    # --- how clients connect ---

    def http(self) -> httpx.AsyncBaseTransport:
        """An in-memory httpx transport to this double."""
        return InMemoryHttp(self.connected)

    def connected(self, nursery: trio.Nursery | None = None) -> trio.abc.Stream:
        if self.away:
            raise ConnectionRefusedError("no server is listening")
        return super().connected(nursery)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        await FaultyRestConnection(self.server, self._act, self._speak, self._watch, stream).serve()

    async def requested(self, count: int) -> None:
        """Wait until `count` requests have arrived."""
        while len(self.requests) < count:
            await self._arrivals.park()

    # --- what happens ---

    def _fault(self, request: RestRequest) -> RestFault | None:
        for place, fault in enumerate(self.faults):
            if fault.fits(request.method, request.target) and self._struck.get(place, 0) < fault.times:
                self._struck[place] = self._struck.get(place, 0) + 1
                return fault
        return None

    def _seen(self, request: RestRequest, exchange: RestExchange) -> None:
        seen = Seen(request.method, request.target, request.headers, trio.current_time())
        self.requests.append(seen)
        self._open[id(exchange)] = seen
        self._arrivals.unpark_all()

    def _over(self, exchange: RestExchange, status: int | None) -> None:
        seen = self._open.pop(id(exchange))
        seen.status, seen.body, seen.upload = status, exchange.body[:BODY_KEPT], exchange.upload

    async def _act(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Begun(name, filename):
                    self.files[name] = Stored(filename)
                case FileChunk(name, data):
                    self.files[name].size += len(data)
                    self.files[name].digest.update(data)
                case FileKept(name):
                    self.files[name].complete = True
                case Dropped(name):
                    self.files.pop(name, None)
                case Transcribe(name, request):
                    self._group.start_soon(self._transcribe, name, self._outcome(request))
                case PrepareVoice(name, model):
                    self._group.start_soon(self._prepare, name, model)
                case Notify():
                    self.notified.append(effect)
                    self.server.jobs.notified(effect.id, 200)

    def _outcome(self, request: TranscriptionRequest) -> Outcome:
        stored = self.files.get(request.file_id or "")
        name = stored.filename if stored is not None else (request.audio_url or "").rpartition("/")[2]
        return self.outcomes.get(name) or self.outcomes.get("") or Outcome()

    async def _transcribe(self, name: str, outcome: Outcome) -> None:
        await trio.sleep(outcome.queued)
        self.server.jobs.processing(name, duration_ms=outcome.duration_ms)
        await trio.sleep(outcome.processing)
        if outcome.error is None:
            await self._act(self.server.jobs.completed(name, outcome.tokens, trio.current_time()))
        else:
            await self._act(self.server.jobs.failed(name, *outcome.error))

    async def _prepare(self, name: str, model: str) -> None:
        await trio.sleep(1.0)
        self.server.voices.prepared(name, model)

    def _speak(self, request: SpeechRequest) -> AsyncGenerator[SpokenPiece, None] | Refusal:
        self.spoken.append(request)
        config = TtsConfig(audio_format=request.audio_format, sample_rate=request.sample_rate, speed=request.speed)
        header = b""
        if request.audio_format == "wav":
            rate = request.sample_rate or 24_000
            config = TtsConfig(audio_format="pcm_s16le", sample_rate=rate, speed=request.speed)
            header = endless_wav(rate)
        if not can_speak(config):
            return invalid(f"This peer makes no {request.audio_format}.")
        return self._sound(header, PeerTts(config, self._speaking), request.text)

    async def _sound(self, header: bytes, mouth: PeerTts, text: str) -> AsyncGenerator[SpokenPiece, None]:
        mouth.add(text, end=True)
        await trio.sleep(self._speaking.first_sound)
        if header:
            yield SpokenPiece(header, 0.0)
        done = False
        while not done:
            chunk = mouth.next()
            yield SpokenPiece(chunk.data, chunk.seconds)
            await trio.sleep(chunk.seconds / self._speaking.faster)
            done = chunk.end


def endless_wav(rate: int) -> bytes:
    """The header of a PCM16 mono WAV file of unknown length, as in streamed files."""
    unknown = 0xFFFFFFFF.to_bytes(4, "little")
    numbers = (16).to_bytes(4, "little") + (1).to_bytes(2, "little") + (1).to_bytes(2, "little")
    numbers += rate.to_bytes(4, "little") + (2 * rate).to_bytes(4, "little")
    numbers += (2).to_bytes(2, "little") + (16).to_bytes(2, "little")
    return b"RIFF" + unknown + b"WAVEfmt " + numbers + b"data" + unknown
