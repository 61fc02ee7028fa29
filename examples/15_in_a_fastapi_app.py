"""A FastAPI app with a voice bot beside its other routes: `uvicorn --app-dir examples 15_in_a_fastapi_app:app`.

The app stays on asyncio; voicekit runs on trio in a thread beside it. Needs fastapi and uvicorn; uvloop reduces the CPU
time of both.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket

import voicekit
import voicekit.aio
from voicekit.call.connection import Call

host = voicekit.aio.Host()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with host:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/hello")
async def hello() -> dict[str, str]:
    return {"hello": "a route of the app's own"}


@app.websocket("/talk")
async def talk(websocket: WebSocket) -> None:
    """A call: PCM16 mono at 16 kHz in binary messages, both ways. The text "clear" drops sound that is not
    played yet.
    """
    await websocket.accept()
    await host.run(make_session, host.wire(websocket))


def make_session(call: Call) -> voicekit.Session:
    """Called in trio's thread. Soniox hears and speaks if SONIOX_API_KEY is set; here the voice is silent."""
    policy = voicekit.Policy(call=voicekit.CallPolicy(greeting="Hello. Press a key."))
    return voicekit.Session(handler=answer, call=call, stt=None, vad=None, tts="quiet", policy=policy)


async def answer(turn: voicekit.Turn, say: voicekit.Say) -> None:
    await say(f"You pressed {turn.text}." if turn.reason == "dtmf" else "Goodbye.")
