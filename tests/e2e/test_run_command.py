"""`voicekit run` as a user runs it: a process of its own, over real sockets to a scripted service, in real time."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
import trio

from voicekit.session.eventlog import log_lines
from voicekit.soniox.api.region import KEY_VARIABLE, URL_VARIABLES
from voicekit.testing import Script
from voicekit.testing.soniox import SonioxPeer

pytestmark = pytest.mark.slow

RATE = 16_000
KEY = "a-key-for-tests"
SPEECH = Path(__file__).parents[1] / "data" / "speech" / "goforward.flac"

PATIENCE_S = 240
"""For a call of some seconds, on a machine that has much else to do."""


@dataclass
class Ran:
    """How a `voicekit run` went; `out` is without the watchdog's lines, which a busy machine causes."""

    status: int
    out: str
    err: str


def asker() -> Script:
    script = Script()
    script.says("good morning everybody", at=0.3, for_=1.2)
    script.stays(until=2.5)
    return script


@pytest.fixture
def caller(tmp_path: Path) -> Path:
    """The asker's sound in a file."""
    script = asker()
    pcm = script.pcm(0, round(script.until * RATE), RATE)
    soundfile.write(tmp_path / "caller.wav", numpy.frombuffer(pcm, "<i2"), RATE)
    return tmp_path / "caller.wav"


