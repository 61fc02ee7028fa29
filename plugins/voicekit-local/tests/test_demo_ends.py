"""How `voicekit demo` ends when it does not end by itself: processes of their own, with a scripted service."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import trio

from tests.machine import Machine
from voicekit.cli.terminal import CLEAR
from voicekit.errors import ConfigError
from voicekit.session.eventlog import log_lines
from voicekit.soniox.api.region import KEY_VARIABLE, URL_VARIABLES
from voicekit.testing import Script
from voicekit.testing.soniox import SonioxPeer
from voicekit_local.demo import command
from voicekit_local.demo.bot import GREETING
from voicekit_local.demo.caller import PCM24K
from voicekit_local.demo.script import lines

pytestmark = pytest.mark.slow

PATIENCE_S = 240
"""For some seconds of a call, on a machine that has much else to do."""

LATE_S = 0.03
"""A machine that is later than this does not keep time."""
FRAME = 480

ALL_THREE = "both sides in call.wav, what happened in events.jsonl, who said what in history.json."

During = Callable[[trio.Process], Awaitable[None]]


@dataclass
class Ran:
    """How a `voicekit demo` went."""

    status: int
    out: str
    err: str


async def demo(folder: Path, during: During | None = None, preexec_fn: Callable[[], None] | None = None) -> Ran:
    """`voicekit demo` with a service that hears without understanding; `during` is given the running process."""
    silence = Script()
    silence.stays(until=PATIENCE_S)
    program = [sys.executable, "-m", "voicekit", "demo", "--folder", str(folder)]
    with trio.fail_after(PATIENCE_S):
        async with SonioxPeer(silence).serve() as endpoints, trio.open_nursery() as nursery:
            addresses = {variable: getattr(endpoints, name) for name, variable in URL_VARIABLES.items()}
            how: dict[str, Any] = {"env": {**os.environ, **addresses, KEY_VARIABLE: "a-key"}}
            if preexec_fn is not None:
                how["preexec_fn"] = preexec_fn
            done: list[subprocess.CompletedProcess[bytes]] = []

            async def run(task_status: trio.TaskStatus[trio.Process]) -> None:
                done.append(
                    await trio.run_process(
                        program, capture_stdout=True, capture_stderr=True, check=False, **how, task_status=task_status
                    )
                )

            process = await nursery.start(run)
            if during is not None:
                await during(process)
    return Ran(done[0].returncode, done[0].stdout.decode(), done[0].stderr.decode())


def when_the_caller_has_spoken(folder: Path, seconds: float) -> During:
    """Ctrl-C as soon as so much of the caller's words is on the disk."""

    async def interrupt(process: trio.Process) -> None:
        while True:
            await trio.sleep(0.1)
            if (folder / "call.wav").exists() and np.count_nonzero(tracks(folder)[:, 0]) > seconds * PCM24K.rate:
                process.send_signal(signal.SIGINT)
                return

    return interrupt


def tracks(folder: Path) -> Any:
    """The recording: the caller's samples and the bot's, side by side."""
    sound, rate = soundfile.read(folder / "call.wav", dtype="int16", always_2d=True)
    return sound if rate == PCM24K.rate else np.zeros((0, 2), np.int16)


async def test_ctrl_c_ends_the_call_and_keeps_it(tmp_path: Path, machine: Machine) -> None:
    """In the middle of a line: status 130, the call whole so far, and no judgement of words that were never said."""
    done = await demo(tmp_path / "call", during=when_the_caller_has_spoken(tmp_path / "call", 1.0))
    assert (done.status, done.err) == (130, "")
    summary, contents = done.out.splitlines()[-2:]
    assert summary == "no question was answered"
    assert contents == f"The call was saved in {tmp_path / 'call'}: {ALL_THREE}"
    caller, bot = tracks(tmp_path / "call").T
    line, _ = soundfile.read(lines()[0].path, dtype="int16")
    line = np.trim_zeros(line, "f")
    said = np.trim_zeros(caller, "f")[: len(line)]
    assert len(said) > 0.9 * PCM24K.rate
    if machine.keeps_time(LATE_S):  # otherwise both tracks have gaps
        assert np.array_equal(said, line[: len(said)])
        assert np.count_nonzero(bot) > PCM24K.rate
    assert np.array_equal(said[:FRAME], line[:FRAME])
    assert bot.any()
    assert "session ended: SIGINT" in "\n".join(log_lines(tmp_path / "call" / "events.jsonl"))
    (greeting,) = json.loads((tmp_path / "call" / "history.json").read_text(encoding="utf-8"))
    assert greeting["heard"] == GREETING


async def test_a_full_disk_ends_the_call_with_one_sentence(tmp_path: Path, machine: Machine) -> None:
    """Status 1, no traceback; what was recorded by then plays, and the user is told where it is."""
    limit = 300_000  # bytes: about three seconds of both sides

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = await demo(tmp_path / "call", preexec_fn=fill)
    assert done.status == 1
    assert done.err.startswith(f"voicekit: {tmp_path / 'call' / 'call.wav'}: can't be written (is the disk full?): ")
    assert done.err.count("\n") == 1
    assert done.out.endswith(f"The call was saved in {tmp_path / 'call'}: {ALL_THREE}\n")
    assert len(tracks(tmp_path / "call")) <= limit / 4
    if machine.keeps_time(LATE_S):  # otherwise several seconds may be written in one piece, which does not fit
        assert len(tracks(tmp_path / "call")) > 2 * PCM24K.rate
        assert np.count_nonzero(tracks(tmp_path / "call")[:, 1]) > PCM24K.rate


async def test_a_history_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """Status 1 and a sentence with the file's name; the rest of the call is there, and nothing else is promised."""
    (tmp_path / "call" / "history.json").mkdir(parents=True)
    done = await demo(tmp_path / "call", during=when_the_caller_has_spoken(tmp_path / "call", 0.1))
    assert done.status == 1
    assert done.err.startswith(f"voicekit: {tmp_path / 'call' / 'history.json'}: can't be written ")
    assert done.err.count("\n") == 1
    assert done.out.endswith(
        f"The call was saved in {tmp_path / 'call'}: both sides in call.wav, what happened in events.jsonl.\n"
    )


async def test_a_folder_that_can_not_be_made_is_told_at_once(tmp_path: Path) -> None:
    """A sentence and status 2, and no call."""
    (tmp_path / "file").touch()
    done = await demo(tmp_path / "file" / "call")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"voicekit: call folder {tmp_path / 'file' / 'call'}: can't be written: ")
    assert done.err.count("\n") == 1


class Terminal(io.StringIO):
    """A standard error that somebody looks at."""

    def isatty(self) -> bool:
        return True


async def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the local server tells in per cent while it gets ready moves on one line."""

    @asynccontextmanager
    async def preparing(tell: Callable[[str], None]) -> AsyncIterator[None]:
        tell("preparing the voice 14 %")
        tell("preparing the voice 15 %")
        raise ConfigError("that is enough")
        yield

    monkeypatch.setattr(command, "soniox_or_local", preparing)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with pytest.raises(ConfigError, match="that is enough"):
        await command.demo(tmp_path / "call")
    first, second = terminal.getvalue().split(CLEAR)[1:]
    assert first.endswith(" 14 %  preparing the voice")
    assert second.endswith(" 15 %  preparing the voice")
    assert not (tmp_path / "call").exists()
