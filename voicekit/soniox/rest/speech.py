"""Speech from complete text: the text is sent, and the audio comes back while it is still being synthesised."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import trio

from voicekit.errors import ConfigError, Unavailable
from voicekit.flow.threads import in_thread
from voicekit.soniox.api.limits import ID_LENGTH
from voicekit.soniox.api.wrongs import length
from voicekit.soniox.rest.http.atomic_file import check_writable, written
from voicekit.soniox.rest.http.bodies import reading
from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.http.rest_errors import SERVICE
from voicekit.soniox.rest.http.retry import Repeat
from voicekit.soniox.rest.schema.requests import SpeechRequest, check
from voicekit.soniox.rest.sound import SoundEnding

SOUND_BYTES: Final = 64 * 2**20
"""The maximum number of bytes of audio in one answer: more than two minutes in any format, and the service makes no
more in one request.
"""


class SpeechSound:
    """Audio as it arrives; iterate over it only once. `received` is how many bytes have arrived, and `request_id` is
    the id to quote when you ask the service for support.

    After the last byte, `whole` is True if the audio ends with the end mark of its format, and None if the format has
    no end mark. If audio is certainly missing, the iteration raises Unavailable.
    """

    def __init__(self, http: Http, response: httpx.Response, pieces: AsyncIterator[bytes], audio_format: str) -> None:
        request_id = response.headers.get("x-request-id")
        self.request_id = None if request_id is None else http.redact(request_id)
        self.content_type = response.headers.get("content-type", "")
        self._why = http.why
        self._pieces = pieces
        self._ending = SoundEnding(audio_format)
        self._left = http.patience.speech
        self._stall = http.patience.stall
        self._framed = "content-length" in response.headers or "transfer-encoding" in response.headers

    @property
    def received(self) -> int:
        return self._ending.size

    @property
    def whole(self) -> bool | None:
        return self._ending.whole

    @property
    def wav_sizes(self) -> tuple[tuple[int, int], ...]:
        """The lengths to write into the header of a streamed WAV when it is complete: pairs of an offset and the
        four-byte number to write there."""
        return self._ending.wav_sizes

    def __aiter__(self) -> SpeechSound:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._next()
        if piece is not None:
            self._ending.feed(piece)
            if self.received > SOUND_BYTES:
                raise self._interrupted("more data arrived than synthesised speech can contain", retryable=False)
            return piece
        if not self._framed:
            raise self._interrupted("the answer had neither a length nor an end marker")
        if self.whole is False:
            raise self._interrupted("the sound is incomplete")
        raise StopAsyncIteration

    async def _next(self) -> bytes | None:
        """The next piece; None at the end. Only the time spent waiting for the service counts towards the limits."""
        before = trio.current_time()
        try:
            with trio.move_on_after(max(0.0, min(self._left, self._stall))):
                return await anext(self._pieces, None)
        except httpx.RequestError as error:
            raise self._interrupted(self._why(error)) from None
        finally:
            self._left -= trio.current_time() - before
        raise self._interrupted("no more data came in time" if self._left > 0 else "the whole answer took too long")

    def _interrupted(self, why: str, *, retryable: bool = True) -> Unavailable:
        message = f"{SERVICE}: the sound was interrupted after {self.received} bytes: {why}"
        return Unavailable(message, service=SERVICE, retryable=retryable, request_id=self.request_id)


@dataclass(frozen=True, slots=True)
class Saved:
    """How many bytes were written, and whether the audio is certainly complete (None if its format has no end mark)."""

    size: int
    whole: bool | None


class Speech:
    """`soniox.speech`. Every method may raise ServiceError, or ConfigError for values that the service would reject."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._url = f"{base}/tts"

    @asynccontextmanager
    async def stream(self, request: SpeechRequest, *, request_id: str | None = None) -> AsyncIterator[SpeechSound]:
        """Yield audio while it is being synthesised from text: `async with ... as sound: async for data in sound`.

        A request that fails is retried only if no audio has arrived. If the audio is cut off, Unavailable is raised;
        its message says how much arrived.
        """
        check(request)
        for wrong in length("request_id", request_id, (1, ID_LENGTH)):
            raise wrong.error
        if request_id is not None and not (request_id.isascii() and request_id.isprintable()):
            raise ConfigError(f"Soniox option request_id: expected printable ASCII, got {request_id!r}")
        headers = {} if request_id is None else {"x-request-id": request_id}
        ask = RestQuery("POST", self._url, json=request, repeat=Repeat.REFUSED, headers=headers)
        async with self._http.open(ask) as response, reading(response) as pieces:
            yield SpeechSound(self._http, response, pieces, request.audio_format)

    async def audio(self, request: SpeechRequest) -> bytes:
        """Return all of the audio: at most two minutes, the limit for one request."""
        body = bytearray()
        async with self.stream(request) as sound:
            async for data in sound:
                body += data
        return bytes(body)

    async def save(
        self, request: SpeechRequest, path: str | os.PathLike[str], *, progress: Callable[[int], None] | None = None
    ) -> Saved:
        """Write the audio to `path`. The file appears only when the audio is complete.

        If audio is certainly missing, Unavailable is raised; not every format shows this (see `Saved`). The length is
        written into the header of a streamed WAV. If no file can be written, ConfigError is raised before anything is
        sent. After any error, an earlier file at `path` is unchanged.
        """
        check_writable(Path(path))  # checked first, so that no request is sent in vain
        async with self.stream(request) as sound, written(Path(path)) as file:
            async for data in sound:
                await in_thread(file.write, data)
                if progress is not None:
                    progress(sound.received)
            for place, size in sound.wav_sizes:
                file.seek(place)
                file.write(size.to_bytes(4, "little"))
        return Saved(sound.received, sound.whole)
