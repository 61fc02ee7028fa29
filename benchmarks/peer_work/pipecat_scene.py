"""Runs with pipecat-ai's Python: a bot for one scene, `pipecat_scene.py [tuned] GIVEN`, until its input ends.

Its standard input is the caller's sound, and its standard output is the sound that it plays: PCM16 mono at 16 kHz, in
real time. When the input ends, its last line on standard error is JSON with the questions that it was asked, and its
history. GIVEN is JSON with the addresses of the recogniser and the voice, the key, the greeting, and the answers.

The settings are those that users get: Silero VAD, the turn analyzer, whole sentences for the voice. With "tuned", the
recogniser's endpoint ends the turns, and each token goes to the voice as it comes.
"""

# mypy: ignore-errors
# Our own environment does not have the modules that this file imports.

from __future__ import annotations

import asyncio
import json
import os
import sys

from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.soniox.stt import SonioxSTTService
from pipecat.services.soniox.tts import SonioxTTSService
from pipecat.services.tts_service import TextAggregationMode
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

RATE = 16_000
FRAME = 640
PARAMS = TransportParams(
    audio_in_enabled=True, audio_in_sample_rate=RATE, audio_out_enabled=True, audio_out_sample_rate=RATE
)


class Microphone(BaseInputTransport):
    """Reads the caller's sound from standard input."""

    def __init__(self, ended):
        super().__init__(PARAMS)
        self.ended = ended

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.create_task(self.listen())

    async def listen(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        try:
            while True:
                pcm = await reader.readexactly(FRAME)
                await self.push_audio_frame(InputAudioRawFrame(audio=pcm, sample_rate=RATE, num_channels=1))
        except asyncio.IncompleteReadError:
            self.ended.set()


class Loudspeaker(BaseOutputTransport):
    """Plays to standard output in real time."""

    def __init__(self):
        super().__init__(PARAMS)
        self.due = 0.0

    async def start(self, frame):
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame):
        loop = asyncio.get_running_loop()
        self.due = max(self.due, loop.time())
        await asyncio.sleep(self.due - loop.time())
        sys.stdout.buffer.write(frame.audio)
        sys.stdout.buffer.flush()
        self.due += len(frame.audio) / 2 / RATE
        return True


class Handler(FrameProcessor):
    """Takes the place of a language model, and says one answer after the other."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers
        self.asked = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        messages = frame.context.get_messages()
        last = messages[-1] if messages else {}
        self.asked.append(str(last.get("content", "")) if last.get("role") == "user" else "")
        text = self.answers[min(len(self.asked), len(self.answers)) - 1]
        await self.push_frame(LLMFullResponseStartFrame())
        for word in text.split(" "):
            await self.push_frame(LLMTextFrame(f"{word} "))
        await self.push_frame(LLMFullResponseEndFrame())


async def main(given, tuned):
    ended = asyncio.Event()
    ears = SonioxSTTService(api_key=given["key"], url=given["stt"], vad_force_turn_endpoint=not tuned)
    mode = TextAggregationMode.TOKEN if tuned else None
    mouth = SonioxTTSService(api_key="any", url=given["tts"], text_aggregation_mode=mode)
    context = LLMContext()
    pair = LLMContextAggregatorPair(context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer()))
    handler = Handler(given["answers"])
    stages = [Microphone(ended), ears, pair.user(), handler, mouth, Loudspeaker(), pair.assistant()]
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    task = PipelineTask(Pipeline(stages), params=params)
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    if given["greeting"]:
        await task.queue_frames([TTSSpeakFrame(given["greeting"])])
    await ended.wait()
    await asyncio.sleep(0.3)
    history = [
        {"heard": str(message["content"])}
        for message in context.get_messages()
        if message.get("role") == "assistant" and message.get("content")
    ]
    print(json.dumps({"asked": handler.asked, "history": history}), file=sys.stderr, flush=True)
    running.cancel()
    os._exit(0)


if __name__ == "__main__":
    logger.remove()
    asyncio.run(main(json.loads(sys.argv[-1]), "tuned" in sys.argv[1:-1]))
