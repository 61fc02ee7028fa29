"""The example assistant: each of its skills, typed and in virtual time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
import trio

from voicekit.cli.bot import load_bot
from voicekit.testing import Script, hold_call

pytestmark = pytest.mark.slow

ASSISTANT = Path(__file__).parents[2] / "examples" / "assistant"

TYPED = {
    "hello": r"Hello!|Good to hear you\.|Hi there!",
    "What time is it?": r"It is \d{1,2}:\d\d [AP]M\.",
    "what's the date today": r"It is \w+day, \w+ \d{1,2}, \d{4}\.",
    "set a timer for an hour": r"All right: your timer, in 1 hour\.",
    "how long is left": r"There is your timer, in \d+ (seconds|minutes|hour)\.",
    "cancel all timers": r"Cancelled\.",
    "what is twelve times fourteen": r"168\.",
    "ten divided by zero": r"Nothing can be divided by zero\.",
    "how much is twenty percent of fifty": r"10\.",
    "convert five miles to kilometers": r"5 miles are 8\.05 kilometers\.",
    "how many inches are in two feet": r"2 feet are 24 inches\.",
    "twenty degrees celsius in fahrenheit": r"20 degrees celsius are 68 degrees fahrenheit\.",
    "five pounds in miles": r"Pounds can't be turned into miles\.",
    "roll three dice": r"[1-6], [1-6], [1-6], that is \d+ in all\.",
    "flip a coin": r"Heads\.|Tails\.",
    "tell me a joke": r"I would tell|Why did|Parallel lines",
    "read my notes": r"You have no notes\.",
    "take a note that the milk is gone": r"Noted\.",
    "what are my notes": r"You have 1: the milk is gone\.",
    "forget my notes": r"They are gone\.",
    "who are you": r"I am a voice assistant",
    "what can you do": r"I tell the time",
    "why is the sky blue": r"Sorry, I don't know that\.",
    "goodbye": r"Goodbye!",
}

ASKED = """
import sys, voicekit.cli.bot, voicekit.testing
bot = voicekit.cli.bot.load_bot(sys.argv[1])
user = voicekit.testing.Script()
user.says("what is twelve times fourteen", at=1.0, for_=1.5)
user.stays(until=6.0)
model = sys.modules["assistant"].model
said = [exchange.heard for exchange in voicekit.testing.hold_call(bot, user).history]
print(said, model and model.model.name)
"""
"""A program: a sum asked of the assistant in virtual time, and the model that it would ask what no skill knows."""


def without_keys(environ: Mapping[str, str], notes: Path) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.endswith("_API_KEY")}
    return kept | {"ASSISTANT_NOTES": str(notes)}


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The module, made anew, with notes of its own and no model."""
    known = set(sys.modules)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSISTANT_NOTES", str(tmp_path / "notes.txt"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    load_bot(str(ASSISTANT / "assistant.py"))
    yield sys.modules["assistant"]
    for name in set(sys.modules) - known:
        if name.split(".")[0] in ("assistant", "skills"):
            del sys.modules[name]


@pytest.mark.real
def test_every_skill_answers_what_is_typed(tmp_path: Path) -> None:
    """`voicekit chat` with the assistant answers a question for each skill, and ends with goodbye."""
    done = subprocess.run(
        [sys.executable, "-m", "voicekit", "chat", str(ASSISTANT / "assistant.py")],
        input="".join(f"{line}\n" for line in TYPED),
        env=without_keys(os.environ, tmp_path / "notes.txt"),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answers = [line.removeprefix("bot> ") for line in done.stdout.splitlines() if line.startswith("bot> ")]
    assert len(answers) == len(TYPED)
    for (line, wanted), answer in zip(TYPED.items(), answers, strict=True):
        assert re.match(wanted, answer), (line, answer)


@pytest.mark.parametrize(
    ("keys", "blocked", "model"),
    [
        (["OPENAI_API_KEY"], "", "gpt-5-mini"),
        (["OPENAI_API_KEY"], "openai", None),
        (["OPENAI_API_KEY", "ANTHROPIC_API_KEY"], "openai", "claude-haiku-4-5"),
    ],
)
def test_it_asks_a_model_that_is_installed_and_has_a_key(tmp_path, keys, blocked, model) -> None:
    """A key whose plugin is missing takes nothing away: every skill works, and another model with a key is asked."""
    notes = tmp_path / "notes.txt"
    done = subprocess.run(
        [sys.executable, "-c", ASKED, str(ASSISTANT / "assistant.py")],
        env=without_keys(os.environ, notes) | dict.fromkeys(keys, "a-key") | {"VOICEKIT_BLOCK": blocked},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"['168.'] {model}\n", "")


def test_timers_and_reminders_speak_up(assistant: ModuleType) -> None:
    """A timer and a reminder are spoken when they are due, and one that was cancelled is not."""
    user = Script()
    user.says("set a timer for ten seconds", at=1.0, for_=1.5)
    user.says("remind me in twenty seconds to call Ann", at=6.0, for_=2.0)
    user.stays(until=40.0)
    said = [exchange.heard for exchange in hold_call(assistant.bot, user).history]
    assert said == [
        "All right: your timer, in 10 seconds.",
        "All right: call Ann, in 20 seconds.",
        "It is time: your timer.",
        "It is time: call Ann.",
    ]
    cancelled = Script()
    cancelled.says("set a timer for ten seconds", at=1.0, for_=1.5)
    cancelled.says("cancel the timer", at=6.0, for_=1.0)
    cancelled.stays(until=30.0)
    said = [exchange.heard for exchange in hold_call(assistant.bot, cancelled).history]
    assert said == ["All right: your timer, in 10 seconds.", "Cancelled."]


@pytest.mark.parametrize(("seconds", "said"), [(0.5, "It is blue."), (3.0, "Let me think. It is blue.")])
def test_it_says_that_it_thinks_only_when_that_takes_long(assistant: ModuleType, seconds: float, said: str) -> None:
    """With a model, a slow answer is excused and a quick one is not."""

    async def model(turn, say):
        await trio.sleep(seconds)
        await say("It is blue.")

    assistant.model = model
    user = Script()
    user.says("why is the sky blue", at=1.0, for_=1.0)
    user.stays(until=12.0)
    assert [exchange.heard for exchange in hold_call(assistant.bot, user).history] == [said]


def test_it_is_small() -> None:
    """All of its Python together is under two hundred lines."""
    files = sorted(ASSISTANT.rglob("*.py"))
    assert len(files) == 7
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) < 200
