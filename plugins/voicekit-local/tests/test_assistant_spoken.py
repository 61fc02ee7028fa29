"""The example assistant, spoken to: a synthesised question for each of its skills, over the local server.

Three calls are held at once, at real pace, because that takes a third of the time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import soxr
import trio

from voicekit import Session
from voicekit.cli.bot import load_bot
from voicekit.play.sink import NullSink
from voicekit.soniox.local import SpeechService, soniox_or_local
from voicekit_local.demo.caller import PCM24K, Caller
from voicekit_local.demo.script import Moments

ASSISTANT = Path(__file__).parents[3] / "examples" / "assistant" / "assistant.py"

PATIENCE_S = 25.0

CALLS: tuple[dict[str, str], ...] = (
    {
        "What time is it?": r"It is \d{1,2}:\d\d [AP]M\.",
        "What is the date today?": r"It is \w+day, \w+ \d{1,2}, \d{4}\.",
        "Set a timer for two seconds.": r"All right: your timer, in 2 seconds\. It is time: your timer\.",
        "Tell me a joke.": r"I would tell|Why did|Parallel lines",
        "Goodbye.": r"Goodbye!",
    },
    {
        "What is twelve times fourteen?": r"168\.",
        "Convert five miles to kilometers.": r"5 miles are 8\.05 kilometers\.",
        "Roll two dice.": r"[1-6], [1-6], that is \d+ in all\.",
        "Flip a coin.": r"Heads\.|Tails\.",
        "Goodbye.": r"Goodbye!",
    },
    {
        "Take a note that the milk is gone.": r"Noted\.",
        "Read my notes.": r"You have 1: the milk is gone\.",
        "Remind me in two seconds to call my mother.": r"All right: .*mother, in 2 seconds\. It is time: .*mother\.",
        "Who are you?": r"I am a voice assistant",
        "Goodbye.": r"Goodbye!",
    },
)


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The module, made anew, with notes of its own and without a key."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SONIOX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSISTANT_NOTES", str(tmp_path / "notes.txt"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    load_bot(str(ASSISTANT))
    yield sys.modules["assistant"]
    for name in set(sys.modules) - known:
        if name.split(".")[0] in ("assistant", "skills"):
            del sys.modules[name]


@pytest.fixture
def spoken(voice: Any) -> dict[str, bytes]:
    """Every question as sound, in the caller's format."""
    import numpy as np

    sounds = {}
    for question in {question for call in CALLS for question in call}:
        made = voice.speak(question, "joe")
        samples = np.frombuffer(made.pcm, np.int16)
        sounds[question] = soxr.resample(samples, made.rate, PCM24K.rate).astype(np.int16).tobytes()
    return sounds


async def hold(bot: Any, service: SpeechService, questions: dict[str, str], spoken: dict[str, bytes]) -> dict[str, str]:
    """One call: the question in the order given, and what the bot said to each until the next."""
    caller, moments = Caller(), Moments()
    session = Session(handler=bot, source=caller, sink=NullSink(PCM24K), stt=service.transcriber(), tts=service.voice())
    session.watch(moments)
    answers: dict[str, str] = {}

    async def ask() -> None:
        await trio.sleep(0.5)
        for question, wanted in questions.items():
            known = len(moments.finished)
            await caller.speak(spoken[question])
            with trio.move_on_after(PATIENCE_S):
                while not re.match(wanted, " ".join(moments.finished[known:])):
                    await moments.finishing(len(moments.finished), "")
            answers[question] = " ".join(moments.finished[known:])
            await trio.sleep(0.4)
        caller.hang_up()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await session.run()
        answers.setdefault("Goodbye.", moments.finished[-1])
        nursery.cancel_scope.cancel()
    return answers


async def test_every_skill_answers_a_spoken_question(assistant: ModuleType, spoken: dict[str, bytes]) -> None:
    """What a voice asks is recognised and answered by the right skill; timer and reminder speak up by themselves."""
    answers: dict[str, str] = {}

    async def one(service: SpeechService, questions: dict[str, str]) -> None:
        answers.update(await hold(assistant.bot, service, questions, spoken))

    with trio.fail_after(150):
        async with soniox_or_local(lambda line: None) as service, trio.open_nursery() as nursery:
            for questions in CALLS:
                nursery.start_soon(one, service, questions)
    wanted = {question: pattern for call in CALLS for question, pattern in call.items()}
    assert {q: a for q, a in answers.items() if not re.match(wanted[q], a)} == {}
    assert answers.keys() == wanted.keys()
