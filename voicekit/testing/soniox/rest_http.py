"""One HTTP/1.1 connection of a server of ours: h11 between a byte stream and the REST role, with faults to order.

It is the driver that the role asks for: it reads requests, hands the bodies on piece by piece, lets `act` do what the
effects say and `speak` what is to be spoken, and writes the answers. Nothing of a body is kept here.
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
from voicekit.soniox.server.rest.refusal import Problem
from voicekit.soniox.server.rest.server import Effect, RestAnswer, RestExchange, RestRequest, RestServer, Speak
from voicekit.testing.soniox.rest_faults import (
    CutAnswer,
    CutUpload,
    Instead,
    RefusedRequest,
    RestFault,
    Silence,
    StopReadingRest,
    Trickle,
    Unframed,
)

READ_BYTES: Final = 64 * 1024
LINGER_BYTES: Final = 2**20
LINGER_S: Final = 2.0
"""How much of a body that nobody wants is read, and how long, before the connection is closed: a client that is still
sending would otherwise lose the answer, as closing with unread bytes resets the connection."""

Act: TypeAlias = Callable[[Iterable[Effect]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of sound, and how many seconds it lasts."""

    data: bytes
    seconds: float


PeerVoice: TypeAlias = Callable[[SpeechRequest], AsyncGenerator[Spoken, None] | Refusal]


