"""`voicekit local-server` as a process, on engines without models: what it prints, when it ends, how it fails."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from typing import Any

import pytest
import trio

from voicekit.cli import main
from voicekit.errors import ConfigError
from voicekit.soniox.local import local_server
from voicekit_local import command

ENOUGH = 30.0
PROGRAM = """
import sys, time
from voicekit_local import command
from voicekit_local.engines.choose import Chosen
from voicekit_local.fakes import FakeAligner, FakeRecogniser, FakeTts

class Slow(FakeTts):
    def load(self, progress):
        for percent in range(0, 100, 20):
            progress("tuning", percent / 100)
            time.sleep({pause})

command.choose_recogniser = lambda: Chosen(FakeRecogniser(), "recogniser: counting")
command.choose_aligner = lambda: Chosen(FakeAligner(), "times: evenly")
command.choose_voice = lambda aligner: Chosen(Slow(), "voice: humming")

from voicekit.cli import main
sys.exit(main(["local-server", *sys.argv[1:]]))
"""


def program(*options: str, pause: float = 0.0) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(pause=pause), *options]


async def say_until(stream: trio.abc.ReceiveStream, part: bytes) -> bytes:
    """What comes up to `part`."""
    said = b""
    with trio.fail_after(ENOUGH):
        while part not in said:
            block = await stream.receive_some()
            assert block, said
            said += block
    return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_how_to_use_it_and_ends_when_asked(number: signal.Signals) -> None:
    """It prints the engines, the key and the addresses in lines for a shell; a signal ends it without a traceback."""
    process = await trio.lowlevel.open_process(program("--key", "sesame"), stdout=-1, stderr=-1)
    assert process.stdout is not None
    assert process.stderr is not None
    said = (await say_until(process.stdout, b"Ctrl-C")).decode()
    port = re.search(r"export SONIOX_API_BASE_URL=http://127.0.0.1:(\d+)\n", said)
    assert port is not None
    assert "export SONIOX_API_KEY=sesame\n" in said
    assert f"export SONIOX_WS_URL=ws://127.0.0.1:{port[1]}/transcribe-websocket\n" in said
    assert f"export SONIOX_TTS_WS_URL=ws://127.0.0.1:{port[1]}/tts-websocket\n" in said
    os.kill(process.pid, number)
    with trio.fail_after(ENOUGH):
        status = await process.wait()
        told = b""
        while block := await process.stderr.receive_some():
            told += block
    await process.stdout.aclose()
    await process.stderr.aclose()
    assert told.decode().splitlines() == ["recogniser: counting", "times: evenly", "voice: humming"]
    assert status == (130 if number is signal.SIGINT else -signal.SIGTERM)


async def test_embedded_it_tells_of_slow_loading_and_ends_with_its_input() -> None:
    """A program hears what takes so long, then where the server is; the server's key is new each time."""
    told: list[str] = []
    keys = []
    for pause in (0.0, 0.4):
        with trio.fail_after(ENOUGH):
            async with local_server(program("--embedded", pause=pause), told.append) as service:
                keys.append(service.key)
    steps = [line for line in told if line.startswith("tuning")]
    assert steps[-2:] == ["tuning 80 %", "tuning 100 %"]
    assert len(steps) <= 5  # nothing is reported in the first second, or if loading is quick
    assert len(set(keys)) == 2
    assert all(len(key) > 20 for key in keys)


async def test_a_server_that_is_left_while_it_loads_ends_at_once() -> None:
    """Nobody waits for engines that nobody wants any more."""
    process = await trio.lowlevel.open_process(program("--embedded", pause=60.0), stdin=-1, stdout=-1, stderr=-1)
    assert process.stdin is not None
    assert process.stderr is not None
    assert process.stdout is not None
    await trio.sleep(1.0)
    await process.stdin.aclose()
    with trio.fail_after(ENOUGH):
        assert await process.wait() == 0
    await process.stderr.aclose()
    await process.stdout.aclose()


async def test_a_port_that_is_taken_is_told() -> None:
    """A port that somebody else has is one sentence, with exit status 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1: .*in use"):
            async with local_server(program("--embedded", "--port", str(port)), lambda line: None):
                pytest.fail("there is no server")


async def test_only_the_port_s_own_errors_are_told_as_the_port_s() -> None:
    """What goes wrong later is shown as what it is."""
    nobody = "def fail(greeting, *, embedded):\n    raise OSError('nobody listens')\n\n\ncommand._announce = fail\n"
    broken = PROGRAM.format(pause=0).replace("from voicekit.cli", f"{nobody}\nfrom voicekit.cli")
    with pytest.raises(ConfigError, match="OSError: nobody listens"):
        async with local_server([sys.executable, "-c", broken, "--embedded"], lambda line: None):
            pytest.fail("there is no server")


async def test_a_key_that_no_header_can_carry_is_refused() -> None:
    """A key with a blank in it could never be sent."""
    with pytest.raises(ConfigError, match="Soniox key: expected printable characters"):
        async with local_server(program("--embedded", "--key", "two words"), lambda line: None):
            pytest.fail("there is no server")


async def test_a_missing_engine_is_one_sentence() -> None:
    """The program that wanted the server gets the server's own words."""
    broken = PROGRAM.format(pause=0).replace("command.choose_aligner =", "command.choose_aligner = choose_none #")
    nothing = "def choose_none():\n    raise ConfigError('install more')\n\n"
    broken = f"from voicekit.errors import ConfigError\n\n{nothing}{broken}"
    with pytest.raises(ConfigError, match=r"^install more$"):
        async with local_server([sys.executable, "-c", broken, "--embedded"], lambda line: None):
            pytest.fail("there is no server")


async def test_an_engine_that_breaks_while_loading_ends_the_server() -> None:
    """What an engine raises is shown, and the program that waits is told."""
    broken = PROGRAM.format(pause=0).replace('progress("tuning", percent / 100)', 'raise OSError("no such model")')
    with pytest.raises(ConfigError, match="OSError: no such model"):
        async with local_server([sys.executable, "-c", broken, "--embedded"], lambda line: None):
            pytest.fail("there is no server")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the progress is one line that changes; elsewhere it is a line for each step."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    show: Any = command._show()
    show("preparing", 0.5)
    show("preparing", 1.0)
    bar = capsys.readouterr().err
    assert bar.endswith("[" + "#" * 30 + "] 100 % preparing\n")
    assert bar.count("\n") == 1


def test_the_command_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """`voicekit local-server --help` says what it does, through the plugin."""
    with pytest.raises(SystemExit) as ended:
        main(["local-server", "--help"])
    assert ended.value.code == 0
    assert "--legacy-key" in capsys.readouterr().out
