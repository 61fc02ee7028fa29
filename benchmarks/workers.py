"""What happens to calls when processes die, reload, stop or hang: two workers on one port, under gunicorn.

    python -m benchmarks.workers [--calls N] [--seconds S] [dummy | call ...]

A dummy call is a plain websocket whose sound is sent back; the desk holds it like any other call. A real call uses
Twilio's protocol: a signed webhook, a token, a media socket, a session that greets. A call starts every 0.15 s and
lasts 3 to 6 s. Each row of the table has its own server.

`broken` calls did not end as planned, or a worker accepted them and then cut them off before they began. `others` is
how many of these were held by a worker that lives on: 0 if a worker takes only its own calls with it. `refused` calls
reached no worker, and `busy` calls were refused by a worker, which lets none in while its loop is late. The reasons for
broken calls are printed below the table.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from random import Random
from typing import Any

import httpx
import trio
from hypercorn.config import Config
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError, WebSocketConnection, open_websocket_url

from benchmarks import machine
from benchmarks.phone_server import Echo
from voicekit import CallPolicy, Policy, Session
from voicekit.aio.plain_wire import PlainWire
from voicekit.call.connection import Call
from voicekit.call.desk import Conversation
from voicekit.call.transport import Site, SocketRoute, Upgrade
from voicekit.flow.groups import alone
from voicekit.testing import FakeTts
from voicekit_phone.peers import PeerSound
from voicekit_phone.transports import Twilio
from voicekit_phone.twilio import TwilioPeer, signature
from voicekit_serve.server import serve
from voicekit_serve.workers import SharedListener, Workers

TOKEN = "twilio-secret-token"
PUBLIC = "https://bot.example"
EVERY_S = 0.15
TIMEOUT_S = 6
"""Seconds after which a worker that hangs is replaced."""
DRAIN_S = 8.0
WORKERS = 2
CARRIER_S = 15.0
"""Seconds for which Twilio waits for a webhook's answer."""
RATE = 8_000
GOODBYES = (1000, 1001, 1012)
WORKER = "x-worker"
CUT = (httpx.RemoteProtocolError, httpx.ReadError, ConnectionClosed)
"""The errors on a connection that a worker had accepted before it died."""
FAREWELL = "We are closing. Goodbye."
FAREWELL_PACKETS = 50
"""Packets of 20 ms in the farewell: a little more than a second of sound."""


# --- the server: `python -m benchmarks.workers --serve PORT` ---


async def answer(call: Call) -> Conversation:
    return Echo(call) if call.info.transport == "plain" else await greet(call)


async def greet(call: Call) -> Session:
    policy = Policy(call=CallPolicy(greeting="Hello."))
    return Session(handler="Yes?", call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)


class Dummy:
    """A transport of plain sound: each socket is a call."""

    name = "plain"

    def routes(self, site: Site) -> Sequence[SocketRoute]:
        async def media(upgrade: Upgrade) -> None:
            await site.hold(upgrade, PlainWire(RATE))

        return [SocketRoute("/echo", media)]


async def block(request: object) -> PlainTextResponse:
    time.sleep(60)  # noqa: ASYNC251  # a hang is what we measure
    return PlainTextResponse("late")


