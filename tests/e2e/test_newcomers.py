"""What a newcomer does wrong: at most three lines on the standard error, and the right status, wherever it is typed."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from voicekit.soniox.api.region import KEY_VARIABLE

PATIENCE_S = 120

FILES = {
    "letters.py": 'async def bot(turn, say): await say("Zażółć gęślą")\n',
    "syntax.py": "async def bot(turn, say:\n    pass\n",
    "absent.py": "import no_such_package_anywhere\n\n\ndef bot(turn): ...\n",
    "raising.py": "def setting():\n    return {}['Zażółć']\n\n\nsetting()\n",
    "nobody.py": "hello = 1\n",
    "unguarded.py": "import trio, voicekit\n\n\ndef bot(turn): ...\n\n\ntrio.run(voicekit.run, bot)\n",
    "strict.py": "policy = 'strict'\n\n\ndef bot(turn): ...\n",
    "stranger.py": "tts = 'nobody'\n\n\ndef bot(turn): return 'hi'\n",
    "failing.py": "def bot(turn):\n    raise KeyError('Zażółć')\n",
    "rules.toml": "[[rule]]\nphrase = 'hi'\n",
    "ruled.py": "from voicekit.rules import Rules\n\nbot = Rules.load('rules.toml')\n",
    "call, 3 May.wav": "no sound",
    "empty.wav": "",
    "note.txt": "a note",
}

SILENCE = ["--source", "silence,duration=0.2"]
QUIET = ["--stt", "none", "--vad", "none", "--tts", "quiet"]


@dataclass(frozen=True)
class Case:
    """What was typed after `voicekit`, how it ends, and what its last line on the standard error has in it."""

    arguments: list[str]
    status: int
    told: str
    typed: str = ""


CASES = [
    Case(["caht"], 2, "there is no command 'caht' (did you mean 'chat'?)"),
    Case(["chat"], 2, "the following arguments are required: BOT"),
    Case(["run", "letters.py"], 2, "the following arguments are required: --source"),
    Case(["run", "letters.py", "--sorce", "silence"], 2, "--sorce"),
    Case(["run", "letters.py", "--source"], 2, "argument --source: expected one argument"),
    Case(["chat", "letter.py"], 2, "got 'letter.py', which is not a file"),
    Case(["chat", "syntax.py"], 2, "syntax.py:1: SyntaxError"),
    Case(["chat", "absent.py"], 2, "No module named 'no_such_package_anywhere' (absent.py:1)"),
    Case(["chat", "raising.py"], 2, "(raising.py:2 < raising.py:5)"),
    Case(["chat", "nobody.py"], 2, "expected a handler called handler, bot or answer, found none"),
    Case(["chat", "unguarded.py"], 2, 'put trio.run(...) under if __name__ == "__main__":'),
    Case(["chat", "strict.py"], 2, "policy: expected a Policy, got 'strict'"),
    Case(["chat", "note.txt"], 2, "expected a Python file with a bot, got 'note.txt'"),
    Case(["chat", "ruled.py"], 2, "unknown key 'phrase' (did you mean 'phrases'?)"),
    Case(["chat", "no-such-handler"], 2, "expected a bot's Python file or a handler's name"),
    Case(["run", "letters.py", "--source", "silence:8000"], 2, "format can't be set here"),
    Case(["run", "letters.py", "--source", "silence,duration=long"], 2, "duration: expected a number, got 'long'"),
    Case(["run", "letters.py", "--source", "silence,duration=nan"], 2, "duration: expected a number, got 'nan'"),
    Case(["run", "letters.py", "--source", "silence,lenght=2"], 2, "unknown option 'lenght'"),
    Case(["run", "letters.py", "--source", "silence,duration"], 2, "expected option=value, got 'duration'"),
    Case(["run", "letters.py", *SILENCE, "--sink", "null:x"], 2, "format can't be set here"),
    Case(["run", "letters.py", *SILENCE, "--sink", "file:x.mp3"], 2, "expected a name that ends in one of .wav"),
    Case(["run", "letters.py", *SILENCE, "--sink", "file:nowhere/x.wav"], 2, "can't be written: No such file"),
    Case(["run", "letters.py", "--source", "file:call, 3 May.wav"], 2, "call, 3 May.wav: expected WAV"),
    Case(["run", "letters.py", "--source", "file:empty.wav"], 2, "got an empty file"),
    Case(["run", "letters.py", "--source", "call.wav"], 2, "for a sound file, write file:call.wav"),
    Case(["run", "letters.py", "--source", "microfone"], 2, "no source is called 'microfone'"),
    Case(["run", "letters.py", *SILENCE, "--vad", "webrtc:mode=nine"], 2, "mode: expected a"),
    Case(["run", "letters.py", *SILENCE, "--vad", "webrtc:mode=9"], 2, "9"),
    Case(
        ["run", "letters.py", *SILENCE, "--tts", "soniox:voise=Maya"], 2, "unknown option 'voise' (did you mean 'voice'"
    ),
    Case(["run", "letters.py", *SILENCE, "--tts", "soniox:speed=9"], 2, "speed"),
    Case(["run", "letters.py", *SILENCE, "--policy", "turn.setle=1"], 2, "did you mean 'turn.settle'?"),
    Case(
        ["run", "letters.py", *SILENCE, "--policy", "turn.settle=soon"], 2, "turn.settle: expected a number, got 'soon'"
    ),
    Case(["run", "letters.py", *SILENCE, "--policy", "turn.settle=-1"], 2, "TurnPolicy.settle: expected"),
    Case(["run", "letters.py", *SILENCE, "--policy", "settle"], 2, "expected FIELD=VALUE such as turn.settle=1.2"),
    Case(["run", "stranger.py", *SILENCE], 2, "no tts is called 'nobody'"),
    Case(["run", "letters.py", *SILENCE, *QUIET, "--keep", "7"], 2, "--keep needs --record FOLDER"),
    Case(["run", "letters.py", *SILENCE, *QUIET, "--record", "note.txt/call"], 2, "can't be written"),
    Case(["run", "letters.py", *SILENCE, *QUIET, "--record", "kept", "--keep", "0"], 2, "number of days above 0"),
    Case(["speak", "hello", "-o", "x.doc"], 2, "expected a name that ends in one of .wav"),
    Case(["speak", "hello"], 2, "the following arguments are required: -o/--output"),
    Case(["transcribe"], 2, "the following arguments are required: FILE|URL"),
    Case(["usage", "yesterday"], 2, "expected a day such as 2026-01-31, got 'yesterday'"),
    Case(["trace", "nowhere"], 2, "nowhere"),
    Case(["init", "My Bot"], 2, "expected a lower-case letter"),
    Case(["plugins", "--jsn"], 2, "--jsn"),
    Case(["key", "video"], 2, "invalid choice: 'video'"),
    Case(["chat", "letters.py"], 0, "", typed="hello\n"),
    Case(["chat", "failing.py"], -1, "Za", typed="hello\n"),
]
"""Each wrong use, and at last two calls that are held: one with letters that few consoles have, one that fails."""

DRIVER = """
import json, os, sys
from voicekit.cli import main
for number, (arguments, typed) in enumerate(json.load(open("cases.json", encoding="utf-8"))):
    with open("typed.txt", "w", encoding="utf-8") as file: file.write(typed)
    os.dup2(os.open("typed.txt", os.O_RDONLY), 0)
    try: status = main(arguments)
    except SystemExit as error: status = error.code
    sys.stdout.flush()
    os.write(2, f"=== {number} {status}\\n".encode())
