"""Runs with livekit-agents' Python: a bot for one scene, `livekit_scene.py [tuned] GIVEN`, until its input ends.

Input, output and GIVEN are the same as for pipecat_scene.py. The settings are those that users get with a VAD and the
Soniox plugins: Silero VAD, livekit's own endpointing delays, whole sentences for the voice. With "tuned", the
recogniser's endpoint ends the turns immediately.
"""

# mypy: ignore-errors
# Our own environment does not have the modules that this file imports.

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.voice import io
from livekit.plugins import silero, soniox

RATE = 16_000
FRAME = 320


class Microphone(io.AudioInput):
    """Reads the caller's sound from standard input."""

    def __init__(self, reader, ended):
        super().__init__(label="caller")
        self.reader = reader
        self.ended = ended

    async def __anext__(self):
        try:
            pcm = await self.reader.readexactly(2 * FRAME)
        except asyncio.IncompleteReadError:
            self.ended.set()
            await asyncio.Event().wait()
        return rtc.AudioFrame(pcm, RATE, 1, FRAME)


class Loudspeaker(io.AudioOutput):
    """Plays to standard output in real time, with silence if there is nothing to play."""

    def __init__(self):
        super().__init__(label="bot", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=RATE)
        self.waiting = bytearray()
        self.played = 0
        self.paused = False
        self.flushed = False

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        if self.flushed:  # a new segment begins while the previous one is playing
            await self.wait_for_playout()
        self.waiting += bytes(frame.data)

    def flush(self):
        super().flush()
        if self.waiting or self.played:
            self.flushed = True

    def clear_buffer(self):
        if self.waiting or self.played:
            self.waiting.clear()
            self.finish(interrupted=True)

    def pause(self):
        super().pause()
        self.paused = True

    def resume(self):
        super().resume()
        self.paused = False

    def finish(self, *, interrupted):
        position, self.played, self.flushed = self.played / RATE, 0, False
        self.on_playback_finished(playback_position=position, interrupted=interrupted)

    async def play(self):
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            pcm = b""
            if not self.paused:
                pcm = bytes(self.waiting[: 2 * FRAME])
                del self.waiting[: 2 * FRAME]
            if pcm and not self.played:
                self.on_playback_started(created_at=due)
            self.played += len(pcm) // 2
            sys.stdout.buffer.write(pcm.ljust(2 * FRAME, b"\0"))
            sys.stdout.buffer.flush()
            due = max(due + FRAME / RATE, loop.time() - 0.1)
            await asyncio.sleep(max(0.0, due - loop.time()))
            if self.flushed and not self.waiting and not self.paused:
                self.finish(interrupted=False)


class NoModel(llm.LLM):
    """A model that does nothing: a session without a model does not answer."""

    def chat(self, **options):
        raise NotImplementedError


class Answering(Agent):
    def __init__(self, answers):
        super().__init__(instructions="")
        self.answers = answers
        self.asked = []

    async def llm_node(self, context, tools, settings):
        last = context.items[-1] if context.items else None
        self.asked.append(last.text_content or "" if getattr(last, "role", "") == "user" else "")
        text = self.answers[min(len(self.asked), len(self.answers)) - 1]
        for word in text.split(" "):
            yield f"{word} "


async def main(given, tuned):
    ended = asyncio.Event()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    how = {"turn_handling": {"turn_detection": "stt", "endpointing": {"min_delay": 0.0, "max_delay": 0.0}}}
    async with aiohttp.ClientSession() as http:
        session = AgentSession(
            stt=soniox.STT(api_key=given["key"], base_url=given["stt"], http_session=http),
            tts=soniox.TTS(api_key="any", websocket_url=given["tts"], sample_rate=RATE, http_session=http),
            llm=NoModel(),
            vad=silero.VAD.load(),
            **(how if tuned else {}),
        )
        loudspeaker, agent = Loudspeaker(), Answering(given["answers"])
        session.input.audio = Microphone(reader, ended)
        session.output.audio = loudspeaker
        await session.start(agent, record=False)
        playing = asyncio.create_task(loudspeaker.play())
        if given["greeting"]:
            session.say(given["greeting"])
        await ended.wait()
        await asyncio.sleep(0.3)
        history = [
            {"heard": item.text_content or ""}
            for item in session.history.items
            if item.type == "message" and item.role == "assistant"
        ]
        print(json.dumps({"asked": agent.asked, "history": history}), file=sys.stderr, flush=True)
        playing.cancel()
        os._exit(0)


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main(json.loads(sys.argv[-1]), "tuned" in sys.argv[1:-1]))
