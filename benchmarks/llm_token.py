"""How long a model's word takes to reach the voice: `python -m benchmarks.llm_token [--turns N] [--wire chat]`.

The time begins when the model's service sends a token, which is a word with the space before it. It ends when the word
is written to the voice's socket, after HTTP and its events, the handler, the text transforms, and the voice with its
websocket. Both services are stand-ins in this process, so the figures include the writing of the token, its way over
loopback, and the other work of the services. The floor is one message over one of trio's connections on loopback.
"""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Sequence
from statistics import median

import msgspec
import trio

from benchmarks import machine
from benchmarks.measure import percentile
from voicekit.events import SessionStarted
from voicekit.listen.source import SilenceSource
from voicekit.llm import LanguageModel
from voicekit.play.sink import NullSink
from voicekit.session import Session
from voicekit.soniox.connection.transport import TrioWebsocket, open_stream
from voicekit.soniox.tts.soniox_tts import SonioxTts
from voicekit.testing.llm import ModelServer, ScriptedAnswer
from voicekit.testing.soniox import SonioxPeer

AIM_MS = 1.0
WORDS = "It is rather warm in the garden today so we shall have our tea under the old tree"
"""A text so short that the voice takes it without waiting."""
EVERY_S = 0.02
"""Seconds between two tokens: the pace of a fast model."""
FLOOR_MESSAGES = 500


class _Text(msgspec.Struct):
    text: str = ""


class Stamped(trio.abc.Stream):
    """The connection of the voice, which remembers when each word was written to it."""

    def __init__(self, stream: trio.abc.Stream, written: list[float]) -> None:
        self._stream = stream
        self._written = written

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        now = trio.current_time()
        self._written += [now] * len(text_in(bytes(data)).split())
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


def text_in(frame: bytes) -> str:
    """The text to be spoken in a client's websocket frame; "" if there is none."""
    if len(frame) < 6 or frame[0] != 0x81:  # only a whole text frame is read
        return ""
    start = 8 if frame[1] & 0x7F == 126 else 6
    mask = frame[start - 4 : start]
    message = bytes(byte ^ mask[place % 4] for place, byte in enumerate(frame[start:]))
    return msgspec.json.decode(message, type=_Text).text


def handler(wire: str, url: str) -> LanguageModel:
    """The plugin's handler for `wire`."""
    if wire == "messages":
        from voicekit_anthropic.models import anthropic

        return anthropic(model="stand-in", api_key="none", base_url=url)
    from voicekit_openai.models import openai

    return openai(model="stand-in", api=wire, api_key="none", base_url=f"{url}/v1")  # type: ignore[arg-type]


async def measure(wire: str, turns: int) -> list[float]:
    """The seconds that each word took; each reply cuts the one before, since nothing here waits for the sound."""
    server, peer = ModelServer(otherwise=lambda asked: ScriptedAnswer(WORDS, every=EVERY_S)), SonioxPeer()
    written: list[float] = []
    took: list[float] = []

    async def stamped(host: str, port: int, context: ssl.SSLContext | None) -> trio.abc.Stream:
        return Stamped(await open_stream(host, port, context), written)

    async with server.serve() as url, peer.serve() as endpoints:
        session = Session(
            handler=handler(wire, url),
            source=SilenceSource(),
            vad=None,
            stt=None,
            tts=SonioxTts(key="none", endpoints=endpoints, transport=TrioWebsocket(stream=stamped)),
            sink=NullSink(),
        )
        started = trio.Event()
        session.watch(lambda event: started.set() if isinstance(event, SessionStarted) else None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run)
            await started.wait()
            for _ in range(turns):
                written.clear()
                session.type("How is it?")
                while len(written) < len(WORDS.split()):  # noqa: ASYNC110  # infrequent polling disturbs less
                    await trio.sleep(EVERY_S)
                took += [at - sent for at, sent in zip(written, server.asked[-1].sent, strict=True)]
            session.end(graceful=False)
    return took


async def floor() -> list[float]:
    """The seconds that one small message takes from task to task over loopback."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    arrived, inbox = trio.open_memory_channel[float](1)
    took: list[float] = []

    async def read(stream: trio.SocketStream) -> None:
        async for _ in stream:
            arrived.send_nowait(trio.current_time())

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, read, listeners)
        async with await trio.open_tcp_stream("127.0.0.1", listeners[0].socket.getsockname()[1]) as stream:
            for _ in range(FLOOR_MESSAGES):
                await trio.sleep(EVERY_S / 10)
                start = trio.current_time()
                await stream.send_all(b"It")
                took.append(await inbox.receive() - start)
        nursery.cancel_scope.cancel()
    return took


def line(name: str, took: Sequence[float]) -> str:
    low, middle, high = (1e3 * seconds for seconds in (min(took), median(took), percentile(took, 99)))
    return f"  {name:<36}{low:>9.3f}{middle:>10.3f}{high:>10.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--wire", choices=["chat", "responses", "messages"], action="append")
    arguments = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine.describe().items()))
    print(f"\nms per word                                 min    median       p99   (aim: median < {AIM_MS:g})")
    print(line("one message over loopback", trio.run(floor)))
    for wire in arguments.wire or ["chat", "responses", "messages"]:
        took = trio.run(measure, wire, arguments.turns)
        print(line(f"{wire}: token to voice, {len(took)} words", took))


if __name__ == "__main__":
    main()
