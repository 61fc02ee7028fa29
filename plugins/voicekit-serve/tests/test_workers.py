"""Several processes on one port: what a webhook knew reaches the socket in another process by its token.

The other worker is stopped meanwhile, so that it is known which one answers. What is left across processes is a window
of 15 s, in which each process takes a token once.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, open_websocket_url

from voicekit.call.tokens import CallTokens, TokenRefused
from voicekit.call.transport import WebhookAnswer
from voicekit.flow.groups import alone
from voicekit_phone.peers import PeerSound
from voicekit_phone.rehearsal import PUBLIC, TOKEN, socket_address
from voicekit_phone.twilio import TwilioPeer, signature

ENOUGH_S = 120.0
BOT = """
from voicekit import Use

greeting, stt, vad, tts = "Hello.", None, None, Use("quiet")

def bot(turn):
    return "Yes?"
"""


@contextmanager
def serving(where: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`voicekit serve --workers 2`, and its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (where / "bot.py").write_text(BOT, encoding="utf-8")
    command = [sys.executable, "-m", "voicekit", "serve", str(where / "bot.py"), "--transport", "twilio"]
    command += ["--public-url", PUBLIC, "--port", str(port), "--workers", "2", "--drain", "0.5"]
    env = os.environ | {"TWILIO_AUTH_TOKEN": TOKEN, "VOICEKIT_SECRET": "s" * 32}
    with (where / "log").open("wb") as log:
        master = subprocess.Popen(command, env=env, stderr=log, cwd=where)
        try:
            yield master, f"http://127.0.0.1:{port}"
        finally:
            for worker in workers(master):
                os.kill(worker, signal.SIGCONT)
            master.terminate()
            try:
                master.wait(60)
            finally:
                master.kill()


def workers(master: subprocess.Popen[bytes]) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(master.pid)], capture_output=True, text=True, check=False)
    return sorted(map(int, found.stdout.split()))


@contextmanager
def only(worker: int, of: list[int]) -> Iterator[None]:
    """Of the workers `of`, this one alone runs."""
    others = [each for each in of if each != worker]
    for each in others:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in others:
            os.kill(each, signal.SIGCONT)


async def announced(url: str, call: str) -> str:
    """What the signed webhook leads to: a path with a token in it."""
    form = {"CallSid": call, "From": "+15550001111", "To": "+15550002222", "CallStatus": "ringing"}
    path = "/twilio/voice"
    signed = {"x-twilio-signature": signature(TOKEN, PUBLIC + path, form.items())}
    async with httpx.AsyncClient(timeout=ENOUGH_S) as client:
        answer = await client.post(url + path, data=form, headers=signed)
    assert answer.status_code == 200, answer.text
    address = socket_address(WebhookAnswer(answer.text))
    assert address is not None
    return urlsplit(address).path


@asynccontextmanager
async def media(url: str, path: str) -> AsyncIterator[WebSocketConnection]:
    with alone():
        async with open_websocket_url(url.replace("http", "ws", 1) + path, connect_timeout=ENOUGH_S) as connection:
            try:
                yield connection
            finally:
                with trio.move_on_after(2, shield=True):
                    await connection.aclose()
                    await connection._stream.aclose()  # left open if the server closed first


async def greeted(connection: WebSocketConnection, peer: TwilioPeer) -> None:
    for message in peer.begin():
        await connection.send_message(message)
    while not isinstance(peer.receive(await connection.get_message()), PeerSound):
        pass


async def refused_with(url: str, path: str) -> int:
    try:
        async with media(url, path):
            return 101
    except ConnectionRejected as rejected:
        return rejected.status_code


@asynccontextmanager
async def crossed(url: str, first: int, second: int, call: str) -> AsyncIterator[tuple[str, WebSocketConnection]]:
    """A call announced to the worker `first`, whose socket is taken by `second`, and the path of it.

    A machine that takes longer than a token lives is asked again.
    """
    while True:
        with only(first, [first, second]):
            path = await announced(url, call)
        with only(second, [first, second]):
            try:
                async with media(url, path) as connection:
                    yield path, connection
                    return
            except ConnectionRejected:
                await trio.sleep(0.2)


@pytest.mark.real
async def test_a_webhook_in_one_process_and_its_socket_in_the_other(tmp_path: Path) -> None:
    """The call is held; its token is used up there, and is good for no other call."""
    with serving(tmp_path) as (master, url), trio.fail_after(ENOUGH_S):
        both: list[int] = []
        while len(both) < 2 or not await alive(url):
            await trio.sleep(0.2)
            both = workers(master)
        first, second = both
        async with crossed(url, first, second, "CA1") as (path, connection):
            await greeted(connection, TwilioPeer(call="CA1"))
            assert await refused_with(url, path) == 403, "used twice in one process"
            assert await refused_with(url, await announced(url, "CA1")) == 409, "a second socket for a live call"
            assert await refused_with(url, path[:-3]) == 403, "no token of ours"
        async with crossed(url, first, second, "CA2") as (_, connection):
            for message in TwilioPeer(call="CA3").begin():
                await connection.send_message(message)
            with pytest.raises(ConnectionClosed) as closed:
                await connection.get_message()
            assert closed.value.reason is not None
            assert closed.value.reason.code == 1008, "a token for another call"
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert f"[{second}/1] call 1 begins over twilio, CA1 there" in log, "a line tells its process and its call"


async def alive(url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=ENOUGH_S) as client:
            return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


def test_processes_with_one_secret_take_each_others_tokens_for_fifteen_seconds() -> None:
    """Each process takes a token once within 15 s, and none later or with another secret: that window is left."""
    one, other, third = CallTokens("s" * 32), CallTokens("s" * 32), CallTokens("s" * 32)
    token = one.mint("CA1", {"caller": "+1"}, 1000.0)
    assert other.take(token, 1001.0).call_id == "CA1"
    with pytest.raises(TokenRefused, match="taken before"):
        other.take(token, 1002.0)
    assert one.take(token, 1014.9).call_id == "CA1"
    with pytest.raises(TokenRefused, match="older than 15 s"):
        third.take(token, 1015.5)
    with pytest.raises(TokenRefused, match="the token is not from this server"):
        CallTokens("t" * 32).take(token, 1001.0)
