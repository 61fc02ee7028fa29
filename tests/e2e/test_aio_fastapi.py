"""voicekit inside a FastAPI app on uvicorn, with and without uvloop, as a program of its own on loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, open_websocket_url

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "15_in_a_fastapi_app.py"
PATIENCE_S = 60.0
FRAMES = 25
"""More than the greeting alone has, in packets of 20 ms."""

PROGRAM = """
import importlib.util, sys, threading
import uvicorn
spec = importlib.util.spec_from_file_location("example", sys.argv[1])
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)
app, host = example.app, example.host

class Broken:
    async def run(self):
        raise LookupError("no such table")

@app.websocket("/broken")
async def broken(websocket: example.WebSocket):
    await websocket.accept()
    try:
        await host.run(lambda call: Broken(), host.wire(websocket))
    except LookupError as error:
        print("raised in the route:", error, flush=True)

@app.get("/state")
async def state():
    import asyncio
    return {"loop": type(asyncio.get_running_loop()).__module__, "tasks": len(asyncio.all_tasks()),
            "threads": sorted(thread.name for thread in threading.enumerate())}

uvicorn.run(app, host="127.0.0.1", port=0, loop=sys.argv[2], log_level="info", timeout_graceful_shutdown=5)
print("ended well", flush=True)
"""


@contextmanager
def app_running(loop: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The example's app, and its address; whatever the test leaves is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, EXAMPLE, loop],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"running on http://([\d.:]+)", line):
                yield process, found[1]
                break
        else:
            pytest.fail(f"the app did not start: {said}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@asynccontextmanager
async def connected(address: str, path: str) -> AsyncIterator[WebSocketConnection]:
    """A websocket. The client library leaves its stream open where the server closed first."""
    async with open_websocket_url(f"ws://{address}{path}", connect_timeout=PATIENCE_S) as socket:
        try:
            yield socket
        finally:
            with trio.move_on_after(1, shield=True):
                await socket.aclose()
                await socket._stream.aclose()


async def greeted(address: str) -> int:
    """Hold one call: hear some of its greeting, press a key, hear the answer, leave; how many frames of sound came."""
    heard = 0
    async with connected(address, "/talk") as socket:
        await socket.send_message(bytes(640))
        while heard < FRAMES:
            heard += isinstance(await socket.get_message(), bytes)
            if heard == FRAMES // 2:
                await socket.send_message("5")
    return heard


async def read_to_the_end(address: str, path: str) -> int | None:
    """The code that the app closes a websocket with."""
    async with connected(address, path) as socket:
        try:
            while True:
                await socket.send_message(bytes(640))
                await socket.get_message()
        except ConnectionClosed as closed:
            return None if closed.reason is None else closed.reason.code


async def state(address: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        found: dict[str, Any] = (await client.get(f"http://{address}/state")).json()
        return found


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_an_app_holds_calls_beside_its_routes(loop: str) -> None:
    """Five calls at once are greeted while the app's routes answer; an error is its route's; a signal ends the rest."""
    with app_running(loop) as (process, address), trio.fail_after(PATIENCE_S):
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{address}/hello")).json() == {"hello": "a route of the app's own"}
        before = await state(address)
        assert ("uvloop" in before["loop"]) == (loop == "uvloop")
        assert before["threads"].count("voicekit trio") == 1

        heard: list[int] = []

        async def hold() -> None:
            heard.append(await greeted(address))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(hold)
        assert heard == [FRAMES] * 5
        assert await read_to_the_end(address, "/broken") == 1011

        while (after := await state(address))["tasks"] > before["tasks"]:  # noqa: ASYNC110
            await trio.sleep(0.05)  # the server's process closes the last sockets a little later
        assert after["threads"] == before["threads"]

        codes: list[int | None] = []

        async def stay() -> None:
            codes.append(await read_to_the_end(address, "/talk"))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(stay)
            while (await state(address))["tasks"] < before["tasks"] + 15:  # noqa: ASYNC110
                await trio.sleep(0.05)
            process.send_signal(signal.SIGINT)
        assert len(codes) == 5
        said = await trio.to_thread.run_sync(process.stdout.read)  # type: ignore[union-attr]
        assert "raised in the route: no such table" in said
        assert said.endswith("ended well\n"), said
        assert "Traceback" not in said, said
        assert await trio.to_thread.run_sync(process.wait) == 0
        with pytest.raises((OSError, HandshakeError)):
            await read_to_the_end(address, "/talk")
