"""The commands that README and docs/latency.md give work as they stand, on the file that the page has just shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.house.markdown import read
from voicekit.soniox.api.region import KEY_VARIABLE, URL_VARIABLES
from voicekit.testing import Script
from voicekit.testing.soniox import SonioxPeer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LATENCY = (ROOT / "docs" / "latency.md").read_text(encoding="utf-8")

ELSEWHERE = {
    "voicekit demo": "plugins/voicekit-local/tests/test_demo.py",
    "voicekit trace voicekit-demo": "tests/unit/test_trace_drawing.py",
    "voicekit local-server": "plugins/voicekit-local/tests/server/test_command.py",
    "voicekit talk": "plugins/voicekit-device/tests/test_over_a_card.py",
    "voicekit talk --browser": "plugins/voicekit-browser/tests/test_command.py",
    "voicekit talk bot.py": "plugins/voicekit-device/tests/test_over_a_card.py",
    "voicekit devices": "plugins/voicekit-device/tests/test_over_a_card.py",
    "voicekit trace FOLDER": "tests/unit/test_trace_drawing.py",
    "voicekit init mybot": "tests/e2e/test_init.py",
    "voicekit init NAME --plugin": "tests/e2e/test_init.py",
    "voicekit doctor": "tests/unit/test_cli_words.py",
    "voicekit serve": "plugins/voicekit-serve/tests/test_command.py",
    "voicekit scenes": "plugins/voicekit-scenes/tests/test_held.py",
}
"""Commands that need more than a bot's file, and the tests in which they run."""


def asker() -> Script:
    """A caller with two questions."""
    script = Script()
    script.says("good morning everybody", at=0.3, for_=1.2)
    script.says("what is the time", at=6.5, for_=1.2)
    script.stays(until=9.5)
    return script


def commands() -> list[str]:
    """The commands in README's sentences, one for each, in their order, and then those of docs/latency.md."""
    found = re.findall(r"`(voicekit [a-z][^`]*)`", " ".join(README.split()))
    shown = re.findall(r"^(voicekit [^#\n]*)", LATENCY, re.MULTILINE)
    return [each for each in dict.fromkeys(line.strip() for line in (*found, *shown)) if each not in ELSEWHERE]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """README's first bot, saved as bot.py, and the recording of a caller."""
    import numpy
    import soundfile

    [bot] = [each.text for each in read(README).blocks if (each.mark, each.name) == ("example", "bot")]
    (tmp_path / "bot.py").write_text(bot, encoding="utf-8")
    pcm = asker().pcm(0, round(asker().until * 16_000), 16_000)
    soundfile.write(tmp_path / "caller.wav", numpy.frombuffer(pcm, "<i2"), 16_000)
    return tmp_path


async def test_the_command_of_the_page_about_commands_works(folder):
    """On the bot that the page has shown, in place of README's; the file's policy and greeting are taken."""
    blocks = read((ROOT / "docs" / "commands.md").read_text(encoding="utf-8")).blocks
    [bot] = [each.text for each in blocks if (each.mark, each.name) == ("example", "bot")]
    [command] = [each.text for each in blocks if each.mark == "command"]
    (folder / "bot.py").write_text(bot, encoding="utf-8")
    async with SonioxPeer(asker()).serve() as endpoints:
        addresses = {variable: getattr(endpoints, name) for name, variable in URL_VARIABLES.items()}
        env = {**os.environ, **addresses, KEY_VARIABLE: "not-a-key"}
        with trio.fail_after(60):
            done = await trio.run_process(
                [sys.executable, "-m", *command.split()], cwd=folder, env=env, capture_stdout=True, capture_stderr=True
            )
    assert done.stderr == b"voicekit: bot.py: policy, greeting, language and bot\n"
    assert b"bot  Good" in done.stdout
    assert b"bot  You said: good morning everybody" in done.stdout


async def test_each_command_works_as_it_stands(folder):
    """One after the other in one folder, as a reader types them: each ends with status 0."""
    assert len(commands()) >= 7
    async with SonioxPeer(asker()).serve() as endpoints:
        addresses = {variable: getattr(endpoints, name) for name, variable in URL_VARIABLES.items()}
        env = {**os.environ, **addresses, KEY_VARIABLE: "not-a-key"}
        for command in commands():
            words = [sys.executable, "-m", *command.split()]
            typed = b"hello\nbye\n" if "chat" in command else b""
            with trio.fail_after(60):
                done = await trio.run_process(
                    words, cwd=folder, env=env, stdin=typed, check=False, capture_stdout=True, capture_stderr=True
                )
            assert done.returncode == 0, (command, done.stderr.decode())
            assert b"Traceback" not in done.stderr
    for made in ("answer.wav", "call/call.wav", "turn.svg"):
        assert (folder / made).stat().st_size > 500


def test_the_first_bot_can_be_typed_to_by_itself_and_by_the_command(folder):
    """The file as it was pasted: run as a program, and with the command that the next sentence gives."""
    expected = "you> hello\nbot> You said: hello\nyou> bye\nbot> You said: bye\nbot> Goodbye!\n"
    for command in (["bot.py"], ["-m", "voicekit", "chat", "bot.py"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", *command], input="hello\nbye\n", cwd=folder, env=dict(os.environ),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)


def test_what_is_tested_elsewhere_is_named_there():
    """A command that is left out here stands in the test that is said to run it."""
    for command, test in ELSEWHERE.items():
        there = f"{command.split()[1]}" in (ROOT / test).read_text(encoding="utf-8")
        assert there, command
