"""The scripted Soniox peer in its own process, so that its work is not counted as the client's.

`python -m benchmarks.soniox_peer SECONDS [CERTIFICATE]` serves until its standard input ends; each call may last
SECONDS. With a CERTIFICATE (a PEM file with its key), each peer is behind a port that ends TLS.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trio

from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.server.account import Account
from voicekit.testing.scripted import Script
from voicekit.testing.soniox import Hearing, SonioxPeer, Speaking

ROOT = Path(__file__).parent.parent
EXCHANGE_S = 3.5
"""Seconds of one exchange of a conversation: the caller asks for 0.8 s, and the agent answers for 1.1 s. The rest is
the wait for the end of the turn, and time that a busy machine may be late."""
QUESTION = "what is the weather today"
MONOLOGUE = "this is somebody who goes on and on about the weather and does not listen to anybody at all"
SOON = Hearing(endpoint=0.5)
MANY = 1_000_000
AT_ONCE = 1_000.0
"""The speed of sound as a multiple of real time: as fast as the sockets carry it."""


def conversation(seconds: float) -> Script:
    """A caller who asks the same question every EXCHANGE_S, and listens in between."""
    script = Script()
    for number in range(int(seconds / EXCHANGE_S)):
        script.says(QUESTION, at=0.2 + number * EXCHANGE_S, for_=0.8)
    script.stays(until=seconds)
    return script


def monologue(seconds: float) -> Script:
    """A caller who speaks for five seconds out of six."""
    script = Script()
    for number in range(int(seconds / 6)):
        script.says(MONOLOGUE, at=0.2 + 6 * number, for_=5.0)
    script.stays(until=seconds)
    return script


def _large() -> Account:
    """An account without the service's limits, which would distort the client's figures."""
    return Account(sessions=MANY, streams=MANY, requests_per_minute=MANY)


def peers(seconds: float) -> dict[str, SonioxPeer]:
    """One peer for each kind of call."""
    return {
        "hears": SonioxPeer(monologue(seconds), account=_large()),
        "speaks": SonioxPeer(account=_large(), speaking=Speaking(faster=1.0)),
        "bursts": SonioxPeer(account=_large(), speaking=Speaking(faster=AT_ONCE)),
        "converses": SonioxPeer(conversation(seconds), account=_large(), hearing=SOON),
    }


async def _serve(seconds: float, certificate: str | None) -> None:
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        served = {name: await stack.enter_async_context(peer.serve()) for name, peer in peers(seconds).items()}
        if certificate is not None:
            served = {name: await _behind_tls(plain, certificate, nursery) for name, plain in served.items()}
        print(json.dumps({name: asdict(endpoints) for name, endpoints in served.items()}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


async def _behind_tls(plain: Endpoints, certificate: str, nursery: trio.Nursery) -> Endpoints:
    """The same endpoints at a port that ends TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    where = urlsplit(plain.stt)
    listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1", https_compatible=True)
    nursery.start_soon(trio.serve_listeners, partial(_join, where.port or 80), listeners)
    port = listeners[0].transport_listener.socket.getsockname()[1]  # type: ignore[attr-defined]  # trio says too little
    stt, tts = (url.replace("ws:", "wss:").replace(f":{where.port}", f":{port}") for url in (plain.stt, plain.tts))
    return Endpoints(plain.rest, stt, tts, plain.tts_rest)


async def _join(port: int, client: trio.abc.Stream) -> None:
    """Pass bytes on between `client` and the peer at `port`, until one of them has gone."""
    peer = await trio.open_tcp_stream("127.0.0.1", port)

    async def pass_on(source: trio.abc.Stream, target: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError):
            while data := await source.receive_some(2**16):
                await target.send_all(data)
        nursery.cancel_scope.cancel()

    async with peer, trio.open_nursery() as nursery:
        nursery.start_soon(pass_on, peer, client)
        await pass_on(client, peer)
    await trio.aclose_forcefully(client)


@contextmanager
def served(seconds: float, certificate: Path | None = None) -> Iterator[dict[str, Endpoints]]:
    """Start the peers and yield their addresses, for calls of at most `seconds`; their process ends with the block."""
    command = [sys.executable, "-m", __spec__.name, str(seconds), *([] if certificate is None else [str(certificate)])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            yield {name: Endpoints(**endpoints) for name, endpoints in json.loads(line).items()}
        finally:
            process.kill()  # it has nothing to clean up


if __name__ == "__main__":
    trio.run(_serve, float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
