"""The event log: typed events on disk that read back as they were, and a human view of them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from voicekit.cli import main
from voicekit.errors import ConfigError, Unavailable
from voicekit.events import (
    Decided,
    End,
    Final,
    HeardSoFar,
    Interim,
    Progress,
    ReplyFailed,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    TurnAct,
    TurnCommitted,
    TurnEnded,
    Word,
)
from voicekit.flow.threads import inline
from voicekit.session.eventlog import EVENTS, LoggedEvent, Milestone, describe, log_lines, open_event_log, read_events

CALL: list[LoggedEvent] = [
    SessionStarted(),
    SpeechStarted(8_000),
    Interim((Word(" hi", 0, 10, language="en", confidence=0.5),)),
    Interim(()),
    Final((Word(" hi", 0, 10), Word("\u2028there\ud800", 10, 20, speaker="1"))),
    Decided(TurnAct.COMMIT, 1, "endpoint"),
    Decided(TurnAct.DROP_PROMPT, None, "the call is ending", "say"),
    TurnCommitted(1, "hi there", "speech"),
    Milestone(1, "user", 0.7),
    TurnEnded(1, "Well\nhello.", "Well", True),
    End(True, "asked", "Bye."),
    SessionEnded("asked"),
]


def written(path: Path, log: list[LoggedEvent]) -> None:
    """Log one event a second, in virtual time."""

    async def write() -> None:
        inline.set(True)
        async with open_event_log(path) as note:
            for at, event in enumerate(log):
                await trio.sleep_until(at)
                note(event)

    trio.run(write, clock=MockClock(autojump_threshold=0))


def test_events_read_back_as_they_were(tmp_path):
    """Every field of every event comes back, whatever white space or broken characters it has."""
    written(tmp_path / EVENTS, CALL)
    assert read_events(tmp_path / EVENTS) == [(float(at), event) for at, event in enumerate(CALL)]


def test_errors_read_back_by_name_and_text(tmp_path):
    """An exception of any kind is an exception again, with the words that the log had for it."""
    written(
        tmp_path / EVENTS, [ReplyFailed(3, Unavailable("no answer", service="x")), SessionEnded("error", KeyError("k"))]
    )
    assert [line.split(maxsplit=1)[1] for line in log_lines(tmp_path / EVENTS)] == [
        "reply 3 failed: Unavailable: no answer",
        "session ended: error: KeyError: 'k'",
    ]


def test_the_first_line_has_the_version(tmp_path):
    """A reader can tell the format and its version before it reads any event, and each line is JSON."""
    written(tmp_path / EVENTS, CALL)
    first, *rest = (tmp_path / EVENTS).read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert json.loads(first) == {"format": "voicekit events", "version": 1}
    assert [json.loads(line)["event"] for line in rest] == [type(event).__name__ for event in CALL]


def test_events_that_repeat_many_times_a_second_are_left_out(tmp_path):
    """Progress and HeardSoFar would be most of the file, and say nothing that the others do not."""
    written(tmp_path / EVENTS, [SessionStarted(), Progress(5), HeardSoFar(1, 3)])
    assert [event for _, event in read_events(tmp_path / EVENTS)] == [SessionStarted()]


def test_the_verb_prints_a_line_for_each_event(tmp_path, capsys):
    """`voicekit log` takes a folder or a file; an interim without words and an event without any have no line."""
    written(tmp_path / EVENTS, [*CALL[:4], Final((Word("hi there", 0, 10),)), *CALL[5:]])
    assert main(["log", str(tmp_path)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:3] == ["    0.000 session started", "    1.000 user sounds", '    2.000 interim "hi"']
    assert shown[3:7] == [
        '    4.000 final "hi there"',
        "    5.000 commit 1 (endpoint)",
        "    6.000 drop prompt 'say' (the call is ending)",
        '    7.000 reply 1 to "hi there"',
    ]
    assert '    9.000 reply 1 was cut, heard "Well"' in shown
    assert main(["log", str(tmp_path / EVENTS)]) == 0


def test_the_detector_is_named():
    """A session says by what it detects speech, if that was asked for by name or is the default."""
    assert describe(SessionStarted("confirmed")) == "session started, vad confirmed"


def test_an_unfinished_line_is_passed_over(tmp_path):
    """The log of a program that was killed while it wrote is read to its last whole event."""
    written(tmp_path / EVENTS, CALL)
    whole = (tmp_path / EVENTS).read_bytes()
    (tmp_path / EVENTS).write_bytes(whole[:-8])
    assert len(read_events(tmp_path / EVENTS)) == len(CALL) - 1


def test_events_of_a_later_voicekit_are_passed_over(tmp_path):
    """An unknown event, or an unknown field of a known one, is no error."""
    written(tmp_path / EVENTS, CALL[:1])
    with (tmp_path / EVENTS).open("a", encoding="utf-8") as file:
        file.write('{"time": 1.0, "event": "ToolDreamt", "x": 1}\n{"time": 2.0, "event": "SttUp", "mood": "good"}\n')
    assert [type(event).__name__ for _, event in read_events(tmp_path / EVENTS)] == ["SessionStarted", "SttUp"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected an event log of version 1"),
        ("    0.000 session started\n", "expected an event log of version 1"),
        ('{"format": "voicekit events", "version": 2}\n', "expected an event log of version 1"),
        ('{"format": "voicekit events", "version": 1}\nhm\n\n', ":2: expected an event, got hm"),
        ('{"format": "voicekit events", "version": 1}\n{"time": 1.0, "event": "Final"}\n\n', ":2: expected an event"),
    ],
)
def test_a_file_that_is_no_log_is_named(text, complaint, tmp_path):
    """Another format, another version and a line that is no event are a ConfigError with the file and the line."""
    (tmp_path / EVENTS).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        read_events(tmp_path / EVENTS)


@pytest.mark.skipif(os.name == "nt", reason="there are no such permissions")
def test_only_the_owner_can_read_the_log(tmp_path):
    """What a caller said is nobody else's, whatever the umask, and a link put in the log's place is not followed."""
    precious = tmp_path / "precious"
    precious.write_text("mine", encoding="utf-8")
    (tmp_path / EVENTS).symlink_to(precious)
    before = os.umask(0)
    try:
        written(tmp_path / EVENTS, CALL)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / EVENTS).lstat().st_mode) == 0o600
    assert not (tmp_path / EVENTS).is_symlink()
    assert precious.read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(os.name == "nt", reason="there is no such device")
def test_a_device_stays_a_device(tmp_path):
    """A log to /dev/null or to a pipe is written to it, and nothing is put in its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        written(pipe, CALL[:1])
        assert os.read(reader, 1_000).decode().splitlines()[0] == '{"format": "voicekit events", "version": 1}'
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@given(st.text(), st.text())
def test_any_text_survives(tmp_path_factory, said, why):
    """No text that a recogniser or a handler could produce breaks the log."""
    path = tmp_path_factory.mktemp("log") / EVENTS
    log: list[LoggedEvent] = [TurnEnded(1, said, said, False), Decided(TurnAct.CLOSE, None, why)]
    written(path, log)
    assert [event for _, event in read_events(path)] == log
