"""A pipeline written by hand: it reads an audio file in real time, and prints when speech starts and stops.

python examples/03_when_is_speech.py FILE
"""

import sys

import trio

import voicekit
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.listen.detect import detect
from voicekit.listen.file_source import FileSource
from voicekit.listen.vad import WebRtcVad

EAR = voicekit.AudioFormat(16_000)


def show(item: object) -> None:
    if isinstance(item, SpeechStarted | SpeechStopped):
        print(f"{EAR.seconds(item.at):7.2f} s  {type(item).__name__}")


@voicekit.stage
async def drain(inbox: voicekit.Inlet[object], outbox: voicekit.Outlet[object]) -> None:
    async for _ in inbox:
        pass


async def main(path: str) -> None:
    line = FileSource(path) | voicekit.resample(EAR) | detect(WebRtcVad()) | voicekit.tap(show) | drain
    nobody, inbox = voicekit.open_link(1)
    outbox, signals = voicekit.open_link(1_000)
    with nobody, inbox, outbox, signals:
        async with line.open() as run:
            await run(inbox, outbox)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    trio.run(main, sys.argv[1])
