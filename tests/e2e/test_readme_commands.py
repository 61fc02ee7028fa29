"""README, pasted command by command into an empty folder, works, with a key and without; so does docs/latency.md.

Installing is the business of `.ci/run` and of tests/e2e/test_fresh_install.py: here the commands are installed already.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.house.markdown import Block, read
from voicekit.soniox.api.region import KEY_VARIABLE, URL_VARIABLES
from voicekit.testing import Script
from voicekit.testing.soniox import SonioxPeer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LATENCY = (ROOT / "docs" / "latency.md").read_text(encoding="utf-8")

ELSEWHERE = {
    "voicekit serve": "plugins/voicekit-serve/tests/test_command.py",
    "voicekit demo": "plugins/voicekit-local/tests/test_demo.py",
    "voicekit trace FOLDER": "tests/unit/test_trace_drawing.py",
}
"""Commands that README's sentences only name, and the tests in which they run."""


def asker() -> Script:
    """A caller with two questions."""
    script = Script()
    script.says("good morning everybody", at=0.3, for_=1.2)
    script.says("what is the time", at=6.5, for_=1.2)
    script.stays(until=9.5)
    return script


def blocks(mark: str) -> list[Block]:
    return [block for block in read(README).blocks if block.mark == mark]


def named() -> list[str]:
    """The commands in README's sentences and tables."""
    return list(dict.fromkeys(re.findall(r"`(voicekit [a-z][^`]*)`", " ".join(README.split()))))


def shown() -> list[str]:
    """The commands of docs/latency.md."""
    return [line.strip() for line in re.findall(r"^(voicekit [^#\n]*)", LATENCY, re.MULTILINE)]


def pasted() -> list[str]:
    """README's commands that hold calls or tests, in their order, without those that install."""
    lines = [line for block in blocks("commands") for line in block.text.splitlines()]
    return [line for line in lines if not line.startswith("pip install")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """README's files, and nothing else."""
    for block in blocks("file"):
        (tmp_path / f"{block.name}.py").write_text(block.text, encoding="utf-8")
    return tmp_path


def record_demo(folder: Path) -> None:
    """The recording that the demo leaves: the caller left, and a silent bot right."""
    import numpy
    import soundfile

    caller = numpy.frombuffer(asker().pcm(0, round(asker().until * 16_000), 16_000), "<i2")
    (folder / "voicekit-demo").mkdir()
    soundfile.write(folder / "voicekit-demo" / "call.wav", numpy.stack([caller, 0 * caller], axis=1), 16_000)


async def paste(folder: Path, line: str, **variables: str) -> str:
    """What one line prints, typed into a shell in which voicekit is installed; it ends with status 0."""
    words = [*(["-m"] if (first := line.split()[0]) != "python" else []), *line.removeprefix("python ").split()]
    assert first in {"python", "voicekit", "pytest"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SONIOX_", "VOICEKIT_"))}
    typed = b"hello\nbye\n" if "chat" in line else b""
    with trio.fail_after(300):
        done = await trio.run_process(
            [sys.executable, *words],
            cwd=folder, env={**environment, **variables}, stdin=typed, check=False,
            capture_stdout=True, capture_stderr=True,
        )  # fmt: skip
    assert done.returncode == 0, (line, done.stdout.decode(), done.stderr.decode())
    assert b"Traceback" not in done.stderr
    return done.stdout.decode()


def check_the_pasted(folder: Path, printed: dict[str, str], *words: str) -> None:
    """What README's commands left behind: the typed conversation, and a spoken call in which the bot answered."""
    assert printed["voicekit chat bot.py"].endswith("bot> You said: bye\nbot> Goodbye!\n")
    spoken = printed["voicekit run bot.py --source file:caller.wav --record call"].lower()
    assert "bot  you said: " in spoken
    assert all(word in spoken for word in words), spoken
    assert "together" in printed["voicekit trace call"]
    assert "1 passed" in printed["pytest test_bot.py"]
    for made in ("bot.wav", "caller.wav", "call/call.wav"):
        assert (folder / made).stat().st_size > 10_000


@pytest.mark.slow
async def test_readme_works_with_a_key(folder):
    """Each line in its order, against a service that understands the caller of the demo's recording."""
    record_demo(folder)
    async with SonioxPeer(asker()).serve() as endpoints:
        addresses = {variable: getattr(endpoints, name) for name, variable in URL_VARIABLES.items()}
        printed = {line: await paste(folder, line, **addresses, **{KEY_VARIABLE: "not-a-key"}) for line in pasted()}
        for command in shown():
            await paste(folder, command)
    check_the_pasted(
        folder, printed, "morning everybody"
    )  # the copy on the left channel differs slightly from the original
    assert (folder / "turn.svg").stat().st_size > 500


@pytest.mark.real
async def test_readme_works_without_a_key(folder):
    """Each line in its order, from the demo on, with the local server: the caller of the demo calls README's bot."""
    [demo] = [block.text.split("&&")[-1].strip().removeprefix(".venv/bin/") for block in blocks("run")]
    printed = {line: await paste(folder, line) for line in (demo, *pasted())}
    assert "answered 5 times" in printed["voicekit demo"]
    check_the_pasted(folder, printed, "bye")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["voicekit talk --browser bot.py", "voicekit serve bot.py"])
def test_readmes_servers_come_up(folder, command):
    """The lines for the browser and for the telephone listen, and end at Ctrl-C; the system chooses the port."""
    [line] = [line for line in README.splitlines() if command in line and "`" not in line]
    variables = dict(re.findall(r"([A-Z_]+)=(\S+) ", line))
    words = [*line[line.index("voicekit ") :].split(), "--port", "0", *(["--no-open"] if "talk" in command else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=folder, env={**os.environ, **variables, KEY_VARIABLE: "not-a-key"},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert any("http" in line for line in iter(process.stderr.readline, ""))
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in process.communicate(timeout=60)[1]
        assert process.returncode in {0, 130}
    finally:
        process.kill()
        process.communicate()


def test_what_readme_installs_is_there():
    """Each line that installs from the checkout names folders with a package in them."""
    found = [word for block in read(README).blocks if block.language == "sh" for word in block.text.split()]
    folders = [word for word in found if word.startswith("./plugins/")]
    assert len(folders) >= 5
    assert all((ROOT / folder / "pyproject.toml").exists() for folder in folders)


def test_readme_is_short():
    """At most 150 lines: the rest is in docs."""
    assert len(README.splitlines()) <= 150


async def test_the_command_of_the_page_about_commands_works(folder):
    """On the bot that the page has shown, in place of README's; the file's policy and greeting are taken."""
    import numpy
    import soundfile

    blocks = read((ROOT / "docs" / "commands.md").read_text(encoding="utf-8")).blocks
    [bot] = [each.text for each in blocks if (each.mark, each.name) == ("example", "bot")]
    [command] = [each.text for each in blocks if each.mark == "command"]
    (folder / "bot.py").write_text(bot, encoding="utf-8")
    pcm = numpy.frombuffer(asker().pcm(0, round(asker().until * 16_000), 16_000), "<i2")
    soundfile.write(folder / "caller.wav", pcm, 16_000)
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


def test_what_is_tested_elsewhere_is_named_there():
    """A command that is only named is one that is pasted as well, or it stands in the test that is said to run it."""
    for command in named():
        assert command in ELSEWHERE or any(command in line for line in README.splitlines() if "`" not in line), command
    for command, test in ELSEWHERE.items():
        assert command.split()[1] in (ROOT / test).read_text(encoding="utf-8"), command
