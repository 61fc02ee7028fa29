"""Runs with pipecat-ai's Python: an agent on the stub, `pipecat_turn.py STT TTS TOKEN_S best|default`, until killed.

Prints when the first frame of each reply comes from the voice, by the system's monotonic clock.

With "best", Soniox ends the turns, and each token goes to the voice as it comes. "default" has the settings that users
get: a turn analyzer that ends turns by itself, and whole sentences for the voice.
"""

# mypy: ignore-errors
# Our own environment does not have the modules that this file imports.

from __future__ import annotations

import asyncio
import sys
import time

from loguru import logger
from pipecat.frames.frames import (
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.soniox.stt import SonioxSTTService
from pipecat.services.soniox.tts import SonioxTTSService
from pipecat.services.tts_service import TextAggregationMode

ANSWER = ("It", " is", " ten", ".")


class Silence(FrameProcessor):
    """Sends 50 silent frames a second after the pipeline has started."""

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.create_task(self.play())

    async def play(self):
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += 0.02
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self.push_frame(InputAudioRawFrame(audio=bytes(640), sample_rate=16_000, num_channels=1))


class Sink(FrameProcessor):
    """Takes the place of an output."""

    waits = False

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSStartedFrame):
            self.waits = True
        elif isinstance(frame, TTSAudioRawFrame) and self.waits:
            self.waits = False
            print(time.perf_counter(), flush=True)
        await self.push_frame(frame, direction)


class Handler(FrameProcessor):
    """Takes the place of a language model, and always gives the same answer."""

    def __init__(self, token_s):
        super().__init__()
        self.token_s = token_s

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        for token in ANSWER:
            await self.push_frame(LLMTextFrame(token))
            await asyncio.sleep(self.token_s)
        await self.push_frame(LLMFullResponseEndFrame())


async def main(stt, tts, token_s, how):
    best = how == "best"
    ears = SonioxSTTService(api_key="any", url=stt, vad_force_turn_endpoint=not best)
    mode = TextAggregationMode.TOKEN if best else None
    mouth = SonioxTTSService(api_key="any", url=tts, text_aggregation_mode=mode)
    context = LLMContextAggregatorPair(LLMContext())
    pipeline = Pipeline([Silence(), ears, context.user(), Handler(float(token_s)), mouth, Sink(), context.assistant()])
    params = PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=16_000)
    await PipelineRunner(handle_sigint=False).run(PipelineTask(pipeline, params=params))


if __name__ == "__main__":
    logger.remove()
    asyncio.run(main(*sys.argv[1:]))
