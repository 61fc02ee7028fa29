"""The newest public JavaScript client of RTVI in a real Chromium: it connects, talks, hears, and is interrupted."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import soundfile
import trio
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.chromium import open_chromium
from tests.page_kit import BurstTts, served
from voicekit import CallPolicy, Policy, Say, Session, Turn
from voicekit.call.connection import Call

pytestmark = [
    pytest.mark.real,
    pytest.mark.needs_debian("chromium", "chromium"),
    pytest.mark.needs_debian("npm", "npm"),
]

PACKAGES = ("@pipecat-ai/client-js@1.13.1", "@pipecat-ai/websocket-transport@1.7.1", "esbuild@0.28.2")

CLIENT = """
import { PipecatClient, RTVIEvent } from "@pipecat-ai/client-js";
import { ProtobufFrameSerializer, WavMediaManager, WebSocketTransport } from "@pipecat-ai/websocket-transport";
window.seen = [];
window.client = new PipecatClient({
  transport: new WebSocketTransport({
    serializer: new ProtobufFrameSerializer(),
    mediaManager: new WavMediaManager(512, 16000),
    recorderSampleRate: 16000,
    playerSampleRate: 24000,
  }),
  enableMic: true,
  enableCam: false,
});
for (const name of Object.values(RTVIEvent)) client.on(name, (data) => seen.push([name, data ?? null]));
window.ready = true;
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The client in one file, made by esbuild."""
    folder = tmp_path_factory.mktemp("rtvi")
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES]
    try:
        subprocess.run(install, check=True, capture_output=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("needs the npm package @pipecat-ai/client-js, which could not be installed")
    (folder / "client.js").write_text(CLIENT, encoding="utf-8")
    esbuild = [str(folder / "node_modules" / ".bin" / "esbuild"), "client.js", "--bundle", "--outfile=bundle.js"]
    subprocess.run(esbuild, check=True, capture_output=True, timeout=100, cwd=folder)
    return (folder / "bundle.js").read_text(encoding="utf-8")


async def talker(turn: Turn, say: Say) -> None:
    await say(" ".join(f"word{n}" for n in range(60)))


async def test_the_public_client_talks_and_is_interrupted(bundle: str, tmp_path: Path) -> None:
    """Handshake, bot output, text that cuts the bot off, a client message, its own sound at the server, a goodbye."""
    sessions: list[Session] = []
    heard: list[Any] = []

    async def answer(call: Call) -> Session:
        policy = Policy(call=CallPolicy(greeting=" ".join(f"word{n}" for n in range(60))))
        session = Session(handler=talker, call=call, stt=None, tts=BurstTts(), policy=policy)
        session.watch(heard.append)
        sessions.append(session)
        return session

    routes = [
        Route("/client", lambda request: HTMLResponse("<!doctype html><script src='/bundle.js'></script>")),
        Route("/bundle.js", lambda request: Response(bundle, media_type="text/javascript")),
    ]
    speech = Path(__file__).parents[3] / "tests" / "data" / "speech"
    samples, rate = soundfile.read(next(iter(sorted(speech.glob("*.flac")))), dtype="float32")
    caller = tmp_path / "caller.wav"
    soundfile.write(caller, samples.repeat(48_000 // rate), 48_000, subtype="PCM_16")
    with trio.fail_after(150):
        async with (
            served(answer, routes=routes) as (site, url),
            open_chromium(microphone=caller, loop=True, flags=("--use-fake-ui-for-media-stream",)) as chromium,
        ):
            page = await chromium.open_page(f"{url}/client", permissions=("audioCapture", "videoCapture"))
            await page.until("window.ready")
            await page.run(f"client.connect({{ wsUrl: '{url.replace('http', 'ws')}/rtvi' }}).then(() => true)")
            assert await page.run("client.state") == "ready"
            has = "seen.some(([name]) => name === '{}')"
            await page.until(has.format("botStartedSpeaking"))
            await page.until("seen.some(([name, data]) => name === 'botOutput')")
            asked = "client.sendClientRequest('language', 'is').then(() => 'answered', () => 'refused')"
            assert await page.run(asked) == "refused"  # this bot answers no requests
            await page.until(has.format("userStartedSpeaking"), 60)
            await page.run("client.sendText('stop', { run_immediately: true })")
            await page.until("seen.filter(([name]) => name === 'botStartedSpeaking').length > 1", 60)
            names = await page.run("[...new Set(seen.map(([name]) => name))]")
            await page.run("client.disconnect()")
            while site.desk.counts.active:  # noqa: ASYNC110
                await trio.sleep(0.01)
            print(f"the client of RTVI has seen {sorted(names)}; complaints: {page.complaints}")
    assert {"connected", "botReady", "botOutput", "botTtsText", "userTranscript", "botStoppedSpeaking"} <= set(names)
    history = list(sessions[0].history)
    assert any(exchange.cut and exchange.heard for exchange in history)
    assert any(exchange.user == "stop" for exchange in history)