"""


def in_a_pipe(folder: Path, encoding: str) -> str:
    """What the driver wrote to the standard error, of which the reader is no terminal."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=folder,
        env=around(encoding),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.decode(encoding, "replace")


def in_a_terminal(folder: Path, encoding: str) -> str:
    """The same, with a pseudo-terminal for both outputs; what went to the standard output is there too."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER], cwd=folder, env=around(encoding), stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while block := os.read(ours, 65536):
                said += block
        except OSError:  # Linux reports in this way that the other end is closed
            pass
        assert process.wait(PATIENCE_S) == 0, said
    os.close(ours)
    return said.decode(encoding, "replace").replace("\r\n", "\n")


def around(encoding: str) -> dict[str, str]:
    """The environment, with a code page and a key, so that no server is started for what is found before."""
    return {
        **os.environ,
        "PYTHONIOENCODING": encoding,
        KEY_VARIABLE: "not-used",
        "SONIOX_API_BASE_URL": "http://127.0.0.1:9",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    cases: list[Any] = [(case.arguments, case.typed) for case in CASES]
    (tmp_path / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("held", [in_a_pipe, in_a_terminal], ids=["pipe", "terminal"])
def test_each_wrong_use_is_at_most_three_lines_and_the_right_status(
    folder: Path, held: Callable[[Path, str], str], encoding: str
) -> None:
    """The last line says what was wrong and what to do, in whatever letters the console has."""
    _, *found = re.split(r"=== (\d+) (\S+)\n", "=== 0 0\n" + held(folder, encoding))
    statuses, lines = found[4::3], found[2:-1:3]
    wrong = []
    for case, status, text in zip(CASES, statuses, lines, strict=True):
        told = text.splitlines()
        fits = int(status) in ((0, 1) if case.status < 0 else (case.status,))
        if len(told) > 3 or not fits or case.told not in ([*told, ""][-1 if not told else -2]) or "Traceback" in text:
            wrong.append((case.arguments, status, told))
    assert wrong == []
