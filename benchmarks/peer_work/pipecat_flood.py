"""Runs with pipecat-ai's Python: prints, for each round, the seconds that a 20 ms frame takes through K processors."""

# mypy: ignore-errors
# Our own environment does not have the modules that this file imports.

from __future__ import annotations

import asyncio
import sys
from time import perf_counter

from loguru import logger
from pipecat.frames.frames import EndFrame, InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineTask
from pipecat.processors.frame_processor import FrameProcessor

FRAME = bytes(640)


class PassOn(FrameProcessor):
    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Source(PassOn):
    """Sends `count` frames after the pipeline has started."""

    def __init__(self, count):
        super().__init__()
        self.count = count

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if type(frame).__name__ == "StartFrame":
            self.create_task(self.flood())

    async def flood(self):
        for _ in range(self.count):
            await self.push_frame(InputAudioRawFrame(audio=FRAME, sample_rate=16_000, num_channels=1))
            await asyncio.sleep(0)


class Drain(PassOn):
    def __init__(self, count, stop):
        super().__init__()
        self.left = count
        self.stop = stop
        self.began = 0.0
        self.took = 0.0

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.began = self.began or perf_counter()
            self.left -= 1
            if not self.left:
                self.took = perf_counter() - self.began
                self.stop.set()


async def flood(stages, count):
    stop = asyncio.Event()
    drain = Drain(count, stop)
    task = PipelineTask(Pipeline([Source(count), *(PassOn() for _ in range(stages)), drain]))
    running = asyncio.create_task(PipelineRunner(handle_sigint=False).run(task))
    await stop.wait()
    await task.queue_frame(EndFrame())
    await running
    return drain.took / count


async def main(stages, count, rounds):
    for _ in range(rounds):
        print(await flood(stages, count), flush=True)


if __name__ == "__main__":
    logger.remove()
    asyncio.run(main(*map(int, sys.argv[1:])))
