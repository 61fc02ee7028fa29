"""The driver of the REST server, for one HTTP/1.1 connection: h11 translates between the byte stream and the server.

The driver reads requests, passes their bodies on piece by piece, and writes the answers. It lets `act` carry out the
effects, and `speak` synthesise speech. It keeps no part of a body.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

import h11
import trio

from voicekit.soniox.rest.schema.requests import SpeechRequest
from voicekit.soniox.server.refusal import Refusal
from voicekit.soniox.server.rest.exchange import RestExchange
from voicekit.soniox.server.rest.server import RestServer
from voicekit.soniox.server.rest.shared import Effect, RestAnswer, RestRequest, Speak

READ_BYTES: Final = 64 * 1024
LINGER_BYTES: Final = 2**20
LINGER_S: Final = 2.0
"""How many bytes of an unwanted body are read (LINGER_BYTES), and for how many seconds, before the connection is
closed. Otherwise a client that is still sending would lose the answer, since closing with unread bytes resets the
connection.
"""

BROKEN_STREAM: Final = (trio.BrokenResourceError, trio.ClosedResourceError)


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A piece of audio, and its duration in seconds."""

    data: bytes
    seconds: float


Act: TypeAlias = Callable[[Iterable[Effect]], Awaitable[None]]
MakeSpeech: TypeAlias = Callable[[SpeechRequest], AsyncGenerator[SpokenPiece, None] | Refusal]


class RestGone(Exception):
    """Raised if the connection has ended."""


class RestConnection:
    """One connection from a client; `stream` is its byte stream."""

    def __init__(self, server: RestServer, act: Act, speak: MakeSpeech, stream: trio.abc.Stream) -> None:
        self._server, self._act, self._speak, self._stream = server, act, speak, stream
        self._h11 = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        """Answer requests until one side ends the connection, then close it."""
        async with self._stream:
            with suppress(RestGone):
                while await self._answer_one():
                    pass

    async def _answer_one(self) -> bool:
        """Read and answer a request, and return whether another one may come."""
        head = await self._next()
        if not isinstance(head, h11.Request):
            return False
        request = _request(head)
        await self.exchange(request, self._server.begin(request, trio.current_time()))
        return await self._may_go_on()

    async def exchange(self, request: RestRequest, exchange: RestExchange) -> int:
        """Read the rest of the request, answer it, and return the status of the answer."""
        try:
            return await self.reply(exchange, await self._read(exchange))
        except RestGone:
            await self._act(exchange.lost(trio.current_time()))
            raise

    # --- reading ---

    async def _read(self, exchange: RestExchange) -> Speak | None:
        """Read the body until there is an answer, and return the speech to make, if any."""
        while exchange.answer is None:
            event = await self._next()
            effects = await self.receive(exchange, event)
            speech = next((effect for effect in effects if isinstance(effect, Speak)), None)
            await self._act(effect for effect in effects if not isinstance(effect, Speak))
            await trio.lowlevel.checkpoint()  # lets other tasks run: a body may come in thousands of pieces
            if speech is not None or isinstance(event, h11.EndOfMessage):
                return speech
        return None

    async def receive(self, exchange: RestExchange, event: h11.Event) -> list[Effect]:
        """Take a piece of the body, or its end, and return the effects."""
        if isinstance(event, h11.Data):
            return exchange.receive(bytes(event.data), trio.current_time())
        return exchange.end(trio.current_time()) if isinstance(event, h11.EndOfMessage) else []

    async def _next(self) -> h11.Event:
        """Wait for the next event. Raises RestGone at the end of the connection, and if the data is not HTTP."""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError:
                raise RestGone from None
            if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                raise RestGone
            if event is not h11.NEED_DATA:
                assert isinstance(event, h11.Event), event
                return event
            if self._h11.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                self._h11.receive_data(bytes(await self._stream.receive_some(READ_BYTES)))
            except BROKEN_STREAM:
                raise RestGone from None

    # --- answering ---

    async def reply(self, exchange: RestExchange, speech: Speak | None) -> int:
        """Send the answer or, if `speech` is requested, the audio, and return the status of the answer."""
        if speech is not None:
            spoken = self._speak(speech.request)
            if not isinstance(spoken, Refusal):
                return await self._say(exchange, spoken)
            exchange.refuse(spoken, trio.current_time())
        assert exchange.answer is not None
        return await self.whole(exchange.answer)

    async def whole(self, answer: RestAnswer) -> int:
        """Send an answer whose body is complete."""
        await self.head(answer, [] if answer.status == 204 else [("content-length", str(len(answer.body)))])
        await self.body(answer.body)
        await self.finish()
        return answer.status

    async def _say(self, exchange: RestExchange, sound: AsyncGenerator[SpokenPiece, None]) -> int:
        seconds = 0.0
        answer = exchange.speaking()
        await self.head(answer, [("transfer-encoding", "chunked")])
        try:
            with trio.move_on_at(exchange.ends_at) as session:
                async with aclosing(sound):
                    async for piece in sound:
                        await self.body(piece.data)
                        seconds += piece.seconds
        finally:
            exchange.spoken(trio.current_time(), seconds)
        if session.cancelled_caught:
            raise RestGone  # the key's session has expired; closing the connection is the only way to say so
        await self.finish()
        return answer.status

    async def head(self, answer: RestAnswer, framing: list[tuple[str, str]]) -> None:
        """Send the headers of an answer; `framing` is the header that defines the length of its body."""
        headers = [*answer.headers, *framing, *([("connection", "close")] if answer.close else [])]
        await self.send(h11.Response(status_code=answer.status, headers=headers))

    async def body(self, data: bytes) -> None:
        """Send more of the body."""
        await self.send(h11.Data(data=data))

    async def finish(self) -> None:
        """Complete the answer."""
        await self.send(h11.EndOfMessage())

    async def send(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            await self.write(data)

    async def write(self, data: bytes) -> None:
        try:
            await self._stream.send_all(data)
        except BROKEN_STREAM:
            raise RestGone from None

    async def _may_go_on(self) -> bool:
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            return True
        with trio.move_on_after(LINGER_S), suppress(*BROKEN_STREAM):
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
            left = LINGER_BYTES
            while left > 0 and (data := await self._stream.receive_some(READ_BYTES)):
                left -= len(data)
        return False


def _request(head: h11.Request) -> RestRequest:
    headers = {bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in head.headers}
    return RestRequest(bytes(head.method).decode("latin-1"), bytes(head.target).decode("latin-1"), headers)
