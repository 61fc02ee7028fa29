"""The demo's conversation with a SIP phone: baresip calls a real Asterisk over RTP, and ARI brings the call to the bot."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import trio

from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.session.callfolder import open_call_folder
from voicekit_asterisk.testing.pbx import Pbx
from voicekit_asterisk.testing.phone import Phone
from voicekit_asterisk.testing.tones import STEP_S, loudness
from voicekit_local.demo.bot import GREETING, bot
from voicekit_local.demo.script import PATIENCE_S, Line, Moments, lines
from voicekit_local.wer import word_errors

pytestmark = [pytest.mark.real, pytest.mark.needs_debian("baresip-core", "baresip")]

LOUD = 0.008
"""Part of full scale above which a step of 10 ms is speech; mu-law silence and the voice's breath are below."""

PAUSE_S = 0.6
"""A shorter silence lies within an utterance."""

LONGEST_WAIT_S = 6.0
"""An answer comes within that; a later one was not asked for (the timer)."""


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


async def converse(script: list[Line], say: Callable[[Line], Any], moments: Moments) -> None:
    """Say all lines at their cues, as the demo's caller does."""
    known = 0
    for line in script:
        with trio.move_on_after(PATIENCE_S):
            if line.into is not None:
                await moments.speaking(line.into)
            else:
                await moments.finishing(known, line.until)
                await trio.sleep(line.after or 0.0)
        await say(line)
        if not line.aside:
            known = len(moments.finished)
    with trio.move_on_after(PATIENCE_S):
        await moments.finishing(known, "")


async def test_the_demo_over_a_telephone(
    pbx: Pbx, line: Callable[..., Any], service: Any, telephone: Callable[..., float], cost: Any, tmp_path: Path
) -> None:
    """The whole conversation: understood, answered in time, and the phone hears the gaps that our recording has."""
    script = lines()
    lengths = {each.name: telephone(each.path, tmp_path / f"{each.name}.wav", silence=60.0) for each in script}
    soundfile.write(tmp_path / "silence.wav", [0.0] * 8_000 * 120, 8_000, subtype="PCM_16")
    moments = Moments()
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
        session.watch(moments)
        sessions.append(session)
        return Recorded(session)

    async with line(answer, session=True) as it:
        phone = await it.ask(Phone(pbx.phone, tmp_path / "silence.wav").__enter__)

        async def say(line: Line) -> None:
            await it.ask(phone.speak, tmp_path / f"{line.name}.wav")
            await trio.sleep(lengths[line.name])

        try:
            await it.ask(phone.dial, f"sip:demo@127.0.0.1:{pbx.sip}")
            await it.begun()
            await converse(script, say, moments)
            with trio.move_on_after(20):
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
    assert len(there) == len(here) >= 5, (there, here)
    later = [a - b for a, b in zip(there, here, strict=True)]
    offset = statistics.median(later)
    apart = max(abs(each - offset) for each in later)
    cost.lines.append(
        f"phone: {errors.wrong} of {errors.words} words wrong; {len(here)} answers after {statistics.median(here):.2f} s "
        f"(median) in call.wav and {statistics.median(there):.2f} s at the phone, at most {1000 * max(later):.0f} ms later; "
        f"gaps differ by {1000 * offset:.0f} ms throughout, and by {1000 * apart:.0f} ms at most besides"
    )
    assert errors.rate <= 0.1
    assert max(later) <= 0.25
    assert apart <= 0.06, list(zip(there, here, strict=True))
