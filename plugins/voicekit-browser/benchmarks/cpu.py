"""How much CPU time a call costs the server: first over the page's wire, then over a carrier's.

    python plugins/voicekit-browser/benchmarks/cpu.py [CALLS] [SECONDS]

The server is a separate process, whose CPU time is read from /proc (Linux); the callers are in this process. The bot
speaks all the time with a fake voice, and there is no recogniser. So this compares only the wire, the server and
playout.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import trio
from trio_websocket import open_websocket_url

from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.testing import FakeTts
from voicekit_browser import mint_token
from voicekit_browser.peer import PagePeer
from voicekit_browser.transport import Browser
from voicekit_phone.peers import PeerMark
from voicekit_phone.transports import Twilio
from voicekit_phone.twilio import TwilioPeer, signature
from voicekit_serve.server import serve

SECRET = "of this measurement alone"
PUBLIC = "https://bot.example"
FRAME_S = 0.02


async def answer(call: Call) -> Session:
    policy = Policy(call=CallPolicy(greeting="Hello there. " * 400))
    return Session(handler="Yes.", call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)


async def serve_it(port: int) -> None:
    how = {"public_url": PUBLIC, "port": port, "drain": 0.0, "max_calls": 50, "secret": SECRET}
    await serve(answer, Browser(tokens=True), Twilio(SECRET), **how)  # type: ignore[arg-type]


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def page(url: str) -> None:
    """A page that sends 50 frames and 20 reports a second."""
    peer = PagePeer(mint_token(SECRET))
    address = url.replace("http", "ws", 1) + "/browser/socket"
    async with open_websocket_url(address, subprotocols=["voicekit.v1"]) as socket:
        await socket.send_message(peer.start())

        async def speak() -> None:
            due = trio.current_time()
            for n in range(1_000_000):
                due += FRAME_S
                await trio.sleep_until(due)
                await socket.send_message(peer.sound(bytes(640)))
                if n % 2:
                    peer.played = min(peer.got, peer.played + 960)
                    await socket.send_message(peer.report(playing=True))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            while True:
                said = peer.receive(await socket.get_message())
                if not isinstance(said, bytes) and said["type"] == "ping":
                    await socket.send_message(json.dumps({"type": "pong", "n": said["n"]}))


async def telephone(url: str) -> None:
    """A call over Twilio's wire that sends 50 frames a second, and immediately returns each mark."""
    sid = f"CA{secrets.token_hex(8)}"
    form = {"CallSid": sid, "From": "+1", "To": "+2", "CallStatus": "ringing"}
    signed = {"x-twilio-signature": signature(SECRET, f"{PUBLIC}/twilio/voice", form.items())}
    async with httpx.AsyncClient() as client:
        twiml = (await client.post(f"{url}/twilio/voice", data=form, headers=signed)).text
    found = re.search(r"/twilio/media/[^\"]+", twiml)
    assert found, twiml
    peer = TwilioPeer(call=sid)
    async with open_websocket_url(url.replace("http", "ws", 1) + found[0]) as socket:
        for message in peer.begin():
            await socket.send_message(message)

        async def speak() -> None:
            due = trio.current_time()
            for n in range(1_000_000):
                due += FRAME_S
                await trio.sleep_until(due)
                await socket.send_message(peer.sound(bytes(160), n * 20))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            while True:
                said = peer.receive(await socket.get_message())
                if isinstance(said, PeerMark):
                    await socket.send_message(peer.passed(said.name))


async def cost(pid: int, call: Callable[[str], Awaitable[None]], url: str, calls: int, seconds: float) -> float:
    """How many percent of one core a call takes."""
    async with trio.open_nursery() as nursery:
        for _ in range(calls):
            nursery.start_soon(call, url)
        await trio.sleep(2)
        before, since = processor_s(pid), trio.current_time()
        await trio.sleep(seconds)
        used = (processor_s(pid) - before) / (trio.current_time() - since)
        nursery.cancel_scope.cancel()
    await trio.sleep(2)
    return 100 * used / calls


async def main(calls: int, seconds: float) -> None:
    with trio.socket.socket() as socket:
        await socket.bind(("127.0.0.1", 0))
        port = int(socket.getsockname()[1])
    server = await trio.lowlevel.open_process([sys.executable, __file__, "--server", str(port)])
    url = f"http://localhost:{port}"
    try:
        async with httpx.AsyncClient() as client:
            for _ in range(200):
                try:
                    await client.get(f"{url}/healthz")
                    break
                except httpx.ConnectError:
                    await trio.sleep(0.1)
        for name, call in {"voicekit.v1": page, "twilio": telephone, "voicekit.v1 again": page}.items():
            percent = await cost(server.pid, call, url, calls, seconds)
            print(
                f"{name:18} {percent:5.2f} % of a processor for each of {calls} calls, over {seconds:g} s", flush=True
            )
    finally:
        server.kill()
        await server.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--server"]:
        trio.run(serve_it, int(sys.argv[2]))
    else:
        given = [float(each) for each in sys.argv[1:]]
        trio.run(main, int(given[0]) if given else 4, given[1] if len(given) > 1 else 15.0)
