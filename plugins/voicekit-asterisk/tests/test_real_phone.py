"""The demo's conversation with a SIP phone: baresip calls a real Asterisk over RTP, AudioSocket brings it to the bot.

The gaps between caller and bot are measured in the phone's own recordings and in ours. AudioSocket is the way for that,
since it sends silence too: on the other two, Asterisk sends no RTP while the bot is silent, and a phone that records
what comes loses the time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import trio

from tests.machine import Machine
from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.session.callfolder import open_call_folder
from voicekit_asterisk.testing.pbx import Pbx
from voicekit_asterisk.testing.phone import Phone
from voicekit_asterisk.testing.tones import STEP_S, loudness
from voicekit_local.demo.bot import GREETING, bot
from voicekit_local.demo.script import Line, lines
from voicekit_local.wer import word_errors

pytestmark = [pytest.mark.real, pytest.mark.needs_debian("baresip-core", "baresip")]

LOUD = 0.008
"""Part of full scale above which a step of 10 ms is speech; mu-law silence and the voice's breath are below."""

PAUSE_S = 0.6
"""A shorter silence lies within an utterance."""

LONGEST_WAIT_S = 6.0
"""An answer comes within that; a later one was not asked for (the timer)."""


SAID_AT = {"question": 7.0, "story": 17.0, "yeah": 26.0, "stop": 32.0, "table": 44.0, "bye": 60.0}
"""Seconds into the call at which the caller says each line, whether or not the bot has been quick."""

WHOLE_S = 75.0


def utterances(samples: Any, rate: int) -> list[tuple[float, float]]:
    """From when to when somebody speaks, in seconds."""
    loud = [n for n, level in enumerate(loudness(samples, rate)) if level > LOUD]
    found: list[list[int]] = []
    for n in loud:
        if found and (n - found[-1][1]) * STEP_S < PAUSE_S:
            found[-1][1] = n
        else:
            found.append([n, n])
    return [(first * STEP_S, (last + 1) * STEP_S) for first, last in found if last - first > 5]


def answers(caller: list[tuple[float, float]], speech: list[tuple[float, float]]) -> list[float]:
    """The seconds between the end of what the caller says and the bot's next words, for each that is answered."""
    gaps = []
    for _, end in caller:
        following = [begin for begin, _ in speech if begin > end]
        again = [begin for begin, _ in caller if begin > end]
        if following and following[0] - end < LONGEST_WAIT_S and not (again and again[0] < following[0]):
            gaps.append(following[0] - end)
    return gaps


def whole_call(script: list[Line], target: Path, telephone: Callable[..., float]) -> None:
    """All that the caller says, at its time, as one file: a phone that changes its file leaves a hole in its sound."""
    whole = np.zeros(round(WHOLE_S * 8_000), np.int16)
    for line in script:
        telephone(line.path, target)
        samples, _ = soundfile.read(target, dtype="int16")
        begin = round(SAID_AT[line.name] * 8_000)
        whole[begin : begin + len(samples)] = samples
    soundfile.write(target, whole, 8_000, subtype="PCM_16")


async def test_the_demo_over_a_telephone(
    pbx: Pbx,
    line: Callable[..., Any],
    service: Any,
    telephone: Callable[..., float],
    cost: Any,
    machine: Machine,
    tmp_path: Path,
) -> None:
    """The whole conversation: understood, answered in time, and the phone hears the gaps that our recording has."""
    script = lines()
    await trio.to_thread.run_sync(whole_call, script, tmp_path / "caller.wav", telephone)
    sessions: list[Session] = []
    ended = trio.Event()

    class Recorded:
        def __init__(self, session: Session) -> None:
            self._session = session

        async def run(self) -> None:
            async with open_call_folder(tmp_path / "call") as folder:
                folder.record(self._session)
                await self._session.run()
            ended.set()

        def end(self, *, why: str, farewell: str | None = None) -> None:
            self._session.end(why=why, farewell=farewell)

    def answer(call: Call) -> Recorded:
        policy = Policy(call=CallPolicy(greeting=GREETING))
        session = Session(handler=bot, call=call, stt=service.transcriber(), tts=service.voice(), policy=policy)
        sessions.append(session)
        return Recorded(session)

    async with line(answer, session=True) as it:
        phone = await it.ask(Phone(pbx.phone, tmp_path / "caller.wav").__enter__)
        try:
            await it.ask(phone.dial, f"sip:demo@127.0.0.1:{pbx.sip}")
            await it.begun()
            with trio.fail_after(WHOLE_S + 5):
                await ended.wait()
        finally:
            with trio.CancelScope(shield=True):
                await it.ask(phone.hang_up)
                await trio.sleep(0.5)
                await it.ask(phone.__exit__, None, None, None)
        await it.empty()
    said = " ".join(each.text for each in script if not each.aside)
    errors = word_errors(said, " ".join(turn.user for turn in sessions[0].history))
    ours, ours_rate = soundfile.read(tmp_path / "call" / "call.wav", dtype="int16")
    there, here = [], []
    for caller, speech, rate, gaps in (
        (*(soundfile.read(side, dtype="int16")[0] for side in (phone.said, phone.heard)), 8_000, there),
        (ours[:, 0], ours[:, 1], ours_rate, here),
    ):
        gaps += answers(utterances(caller, rate), utterances(speech, rate))
    phone.remove()
    if not machine.keeps_time(within=0.03):
        cost.lines.append(f"phone: not measured, as the machine is late; {errors.wrong} of {errors.words} words wrong")
        assert sessions[0].history, "the caller was heard"
        assert there or here, "the caller was answered"
        return
    assert len(there) == len(here) >= 5, (there, here)
    later = [a - b for a, b in zip(there, here, strict=True)]
    offset = statistics.median(later)
    apart = max(abs(each - offset) for each in later)
    here_s, there_s, latest_ms = statistics.median(here), statistics.median(there), 1000 * max(later)
    cost.lines += [
        f"phone: {errors.wrong} of {errors.words} words of the caller wrong, {len(here)} answers",
        f"phone: answers after {here_s:.2f} s (median) here, {there_s:.2f} s there, at most {latest_ms:.0f} ms later",
        f"phone: the gaps differ by {1000 * offset:.0f} ms throughout, and besides by {1000 * apart:.0f} ms at most",
    ]
    assert errors.rate <= 0.1
    assert max(later) <= 0.25
    assert apart <= 0.06, list(zip(there, here, strict=True))
