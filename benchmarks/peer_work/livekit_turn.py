"""Runs with livekit-agents' Python: an agent on the stub, `livekit_turn.py STT TTS TOKEN_S best|default`, until killed.

Prints when the first frame of each reply reaches the agent's output, by the system's monotonic clock.

With "best", Soniox ends the turns, without further delays; with "default", there are the delays that users get. Neither
has a VAD. Text goes to the voice in whole sentences, because livekit's Soniox voice accepts only these.
"""

# mypy: ignore-errors
# Our own environment does not have the modules that this file imports.

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
    """An input with 50 silent frames a second."""

    def __init__(self):
        super().__init__(label="silence")
        self.due = asyncio.get_running_loop().time()

    async def __anext__(self):
        self.due += 0.02
        await asyncio.sleep(max(0.0, self.due - asyncio.get_running_loop().time()))
        return rtc.AudioFrame(bytes(640), 16_000, 1, 320)


class Drain(io.AudioOutput):
    """Takes sound, and immediately reports it as played."""

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
    """A model that does nothing: a session without a model does not answer."""

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
