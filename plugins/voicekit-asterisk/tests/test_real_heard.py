"""Heard is history on a real Asterisk: what the history has of a reply that was cut is what Asterisk's recording has.

The voice speaks in tones, each word another one, so a recording is read without a recogniser.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
import trio

from voicekit import Session
from voicekit.call.connection import Call
from voicekit.events import Audible, SessionEvent, TurnEnded
from voicekit_asterisk.testing.tones import WORDS, ToneTts, words_in

pytestmark = pytest.mark.real

CUTS = 100
AT_ONCE = 5
SENTENCE = " ".join(f"word{number}" for number in range(WORDS))
LONGEST_S = 3.5


async def bot(turn: Any, say: Any) -> None:
    await say(SENTENCE)


async def cut_again_and_again(session: Session, cuts: int, roll: Random, heard: list[int]) -> None:
    """Have the bot speak, and cut it off at a random time; the words that the history has of each reply."""
    audible, ended = trio.Event(), trio.Event()
    said = ""

    def watch(event: SessionEvent) -> None:
        nonlocal said
        if isinstance(event, Audible):
            audible.set()
        elif isinstance(event, TurnEnded):
            said = event.heard
            ended.set()

    session.watch(watch)
    while not session.running:  # noqa: ASYNC110  # a session tells its start to watchers alone
        await trio.sleep(0.01)
    session.type("begin")
    for number in range(cuts):
        with trio.fail_after(10):
            await audible.wait()
        audible, ended = trio.Event(), trio.Event()
        await trio.sleep(0.3 + roll.random() * LONGEST_S)
        session.type(f"cut {number}")
        with trio.fail_after(10):
            await ended.wait()
        heard.append(len(said.split()))
    session.end(graceful=False)


async def test_what_was_cut_is_in_the_history_as_it_was_heard(line: Callable[..., Any], cost: Any) -> None:
    """Over chan_websocket, five calls at once: each cut reply within one word of what Asterisk has recorded."""
    cuts = CUTS // AT_ONCE
    rows: list[list[int]] = []

    async def hold(session: Session, number: int) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cut_again_and_again, session, cuts, Random(number), rows[number])
            await session.run()

    class Held:
        def __init__(self, session: Session, number: int) -> None:
            self._run = partial(hold, session, number)

        async def run(self) -> None:
            await self._run()

        def end(self, *, why: str, farewell: str | None = None) -> None:
            """The test ends its calls itself."""

    def answer(call: Call) -> Held:
        rows.append([])
        return Held(Session(handler=bot, call=call, stt=None, vad=None, tts=ToneTts()), len(rows) - 1)

    async with line(answer, session=True) as it:
        for number in range(AT_ONCE):
            await it.call("chan_websocket", f"tone-heard-{number}")
            await it.begun(number + 1)
        for call in it.calls:
            await it.over(call, 60 + 5 * cuts)
        await it.empty()
        recordings = [it.heard(f"tone-heard-{number}") for number in range(AT_ONCE)]
    worst, total = 0, 0
    for row, (samples, rate) in zip(rows, recordings, strict=True):
        played = replies(words_in(samples, rate))
        assert len(row) == cuts
        for in_history, recorded in zip(row, played, strict=False):
            worst, total = max(worst, abs(in_history - recorded)), total + 1
            assert abs(in_history - recorded) <= 1, f"the history has {row}, the recording {played}"
        assert len(played) in (cuts, cuts + 1), "the last reply begins as the call ends"
    cost.lines.append(f"heard is history: {total} cuts, {AT_ONCE} calls at once, at most {worst} word apart")


def replies(words: list[int]) -> list[int]:
    """How many words of each reply sound; a reply begins with word 0."""
    found: list[int] = []
    for word in words:
        if word == 0:
            found.append(1)
        elif found:
            found[-1] = word + 1
    return found
