"""What the commands draw: a bar while files are worked on, words while they come, and neither where nobody looks."""

from __future__ import annotations

from argparse import Namespace
from io import StringIO
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rest_kit import talking
from voicekit.cli.cloud import ProgressBar, write_table
from voicekit.cli.transcribe import _All, _Job
from voicekit.cli.transcribe_live import Page
from voicekit.events import Endpoint, Final, Interim, Word
from voicekit.soniox.rest import TranscriptionRequest
from voicekit.testing.soniox.rest import Outcome, RestPeer


class Terminal(StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def words(text: str, speaker: str | None = None) -> tuple[Word, ...]:
    return tuple(Word(f" {one}", 16_000 * n, 16_000 * n + 8_000, speaker=speaker) for n, one in enumerate(text.split()))


def seen(out: Terminal) -> list[str]:
    """The states of a line that is written over."""
    return out.getvalue().replace("\x1b[K", "").split("\r")


@pytest.mark.parametrize("colour", [True, False])
def test_the_bar_grows_with_its_files(monkeypatch: pytest.MonkeyPatch, colour: bool) -> None:
    """The bar is empty, half full and full, says what happens, and has no colour where NO_COLOR is set."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    bar = ProgressBar(2, out)
    bar.note(0, 0.0, "a.wav: uploading 0 %")
    bar.done(0, "a.wav")
    bar.done(1, "b.wav")
    bar.clear()
    lines = [line.replace("\x1b[32m", "").replace("\x1b[0m", "") for line in seen(out)]
    assert ("\x1b[32m" in out.getvalue()) is colour
    assert lines[1:] == [
        f"[{'-' * 24}] 0 of 2  a.wav: uploading 0 %",
        f"[{'#' * 12}{'-' * 12}] 1 of 2  a.wav",
        f"[{'#' * 24}] 2 of 2  b.wav",
        "",
    ]


def test_the_bar_is_for_terminals() -> None:
    """In a log there is no bar, only the lines that say what was written."""
    out = StringIO()
    bar = ProgressBar(1, out)
    bar.note(0, 0.5, "a.wav")
    bar.line("a.wav -> out/a.srt")
    bar.clear()
    assert out.getvalue() == "a.wav -> out/a.srt\n"


def test_words_are_shown_while_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interim words are written over until their utterance ends, which is then a line of its own, with its speakers."""
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    page = Page(json=False, out=out)
    page.note(Interim(words("good")))
    page.note(Final(words("good day", "1")))
    page.note(Interim(words("to you")))
    page.note(Final(words("hello", "2")))
    page.note(Endpoint(0))
    page.note(Final(words("bye", "1")))
    page.close()
    assert seen(out)[1:5] == ["good", "good day", "good day to you", "good day hello"]
    assert [line for line in out.getvalue().replace("\r", "\n").replace("\x1b[K", "").split("\n") if "[" in line] == [
        "[1] good day  [2] hello",
        "[1] bye",
    ]


def test_words_in_a_file_are_only_final() -> None:
    """Where nobody looks there are utterances, and nothing that is taken back."""
    out = StringIO()
    page = Page(json=False, out=out)
    page.note(Interim(words("god")))
    page.note(Final(words("good day")))
    page.note(Endpoint(0))
    page.note(Endpoint(0))
    page.close()
    assert out.getvalue() == "good day\n"


async def test_what_is_done_is_printed_when_the_rest_is_interrupted(
    autojump_clock: MockClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted while it waits for one source, the command prints the others, which are paid for and nowhere else."""
    for name in ("slow.wav", "quick.wav"):
        (tmp_path / name).write_bytes(b"sound")
    options = Namespace(at_once=2, keep=False, translate=None)
    jobs = [_Job(number, str(tmp_path / name), name, None) for number, name in enumerate(["slow.wav", "quick.wav"])]
    peer = RestPeer(outcomes={"slow.wav": Outcome(queued=600)})
    async with talking(peer) as soniox:
        with trio.move_on_after(60) as interrupted:
            await _All(soniox, TranscriptionRequest(), options, "text", 2).run(jobs)
        assert interrupted.cancelled_caught
    assert capsys.readouterr().out == "this is what was said\n"


def test_a_table_has_straight_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are as wide as their widest cell, and what is not known is empty."""
    write_table(("A", "LONG"), [("wide cell", None), (1, "x")])
    assert capsys.readouterr().out == "A          LONG\nwide cell\n1          x\n"
