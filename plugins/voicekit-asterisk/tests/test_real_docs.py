"""docs/asterisk.md and example 12 on a real Asterisk: the configuration as it stands there, the bot as a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from voicekit.soniox.api.region import KEY_VARIABLE, URL_VARIABLES
from voicekit_asterisk.testing.pbx import PASSWORD, USER, Pbx
from voicekit_asterisk.testing.tones import STEP_S, loudness, sounding

pytestmark = pytest.mark.real

EXAMPLE = Path(__file__).parents[3] / "examples" / "12_asterisk.py"

KEYS = {
    "VOICEKIT_ARI_USER": USER, "VOICEKIT_ARI_PASSWORD": PASSWORD,
    "VOICEKIT_ASTERISK_PASSWORD": PASSWORD, "VOICEKIT_ASTERISK_KEY": "announced",
}  # fmt: skip


def is_spoken(recording: Path, seconds: float) -> bool:
    """Whether Asterisk has written so much sound by now, into a recording at 8 kHz that goes on."""
    samples = recording.read_bytes()[44:] if recording.exists() else b""
    return STEP_S * sum(level > 0.02 for level in loudness(samples[: len(samples) // 2 * 2], 8_000)) > seconds


async def test_the_documented_line_puts_a_caller_through(
    pbx: Pbx,
    asked: Callable[..., Any],
    heard_in: Callable[..., Any],
    service: Any,
    recognised: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Example 12 greets over each of the three ways; one who presses 1 is put through, and both hear each other."""
    command = [
        sys.executable, "-m", "voicekit", "serve", str(EXAMPLE), "--port", str(pbx.server),
        "--transport", f"ari:{pbx.ari}/voicekit,context=people", "--transport", "chan_websocket",
        "--transport", f"audiosocket:{pbx.audio}",
    ]  # fmt: skip
    log = tmp_path / "log"
    places = {variable: getattr(service.endpoints, name) for name, variable in URL_VARIABLES.items()}
    environment = {**os.environ, **KEYS, **places, KEY_VARIABLE: str(service.key)}
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: ASYNC220  # starting it takes no time that matters
            command, env=environment, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        with trio.fail_after(60):
            while "listening" not in log.read_text():  # another process writes the log
                assert process.poll() is None, log.read_text()
                await trio.sleep(0.1)
        await asked(lambda: "voicekit" in pbx.ask("ari show apps"))
        for extension in ("100", "101", "102"):
            await trio.to_thread.run_sync(
                pbx.originate, f"Local/{extension}@default", "callers", f"quiet-docs-{extension}"
            )
        for extension, seconds in {"101": 1.0, "102": 1.0, "100": 3.0}.items():
            recording = pbx.sound(f"quiet-docs-{extension}-rx.wav")
            await asked(partial(is_spoken, recording, seconds), 90)
        [presses] = [name for name in pbx.channels() if name.startswith("Local/100@") and name.endswith(";1")]
        await trio.to_thread.run_sync(pbx.ask, f"channel redirect {presses} callers,presses,1")
        await asked(lambda: pbx.sound("other-workshop-rx.wav").exists(), 40)
        await trio.sleep(2.0)
        await trio.to_thread.run_sync(pbx.ask, "channel request hangup all")
        await asked(lambda: not pbx.channels())
    except AssertionError as error:
        error.add_note(log.read_text())
        raise
    finally:
        process.kill()  # SIGTERM would wait for calls in progress
        process.wait()
    words = (await recognised(pbx.recording("quiet-docs-100-rx.wav"))).lower()
    assert "bicycle shop" in words
    assert "putting you through to the workshop" in words
    assert sounding(*heard_in(pbx, "other-workshop"), 2) > 1.0
    assert sounding(*heard_in(pbx, "quiet-docs-100"), 1) > 1.0
