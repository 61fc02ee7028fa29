"""`voicekit talk --browser` as a user types it, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from voicekit.cli import main

pytestmark = pytest.mark.slow

BOT = """
async def answer(turn, say):
    await say("Yes?")
"""


def test_the_page_is_there_until_ctrl_c(tmp_path: Path) -> None:
    """It prints the address, serves the page there, and Ctrl-C ends it without a traceback."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT)
    command = [sys.executable, "-m", "voicekit", "talk", "--browser", str(bot), "--port", "0", "--no-open"]
    environment = {**os.environ, "SONIOX_API_KEY": "not-asked-for-before-a-call"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path)
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "http://" in line)
        address = line.split(" at ")[1].split()[0]
        assert httpx.get(address).status_code == 200
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[1]
        assert "Traceback" not in rest
    finally:
        process.kill()
        process.communicate()


def test_help_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    """With either plugin's verb."""
    with pytest.raises(SystemExit):
        main(["talk", "--browser", "--help"])
    assert "--browser" in capsys.readouterr().out
