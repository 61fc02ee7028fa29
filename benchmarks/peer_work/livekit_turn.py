"""Runs with livekit-agents' Python: an agent on the stub, `livekit_turn.py STT TTS TOKEN_S best|default`, until killed.

It prints when the first frame of each reply was at its output, by the system's monotonic clock.

"best" lets Soniox end the turns and waits no moment longer; "default" keeps the delays that its users get. Neither has
a VAD, and text goes to the voice in whole sentences, which is all that its Soniox voice takes.
"""

# mypy: ignore-errors
# What it imports is not installed beside us.

from __future__ import annotations

import asyncio
import logging
import sys
import time

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.voice import io
from livekit.plugins import soniox

ANSWER = ("It", " is", " ten", ".")


class Silence(io.AudioInput):
    """50 silent frames a second."""

    def __init__(self):
        super().__init__(label="silence")
        self.due = asyncio.get_running_loop().time()

    async def __anext__(self):
        self.due += 0.02
        await asyncio.sleep(max(0.0, self.due - asyncio.get_running_loop().time()))
        return rtc.AudioFrame(bytes(640), 16_000, 1, 320)


class Drain(io.AudioOutput):
    """Takes sound, and says at once that it was played."""

    def __init__(self):
        super().__init__(label="drain", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=16_000)
        self.seconds = 0.0

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        if not self.seconds:
            print(time.perf_counter(), flush=True)
        self.seconds += frame.duration

    def flush(self):
        super().flush()
        self.on_playback_finished(playback_position=self.seconds, interrupted=False)
        self.seconds = 0.0

    def clear_buffer(self):
        self.flush()


class NoModel(llm.LLM):
    """Is only there because a session without one does not answer."""

    def chat(self, **options):
        raise NotImplementedError


class Answering(Agent):
    def __init__(self, token_s):
        super().__init__(instructions="")
        self.token_s = token_s

    async def llm_node(self, context, tools, settings):
        for token in ANSWER:
            yield token
            await asyncio.sleep(self.token_s)


async def main(stt, tts, token_s, how):
    delays = {"min_delay": 0.0, "max_delay": 0.0} if how == "best" else {}
    async with aiohttp.ClientSession() as http:
        session = AgentSession(
            stt=soniox.STT(api_key="any", base_url=stt, http_session=http),
            tts=soniox.TTS(api_key="any", websocket_url=tts, sample_rate=16_000, http_session=http),
            llm=NoModel(),
            vad=None,
            turn_handling={"turn_detection": "stt", "endpointing": delays},
        )
        session.input.audio = Silence()
        session.output.audio = Drain()
        await session.start(Answering(float(token_s)), record=False)
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main(*sys.argv[1:]))
