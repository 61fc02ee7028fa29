"""Every example runs as a program of its own, and says what it should.

07_keys_for_browsers.py is in test_rest_example, 14_asyncio_agent.py in test_aio_agents, 15_in_a_fastapi_app.py in
test_aio_fastapi, 13_your_own_web_app.py in plugins/voicekit-browser/tests/test_own_app.py; 08_phone_line.py,
09_opening_hours.py, 10_reminder.py and 11_transfer.py hold their calls in tests/pipeline/test_phone_examples.py, over
the scripted carrier.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from voicekit.testing.llm import AnswerCalls, ModelServer, ScriptedAnswer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SPEECH = sorted((ROOT / "tests" / "data" / "speech").glob("*.flac"))


def run(*arguments: str | Path, typed: str = "", **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_example_has_a_test():
    """No example is left untried."""
    tried = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.glob("*.py") if path.name not in tried] == []


def test_hello_answers_in_the_console():
    """01_hello.py holds a typed conversation, as a program and through `voicekit chat`."""
    expected = "you> hello\nbot> You said: hello\nyou> bye\nbot> You said: bye\nbot> Goodbye!\n"
    assert run(EXAMPLES / "01_hello.py", typed="hello\nbye\nnot read any more\n") == expected
    assert run("-m", "voicekit", "chat", EXAMPLES / "01_hello.py", typed="hello\nbye\n") == expected


def test_the_virtual_call_shows_what_was_heard():
    """02_virtual_call.py prints both turns, the first one cut where the caller interrupted."""
    lines = run(EXAMPLES / "02_virtual_call.py").splitlines()
    assert lines[0] == "user: good morning"
    assert lines[1].startswith(" bot: I heard: good morning.")
    assert lines[1].endswith(" ...")
    assert lines[2] == "user: stop please"


def test_speech_is_found_in_a_recording():
    """03_when_is_speech.py finds speech in a real recording, starts and stops in turn."""
    lines = run(EXAMPLES / "03_when_is_speech.py", SPEECH[0]).splitlines()
    kinds = [line.split()[-1] for line in lines]
    assert kinds
    assert kinds == ["SpeechStarted", "SpeechStopped"] * (len(kinds) // 2)


def test_the_rules_bot_holds_a_dialogue():
    """04_rules.py varies, fills slots, asks, asks again and ends the call, as a program and through `voicekit chat`."""
    typed = (
        "Hello!\nset a timer for an hour and a half\nI'd like to book a table\nMonday\non friday, please\nwhy\nbye\nx\n"
    )
    answers = [
        "Good to hear you.",
        "That is 5400 seconds from now.",
        "On which day?",
        "Friday or Saturday?",
        "A table on Friday. Thank you!",
        "Sorry, I can book a table and set a timer.",
        "Goodbye!",
    ]
    for arguments in ([EXAMPLES / "04_rules.py"], ["-m", "voicekit", "chat", EXAMPLES / "04_rules.py"]):
        lines = run(*arguments, typed=typed).splitlines()
        assert [line.removeprefix("bot> ") for line in lines if line.startswith("bot> ")] == answers


def test_the_asterisk_line_answers_without_an_asterisk():
    """12_asterisk.py answers in the console; a real Asterisk calls it in voicekit-asterisk's test_real_docs.py."""
    printed = run(EXAMPLES / "12_asterisk.py", typed="the workshop please\nyour hours\nbye\n")
    assert "bot> The workshop has extension 201." in printed
    assert "bot> We are open from nine to five, Monday to Friday." in printed
    assert printed.endswith("bot> Goodbye!\n")


async def test_the_model_bot_calls_its_tool():
    """06_language_model.py says in the console what a model says, which has been told what the bot's tool found."""
    calls = AnswerCalls("free_tables", {"day": "Friday", "people": 2})
    server = ModelServer(ScriptedAnswer("Let me see.", calls), "At half past six, or at eight.")
    typed = "a table for two on friday\n"
    async with server.serve() as url:
        service = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "none"}
        printed = await trio.to_thread.run_sync(partial(run, EXAMPLES / "06_language_model.py", typed=typed, **service))
    assert printed == f"you> {typed}bot> Let me see. At half past six, or at eight.\n"
    assert "20:00" in str(server.asked[1].body)


@pytest.mark.parametrize("example", ["04_rules.py", "06_language_model.py"])
def test_a_bot_is_small(example: str):
    """A bot of rules, and one of a model, has at most fifteen lines of code, its docstring apart."""
    tree = ast.parse((EXAMPLES / example).read_text(encoding="utf-8"))
    code = ast.unparse(ast.Module(tree.body[1:], [])).splitlines()
    assert 5 < len([line for line in code if line.strip()]) <= 15


def test_turns_are_taken_as_the_policy_says():
    """05_turn_taking.py prints a timeline for each scene: the number is whole, an "mhm" stops nobody, "stop" does."""
    pause, mhm, stop = run(EXAMPLES / "05_turn_taking.py").strip().split("\n\n")
    assert 'reply 1 to "my number is five five one two"' in pause
    assert 'reply 1 was played, heard "Thank you. I have 5 5 1 2."' in pause
    assert "reply 2" not in pause
    assert "release 1 (only backchannels)" in mhm
    assert 'reply 1 was played, heard "We have black tea, green tea, white tea, and a tea' in mhm
    assert "cut 1 (stop-word 'stop')" in stop
    assert 'reply 1 was cut, heard "We have black tea, green"' in stop
