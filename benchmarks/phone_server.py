"""The far side of `benchmarks.phone_lines`: a server on hypercorn, in its own process, that answers in one way.

    bare        Starlette's websocket, which sends back each text unchanged: the floor
    wire        voicekit's site: Twilio's messages, sound decoded and encoded, marks, a call for each socket
    session     the same with a whole session in each call: stt, turns and a voice, made of parts that take no time
    apart       sessions alone, in memory, with the same parts: the cost of a session without a wire

It prints its address. It answers /cpu with the CPU seconds that it has used so far, and /late with how late its loop
has been since the last request: median and 99th percentile in seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve as serve_asgi
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from benchmarks.measure import percentile
from voicekit import Session
from voicekit.audio.frame import AudioFrame
from voicekit.call.connection import Call
from voicekit.call.desk import Conversation
from voicekit.call.transport import Site, SocketRoute, Upgrade
from voicekit.errors import Unavailable
from voicekit.flow.link import open_link
from voicekit.play.sink import NullSink
from voicekit.testing import FakeTts, Script, ScriptedSource, ScriptedVad
from voicekit.testing.phone_sound import PhoneEars
from voicekit_phone.twilio import TwilioWire
from voicekit_serve.asgi import build_app
from voicekit_serve.site import CallSite

ANSWER = "We are open from nine to five, every day but Sunday."
MOST = 10_000
PACKET_S = 0.02


def script() -> Script:
    """The caller of each session: asks a question every five seconds, for two minutes."""
    user = Script()
    for turn in range(24):
        user.says("when are you open", at=1.0 + 5.0 * turn, for_=1.2)
    return user


async def bare(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


class Echo:
    """A conversation without stt, turns or a voice: it plays back the sound that it hears."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def run(self) -> None:
        heard, sound = open_link(MOST, name="heard")
        nothing, nowhere = open_link(1, name="nothing")
        async with self._call.source.open() as run, self._call.sink.open() as speaker, trio.open_nursery() as nursery:
            with heard, sound, nothing, nowhere:
                nursery.start_soon(run, nowhere, heard)
                while self._call.end is None:
                    with suppress(Unavailable):  # the call has ended meanwhile
                        for item in await sound.receive_all():
                            if isinstance(item, AudioFrame):
                                await speaker.write(item)
                nursery.cancel_scope.cancel()

    def end(self, *, why: str, farewell: str | None = None) -> None:
        self._call.hang_up(why)


class Unguarded:
    """A transport with Twilio's wire, but without webhook and token: each socket is a call."""

    name = "twilio"

    def routes(self, site: Site) -> Sequence[SocketRoute]:
        async def media(upgrade: Upgrade) -> None:
            await site.hold(upgrade, TwilioWire())

        return [SocketRoute("/echo", media)]


def session(**ends: Any) -> Session:
    return Session(handler=ANSWER, stt=PhoneEars(script()), vad=ScriptedVad(), tts=FakeTts(first_sound=0.0), **ends)


async def answer(way: str, call: Call) -> Conversation:
    return Echo(call) if way == "wire" else session(call=call)


async def hold_apart() -> None:
    """Hold one session in memory for ten seconds; /apart starts these."""
    from voicekit.testing.scripted import ScriptedStt

    alone = Session(
        handler=ANSWER,
        source=ScriptedSource(script()),
        sink=NullSink(),
        stt=ScriptedStt(script()),
        vad=ScriptedVad(),
        tts=FakeTts(first_sound=0.0),
    )
    await alone.run()


async def watch_lateness(late: list[float]) -> None:
    """Note how late the loop is, every 20 ms."""
    due = trio.current_time()
    while True:
        due = max(due + PACKET_S, trio.current_time())
        await trio.sleep_until(due)
        late.append(trio.current_time() - due)


async def main(way: str) -> None:
    site = CallSite(partial(answer, way), [Unguarded()], public_url="http://127.0.0.1", max_calls=MOST)
    async with trio.open_nursery() as nursery:

        async def apart(request: Any) -> PlainTextResponse:
            for _ in range(int(request.query_params["calls"])):
                nursery.start_soon(hold_apart)
            return PlainTextResponse("")

        late: list[float] = []
        nursery.start_soon(watch_lateness, late)

        async def tell_lateness(request: Any) -> PlainTextResponse:
            middle, worst = percentile(late, 50), percentile(late, 99)
            late.clear()
            return PlainTextResponse(f"{middle} {worst}")

        more: list[BaseRoute] = [
            Route("/late", tell_lateness),
            Route("/cpu", lambda request: PlainTextResponse(str(time.process_time()))),
            Route("/apart", apart),
        ]
        app: Any = Starlette(routes=[*more, WebSocketRoute("/echo", bare)]) if way == "bare" else build_app(site, more)
        config = Config()
        config.bind = ["127.0.0.1:0"]
        config.errorlog = config.accesslog = None
        urls = await nursery.start(partial(serve_asgi, app, config, mode="asgi"))
        print(urls[0], flush=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
