"""Scenes in real time: the voice as a server, and one scene over the local server."""

from __future__ import annotations

import base64
import json
import os

import pytest
from trio_websocket import open_websocket_url

from voicekit.extend import load_plugins
from voicekit.soniox.api.region import KEY_VARIABLE
from voicekit.soniox.local import soniox_or_local
from voicekit_scenes.judged import judge
from voicekit_scenes.realtime import hold_in_real_time
from voicekit_scenes.scene import answers, chosen
from voicekit_scenes.sounds import pcm16, sound
from voicekit_scenes.voice_server import VoiceServer


@pytest.mark.slow
async def test_the_voice_serves_its_recordings() -> None:
    """A client that sends an answer sentence by sentence gets the recorded sound, sample for sample, and its end."""
    first, rest = answers()["hours"].split(". ", 1)
    voice = VoiceServer()
    heard = b""
    async with voice.serve() as url, open_websocket_url(url) as socket:
        await socket.send_message(json.dumps({"stream_id": "a", "voice": "Maya"}))
        await socket.send_message(json.dumps({"stream_id": "a", "text": f"{first}."}))
        await socket.send_message(json.dumps({"stream_id": "a", "text": rest, "text_end": True}))
        while not (message := json.loads(await socket.get_message())).get("terminated"):
            heard += base64.b64decode(message.get("audio", ""))
    assert heard == pcm16(sound("bot-hours"))
    assert [said.name for said in voice.said] == ["hours"]


@pytest.mark.slow
async def test_a_cancelled_stream_is_over() -> None:
    """It is terminated, and the next one is another utterance."""
    voice = VoiceServer()
    async with voice.serve() as url, open_websocket_url(url) as socket:
        for stream in ("a", "b"):
            await socket.send_message(json.dumps({"stream_id": stream, "text": answers()["noted"]}))
            await socket.send_message(json.dumps({"stream_id": stream, "cancel": True}))
            while not json.loads(await socket.get_message()).get("terminated"):
                pass
    assert [said.name for said in voice.said] == ["noted", "noted"]


@pytest.mark.real
async def test_a_scene_over_the_local_server() -> None:
    """The caller is heard by the real recogniser and answered; the history has what was heard."""
    pytest.importorskip("voicekit_local", reason="needs the plugin voicekit-local")
    assert KEY_VARIABLE not in os.environ, "this test is held over the local server"
    (scene,) = chosen("pause-plain")
    plugins = load_plugins()
    async with soniox_or_local(lambda line: None) as service:
        judged = judge(await hold_in_real_time(scene, service, vad="webrtc", plugins=plugins))
    assert judged.outcomes[0].given
    assert judged.history_wrong == 0
