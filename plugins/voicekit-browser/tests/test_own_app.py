"""Example 13: an application of one's own with a login, in which voicekit is mounted."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import httpx
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from trio_websocket import open_websocket_url

from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.testing import FakeTts
from voicekit_browser.peer import PagePeer

EXAMPLE = Path(__file__).parents[3] / "examples" / "13_your_own_web_app.py"


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("your_own_web_app", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_only_who_is_logged_in_gets_a_token_and_talks() -> None:
    """The page and the token want the login; the token begins a call whose bot knows who calls."""
    module, callers = example(), []

    async def answer(call: Call) -> Session:
        callers.append(str(call.info.caller))
        policy = Policy(call=CallPolicy(greeting="Hello."))
        return Session(handler=module.clerk, call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)

    over, config = trio.Event(), Config()
    config.bind = ["127.0.0.1:0"]
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:

            async def run(task_status: trio.TaskStatus[list[str]]) -> None:
                app = module.make_app(answer, "http://localhost:8000")
                await serve(app, config, shutdown_trigger=over.wait, task_status=task_status, mode="asgi")

            (url,) = await nursery.start(run)
            async with httpx.AsyncClient(base_url=url) as client:
                assert (await client.get("/")).status_code == 401
                assert (await client.post("/token")).status_code == 401
                assert (await client.post("/token", auth=("ann", "wrong"))).status_code == 401
                assert "voicekit.js" in (await client.get("/", auth=("ann", "sesame"))).text
                assert (await client.get("/voice/browser/voicekit.js")).status_code == 200
                token = (await client.post("/token", auth=("ann", "sesame"))).text
            address = url.replace("http", "ws", 1) + "/voice/browser/socket"
            origin = [(b"Origin", b"http://localhost:8000")]
            async with open_websocket_url(address, subprotocols=["voicekit.v1"], extra_headers=origin) as socket:
                peer = PagePeer(token)
                await socket.send_message(peer.start())
                while not isinstance(peer.receive(await socket.get_message()), bytes):
                    pass
                await socket.send_message(peer.bye())
            over.set()
    assert callers == ["ann"]