@asynccontextmanager
async def service() -> AsyncIterator[dict[str, str]]:
    """A scripted service that understands the asker, and the environment in which it is found."""
    async with SonioxPeer(asker()).serve() as endpoints:
        addresses = {variable: getattr(endpoints, name) for name, variable in URL_VARIABLES.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICEKIT_")}
        yield {**kept, **addresses, KEY_VARIABLE: KEY}


async def run(
    *arguments: str | Path,
    env: dict[str, str],
    during: Callable[[trio.Process], Awaitable[None]] | None = None,
    preexec_fn: Callable[[], None] | None = None,
) -> Ran:
    """`voicekit run` with these arguments, and what it printed; `during` is given the running process."""
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            how: dict[str, Any] = {"capture_stdout": True, "capture_stderr": True, "check": False, "env": env}
            if preexec_fn is not None:
                how["preexec_fn"] = preexec_fn

            async def start(task_status: trio.TaskStatus[trio.Process]) -> None:
                command = [sys.executable, "-m", "voicekit", "run", *map(str, arguments)]
                done.append(await trio.run_process(command, **how, task_status=task_status))

            done: list[subprocess.CompletedProcess[bytes]] = []
            process = await nursery.start(start)
            if during is not None:
                await during(process)
    lines = done[0].stdout.decode().splitlines(keepends=True)
    out = "".join(line for line in lines if " blocked the event loop for " not in line)
    return Ran(done[0].returncode, out, done[0].stderr.decode())


async def until_recorded(folder: Path, seconds: float) -> None:
    """Wait until there is that much of a recording."""
    while True:
        await trio.sleep(0.05)
        if (folder / "call.wav").exists() and soundfile.info(folder / "call.wav").duration > seconds:
            return


def left_of(folder: Path) -> list[int]:
    """The caller's track, from its first sample that is not silence."""
    sound, rate = soundfile.read(folder / "call.wav", dtype="int16")
    assert rate == RATE
    caller = sound[:, 0]
    first: list[int] = caller[numpy.flatnonzero(caller)[0] :].tolist()
    return first


def begins(whole: list[int], sound: Path) -> bool:
    """Whether `whole` begins as the file `sound` does, without its first silence, and has most of a second of it."""
    source, _ = soundfile.read(sound, dtype="int16")
    source = source[numpy.flatnonzero(source)[0] :].tolist()
    both = min(len(whole), len(source))
    return both > 0.5 * RATE and whole[:both] == source[:both]


async def test_a_call_is_held_shown_and_recorded(caller, tmp_path, machine):
    """A file in, a file out: the transcript, how long the caller waited, and a folder with both sides of the call."""
    async with service() as env:
        done = await run(
            "--policy", "turn.adviser=false",  # it would finalize in mid-word, because scripted sound is no speech
            "--source", f"file:{caller}", "--sink", f"file:{tmp_path / 'bot.wav'}", "--record", tmp_path / "call",
            env=env,
        )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    *turns, summary, recorded = done.out.splitlines()
    said = [line.split(maxsplit=1)[1] for line in turns]
    assert summary.startswith("answered ")
    assert re.match(r"bot  You said: .*everybody  \(", said[-1])
    if machine.keeps_time(within=0.05):  # otherwise words may come so late that they become two turns
        assert said[0] == "you  good morning everybody"
        assert said[1].startswith("bot  You said: good morning everybody  (")
        assert summary.startswith("answered once, after ")
    assert recorded == f"recorded in {tmp_path / 'call'}"
    assert begins(left_of(tmp_path / "call"), caller)
    played, _ = soundfile.read(tmp_path / "bot.wav", dtype="int16")
    sound, _ = soundfile.read(tmp_path / "call" / "call.wav", dtype="int16")
    assert _without_silence(sound[:, 1]) == _without_silence(played)
    assert 'reply 1 to "good morning everybody"' in "\n".join(log_lines(tmp_path / "call" / "events.jsonl"))
    assert "transcribe-websocket" in (wire := (tmp_path / "call" / "wire.jsonl").read_text(encoding="utf-8"))
    assert KEY not in wire


async def test_a_bot_and_a_real_recording(tmp_path):
    """A bot from a file answers to a real voice, which the scripted service hears without understanding a word."""
    bot = tmp_path / "bot.py"
    bot.write_text("def handler(turn):\n    return 'Pardon me?' if turn.reason == 'silence' else 'Hello!'\n", "utf-8")
    async with service() as env:
        done = await run(
            bot, "--source", f"file:{SPEECH}", "--greeting", "Good day to you and to you all.",
            "--record", tmp_path / "call", env=env,
        )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    assert "bot  Good" in done.out  # the speech begins immediately and interrupts the greeting
    assert begins(left_of(tmp_path / "call"), SPEECH)


async def test_ctrl_c_ends_the_call_and_keeps_the_recording(tmp_path):
    """The first Ctrl-C ends the call as it should be ended, and what was recorded by then is whole."""

    async def interrupt(process: trio.Process) -> None:
        await until_recorded(tmp_path / "call", 1.0)
        process.send_signal(signal.SIGINT)

    async with service() as env:
        done = await run("--source", f"file:{SPEECH}", "--record", tmp_path / "call", env=env, during=interrupt)
    assert (done.status, done.err) == (130, "")
    assert f"recorded in {tmp_path / 'call'}\n" in done.out
    assert begins(left_of(tmp_path / "call"), SPEECH)
    assert "session ended: SIGINT" in "\n".join(log_lines(tmp_path / "call" / "events.jsonl"))


async def test_a_killed_call_leaves_a_recording_that_plays(tmp_path):
    """What was on the disk when the program was killed is a sound file like any other."""

    async def kill(process: trio.Process) -> None:
        await until_recorded(tmp_path / "call", 1.0)
        process.kill()

    async with service() as env:
        done = await run("--source", f"file:{SPEECH}", "--record", tmp_path / "call", env=env, during=kill)
    assert done.status == -signal.SIGKILL
    assert begins(left_of(tmp_path / "call"), SPEECH)


async def test_a_full_disk_ends_the_call_with_one_sentence(tmp_path, machine):
    """No traceback, status 1, and what was recorded by then plays."""
    limit = 80_000  # bytes: 1.25 s of both sides

    async with service() as env:
        done = await run(
            "--source", f"file:{SPEECH}", "--record", tmp_path / "call", env=env,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )  # fmt: skip
    assert done.status == 1
    assert done.err.startswith(f"voicekit: {tmp_path / 'call' / 'call.wav'}: can't be written (is the disk full?): ")
    assert done.err.count("\n") == 1
    assert soundfile.info(tmp_path / "call" / "call.wav").frames <= limit / 4
    if machine.keeps_time(within=0.05):  # otherwise a whole second may be written in one piece, which does not fit
        assert begins(left_of(tmp_path / "call"), SPEECH)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "file:nobody.wav"], "sound file nobody.wav: can't be opened"),
        (["--source", "fil:caller.wav"], "no source is called 'fil' (did you mean 'file'?)"),
        (["--source", f"file:{SPEECH}", "--record", str(Path(__file__) / "call")], "can't be written"),
        (["nobody.py", "--source", f"file:{SPEECH}"], "which is not a file"),
        (["nobody", "--source", f"file:{SPEECH}"], "a handler's name"),
        (["--source", f"file:{SPEECH}", "--no-such-flag"], "unrecognized arguments: --no-such-flag"),
    ],
)
async def test_what_was_asked_wrongly_is_told_before_anything_opens(arguments, message):
    """A sentence and status 2, no traceback, and no service is needed for it."""
    done = await run(*arguments, env={**os.environ, KEY_VARIABLE: KEY, "SONIOX_WS_URL": "ws://127.0.0.1:9/"})
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err


async def test_a_service_that_is_not_there_is_one_sentence():
    """Where no call began, the status is 2."""
    nowhere = {variable: "ws://127.0.0.1:9/talk" for name, variable in URL_VARIABLES.items() if name in ("stt", "tts")}
    done = await run("--source", f"file:{SPEECH}", env={**os.environ, **nowhere, KEY_VARIABLE: KEY})
    assert (done.status, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert done.err.count("\n") == 1


def _without_silence(track: Any) -> list[int]:
    sounding = numpy.flatnonzero(track)
    between: list[int] = track[sounding[0] : sounding[-1] + 1].tolist()
    return between
