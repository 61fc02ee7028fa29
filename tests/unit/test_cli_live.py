"""A call as it is printed while it goes on."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import trio

from voicekit.cli.live import HELD, Live
from voicekit.cli.terminal import CLEAR
from voicekit.events import Blocked, SttDown, Trouble
from voicekit.play.sink import NullSink
from voicekit.session.screen import Screen
from voicekit.session.session import Session
from voicekit.testing import FakeTts, Script, ScriptedSource, ScriptedStt, ScriptedVad


def caller() -> Script:
    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    script.says("mhm", at=5.0, for_=0.4)
    script.says("stop please", at=6.5, for_=0.8)
    script.types("help", at=15.0)
    return script


async def answer(turn: Any, say: Any) -> None:
    await say(f"I heard: {turn.text}. Is there anything else that I can do for you?")


async def printed(script: Script, *, terminal: bool) -> tuple[str, Live]:
    """What is printed of a call, and who printed it."""
    out = io.StringIO()
    session = Session(
        handler=answer,
        source=ScriptedSource(script),
        vad=ScriptedVad(),
        stt=ScriptedStt(script),
        tts=FakeTts(),
        sink=NullSink(),
    )
    live = Live(session, out, terminal=terminal)
    session.watch(live.note)
    await session.run()
    return out.getvalue(), live


async def test_lines_are_printed_as_they_are_done(autojump_clock):
    """Elsewhere than on a terminal there is a line for each thing that was said, and how long the caller waited."""
    text, _ = await printed(caller(), terminal=False)
    assert text == (
        "    2.70  you  good morning\n"
        "    2.84  bot  I heard: good morning. Is there anything else that I ...  (0.84 s)\n"
        "    5.70  you  (mhm)\n"
        "    8.00  you  stop please\n"
        "    8.14  bot  I heard: stop please. Is there anything else that I can do for you?  (0.84 s)\n"
        "   15.00  you  help\n"
        "   15.14  bot  I heard: help. Is there anything else that I can do for you?  (0.14 s)\n"
    )


async def test_words_change_in_place_on_a_terminal(autojump_clock, monkeypatch):
    """What may still change is written over, never wider than the terminal, and the lines that stay are the same."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    plain, _ = await printed(caller(), terminal=False)
    text, _ = await printed(caller(), terminal=True)
    lines = text.split("\n")
    assert "\n".join(line.rpartition(CLEAR)[2] for line in lines) == plain
    passing = [shown.strip() for line in lines for shown in line.split(CLEAR)[:-1] if shown]
    assert passing[:3] == ["you  good", "you  good morning", "bot  I"]
    assert any(re.fullmatch(r"bot  …?.*   you  stop", shown) for shown in passing)
    assert max(map(len, passing)) < 60


async def test_the_summary_counts_the_waits(autojump_clock):
    """At the end it says how often the caller was answered, and how quickly."""
    _, live = await printed(caller(), terminal=False)
    assert live.summary() == "answered 3 times, after 0.84 s (median), 0.84 s at most"
    assert live.waits == pytest.approx([0.842, 0.842, 0.142], abs=0.02)


async def test_lines_stand_in_the_order_of_time(autojump_clock):
    """What comes while a reply is heard stands below that reply, which began before it; nothing waits for ever."""
    text, _ = await printed(caller(), terminal=False)
    times = [float(line.split()[0]) for line in text.splitlines()]
    assert times == sorted(times)
    out = io.StringIO()
    source = ScriptedSource(caller())
    session = Session(handler=answer, source=source, vad=None, stt=None, tts=FakeTts(), sink=NullSink())
    live = Live(session, out, terminal=False)
    session.watch(live.note)

    async def babble() -> None:
        await trio.sleep(15.5)
        for number in range(HELD + 2):
            session.report(Trouble("somewhere", LookupError(str(number))))
        assert out.getvalue().count("LookupError") == HELD + 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(babble)
        await session.run()
    assert out.getvalue().count("LookupError") == HELD + 2


async def test_what_blocks_the_loop_is_shown_to_those_who_ask(autojump_clock):
    """It is for developers: only with `blocked`, and always in the event log."""
    session = Session(handler=answer, source="silence", vad=None, stt=None, tts=FakeTts(), sink=NullSink())
    for blocked, shown in ((False, ""), (True, "    0.00   !   tool blocked the event loop for 0.200 s\n")):
        out = io.StringIO()
        Live(session, out, terminal=False, blocked=blocked).note(Blocked("tool", 0.2))
        assert out.getvalue() == shown


async def test_nothing_that_is_shown_ends_a_call(autojump_clock):
    """A console without the letters shows others; one that is gone is not tried again, and the call goes on."""

    class Gone(io.StringIO):
        tried = 0

        def write(self, text: str) -> int:
            self.tried += 1
            raise BrokenPipeError

    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    screen = Screen(narrow)
    screen.show("Zażółć - \ud800\n")
    assert narrow.buffer.getvalue() == b"Za???? - ?\n"  # type: ignore[attr-defined]
    closed = io.StringIO()
    closed.close()
    gone = Gone()
    for out in (gone, closed):
        source = ScriptedSource(caller())
        session = Session(handler=answer, source=source, vad=None, stt=None, tts=FakeTts(), sink=NullSink())
        live = Live(session, out, terminal=False)
        session.watch(live.note)
        assert (await session.run()).error is None
        assert live.screen.gone is not None
    assert gone.tried == 1


def test_a_program_whose_output_was_not_read_says_so_at_its_end():
    """A broken pipe is raised when it is asked for, and no other trouble with the output is."""
    screen = Screen(io.StringIO(), terminal=False)
    screen.check()
    screen.gone = ValueError("closed")
    screen.check()
    screen.gone = BrokenPipeError()
    with pytest.raises(BrokenPipeError):
        screen.check()


async def test_trouble_is_told(autojump_clock):
    """A recogniser that is lost is a line of its own."""
    out = io.StringIO()
    script = Script()
    session = Session(handler=answer, source=ScriptedSource(script), vad=None, stt=None, tts=FakeTts(), sink=NullSink())
    live = Live(session, out, terminal=False)
    session.watch(live.note)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        await trio.sleep(1.0)
        session.report(SttDown("the line went dead"))
    assert out.getvalue() == "    1.00   !   stt down: the line went dead\n"
    assert live.summary() == "no question was answered"
