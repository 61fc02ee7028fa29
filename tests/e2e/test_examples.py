"""Every example runs as a program of its own, and says what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SPEECH = sorted((ROOT / "tests" / "data" / "speech").glob("*.flac"))


def run(*arguments: str | Path, typed: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
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
