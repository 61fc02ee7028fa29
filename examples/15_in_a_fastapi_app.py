"""A FastAPI app with a voice bot alongside its other routes: `uvicorn --app-dir examples 15_in_a_fastapi_app:app`.

The app stays on asyncio; voicekit runs on trio, in a separate thread. You need fastapi and uvicorn; uvloop saves CPU
time.
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
    """Run a call over `websocket`. The binary messages in both directions are PCM16 mono at 16 kHz. The text message
    "clear" asks the client to drop the audio that it has not yet played.
    """
    await websocket.accept()
    await host.run(make_session, host.wire(websocket))


def make_session(call: Call) -> voicekit.Session:
    """Make a call's session, in trio's thread. The bot reacts only to keys, so no speech service is needed."""
    policy = voicekit.Policy(call=voicekit.CallPolicy(greeting="Hello. Press a key."))
    return voicekit.Session(handler=answer, call=call, stt=None, vad=None, tts="quiet", policy=policy)


async def answer(turn: voicekit.Turn, say: voicekit.Say) -> None:
    await say(f"You pressed {turn.text}." if turn.reason == "dtmf" else "Goodbye.")
