"""An echo over websockets on loopback, as a separate process: `python -m benchmarks.echo_peer`, until its input ends.

The clients in the benchmarks share this process, so that the echo's work is not counted as theirs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

ROOT = Path(__file__).parent.parent


async def _echo(request: WebSocketRequest) -> None:
    connection = await request.accept()
    try:
        while True:
            await connection.send_message(await connection.get_message())
    except ConnectionClosed:
        return


async def _serve() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_websocket, _echo, "127.0.0.1", 0, None))
        print(server.port, flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


@contextmanager
def echoing() -> Iterator[str]:
    """Start an echo and yield its address; its process ends with the block."""
    command = [sys.executable, "-m", __spec__.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield f"ws://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()  # it has nothing to clean up


if __name__ == "__main__":
    trio.run(_serve)
