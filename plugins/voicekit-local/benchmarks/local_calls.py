"""How long callers wait if 1, 2, 4, 8 ... of them talk to the local server of this machine at the same time.

    python plugins/voicekit-local/benchmarks/local_calls.py [--beside CHECKOUT] [--passes N] [CALLS ...]

Each call has ROUNDS rounds. In each, the caller sends a real recording in real time, and silence until its end is
found. Then an answer is spoken, and the caller listens to it.

With `--beside`, the server of another checkout of voicekit, such as an older commit, is measured in the same run: for
each number of calls, the two servers take turns. With `--passes`, everything is done N times, and the figures of all
passes are put together.

For each number of calls, this prints the medians and the 99th percentiles of three times: from the end of speech to
`<end>`, from the text to the first sound, and from the end of speech to the first sound of the answer. It also prints
the mean time for which an answer is silent because its next sound comes too late, how many words were recognised
wrongly, how many partial results came in a second of speech, how much of a core the server used for each call (its
loading not included), and which calls were refused and why. The servers and the callers share the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import trio

from voicekit.soniox.api.region import ApiKey
from voicekit.soniox.connection.transport import Address, Disconnected, Socket, TrioWebsocket
from voicekit.soniox.local import SpeechService, local_server
from voicekit_local.wer import word_errors

SPEECH: Final = Path(__file__).parents[3] / "tests" / "data" / "speech"
RECORDINGS: Final = ("austen-0870", "austen-0880", "austen-0890", "austen-0920", "austen-0930")
CALLS: Final = (1, 2, 4, 8, 12)
ROUNDS: Final = 3
RATE: Final = 16_000
MESSAGE: Final = RATE // 25  # samples in a message: 40 ms
SPREAD_S: Final = 4.0  # all calls begin within this time
PATIENCE_S: Final = 15.0  # a caller gives up after waiting this long for the end of speech
ANSWER: Final = "Well, that is a long story, and I would rather tell it over a cup of tea."
HEARS: Final = {
    "model": "stt-rt-v5", "audio_format": "pcm_s16le", "sample_rate": RATE, "num_channels": 1,
    "enable_endpoint_detection": True,
}  # fmt: skip
SPEAKS: Final = {
    "model": "tts-rt-v2", "language": "en", "voice": "Adrian", "audio_format": "pcm_s16le", "sample_rate": RATE,
}  # fmt: skip


@dataclass
class Measured:
    """The measurements of all calls in a run."""

    ends_ms: list[float] = field(default_factory=list)
    sounds_ms: list[float] = field(default_factory=list)
    answers_ms: list[float] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    partials: int = 0
    spoken_s: float = 0.0
    call_s: float = 0.0
    wrong: int = 0
    words: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Recording:
    """The speech of a caller, which ends at `end_s`."""

    pcm: bytes = field(repr=False)
    text: str
    end_s: float


class Refused(Exception):
    """The server refused the call."""


class Caller:
    """One call."""

    def __init__(self, service: SpeechService, recordings: Sequence[Recording], measured: Measured) -> None:
        self._service = service
        self._recordings = recordings
        self._measured = measured
        self._pcm = b""
        self._sent = 0  # samples
        self._began = 0.0
        self._text = ""
        self._ended = trio.Event()
        self._ended_at = 0.0

    async def call(self, wait_s: float) -> None:
        await trio.sleep(wait_s)
        key = ApiKey(self._service.key)
        where = self._service.endpoints
        try:
            async with TrioWebsocket().connect(Address(where.stt, key.headers())) as ears:
                await ears.send(json.dumps(HEARS))
                async with trio.open_nursery() as nursery:
                    self._began = trio.current_time()
                    nursery.start_soon(self._speak, ears)
                    nursery.start_soon(self._hear, ears)
                    for recording in self._recordings:
                        await self._round(recording, Address(where.tts, key.headers()))
                    nursery.cancel_scope.cancel()
        except* Refused as group:
            self._measured.refused.update(str(error) for error in group.exceptions)
        except* Disconnected as group:
            self._measured.refused.update(str(error) for error in group.exceptions)
        finally:
            self._measured.call_s += self._sent / RATE

    async def _round(self, recording: Recording, mouth: Address) -> None:
        at = self._sent / RATE
        self._text, self._ended, self._pcm = "", trio.Event(), recording.pcm
        with trio.move_on_after(len(recording.pcm) / (2 * RATE) + PATIENCE_S):
            await self._ended.wait()
        if not self._ended.is_set():
            raise Refused(f"no end of speech within {PATIENCE_S:g} s")
        measured = self._measured
        measured.ends_ms.append(1000 * (self._ended_at - self._began - at - recording.end_s))
        errors = word_errors(recording.text, self._text)
        measured.wrong, measured.words = measured.wrong + errors.wrong, measured.words + errors.words
        measured.spoken_s += recording.end_s
        async with TrioWebsocket().connect(mouth) as socket:
            await self._listen(socket, self._began + at + recording.end_s)

    async def _speak(self, socket: Socket) -> None:
        """Send the speech, and silence around it, in real time."""
        while True:
            await trio.sleep_until(self._began + self._sent / RATE)
            message, self._pcm = self._pcm[: 2 * MESSAGE], self._pcm[2 * MESSAGE :]
            await socket.send(message.ljust(2 * MESSAGE, b"\0"))
            self._sent += MESSAGE

    async def _hear(self, socket: Socket) -> None:
        while True:
            said = read(await socket.receive())
            tokens = said["tokens"]
            self._measured.partials += any(not token.get("is_final") for token in tokens)
            for token in tokens:
                if token.get("is_final") and token["text"] == "<end>":
                    self._ended_at = trio.current_time()
                    self._ended.set()
                elif token.get("is_final") and not self._ended.is_set():
                    self._text += token["text"]

    async def _listen(self, socket: Socket, spoke_until: float) -> None:
        """Ask for the answer, and listen to it in real time until its end."""
        asked_at = trio.current_time()
        await socket.send(json.dumps({**SPEAKS, "stream_id": "a"}))
        await socket.send(json.dumps({"stream_id": "a", "text": ANSWER, "text_end": True}))
        plays_until = gap = 0.0
        while True:
            said = read(await socket.receive())
            now, seconds = trio.current_time(), len(said.get("audio", "")) * 3 / 8 / RATE
            if seconds and not plays_until:
                self._measured.sounds_ms.append(1000 * (now - asked_at))
                self._measured.answers_ms.append(1000 * (now - spoke_until))
                plays_until = now
            if seconds:
                gap += max(0.0, now - plays_until)
                plays_until = max(now, plays_until) + seconds
            if said.get("terminated"):
                break
        self._measured.gaps_ms.append(1000 * gap)
        await trio.sleep_until(plays_until)


def read(message: str | bytes) -> dict[str, Any]:
    """The fields of a message. Raises Refused if the message is an error."""
    said: dict[str, Any] = json.loads(message)
    if "error_code" in said:
        raise Refused(f"{said['error_code']} {said['error_type']}: {said['error_message']}")
    return said


def load_recordings() -> list[Recording]:
    import soundfile

    labels = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))
    made = []
    for name in RECORDINGS:
        pcm, _ = soundfile.read(SPEECH / f"{name}.flac", dtype="int16")
        made.append(Recording(pcm.astype("<i2").tobytes(), labels[name]["text"], labels[name]["speech"][-1][1]))
    return made


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and its name in the results."""

    name: str
    service: SpeechService
    pid: int

    def cpu_s(self) -> float:
        """The CPU time that the server has used; 0 on systems without /proc."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    server: Server, calls: int, recordings: Sequence[Recording], dice: random.Random, into: Measured
) -> None:
    before = server.cpu_s()
    async with trio.open_nursery() as nursery:
        for _ in range(calls):
            caller = Caller(server.service, dice.choices(recordings, k=ROUNDS), into)
            nursery.start_soon(caller.call, dice.uniform(0, SPREAD_S))
    into.cpu_s += server.cpu_s() - before


def told(calls: int, name: str, found: Measured) -> str:
    def two(values: list[float]) -> str:
        if not values:
            return "      -      "
        ordered = sorted(values)
        return f"{statistics.median(ordered):6.0f} {ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]:6.0f}"

    refused = "; ".join(f"{count} x {why}" for why, count in found.refused.items()) or "none"
    rate = 100 * found.wrong / max(1, found.words)
    partials = found.partials / max(1e-9, found.spoken_s)
    gaps = statistics.fmean(found.gaps_ms) if found.gaps_ms else 0.0
    return (
        f"{calls:5} | {name:6} | {len(found.ends_ms):6} | {two(found.ends_ms)} | {two(found.sounds_ms)} | "
        f"{two(found.answers_ms)} | {gaps:8.0f} | {partials:10.1f} | {rate:6.1f} % | "
        f"{found.cpu_s / max(1e-9, found.call_s):4.2f} | {refused}"
    )


def command(checkout: Path | None) -> list[str]:
    """The command that starts the server of this checkout, or of another one."""
    serve = [sys.executable, "-m", "voicekit", "local-server", "--embedded"]
    if checkout is None:
        return serve
    folders = [checkout, *sorted((checkout / "plugins").iterdir())]
    return ["env", f"PYTHONPATH={os.pathsep.join(map(str, folders))}", *serve]


def children() -> set[int]:
    """The process ids of this process's children; empty on systems without /proc."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.add(int(folder.name))
    return found


