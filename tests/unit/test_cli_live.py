"""A call as it is printed while it goes on."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import trio

from voicekit.cli.live import Live
from voicekit.cli.terminal import CLEAR
from voicekit.events import SttDown
from voicekit.play.sink import NullSink
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
        "    5.66  you  (mhm)\n"
        "    2.84  bot  I heard: good morning. Is there anything else that I ...  (0.84 s)\n"
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
