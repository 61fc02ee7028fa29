"""`voicekit chat`: a bot in the console."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BOT = """
async def handler(turn, say):
    await say(f"{turn.reason}: {turn.text}")
"""


def voicekit(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "voicekit", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    file = tmp_path / "bot.py"
    file.write_text(BOT, encoding="utf-8")
    return file


def test_a_greeting_comes_first_and_the_end_of_input_ends_the_call(bot):
    """--greeting is said before anything is typed; the last line needs no newline."""
    done = voicekit("chat", str(bot), "--greeting", "Hello there!", typed="how are you")
    assert (done.returncode, done.stderr) == (0, "")
    assert "bot> Hello there!" in done.stdout
    assert done.stdout.endswith("bot> typed: how are you\n")


def test_a_voicefile_beside_the_bot_is_a_plugin(bot):
    """Rules in voicefile.py answer before the bot does."""
    bot.with_name("voicefile.py").write_text(
        "from voicekit import hookimpl\n\n"
        "@hookimpl\n"
        "def voicekit_answer(turn):\n"
        "    return 'A rule.' if turn.text == 'rule' else None\n",
        encoding="utf-8",
    )
    done = voicekit("chat", str(bot), typed="rule\nno rule\n")
    assert done.stdout == "you> rule\nbot> A rule.\nyou> no rule\nbot> typed: no rule\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chat", "no_such_bot.py"], "which is no file"),
        (["chat", str(Path(__file__).with_name("test_examples.py"))], "expected a handler called"),
        (["no-such-verb"], "there is no verb"),
    ],
)
def test_what_was_asked_wrongly_is_one_sentence_and_status_2(arguments, message):
    """No traceback of ours: the sentence says what was expected."""
    done = voicekit(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_plugins_lists_what_is_loaded(bot):
    """`voicekit plugins` names each plugin, its origin and its hooks."""
    done = voicekit("plugins")
    assert done.returncode == 0
    assert "voicekit-ears  (built in)  voicekit_register" in done.stdout


def test_a_handler_that_blocks_the_loop_is_named(tmp_path):
    """A program that runs a session is told in its event log who blocked the loop."""
    program = tmp_path / "program.py"
    program.write_text(
        "import hashlib, trio, voicekit\n"
        "from voicekit.listen.source import SilenceSource\n"
        "from voicekit.play.sink import NullSink\n"
        "from voicekit.reply.quiet import QuietTts\n"
        "def slow(turn):\n"
        "    hashlib.pbkdf2_hmac('sha256', b'x', b'y', 2_000_000)\n"
        "    return 'done'\n"
        "async def main():\n"
        "    session = voicekit.Session(handler=slow, source=SilenceSource(duration=1.0), vad=None, stt=None,\n"
        "        tts=QuietTts(), sink=NullSink())\n"
        "    session.watch(lambda event: print(event) if isinstance(event, voicekit.events.Blocked) else None)\n"
        "    session.watch(lambda event: session.type('go') if event == voicekit.events.SessionStarted() else None)\n"
        "    await voicekit.session.run_session(session)\n"
        "trio.run(main)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Blocked(where=\"stage 'handler'\"" in done.stdout
