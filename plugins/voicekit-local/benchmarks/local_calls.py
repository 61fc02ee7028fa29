"""How long callers wait if 1, 2, 4, 8 ... of them talk to the local server of this machine at the same time.

    python plugins/voicekit-local/benchmarks/local_calls.py [CALLS ...]

Each call has ROUNDS rounds. In each, the caller sends a real recording in real time, and silence until its end is
found. Then an answer is spoken, and the caller listens to it.

For each number of calls, this prints the median and the 99th percentile of two times: from the end of speech to
`<end>`, and from the text to the first sound. It also prints how many words were recognised wrongly, how many partial
results came in a second of speech, and which calls were refused and why. At the end it prints how much of a core the
server used for each call. The server and the callers share the cores.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
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
            await self._listen(socket)

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

    async def _listen(self, socket: Socket) -> None:
        """Ask for the answer, and listen to it in real time until its end."""
        asked_at = trio.current_time()
        await socket.send(json.dumps({**SPEAKS, "stream_id": "a"}))
        await socket.send(json.dumps({"stream_id": "a", "text": ANSWER, "text_end": True}))
        first_at, samples = None, 0
        while True:
            said = read(await socket.receive())
            samples += len(said.get("audio", "")) * 3 // 8
            if samples and first_at is None:
                first_at = trio.current_time()
                self._measured.sounds_ms.append(1000 * (first_at - asked_at))
            if said.get("terminated"):
                break
        await trio.sleep_until((first_at or asked_at) + samples / RATE)


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


async def measure(service: SpeechService, calls: int, recordings: Sequence[Recording]) -> Measured:
    dice = random.Random(calls)
    measured = Measured()
    async with trio.open_nursery() as nursery:
        for _ in range(calls):
            caller = Caller(service, dice.choices(recordings, k=ROUNDS), measured)
            nursery.start_soon(caller.call, dice.uniform(0, SPREAD_S))
    return measured


def told(calls: int, found: Measured) -> str:
    def two(values: list[float]) -> str:
        if not values:
            return "      -      "
        ordered = sorted(values)
        return f"{statistics.median(ordered):6.0f} {ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]:6.0f}"

    refused = "; ".join(f"{count} x {why}" for why, count in found.refused.items()) or "none"
    rate = 100 * found.wrong / max(1, found.words)
    partials = found.partials / max(1e-9, found.spoken_s)
    return (
        f"{calls:5} | {len(found.ends_ms):6} | {two(found.ends_ms)} | {two(found.sounds_ms)} | {partials:10.1f} | "
        f"{rate:6.1f} % | {refused}"
    )


async def main(numbers: Sequence[int]) -> None:
    recordings = load_recordings()
    command = [sys.executable, "-m", "voicekit", "local-server", "--embedded"]
    async with local_server(command, lambda line: print(line, file=sys.stderr)) as service:
        print(
            "calls | rounds | to <end>, ms   | to sound, ms  | partials/s | words wrong | refused\n"
            "      |        | median    p99 | median    p99 |",
            file=sys.stdout,
        )
        call_s = 0.0
        for calls in numbers:
            found = await measure(service, calls, recordings)
            call_s += found.call_s
            print(told(calls, found), file=sys.stdout, flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # the server's usage, since it has ended
    share = (used.ru_utime + used.ru_stime) / call_s
    print(f"the server took {share:.2f} of a core for each call (its loading included)", file=sys.stdout)


if __name__ == "__main__":
    trio.run(main, [int(number) for number in sys.argv[1:]] or CALLS)
