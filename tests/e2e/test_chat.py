"""`voicekit chat`: a bot in the console."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
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
        (["chat", "no_such_bot.py"], "which is not a file"),
        (["chat", str(Path(__file__).with_name("test_examples.py"))], "expected a handler called"),
        (["no-such-verb"], "there is no command"),
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
    assert "voicekit-listen  (built in)  voicekit_register" in done.stdout


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


def in_a_terminal(*arguments: str, keys: bytes, after: str) -> tuple[int, str]:
    """`voicekit` on a pseudo-terminal: `keys` are pressed once `after` is shown. Its status, and what was shown."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "voicekit", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux reports in this way that the other end is closed
            while block := os.read(ours, 65536):
                shown += block
                if keys and after.encode() in shown:
                    os.write(ours, keys)
                    keys = b""
        status = process.wait(60)
    os.close(ours)
    return status, shown.decode().replace("\r\n", "\n")


def test_a_terminal_is_told_how_to_begin_and_to_end(bot):
    """A line, a prompt, and again one when the bot has spoken; Ctrl-D ends it."""
    status, shown = in_a_terminal("chat", str(bot), "--greeting", "Hello!", keys=b"hi\n\x04", after="Hello!")
    assert status == 0
    assert shown.startswith("Type to the bot; Ctrl-D ends the conversation.\nyou> \r\x1b[Kbot> Hello!")
    assert "bot> typed: hi\n" in shown


def test_ctrl_c_in_a_chat_prints_nothing_and_is_130(bot):
    """As in `voicekit run`: no traceback, and the status that shells know."""
    status, shown = in_a_terminal("chat", str(bot), keys=b"\x03", after="you> ")
    assert status == 130
    assert shown.rstrip() == "Type to the bot; Ctrl-D ends the conversation.\nyou> ^C"


def test_ctrl_c_in_a_program_is_one_keyboardinterrupt(tmp_path):
    """`trio.run(voicekit.run, bot)` raises it alone, without a group around it."""
    program = tmp_path / "program.py"
    program.write_text(
        "import trio, voicekit\ntry:\n    trio.run(voicekit.run, 'Hello.')\nexcept BaseException as error:\n"
        "    print(repr(error), repr(error.__cause__))\n",
        encoding="utf-8",
    )
    with subprocess.Popen([sys.executable, program], stdin=-1, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("hi\n")
        process.stdin.flush()
        assert process.stdout.readline() == "you> hi\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (out.splitlines()[-1], err) == ("KeyboardInterrupt() None", "")


def test_a_pipe_that_closes_early_is_quiet_and_141(bot):
    """What nobody reads is no error of the call."""
    with subprocess.Popen([sys.executable, "-m", "voicekit", "chat", bot], stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"one\ntwo\nthree\n")
        process.stdin.close()
        assert process.stdout.readline() == b"you> one\n"
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("raise LookupError('no such page')", "LookupError: no such page"),
        ("turn.session.report(voicekit.events.Trouble('tool', OSError('gone')))", "trouble in tool: OSError: gone"),
        ("turn.session.report(voicekit.events.Overrun('a link', 5))", "overrun: 5 samples dropped from 'a link'"),
        ("turn.session.report(Failed('tool', ValueError()))", "voicekit: "),
    ],
)
def test_what_goes_wrong_is_one_line_on_the_standard_error(tmp_path, line, shown):
    """Whatever it is: nobody has to guess why the bot is silent."""
    file = tmp_path / "bot.py"
    file.write_text(
        "import voicekit\n\n\nclass Failed(voicekit.events.Trouble):\n    failed = True\n\n\n"
        f"def bot(turn):\n    {line}\n    return 'Done.'\n",
        encoding="utf-8",
    )
    done = voicekit("chat", str(file), typed="hello\n")
    assert shown in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_letters_that_the_console_lacks_end_no_call(tmp_path, encoding):
    """They are shown as others, and the call goes on to its end."""
    file = tmp_path / "bot.py"
    file.write_text("def bot(turn): return f'Zażółć {turn.text}'\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "voicekit", "chat", file], input="gęś\nbye\n".encode(), capture_output=True, timeout=60,
        check=False, env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding).splitlines()[-1].endswith(" bye")


def test_the_policy_and_the_greeting_beside_the_handler_count(tmp_path):
    """And the command line wins over them."""
    file = tmp_path / "bot.py"
    file.write_text(
        "from voicekit import CallPolicy, Policy\npolicy = Policy(call=CallPolicy(greeting='Welcome!'))\n"
        "def bot(turn): return 'hi'\n",
        encoding="utf-8",
    )
    done = voicekit("chat", str(file), typed="hello\n")
    assert (done.stdout, done.stderr) == ("bot> Welcome!\nyou> hello\nbot> hi\n", "voicekit: bot.py: policy and bot\n")
    done = voicekit("chat", str(file), "--policy", "call.greeting=Ahoy!", typed="hello\n")
    assert done.stdout.startswith("bot> Ahoy!\n")
