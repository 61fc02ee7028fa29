"""The memory of one connected agent that waits: `python -m benchmarks.idle_agent WAY STT TTS`.

The agent has its own program, so that only the memory that it needs is counted. Prints MiB. WAY is `hand` for the
client written by hand, or the name of the session's vad: `webrtc`, or `confirmed` if voicekit-silero is installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import trio

PAGE = 4096
SETTLES_S = 0.7
KEY = "none-is-checked"


async def _hand(stt: str, tts: str) -> None:
    import webrtcvad
    from trio_websocket import open_websocket_url

    detector, due = webrtcvad.Vad(2), trio.current_time()
    async with open_websocket_url(stt) as ears, open_websocket_url(tts):
        await ears.send_message('{"model": "any"}')
        while True:
            due += 0.02
            await trio.sleep_until(due)
            detector.is_speech(bytes(640), 16_000)
            await ears.send_message(bytes(640))


async def _voicekit(vad: str, stt: str, tts: str) -> None:
    import voicekit
    from voicekit.listen.source import SilenceSource
    from voicekit.play.sink import NullSink
    from voicekit.soniox.api.region import Endpoints
    from voicekit.soniox.stt.soniox_stt import SonioxStt
    from voicekit.soniox.tts.soniox_tts import SonioxTts

    endpoints = Endpoints(stt.replace("ws", "http", 1), stt, tts, tts.replace("ws", "http", 1))
    session = voicekit.Session(
        source=SilenceSource(),
        vad=vad,
        stt=SonioxStt(key=KEY, endpoints=endpoints),
        tts=SonioxTts(key=KEY, endpoints=endpoints),
        handler="Hello.",
        sink=NullSink(),
        plugins=voicekit.load_plugins(strict=False),
    )
    await session.run()


async def main(way: str, stt: str, tts: str) -> None:
    with trio.move_on_after(SETTLES_S):
        await (_hand(stt, tts) if way == "hand" else _voicekit(way, stt, tts))
    print(resident())


def resident() -> float:
    """The memory of this process in MiB; 0 if the system does not report it."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text(encoding="utf-8").split()[1]) * PAGE / 2**20 if statm.exists() else 0.0


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])