async def start(stack: AsyncExitStack, name: str, checkout: Path | None) -> Server:
    before = children()
    service = await stack.enter_async_context(
        local_server(command(checkout), lambda line: print(line, file=sys.stderr))
    )
    return Server(name, service, next(iter(children() - before), 0))


async def main(options: argparse.Namespace) -> None:
    recordings = load_recordings()
    async with AsyncExitStack() as stack:
        servers = [await start(stack, "old", options.beside)] if options.beside else []
        servers.append(await start(stack, "this", None))
        found = {(calls, server.name): Measured() for calls in options.calls for server in servers}
        for turn in range(options.passes):
            for calls in options.calls:
                for server in servers:
                    dice = random.Random(100 * calls + turn)  # the same calls for both servers
                    await measure(server, calls, recordings, dice, found[calls, server.name])
                    print(told(calls, server.name, found[calls, server.name]), file=sys.stderr, flush=True)
    print(
        "calls | server | rounds | to <end>, ms   | to sound, ms  | to answer, ms | gaps, ms | partials/s | "
        "words wrong | core | refused\n"
        "      |        |        | median    p99 | median    p99 | median    p99 |   mean   |",
        file=sys.stdout,
    )
    for (calls, name), measured in found.items():
        print(told(calls, name, measured), file=sys.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("calls", nargs="*", type=int, default=CALLS, metavar="CALLS")
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT")
    parser.add_argument("--passes", type=int, default=1, metavar="N")
    trio.run(main, parser.parse_args())