def program() -> Callable[[SharedListener], Awaitable[None]]:
    routes = [Route("/block", block)]

    name_the_worker()

    async def run(shared: SharedListener) -> None:
        serving = partial(
            serve,
            answer,
            Twilio(TOKEN),
            Dummy(),
            public_url=PUBLIC,
            secret="x" * 32,
            max_calls=100,
            drain=DRAIN_S,
            farewell=FAREWELL,
            routes=routes,
            shared=shared,
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(serving)
            print("listening", flush=True)

    return run


def name_the_worker() -> None:
    """Put the id of this process into the headers of all its answers, including those that open a websocket."""
    plain = Config.response_headers

    def headers(config: Config, protocol: str) -> list[tuple[bytes, bytes]]:
        return [*plain(config, protocol), (WORKER.encode(), str(os.getpid()).encode())]

    Config.response_headers = headers  # type: ignore[method-assign,assignment]


# --- the callers ---


class Callers:
    """Starts calls, and counts how each ends."""

    def __init__(self, port: int, kind: str) -> None:
        self.port = port
        self.outcomes: Counter[str] = Counter()
        self.live = 0
        self.stopped_at: float | None = None
        self.signalled = False
        self.said_goodbye = 0
        self.why: Counter[str] = Counter()
        """Why calls did not end as planned, with the number of calls for each reason."""
        self.broken_by: Counter[int] = Counter()
        """The number of broken calls for each worker that held them, by the id of its process."""
        self._hold = {"dummy": self._dummy, "call": self._call}[kind]
        self._numbers = iter(range(1_000_000))
        self._random = Random(1)

    async def start(self, nursery: trio.Nursery, calls: int) -> None:
        for _ in range(calls):
            nursery.start_soon(self.one, next(self._numbers), 3 + 3 * self._random.random())
            await trio.sleep(EVERY_S)

    async def one(self, number: int, seconds: float) -> None:
        worker: int | None = None
        self.live += 1
        try:
            with alone():
                async for begun in self._hold(number, seconds):
                    worker = begun
            self.outcomes["whole"] += 1
        except (
            OSError,
            HandshakeError,
            ConnectionClosed,
            httpx.HTTPError,
            trio.TooSlowError,
            LookupError,
            ExceptionGroup,
        ) as error:
            cut = worker is not None or isinstance(error, CUT) or status(error) == 500  # the worker died meanwhile
            busy = isinstance(error, LookupError) or status(error) == 503
            outcome = "broken" if cut else "busy" if busy else "refused"
            self.outcomes[outcome] += 1
            self.why[f"{outcome}{' on the way in' if cut and worker is None else ''}: {described(error)}"] += 1
            if worker is not None:
                self.broken_by[worker] += 1
        finally:
            self.live -= 1

    async def _dummy(self, number: int, seconds: float) -> Any:
        async with open_websocket_url(f"ws://127.0.0.1:{self.port}/echo", connect_timeout=10) as connection:
            yield worker_of(connection)
            with trio.move_on_after(seconds if self.stopped_at is None else 60), self._ended_by_server():
                while True:
                    await connection.send_message(bytes(320))
                    with trio.fail_after(10):
                        await connection.get_message()
                    await trio.sleep(0.02)

    @contextmanager
    def _ended_by_server(self) -> Iterator[None]:
        """After the server was told to stop, accept that it ends the call with a goodbye."""
        try:
            yield
        except ConnectionClosed as closed:
            if self.stopped_at is None or closed.reason is None or closed.reason.code not in GOODBYES:
                raise

    async def _call(self, number: int, seconds: float) -> Any:
        path = await self._media_path(f"CA{number}")
        async with open_websocket_url(f"ws://127.0.0.1:{self.port}{path}", connect_timeout=10) as connection:
            peer = TwilioPeer(call=f"CA{number}")
            for message in peer.begin():
                await connection.send_message(message)
            yield worker_of(connection)
            with trio.fail_after(20):
                await _sound(connection, peer)
            ended = False
            with trio.move_on_after(seconds if self.stopped_at is None else 60):
                ended = await self._talk(connection, peer)
            if not ended:
                for message in peer.stop():
                    await connection.send_message(message)

    async def _talk(self, connection: WebSocketConnection, peer: TwilioPeer) -> bool:
        """Send silence and listen. Returns True if the server said goodbye and closed the connection."""
        farewell = 0

        async def send() -> None:
            at = 0
            with suppress(ConnectionClosed):  # the other task handles this
                while True:
                    await connection.send_message(peer.sound(bytes(320), at))
                    at += 20
                    await trio.sleep(0.02)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            try:
                while True:
                    heard = peer.receive(await connection.get_message())
                    farewell += self.signalled and isinstance(heard, PeerSound)
            except ConnectionClosed as closed:
                if closed.reason is None or closed.reason.code not in GOODBYES:
                    raise
                self.said_goodbye += farewell >= FAREWELL_PACKETS
            nursery.cancel_scope.cancel()
        return True

    async def _media_path(self, call: str) -> str:
        form = {"CallSid": call, "From": "+1", "To": "+2", "CallStatus": "ringing"}
        signed = {"x-twilio-signature": signature(TOKEN, f"{PUBLIC}/twilio/voice", form.items())}
        async with httpx.AsyncClient(timeout=CARRIER_S) as client:
            answer = await client.post(f"http://127.0.0.1:{self.port}/twilio/voice", data=form, headers=signed)
        found = re.search(r'url="wss://bot\.example(/twilio/media/[^"]+)"', answer.text)
        if found is None:
            raise LookupError(f"HTTP {answer.status_code}")
        return found[1]


def worker_of(connection: WebSocketConnection) -> int:
    """The id of the process at the other end of `connection`; 0 if it is not in the headers."""
    return int(dict(connection.handshake_headers).get(WORKER.encode(), 0))


def described(error: BaseException) -> str:
    """An error's type, and its close code or HTTP status if there is one."""
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(sorted({described(one) for one in error.exceptions}))
    reason = getattr(error, "reason", None)
    return f"{type(error).__name__} {getattr(reason, 'code', status(error) or '')}".strip()


def status(error: BaseException) -> int | None:
    """The HTTP status with which a websocket was refused; None for other errors."""
    return error.status_code if isinstance(error, ConnectionRejected) else None


async def _sound(connection: WebSocketConnection, peer: TwilioPeer) -> None:
    while not isinstance(peer.receive(await connection.get_message()), PeerSound):
        pass


# --- what is done to the server ---


def workers_of(master: subprocess.Popen[bytes]) -> set[int]:
    """The ids of the present workers' processes."""
    found = subprocess.run(["pgrep", "-P", str(master.pid)], capture_output=True, text=True, check=False)
    return {int(pid) for pid in found.stdout.split()}


async def kill_one(master: subprocess.Popen[bytes], callers: Callers) -> None:
    os.kill(min(workers_of(master)), signal.SIGKILL)


async def reload(master: subprocess.Popen[bytes], callers: Callers) -> None:
    master.send_signal(signal.SIGHUP)


async def stop(master: subprocess.Popen[bytes], callers: Callers) -> None:
    callers.signalled = True
    master.send_signal(signal.SIGTERM)


async def stand_still(master: subprocess.Popen[bytes], callers: Callers) -> None:
    with suppress(httpx.HTTPError):
        async with httpx.AsyncClient(timeout=1.0) as client:
            await client.get(f"http://127.0.0.1:{callers.port}/block")


DEEDS = {"kill -9 one worker": kill_one, "HUP": reload, "SIGTERM": stop, "one loop blocked": stand_still}


async def row(kind: str, name: str, calls: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    master = subprocess.Popen(  # noqa: ASYNC220  # it takes a millisecond
        [sys.executable, "-m", "benchmarks.workers", "--serve", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert master.stdout is not None
    try:
        for _ in range(WORKERS):
            master.stdout.readline()
        await _observe(kind, name, calls, port, master)
    finally:
        master.send_signal(signal.SIGTERM if name == "SIGTERM" else signal.SIGQUIT)
        with suppress(subprocess.TimeoutExpired):
            master.wait(30)
        master.kill()
        master.stdout.close()


async def _observe(kind: str, name: str, calls: int, port: int, master: subprocess.Popen[bytes]) -> None:
    before, callers = workers_of(master), Callers(port, kind)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        if name == "SIGTERM":
            callers.stopped_at = began  # so that no caller hangs up first
            await callers.start(nursery, calls // 2)
            await trio.sleep(2)
        else:
            nursery.start_soon(callers.start, nursery, calls)
            await trio.sleep(4)
        live = callers.live
        deed = trio.current_time()
        await DEEDS[name](master, callers)
    took = trio.current_time() - deed
    after = workers_of(master)
    counts = callers.outcomes
    others = sum(number for worker, number in callers.broken_by.items() if worker in after)
    goodbye = f"{callers.said_goodbye} heard the farewell" if name == "SIGTERM" and kind == "call" else ""
    print(
        f"{kind:6} {name:20} {sum(counts.values()):5} {live:5} {counts['broken']:7} {others:7} {counts['refused']:8} "
        f"{counts['busy']:5} {len(after - before):4} {took:6.1f}  {goodbye}",
        flush=True,
    )
    for why, number in callers.why.most_common():
        print(f"{'':7}{number:3} {why}", flush=True)


async def main(options: argparse.Namespace) -> None:
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    print(f"{'':6} {'what is done':20} calls  live  broken  others  refused  busy  new      s")
    for kind in options.kinds or ("dummy", "call"):
        for name in options.only or DEEDS:
            await row(kind, name, options.calls)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers")
    parser.add_argument("--serve", type=int, metavar="PORT")
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--only", action="append", choices=list(DEEDS))
    parser.add_argument("kinds", nargs="*", choices=["dummy", "call", []])
    given = parser.parse_args()
    if given.serve:
        sys.argv[1:] = []  # gunicorn reads the arguments too
        Workers(program, bind=f"127.0.0.1:{given.serve}", workers=WORKERS, drain=DRAIN_S, timeout=TIMEOUT_S).run()
    else:
        trio.run(partial(main, given))
