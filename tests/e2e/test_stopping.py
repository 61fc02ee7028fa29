"""Signals end a program for certain, whatever its bot does: real processes, real signals, real seconds."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

PROGRAM = """
import hashlib, re, time, trio, voicekit
{bot}
async def main():
    policy = voicekit.Policy(call=voicekit.CallPolicy(greeting={greeting!r}, idle_after=0.3))
    session = voicekit.Session(handler=bot, source=voicekit.Use("silence"), vad=None, stt=None, tts={tts},
        sink=voicekit.Use("null"), policy=policy)
    session.watch(lambda event: print(event, flush=True))
    await voicekit.session.run_session(session)
    print("all is over", flush=True)
trio.run(main)
"""

THREAD = "async def bot(turn, say): await trio.to_thread.run_sync(time.sleep, 3600)  # not abandoned when cancelled"

BLOCKING = {
    "sleeps": "def bot(turn): time.sleep(3600)",
    "loops": "def bot(turn):\n    while True: pass",
    "computes in C": "def bot(turn): hashlib.pbkdf2_hmac('sha256', b'x', b'y', 2_000_000_000)",
    "swallows everything": (
        "def bot(turn):\n    while True:\n        try: time.sleep(3600)\n        except BaseException: pass"
    ),
}

ENOUGH_S = 60
"""For a program to start, on a machine that has much else to do."""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    processes: list[subprocess.Popen[str]] = []

    def start(bot: str, *, greeting: str | None = None, tts: str = "voicekit.Use('quiet')") -> subprocess.Popen[str]:
        path = tmp_path / "program.py"
        path.write_text(PROGRAM.format(bot=bot, greeting=greeting, tts=tts), encoding="utf-8")
        process = subprocess.Popen([sys.executable, path], stdout=-1, stderr=-1, text=True)
        processes.append(process)
        return process

    yield start  # type: ignore[misc]
    for process in processes:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], line: str) -> None:
    """Read its output up to the line that begins so."""
    assert process.stdout is not None
    while not process.stdout.readline().startswith(line):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""


def ended(process: subprocess.Popen[str], within: float) -> tuple[int, str]:
    """Its status and what it said; it must end within so many seconds (and a second for a busy machine)."""
    began = time.monotonic()
    _, err = process.communicate(timeout=ENOUGH_S)
    assert time.monotonic() - began < within + 1.0
    return process.returncode, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_third_signal_ends_the_process(started, number):
    """The loop turns, but the handler never ends: two signals end the call, and the third one the process."""
    process = started(THREAD)
    until(process, "TurnCommitted")
    for _ in range(2):
        process.send_signal(number)
        time.sleep(1.0)
        assert process.poll() is None
    process.send_signal(number)
    status, err = ended(process, 1.0)
    assert status == 128 + number
    assert err.startswith(
        f"voicekit: a third {number.name}: the process ends at once; what kept it: stage 'handler', in bot ("
    )
    assert err.count("\n") == 1


@pytest.mark.parametrize("bot", BLOCKING.values(), ids=BLOCKING)
def test_a_loop_that_stands_still_ends_five_seconds_after_a_signal(started, bot):
    """One signal is enough, because a handler that keeps the loop would never let the call end."""
    process = started(bot)
    until(process, "TurnCommitted")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(3.0)
    assert process.poll() is None
    status, err = ended(process, 4.0)
    assert status == 130
    assert "the event loop has not turned for 5 s after SIGINT" in err
    assert "what kept it: bot (" in err
    assert "program.py:" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("times", [1, 3])
def test_code_that_keeps_the_interpreter_ends_too(started, times):
    """A regular expression that never comes back leaves no thread any time; tracebacks say where it was."""
    process = started("def bot(turn): re.match('(a+)+b', 'a' * 60)")
    until(process, "TurnCommitted")
    for _ in range(times):
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
    status, err = ended(process, 6.0 if times == 1 else 1.0)
    assert status == 1
    assert "program.py" in err
    assert "in bot\n" in err


def test_a_blocked_loop_obeys_the_third_signal_at_once(started):
    """Nobody has to wait for the five seconds."""
    process = started(BLOCKING["computes in C"])
    until(process, "TurnCommitted")
    for _ in range(3):
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
    status, err = ended(process, 1.0)
    assert status == 143
    assert "a third SIGTERM" in err


def test_a_drain_in_progress_is_no_blocked_loop(tmp_path):
    """A loop that turns may take its time: seven seconds behind two signals, and the program goes on after them."""
    program = (
        "import signal, trio\nfrom voicekit.session.stopping import stopping\n"
        "async def main():\n"
        "    with stopping(lambda number, times: print('told', number, times, flush=True), signal.SIGINT) as stopped:\n"
        "        print('ready', flush=True)\n"
        "        while stopped.times < 2: await trio.sleep(0.1)\n"
        "        await trio.sleep(7)\n"
        "    print('all is over')\n"
        "trio.run(main)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=-1, stderr=-1, text=True) as process:
        until(process, "ready")
        for times in (1, 2):
            process.send_signal(signal.SIGINT)
            until(process, f"told 2 {times}")
        out, err = process.communicate(timeout=ENOUGH_S)
    assert (process.returncode, out, err) == (0, "all is over\n", "")


def test_calls_that_overlap_share_the_signals(tmp_path):
    """Several calls of one process each hear of a signal, in whatever order they end, and none is heard of behind."""
    program = (
        "import os, signal, trio\nfrom voicekit.session.stopping import stopping\n"
        "told = []\n"
        "async def call(name, ends):\n"
        "    with stopping(lambda number, times: told.append(f'{name}{times}'), signal.SIGINT, signal.SIGTERM):\n"
        "        await ends.wait()\n"
        "async def main():\n"
        "    first, second = trio.Event(), trio.Event()\n"
        "    async with trio.open_nursery() as nursery:\n"
        "        nursery.start_soon(call, 'a', first)\n"
        "        await trio.sleep(0.1)\n"
        "        nursery.start_soon(call, 'b', second)\n"
        "        await trio.sleep(0.1)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        await trio.sleep(0.1)\n"
        "        first.set()\n"
        "        await trio.sleep(0.1)\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        await trio.sleep(0.1)\n"
        "        second.set()\n"
        "    print(told, signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n"
        "trio.run(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['a1', 'b1', 'b2'] True\n"


def test_signals_are_python_s_again_after_the_call(started):
    """A program that goes on has its own handlers back."""
    bot = "def bot(turn): turn.end('Bye.')\nimport atexit, signal\nbefore = signal.getsignal(signal.SIGTERM)\n"
    process = started(f"{bot}atexit.register(lambda: print('same', signal.getsignal(signal.SIGTERM) == before))")
    out, err = process.communicate(timeout=ENOUGH_S)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("all is over\nsame True\n")


def test_a_recording_of_a_call_that_is_ended_by_force_plays(tmp_path):
    """What was recorded until then is a sound file like any other."""
    (tmp_path / "bot.py").write_text("import time, trio\n" + THREAD.replace("async def bot", "async def bot"), "utf-8")
    command = [
        sys.executable, "-m", "voicekit", "run", "bot.py", "--source", "tone:300", "--vad", "none", "--stt", "none",
        "--tts", "quiet", "--policy", "call.idle_after=1", "--greeting", "Hello.", "--record", "call",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1, text=True)
    try:
        sound, deadline = tmp_path / "call" / "call.wav", time.monotonic() + ENOUGH_S
        while not sound.exists() or soundfile.info(sound).duration < 2.5:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.6)
        status, err = ended(process, 1.0)
        assert (status, "in bot (" in err) == (130, True)
        assert soundfile.info(sound).duration > 2.5
        assert abs(soundfile.read(sound)[0][:, 0]).max() > 0.01
    finally:
        process.kill()
        process.communicate()
