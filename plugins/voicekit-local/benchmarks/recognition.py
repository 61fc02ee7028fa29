"""How well and how soon speech is recognised, and what the voice costs: only the engines and `Hearing`, no sockets.

    python plugins/voicekit-local/benchmarks/recognition.py [PROMPTS]

The recordings are those of voicekit's own tests (16 kHz), and PROMPTS telephone prompts (50; 8 kHz) from the Debian
packages asterisk-core-sounds-en-wav and asterisk-core-sounds-en, if they are installed. First each recording is decoded
as a whole, unless it is too long for recognisers. Then each is decoded as a stream, in which every decode lasts as long
as its CPU time, so that other processes on the machine hardly matter.

Times are those of one core. "final" is the time from the last sound of speech to the last final word, which waits for
the silence that ends an utterance. "finalized" is the same time if the client asks for the words after 0.2 s.

Then the voice speaks the texts of the recordings; "first sound" is how long the first part of its first piece takes.
"""

from __future__ import annotations

import gzip
import json
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import soundfile
import soxr

from voicekit.soniox.api.wire import SttConfig, Token
from voicekit_local.engines.choose import choose_aligner, choose_recogniser, choose_voice
from voicekit_local.engines.interface import HEARING_RATE, LONGEST_S, Aligner, Recogniser, Synthesiser, no_progress
from voicekit_local.hearing import Hearing
from voicekit_local.wer import Errors, word_errors

SPEECH: Final = Path(__file__).parents[3] / "tests" / "data" / "speech"
PROMPTS: Final = Path("/usr/share/asterisk/sounds/en")
TRANSCRIPTS: Final = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
FRAME: Final = HEARING_RATE // 50
BEFORE_S, AFTER_S = 0.5, 2.5  # silence around each recording
QUIET: Final = 1e-4  # fraction of a recording's loudest 20 ms below which speech is over
ASKS_AFTER_S: Final = 0.2


class Recording(NamedTuple):
    said: str
    sound: Any


@dataclass
class Figures:
    """The figures of one collection of recordings."""

    at_once: Errors = field(default_factory=lambda: Errors(0, 0))
    streamed: Errors = field(default_factory=lambda: Errors(0, 0))
    seconds: float = 0.0
    decoded: float = 0.0
    decoding: float = 0.0
    streaming: float = 0.0
    finals: list[float] = field(default_factory=list)
    finalized: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)

    def show(self, name: str, count: int) -> None:
        tell(f"{name}: {count} recordings, {self.seconds:.0f} s, {self.streamed.words} words")
        tell(f"  at once    {self.at_once.rate:6.2%} words wrong, {self.decoding / self.decoded:.3f} s per s of sound")
        tell(
            f"  streamed   {self.streamed.rate:6.2%} words wrong, {self.streaming / self.seconds:.3f} s per s of sound"
        )
        for label, values in (("first word", self.firsts), ("final", self.finals), ("finalized", self.finalized)):
            spread(label, values)


class Timed:
    """An aligner, and how much time it has taken."""

    def __init__(self, aligner: Aligner) -> None:
        self.name = aligner.name
        self.load = aligner.load
        self.spent = 0.0
        self._aligner = aligner

    def align(self, sound: Any, rate: int, words: Sequence[str]) -> list[tuple[float, float]]:
        before = cpu()
        times = self._aligner.align(sound, rate, words)
        self.spent += cpu() - before
        return times


def main(prompts: int) -> None:
    chosen = choose_recogniser()
    recogniser, aligner = chosen.engine, Timed(choose_aligner().engine)
    said = choose_voice(aligner, steady=True)
    tell(chosen.why, said.why)
    for engine in (recogniser, aligner, said.engine):
        before = cpu()
        engine.load(no_progress)
        tell(f"loading {engine.name}: {cpu() - before:.2f} s")
    tell(f"memory, loaded: {most_memory():.0f} MB")
    texts = []
    for name, recordings in (("recordings", list(own())), ("telephone prompts", list(telephone(prompts)))):
        figures = Figures()
        for recording in recordings:
            weigh(recording, figures, recogniser, aligner)
        if recordings:
            figures.show(name, len(recordings))
        texts += [recording.said for recording in recordings]
    speak(texts, said.engine, aligner)
    tell(f"memory, at most: {most_memory():.0f} MB")


def speak(texts: Sequence[str], voice: Synthesiser, aligner: Timed) -> None:
    """Have all texts spoken piece by piece, like the server, and print the time that this took."""
    aligner.spent = seconds = 0.0
    began = cpu()
    firsts = []
    for text in texts:
        before = cpu()
        pieces = [piece for piece in voice.pieces(text) if any(letter.isalnum() for letter in piece)]
        for place, piece in enumerate(pieces):
            speech = voice.begin(piece, "")
            seconds += len(next(speech.sound)) / 2 / voice.rate
            firsts += [cpu() - before] if place == 0 else []
            seconds += sum(map(len, speech.sound)) / 2 / voice.rate
    spent = cpu() - began
    tell(f"voice: {len(texts)} texts, {seconds:.0f} s")
    tell(f"  speaking   {spent / seconds:.3f} s per s of sound, {aligner.spent / seconds:.3f} of it for times of words")
    spread("first sound", firsts)


