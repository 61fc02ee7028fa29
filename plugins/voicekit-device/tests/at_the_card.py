"""A program that uses the real microphone and speaker, and tells in lines of JSON what became of it.

at_the_card.py listen SECONDS FILE     writes what the microphone said to FILE, a Gap as silence
at_the_card.py play FILE HOLD          plays PCM16 at 24 kHz, holds for a second at HOLD seconds, and goes on
at_the_card.py both SECONDS FILE       listens, while a tone is written to the speaker for as long
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

from voicekit import AudioFrame, Gap, open_link
from voicekit.contracts import tell
from voicekit.events import Trouble
from voicekit_device.microphone import Microphone
from voicekit_device.portaudio import PortAudio
from voicekit_device.room import Echo
from voicekit_device.speaker import Speaker

FRAME = 480
LOOK = 0.02


class Watched(PortAudio):
    """The real cards; `calls` are the times at which the microphone called."""

    def __init__(self) -> None:
        self.calls: list[float] = []

    def open_microphone(self, device: Any, sound: Any, block: int, hear: Any, ended: Any) -> Any:
        def watched(pcm: bytes, torn: bool) -> None:
            self.calls.append(time.perf_counter())
            hear(pcm, torn)

        return super().open_microphone(device, sound, block, watched, ended)


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


async def listen(seconds: float, pcm: bytearray, echo: Echo = "headphones") -> None:
    cards, gaps = Watched(), []
    idle, inbox = open_link(1)
    outbox, inlet = open_link(16_000)
    with idle, inbox, outbox, inlet:
        async with Microphone(cards=cards, echo=echo).open() as run, trio.open_nursery() as nursery:
            nursery.start_soon(run, inbox, outbox)
            say(ready=time.perf_counter())
            with trio.move_on_after(seconds):
                async for sound in inlet:
                    assert sound.at == len(pcm) // 2, "there is a hole"
                    if isinstance(sound, Gap):
                        gaps.append([sound.at, sound.samples])
                    pcm += bytes(2 * sound.samples) if isinstance(sound, Gap) else sound.pcm
            nursery.cancel_scope.cancel()
    say(calls=cards.calls, gaps=gaps)


async def play(pcm: bytes, hold: float) -> None:
    async with Speaker().open() as speaker:
        say(ready=time.perf_counter())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, speaker, pcm)
            start = trio.current_time()
            await follow(speaker, until=lambda: trio.current_time() - start >= hold)
            speaker.hold()
            say(held=speaker.position)
            await trio.sleep(1.0)
            say(released=speaker.position)
            speaker.release()
        await follow(speaker, until=lambda: speaker.position >= len(pcm) // 2)


async def follow(speaker: Any, until: Callable[[], bool]) -> None:
    while not until():
        say(time=time.perf_counter(), position=speaker.position)
        await trio.sleep(LOOK)


async def write(speaker: Any, pcm: bytes) -> None:
    for at in range(0, len(pcm) // 2, FRAME):
        await speaker.write(AudioFrame(pcm[2 * at : 2 * (at + FRAME)], at, Speaker().format))


async def both(seconds: float, pcm: bytearray) -> None:
    tell.set(lambda event: say(trouble=f"{event.where}: {event.error}") if isinstance(event, Trouble) else None)
    async with Speaker().open() as speaker, trio.open_nursery() as nursery:
        nursery.start_soon(write, speaker, b"\x00\x20" * round(seconds * 24_000))
        nursery.start_soon(follow, speaker, lambda: False)
        await listen(seconds, pcm)
        speaker.discard()
        say(position=speaker.position)
        nursery.cancel_scope.cancel()


async def guard(seconds: float, pcm: bytearray) -> None:
    async with Speaker().open() as speaker, trio.open_nursery() as nursery:
        nursery.start_soon(listen, seconds, pcm, "half-duplex")
        await trio.sleep(1.0)
        await write(speaker, b"\x00\x20" * 24_000)


if __name__ == "__main__":
    verb, first, second = sys.argv[1:]
    if verb == "play":
        trio.run(play, Path(first).read_bytes(), float(second))
    else:
        heard = bytearray()
        trio.run({"listen": listen, "both": both, "guard": guard}[verb], float(first), heard)
        Path(second).write_bytes(heard)
