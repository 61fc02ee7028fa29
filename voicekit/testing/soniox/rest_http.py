"""One HTTP/1.1 connection to the REST double: the same driver as in voicekit's own server, with faults on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import h11
import trio

from voicekit.soniox.server.rest.exchange import RestExchange
from voicekit.soniox.server.rest.http import Act, MakeSpeech, RestConnection, RestGone
from voicekit.soniox.server.rest.refusal import Problem
from voicekit.soniox.server.rest.server import Effect, RestAnswer, RestRequest, RestServer, Speak
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


@dataclass(frozen=True, slots=True)
class RestWatch:
    """The callbacks with which the double chooses a fault for each request on a connection, and notes each request and
    its end."""

    fault: Callable[[RestRequest], RestFault | None]
    seen: Callable[[RestRequest, RestExchange], None]
    over: Callable[[RestExchange, int | None], None]


class FaultyRestConnection(RestConnection):
    """A connection on which each request may have a fault."""

    def __init__(
        self, server: RestServer, act: Act, speak: MakeSpeech, watch: RestWatch, stream: trio.abc.Stream
    ) -> None:
        super().__init__(server, act, speak, stream)
        self._watch = watch
        self._fault: RestFault | None = None
        self._taken = self._sent = 0  # the number of body bytes received, and the number sent

    async def exchange(self, request: RestRequest, exchange: RestExchange) -> int:
        self._fault, self._taken, self._sent = self._watch.fault(request), 0, 0
        self._watch.seen(request, exchange)
        status: int | None = None
        try:
            if isinstance(self._fault, StopReadingRest) and exchange.answer is None:
                await trio.sleep_forever()
            status = await super().exchange(request, exchange)
        finally:
            self._watch.over(exchange, status)
        return status

    async def receive(self, exchange: RestExchange, event: h11.Event) -> list[Effect]:
        if isinstance(event, h11.Data):
            self._taken += len(event.data)
            if isinstance(self._fault, CutUpload) and self._taken >= self._fault.after:
                raise RestGone
        elif isinstance(event, h11.EndOfMessage) and isinstance(self._fault, Instead | RefusedRequest):
            return []  # the requested action is not carried out
        return await super().receive(exchange, event)

    async def reply(self, exchange: RestExchange, speech: Speak | None) -> int:
        match self._fault:
            case Silence():
                await trio.sleep_forever()
            case Instead(status=status, headers=headers, body=body):
                return await self.whole(RestAnswer(status, headers, body))
            case RefusedRequest(error_type=error_type, message=message, headers=headers):
                refused = exchange.refuse(Problem(error_type, message), trio.current_time())
                exchange.answer = RestAnswer(refused.status, (*refused.headers, *headers), refused.body)
        return await super().reply(exchange, speech)

    async def head(self, answer: RestAnswer, framing: list[tuple[str, str]]) -> None:
        if isinstance(self._fault, CutAnswer) and self._fault.after is None:
            raise RestGone
        if isinstance(self._fault, Unframed):
            await self.write(_bare_head(answer))
        else:
            await super().head(answer, framing)

    async def body(self, data: bytes) -> None:
        before, self._sent = self._sent, self._sent + len(data)
        match self._fault:
            case Unframed(after=after):
                await self.write(data if after is None else data[: after - before])
                if after is not None and after < self._sent:
                    raise RestGone
            case Trickle(every=every, piece=piece):
                for place in range(0, len(data), piece):
                    await trio.sleep(every)
                    await super().body(data[place : place + piece])
            case CutAnswer(after=int(after)) if self._sent > after:
                await super().body(data[: after - before])
                raise RestGone
            case _:
                await super().body(data)

    async def finish(self) -> None:
        if isinstance(self._fault, Unframed):
            raise RestGone  # the connection ends with the answer
        await super().finish()


def _bare_head(answer: RestAnswer) -> bytes:
    """The headers, without the length of the body; h11 would not write such headers."""
    lines = [f"HTTP/1.1 {answer.status} ", *(f"{name}: {value}" for name, value in answer.headers)]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")