class _Gone(Exception):
    """The connection is over."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What all connections of a server have in common. `seen` hears each request, and each answer's status."""

    server: RestServer
    act: Act
    speak: PeerVoice
    fault: Callable[[RestRequest], RestFault | None] = lambda request: None
    seen: Callable[[RestRequest, RestExchange], None] = lambda request, exchange: None
    over: Callable[[RestExchange, int | None], None] = lambda exchange, status: None

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Answer the requests of one connection until either side ends it."""
        async with stream:
            with suppress(_Gone):
                connection = _Connection(self, stream)
                while await connection.answer_one():
                    pass


class _Connection:
    def __init__(self, driver: Driver, stream: trio.abc.Stream) -> None:
        self._driver = driver
        self._stream = stream
        self._h11 = h11.Connection(h11.SERVER)

    async def answer_one(self) -> bool:
        """Read and answer a request; whether another may come."""
        head = await self._next()
        if not isinstance(head, h11.Request):
            return False
        request = _request(head)
        fault = self._driver.fault(request)
        exchange = self._driver.server.begin(request, trio.current_time())
        self._driver.seen(request, exchange)
        status: int | None = None
        try:
            speech = await self._read(exchange, fault)
            if isinstance(fault, RefusedRequest):
                refused = exchange.refuse(Problem(fault.error_type, fault.message), trio.current_time())
                exchange.answer = RestAnswer(refused.status, (*refused.headers, *fault.headers), refused.body)
            status = await self._reply(exchange, speech, fault)
        except _Gone:
            await self._driver.act(exchange.lost(trio.current_time()))
            raise
        finally:
            self._driver.over(exchange, status)
        return await self._may_go_on()

    # --- reading ---

    async def _read(self, exchange: RestExchange, fault: RestFault | None) -> Speak | None:
        """The body, until there is an answer; what is to be spoken, if anything."""
        taken = 0
        speech: Speak | None = None
        while exchange.answer is None and speech is None:
            if isinstance(fault, StopReadingRest):
                await trio.sleep_forever()
            event = await self._next()
            effects: list[Effect] = []
            if isinstance(event, h11.Data):
                taken += len(event.data)
                if isinstance(fault, CutUpload) and taken >= fault.after:
                    raise _Gone
                effects = exchange.receive(bytes(event.data), trio.current_time())
            elif isinstance(event, h11.EndOfMessage):
                if isinstance(fault, Instead | RefusedRequest):
                    break  # what was asked for is not done
                effects = exchange.end(trio.current_time())
            speech = next((effect for effect in effects if isinstance(effect, Speak)), None)
            await self._driver.act(effect for effect in effects if not isinstance(effect, Speak))
        return speech

    async def _next(self) -> h11.Event:
        """The next event; _Gone at the end, and where it is no HTTP."""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError:
                raise _Gone from None
            if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                raise _Gone
            if event is not h11.NEED_DATA:
                assert isinstance(event, h11.Event), event
                return event
            if self._h11.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                self._h11.receive_data(bytes(await self._stream.receive_some(READ_BYTES)))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise _Gone from None

    # --- answering ---

    async def _reply(self, exchange: RestExchange, speech: Speak | None, fault: RestFault | None) -> int:
        if isinstance(fault, Silence):
            await trio.sleep_forever()
        if isinstance(fault, Instead):
            answer = RestAnswer(fault.status, fault.headers, fault.body)
        elif speech is not None:
            spoken = self._driver.speak(speech.request)
            if not isinstance(spoken, Refusal):
                return await self._say(exchange, spoken, fault)
            answer = exchange.refuse(spoken, trio.current_time())
        else:
            assert exchange.answer is not None
            answer = exchange.answer
        await self._head(answer, _framing(answer), fault)
        await self._body(answer.body, 0, fault)
        await self._finish(fault)
        return answer.status

    async def _say(self, exchange: RestExchange, sound: AsyncGenerator[Spoken, None], fault: RestFault | None) -> int:
        seconds = 0.0
        sent = 0
        answer = exchange.speaking()
        await self._head(answer, _framing(answer, stream=True), fault)
        try:
            with trio.move_on_at(exchange.ends_at) as session:
                async with aclosing(sound):
                    async for piece in sound:
                        await self._body(piece.data, sent, fault)
                        sent += len(piece.data)
                        seconds += piece.seconds
        finally:
            exchange.spoken(trio.current_time(), seconds)
        if session.cancelled_caught:
            raise _Gone  # the key's session is over, and there is no other way left to say so
        await self._finish(fault)
        return answer.status

    async def _head(self, answer: RestAnswer, framing: list[tuple[str, str]], fault: RestFault | None) -> None:
        if isinstance(fault, CutAnswer) and fault.after is None:
            raise _Gone
        if isinstance(fault, Unframed):
            await self._write(_bare_head(answer))
            return
        headers = [*answer.headers, *framing, *([("connection", "close")] if answer.close else [])]
        await self._send(h11.Response(status_code=answer.status, headers=headers))

    async def _body(self, data: bytes, sent: int, fault: RestFault | None) -> None:
        """More of the body, `sent` bytes of which are out already."""
        if isinstance(fault, Unframed):
            left = len(data) if fault.after is None else fault.after - sent
            await self._write(data[:left])
            if left < len(data):
                raise _Gone
            return
        if isinstance(fault, Trickle):
            for place in range(0, len(data), fault.piece):
                await trio.sleep(fault.every)
                await self._send(h11.Data(data=data[place : place + fault.piece]))
            return
        if isinstance(fault, CutAnswer) and fault.after is not None and sent + len(data) > fault.after:
            await self._send(h11.Data(data=data[: fault.after - sent]))
            raise _Gone
        await self._send(h11.Data(data=data))

    async def _finish(self, fault: RestFault | None) -> None:
        if isinstance(fault, Unframed):
            raise _Gone  # the end of the connection is that of the answer
        await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            await self._write(data)

    async def _write(self, data: bytes) -> None:
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise _Gone from None

    async def _may_go_on(self) -> bool:
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            return True
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._stream.send_eof()
        with trio.move_on_after(LINGER_S):
            await self._drain()
        return False

    async def _drain(self) -> None:
        left = LINGER_BYTES
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while left > 0 and (data := await self._stream.receive_some(READ_BYTES)):
                left -= len(data)


def _request(head: h11.Request) -> RestRequest:
    headers = {bytes(name).decode("latin-1"): bytes(value).decode("latin-1") for name, value in head.headers}
    return RestRequest(bytes(head.method).decode("latin-1"), bytes(head.target).decode("latin-1"), headers)


def _bare_head(answer: RestAnswer) -> bytes:
    """A head that does not say where the body ends, which h11 would not write."""
    lines = [f"HTTP/1.1 {answer.status} ", *(f"{name}: {value}" for name, value in answer.headers)]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")


def _framing(answer: RestAnswer, stream: bool = False) -> list[tuple[str, str]]:
    """How the length of the body is told."""
    if answer.status == 204:
        return []
    return [("transfer-encoding", "chunked")] if stream else [("content-length", str(len(answer.body)))]
