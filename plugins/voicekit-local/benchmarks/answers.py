"""How soon callers are answered over the local server of this machine, with the adviser of turns and without it.

    python plugins/voicekit-local/benchmarks/answers.py

Holds two calls in real time, one after the other, with the same synthesised questions. One policy has the adviser,
which is the default; in the other, only the endpoint ends turns. Prints the time from the last sound of the caller to
the commit of the turn, for each question and as a median. The answers are silent and take no time, so that only the
recogniser works. The server and the caller share the cores.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import soxr
import trio

from voicekit import Policy, Session, TurnPolicy
from voicekit.events import SessionEvent, TurnCommitted, TurnEnded
from voicekit.play.sink import NullSink
from voicekit.soniox.api.region import KEY_VARIABLE
from voicekit.soniox.local import SpeechService, soniox_or_local
from voicekit.testing.fakes import FakeTts
from voicekit_local.demo.caller import PCM24K, Caller
from voicekit_local.endpoint import COMPLETE_S, INCOMPLETE_S
from voicekit_local.engines.align import LetterAligner
from voicekit_local.engines.interface import no_progress
from voicekit_local.engines.piper import Piper

QUESTIONS: Final = (
    "What time is it?",
    "I would like a table for two people.",
    "Yes, please.",
    "Could you tell me when you open on Sunday?",
    "My order has not arrived yet.",
    "No, thank you.",
    "Please call me back tomorrow.",
    "Is there a quiet room in your house?",
)
ANSWER: Final = "Noted."
LOUD: Final = 300  # of 32,767: samples below this are silence
PATIENCE_S: Final = 15.0
BETWEEN_S: Final = 0.6


@dataclass
class Answers:
    """The results of one call: for each question, the seconds from its end to the commit of the turn, and its text."""

    commits: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class Watch:
    """A watcher that notes how long after `ended` the turn was committed, and when its answer is over."""

    def __init__(self, answers: Answers) -> None:
        self.ended = 0.0
        self.over = trio.Event()
        self._answers = answers

    def note(self, event: SessionEvent) -> None:
        since = trio.current_time() - self.ended
        if isinstance(event, TurnCommitted):
            self._answers.commits.append(since)
            self._answers.texts.append(event.text)
        elif isinstance(event, TurnEnded):
            self.over.set()


def spoken() -> list[tuple[bytes, float]]:
    """The sound of each question, and the seconds of silence at its end."""
    voice = Piper(LetterAligner(), steady=True)
    voice.load(no_progress)
    made = []
    for question in QUESTIONS:
        speech = voice.speak(question, "joe")
        sound = soxr.resample(np.frombuffer(speech.pcm, np.int16), speech.rate, PCM24K.rate).astype(np.int16)
        last = int(np.flatnonzero(np.abs(sound) > LOUD)[-1]) + 1
        made.append((sound.tobytes(), (len(sound) - last) / PCM24K.rate))
    return made


async def call(service: SpeechService, questions: list[tuple[bytes, float]], adviser: bool, answers: Answers) -> None:
    caller, watch = Caller(), Watch(answers)
    policy = Policy(turn=TurnPolicy(adviser=adviser))
    stt: Any = service.transcriber()
    session = Session(handler=ANSWER, source=caller, sink=NullSink(PCM24K), stt=stt, tts=FakeTts(), policy=policy)
    session.watch(watch.note)

    async def ask() -> None:
        await trio.sleep(1.0)
        for pcm, silence in questions:
            watch.over = trio.Event()
            await caller.speak(pcm)
            watch.ended = trio.current_time() - silence
            with trio.move_on_after(PATIENCE_S):
                await watch.over.wait()
            await trio.sleep(BETWEEN_S)
        caller.hang_up()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await session.run()
        nursery.cancel_scope.cancel()


async def measure() -> dict[bool, Answers]:
    """The answers with the adviser and without it."""
    questions, answers = spoken(), {False: Answers(), True: Answers()}
    os.environ.pop(KEY_VARIABLE, None)  # with a key, this would measure the service
    async with soniox_or_local(lambda line: None) as service:
        for adviser, into in answers.items():
            await call(service, questions, adviser, into)
    return answers


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    answers = trio.run(measure)
    tell(f"python {platform.python_version()}, {platform.machine()}")
    tell(f"the server's endpoints: {COMPLETE_S:g} s, or {INCOMPLETE_S:g} s where the words look unfinished")
    for adviser, name in ((False, "endpoint alone"), (True, "with the adviser")):
        found = answers[adviser]
        for text, commit in zip(found.texts, found.commits, strict=True):
            tell(f"  {text:46.46}{commit:6.2f}")
        median = statistics.median(found.commits) if found.commits else float("nan")
        tell(f"{f'{name}, {len(found.commits)} turns, median':48}{median:6.2f}")


if __name__ == "__main__":
    main()
