"""How soon turns are committed on a machine with an idle core: recogniser and turn machine, timed by the sound.

    python plugins/voicekit-local/benchmarks/commits.py

Like `answers.py`, but without sockets and without a clock: the sound advances in frames, and a decode lasts as many
frames as it takes CPU time. So the figures are those of an idle machine, even if this machine is busy. Prints the time
from the last sound of the caller to the commit: with the endpoint alone and the delays of the first version (0.7 and
1.4 s), with the endpoint alone and the present delays, and with the adviser.
"""

from __future__ import annotations

import resource
import statistics
import sys
from typing import Any, Final

import numpy as np
import soxr

from voicekit.events import Finalize, StartReply
from voicekit.listen.gate import Gate, GatePolicy
from voicekit.listen.vad import WebRtcVad
from voicekit.soniox.api.wire import SttConfig, SttResponse
from voicekit.soniox.stt.tokens import Tokens
from voicekit.turn.machine import TurnMachine
from voicekit.turn.policy import Policy, TurnPolicy
from voicekit_local import endpoint
from voicekit_local.engines.align import LetterAligner
from voicekit_local.engines.choose import choose_aligner, choose_recogniser
from voicekit_local.engines.interface import HEARING_RATE, no_progress
from voicekit_local.engines.piper import Piper
from voicekit_local.hearing import Hearing

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
WAYS: Final = (
    ("endpoint, 0.7 and 1.4 s", (0.7, 1.4), False),
    ("endpoint", (endpoint.COMPLETE_S, endpoint.INCOMPLETE_S), False),
    ("adviser", (endpoint.COMPLETE_S, endpoint.INCOMPLETE_S), True),
)
BEFORE_S: Final = 0.5
AFTER_S: Final = 3.0
FRAME: Final = HEARING_RATE // 50
LOUD: Final = 300  # of 32,767: samples below this are silence


def commit_after(pcm: bytes, over: float, adviser: bool, recogniser: Any, aligner: Any) -> float:
    """Seconds from `over` to the commit of the first turn; infinity if no turn is committed."""
    hearing = Hearing(SttConfig(enable_endpoint_detection=True), partials=recogniser.partials)
    vad = WebRtcVad().start(HEARING_RATE)
    gate, tokens = Gate(GatePolicy(), HEARING_RATE, getattr(vad, "trail", 0)), Tokens(HEARING_RATE, 0)
    policy = Policy(turn=TurnPolicy(adviser=adviser))
    machine = TurnMachine(policy, rate=HEARING_RATE, endpoints=True, now=0.0, finalizes=True)
    out, ready, asked = None, 0.0, 0
    for place in range(0, len(pcm) - 2 * FRAME, 2 * FRAME):
        frame, now = pcm[place : place + 2 * FRAME], (place / 2 + FRAME) / HEARING_RATE
        hearing.feed(frame)
        mark = gate.feed(vad.probability(frame), FRAME, place // 2)
        events: list[Any] = [] if mark is None else [mark]
        if out is not None and now >= ready:
            hearing.done(out)
            out = None
        if out is None and (job := hearing.job()) is not None:
            before = cpu()
            out = job.run(recogniser, aligner)
            ready = now + cpu() - before
        for result in hearing.results():
            answer = SttResponse(tokens=tuple(result.tokens), final_audio_proc_ms=result.final_ms)
            events += tokens.read(answer, None, asked)
        commands = [command for event in events for command in machine.handle(event, now)]
        if machine.deadline <= now:
            commands += machine.due(now)
        for command in commands:
            if isinstance(command, Finalize):
                asked = command.at
                hearing.finalize()
            elif isinstance(command, StartReply):
                return now - over
    return float("inf")


def spoken() -> list[tuple[bytes, float]]:
    """The sound of each question with silence around it, and the time at which the voice ends."""
    voice = Piper(LetterAligner(), steady=True)
    voice.load(no_progress)
    made = []
    for question in QUESTIONS:
        speech = voice.speak(question, "joe")
        sound = soxr.resample(np.frombuffer(speech.pcm, np.int16), speech.rate, HEARING_RATE).astype(np.int16)
        last = int(np.flatnonzero(np.abs(sound) > LOUD)[-1]) + 1
        before, after = (np.zeros(round(seconds * HEARING_RATE), np.int16) for seconds in (BEFORE_S, AFTER_S))
        made.append((np.concatenate([before, sound[:last], after]).tobytes(), BEFORE_S + last / HEARING_RATE))
    return made


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    recogniser, aligner = choose_recogniser().engine, choose_aligner().engine
    for engine in (recogniser, aligner):
        engine.load(no_progress)
    found: dict[str, list[float]] = {name: [] for name, _, _ in WAYS}
    tell(f"{'seconds from the voice to the commit':44}" + "".join(f"{name:>26}" for name in found))
    for question, (pcm, over) in zip(QUESTIONS, spoken(), strict=True):
        for name, delays, adviser in WAYS:
            endpoint.COMPLETE_S, endpoint.INCOMPLETE_S = delays  # type: ignore[misc]  # what is compared
            found[name].append(commit_after(pcm, over, adviser, recogniser, aligner))
        tell(f"{question:44}" + "".join(f"{times[-1]:26.2f}" for times in found.values()))
    tell(f"{'median':44}" + "".join(f"{statistics.median(times):26.2f}" for times in found.values()))


if __name__ == "__main__":
    main()
