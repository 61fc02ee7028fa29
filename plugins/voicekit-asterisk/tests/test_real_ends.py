"""Ends that nobody wants on a real Asterisk: either side is killed; and many calls, of which nothing is left."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit_asterisk.testing.pbx import PASSWORD, USER, Pbx

pytestmark = pytest.mark.real

WAYS = ("audiosocket", "chan_websocket", "ari")

BOT = """
import voicekit

stt = vad = None
tts = "tones"


async def bot(turn: voicekit.Turn, say: voicekit.Say) -> None:
    await say("one two three four")
"""

PLUGIN = """
from voicekit import hookimpl
from voicekit_asterisk.testing.tones import ToneTts


@hookimpl
def voicekit_register(registry):
    registry.tts("tones", ToneTts)
"""


async def stay(call: Call) -> None:
    await trio.sleep_forever()


def descriptors() -> list[str]:
    """What each file descriptor of this process is."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return found


def tasks(root: Any = None) -> int:
    root = root or trio.lowlevel.current_root_task()
    return 1 + sum(tasks(child) for nursery in root.child_nurseries for child in nursery.child_tasks)


async def test_asterisk_is_killed(pbx: Pbx, line: Callable[..., Any]) -> None:
    """The calls of all three ways are over within seconds; once Asterisk is back, the next are taken as before."""
    async with line(stay) as it:
        for way in WAYS:
            await it.call(way, f"quiet-killed-{way}")
        calls = [await it.begun(number) for number in (1, 2, 3)]
        await it.ask(pbx.kill)
        ends = {call.info.transport: (await it.over(call)).reason for call in calls}
        assert ends["chan_websocket"] is EndReason.LOST
        assert ends["ari"] is EndReason.LOST
        assert ends["audiosocket"] in (EndReason.LOST, EndReason.CALLER), "AudioSocket can't tell"
        await it.until(lambda: it.site.desk.counts.active == 0)
        await it.ask(pbx.start)
        await it.until(lambda: it.ari.connected, 15)
        for way in WAYS:
            await it.call(way, f"quiet-again-{way}")
        again = [await it.begun(number) for number in (4, 5, 6)]
        assert [call.end for call in again] == [None] * 3
        for call in again:
            call.hang_up()
        await it.empty()


async def test_voicekit_is_killed_and_started_again(
    pbx: Pbx, line: Callable[..., Any], asked: Callable[..., Any], tmp_path: Path
) -> None:
    """What a killed process has left in Asterisk is removed by the next one, and the next call is taken."""
    (tmp_path / "bot.py").write_text(BOT, encoding="utf-8")
    (tmp_path / "voicefile.py").write_text(PLUGIN, encoding="utf-8")
    keys = {"VOICEKIT_ASTERISK_KEY": "announced", "VOICEKIT_ASTERISK_PASSWORD": PASSWORD, "VOICEKIT_ARI_USER": USER}
    command = [
        sys.executable, "-m", "voicekit", "serve", str(tmp_path / "bot.py"), "--port", str(pbx.server),
        "--transport", f"ari:{pbx.ari}/voicekit", "--transport", f"audiosocket:{pbx.audio}",
        "--transport", "chan_websocket", "--greeting", "one two three four five six",
    ]  # fmt: skip
    log = (tmp_path / "log").open("wb")
    with log:
        process = subprocess.Popen(  # noqa: ASYNC220  # starting it takes no time that matters
            command, env={**os.environ, **keys, "VOICEKIT_ARI_PASSWORD": PASSWORD}, stderr=log, stdin=subprocess.DEVNULL
        )
    text = (tmp_path / "log").read_text

    async def written(words: str, times: int = 1) -> None:
        with trio.fail_after(30):
            while text().count(words) < times:  # another process writes the log
                assert process.poll() is None, text()
                await trio.sleep(0.05)

    async def call(way: str) -> None:
        await trio.to_thread.run_sync(pbx.originate, f"Local/{way}@bots", "callers", f"quiet-crash-{way}")

    try:
        await written("listening")
        await asked(lambda: "voicekit" in pbx.ask("ari show apps"))
        for way in WAYS:
            await call(way)
        await written("begins over", 3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    await asked(lambda: len(pbx.channels()) <= 3)
    left = await trio.to_thread.run_sync(pbx.bridges)
    assert any(name.startswith("voicekit-voicekit-") for name in left), "the crash has left a bridge of ours"
    async with line(stay) as it:
        await it.empty()
        await it.call("ari", "quiet-next-ari")
        call_ = await it.begun()
        assert call_.end is None
        call_.hang_up()
        await it.empty()


async def test_ten_calls_in_a_row_and_five_at_once_leave_nothing(
    pbx: Pbx, line: Callable[..., Any], asked: Callable[..., Any]
) -> None:
    """Over each way: no channel, bridge, socket, task or file descriptor on either side; Asterisk is asked itself."""

    async def brief(call: Call) -> None:
        await trio.sleep(0.2)

    async with line(brief) as it:

        async def call(*names: str) -> None:
            """One call over each way for each of `names`, all at once, to their ends."""
            known = len(it.calls)
            for name in names:
                for way in WAYS:
                    await it.call(way, f"tone-{name}-{way}")
            for number in range(len(WAYS) * len(names)):
                await it.over(await it.begun(known + 1 + number))
            await it.empty()

        await call("first")  # opens everything that stays open afterwards
        ours, theirs, running = len(descriptors()), len(await it.ask(pbx.open_files)), tasks()
        for number in range(10):
            await call(f"row-{number}")
        await call(*(f"once-{number}" for number in range(5)))
        gc.collect()
        await it.until(lambda: tasks() <= running)
        await it.until(lambda: len(descriptors()) <= ours)
        await asked(lambda: len(pbx.open_files()) <= theirs)
        assert it.site.desk.counts.answered == 16 * len(WAYS)
