"""docs/asterisk.md and example 12 on a real Asterisk: the configuration as it stands there, the bot as a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from voicekit_asterisk.testing.pbx import Pbx
from voicekit_asterisk.testing.tones import sounding

pytestmark = pytest.mark.real

EXAMPLE = Path(__file__).parents[3] / "examples" / "12_asterisk.py"

KEYS = {
    "VOICEKIT_ARI_USER": "voicekit", "VOICEKIT_ARI_PASSWORD": "choose-a-long-one",
    "VOICEKIT_ASTERISK_PASSWORD": "choose-another", "VOICEKIT_ASTERISK_KEY": "choose-a-third",
}  # fmt: skip
"""What docs/asterisk.md has Asterisk and voicekit agree on."""


async def test_the_documented_line_puts_a_caller_through(
    documented_pbx: Pbx,
    asked: Callable[..., Any],
    heard_in: Callable[..., Any],
    recognised: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Example 12 greets over each of the three ways; one who presses 1 is put through, and both hear each other."""
    pbx = documented_pbx
    command = [
        sys.executable, "-m", "voicekit", "serve", str(EXAMPLE), "--port", str(pbx.server),
        "--transport", f"ari:{pbx.ari}/voicekit,context=people", "--transport", "chan_websocket",
        "--transport", f"audiosocket:{pbx.audio}",
    ]  # fmt: skip
    log = tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if name != "SONIOX_API_KEY"} | KEYS
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: ASYNC220  # starting it takes no time that matters
            command, env=environment, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        with trio.fail_after(60):
            while "listening" not in log.read_text():  # of another process
                assert process.poll() is None, log.read_text()
                await trio.sleep(0.1)
        await asked(lambda: "voicekit" in pbx.ask("ari show apps"))
        for extension, caller in {"100": "presses-docs", "101": "quiet-docs-101", "102": "quiet-docs-102"}.items():
            await trio.to_thread.run_sync(pbx.originate, f"Local/{extension}@default", "callers", caller)
        await asked(lambda: pbx.sound("other-workshop-rx.wav").exists(), 40)
        await trio.sleep(2.0)
        await trio.to_thread.run_sync(pbx.ask, "channel request hangup all")
        await asked(lambda: not pbx.channels())
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    for caller in ("presses-docs", "quiet-docs-101", "quiet-docs-102"):
        assert "bicycle shop" in (await recognised(pbx.sound(f"{caller}-rx.wav"))).lower()
    assert "putting you through to the workshop" in (await recognised(pbx.sound("presses-docs-rx.wav"))).lower()
    assert sounding(*heard_in(pbx, "other-workshop"), 2) > 1.0
    assert sounding(*heard_in(pbx, "presses-docs"), 1) > 1.0