def weigh(recording: Recording, figures: Figures, recogniser: Recogniser, aligner: Aligner) -> None:
    seconds = len(recording.sound) / HEARING_RATE
    figures.seconds += seconds
    if seconds <= LONGEST_S:
        before = cpu()
        heard = recogniser.decode(recording.sound)
        figures.decoding += cpu() - before
        figures.decoded += seconds
        figures.at_once += word_errors(recording.said, " ".join(word.text for word in heard.words))
    over = BEFORE_S + speech_ends(recording.sound)
    for config, asks_at, into in (
        (SttConfig(enable_endpoint_detection=True), None, figures.finals),
        (SttConfig(), over + ASKS_AFTER_S, figures.finalized),
    ):
        words, spent = stream(recording.sound, config, asks_at, recogniser, aligner)
        finals = [(at, token) for at, token in words if token.is_final]
        into += [finals[-1][0] - over] if finals else []
        if asks_at is None:
            figures.streaming += spent
            figures.streamed += word_errors(recording.said, "".join(token.text or "" for _, token in finals))
            figures.firsts += [at - (token.start_ms or 0) / 1000 for at, token in words[:1]]


def stream(
    sound: Any, config: SttConfig, asks_at: float | None, recogniser: Recogniser, aligner: Aligner
) -> tuple[list[tuple[float, Token]], float]:
    """The words of a session with the times at which they came, and the time that decoding took."""
    hearing = Hearing(config, partials=recogniser.partials)
    pcm = (surrounded(sound) * 32_767).astype("<i2").tobytes()
    words: list[tuple[float, Token]] = []
    out, ready, spent = None, 0.0, 0.0
    for place in range(0, len(pcm), 2 * FRAME):
        hearing.feed(pcm[place : place + 2 * FRAME])
        now = (place / 2 + FRAME) / HEARING_RATE
        if asks_at is not None and now >= asks_at:
            asks_at = None
            hearing.finalize()
        if out is not None and now >= ready:
            hearing.done(out)
            out = None
        if out is None and (job := hearing.job()) is not None:
            before = cpu()
            out = job.run(recogniser, aligner)
            spent += cpu() - before
            ready = now + cpu() - before
        tokens = [token for result in hearing.results() for token in result.tokens]
        words += [(now, token) for token in tokens if (token.text or "")[:1] != "<"]
    return words, spent


def own() -> Iterator[Recording]:
    labels = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))
    for name, label in labels.items():
        yield Recording(label["text"], soundfile.read(SPEECH / f"{name}.flac", dtype="float32")[0])


def telephone(most: int) -> Iterator[Recording]:
    """At most `most` prompts of six or more words, spread over the whole collection."""
    if not (PROMPTS.is_dir() and TRANSCRIPTS.is_file()):
        return
    lines = (line.partition(":") for line in gzip.decompress(TRANSCRIPTS.read_bytes()).decode().splitlines())
    fit = [
        (PROMPTS / f"{name}.wav", said.replace("*", "star").replace("#", "pound"))
        for name, _, said in lines
        if len(said.split()) >= 6 and not set("[(<;") & set(name + said) and (PROMPTS / f"{name}.wav").is_file()
    ]
    for path, said in fit[:: max(1, len(fit) // most)][:most]:
        sound, rate = soundfile.read(path, dtype="float32")
        yield Recording(said, soxr.resample(sound, rate, HEARING_RATE))


def surrounded(sound: Any) -> Any:
    quiet = np.random.default_rng(1).normal(0, 1e-4, round((BEFORE_S + AFTER_S) * HEARING_RATE)).astype(np.float32)
    begins = round(BEFORE_S * HEARING_RATE)
    return np.concatenate([quiet[:begins], sound, quiet[begins:]])


def speech_ends(sound: Any) -> float:
    power = np.convolve(sound**2, np.ones(FRAME) / FRAME, "same")
    return float(np.nonzero(power > QUIET * power.max())[0][-1] / HEARING_RATE)


def spread(label: str, values: Sequence[float]) -> None:
    low, middle, high = np.percentile(values, (0, 50, 99))
    tell(f"  {label:<11} min {low:5.2f}  median {middle:5.2f}  p99 {high:5.2f} s")


def most_memory() -> float:
    """The most memory that this process has ever used, in MB, as counted by Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(*lines: str) -> None:
    print(*lines, sep="\n", file=sys.stdout, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
