"""The demo's conversation with a SIP phone: baresip calls a real Asterisk over RTP, AudioSocket brings it to the bot.

As in the demo, the connection to the recogniser is lost in the middle of a line.

The gaps between caller and bot are measured in the phone's own recordings and in ours. AudioSocket is the way for that,
since it sends silence too: on the other two, Asterisk sends no RTP while the bot is silent, and a phone that records
what comes loses the time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import trio

from tests.machine import Machine
from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.events import TurnTimed
from voicekit.session.callfolder import open_call_folder
from voicekit.soniox import SonioxStt
from voicekit_asterisk.testing.pbx import Pbx
from voicekit_asterisk.testing.phone import Phone
from voicekit_asterisk.testing.tones import STEP_S, loudness
from voicekit_local.demo.bot import GREETING, bot
from voicekit_local.demo.relay import open_relay
from voicekit_local.demo.script import Line, lines
from voicekit_local.wer import word_errors

pytestmark = [pytest.mark.real, pytest.mark.needs_debian("baresip-core", "baresip")]

LOUD = 0.008
"""Part of full scale above which a step of 10 ms is speech; mu-law silence and the voice's breath are below."""

PAUSE_S = 0.6
"""A shorter silence lies within an utterance."""

MOST_LATER_S = 0.25
"""So much later than the local server has it a caller may hear an answer."""

MOST_APART_S = 0.06
"""So much the gaps may differ, here and at the telephone, besides one offset for the whole call."""

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


def gaps_of(caller: list[tuple[float, float]], speech: list[tuple[float, float]]) -> list[float]:
    """The seconds between the end of each thing that the caller says and the bot's next words."""
    return [next(begin for begin, _ in speech if begin > end) - end for _, end in caller]


def whole_call(script: list[Line], target: Path, telephone: Callable[..., float]) -> None:
    """All that the caller says, at its time, as one file: a phone that changes its file leaves a hole in its sound."""
    whole = np.zeros(round(WHOLE_S * 8_000), np.int16)
    for line in script:
        telephone(line.path, target)
        samples, _ = soundfile.read(target, dtype="int16")
        begin = round(SAID_AT[line.name] * 8_000)
        whole[begin : begin + len(samples)] = samples
    soundfile.write(target, whole, 8_000, subtype="PCM_16")


@dataclass
class Held:
    """What the session shows of the call."""

    session: Session | None = None
    timed: list[TurnTimed] = field(default_factory=list)
    ended: trio.Event = field(default_factory=trio.Event)


class Recorded:
    """A conversation that leaves a call folder."""

    def __init__(self, session: Session, folder: Path, ended: trio.Event) -> None:
        self._session = session
        self._folder = folder
        self._ended = ended

    async def run(self) -> None:
        async with open_call_folder(self._folder) as folder:
            folder.record(self._session)
            await self._session.run()
        self._ended.set()

    def end(self, *, why: str, farewell: str | None = None) -> None:
        self._session.end(why=why, farewell=farewell)


async def hold_call(
    line: Callable[..., Any], service: Any, script: list[Line], phone: Phone, folder: Path, held: Held
) -> None:
    """Let `phone` call the demo's bot, to the bot's goodbye; the recogniser's connection is lost as in the script."""
    async with open_relay(service.endpoints.stt) as relay:
        stt = SonioxStt(key=service.key, endpoints=replace(service.endpoints, stt=relay.url))

        def answer(call: Call) -> Recorded:
            policy = Policy(call=CallPolicy(greeting=GREETING))
            held.session = Session(handler=bot, call=call, stt=stt, tts=service.voice(), policy=policy)
            held.session.watch(lambda event: held.timed.append(event) if isinstance(event, TurnTimed) else None)
            return Recorded(held.session, folder, held.ended)

        async with line(answer, session=True) as it:
            await it.ask(phone.__enter__)
            try:
                await it.ask(phone.dial, f"sip:demo@127.0.0.1:{it.pbx.sip}")
                await it.begun()
                with trio.fail_after(WHOLE_S + 5):
                    await trio.sleep(max(SAID_AT[each.name] + each.drop for each in script if each.drop is not None))
                    assert relay.cut(), "there is a connection to lose"
                    await held.ended.wait()
            finally:
                with trio.CancelScope(shield=True):
                    await it.ask(phone.hang_up)
                    await trio.sleep(0.5)
                    await it.ask(phone.__exit__, None, None, None)
            await it.empty()


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
    script, held = lines(), Held()
    await trio.to_thread.run_sync(whole_call, script, tmp_path / "caller.wav", telephone)
    phone = Phone(pbx.phone, tmp_path / "caller.wav")
    await hold_call(line, service, script, phone, tmp_path / "call", held)
    assert held.session is not None
    words = " ".join(each.text for each in script if not each.aside)
    errors = word_errors(words, " ".join(turn.user for turn in held.session.history))
    said, heard = (soundfile.read(side, dtype="int16")[0] for side in (phone.said, phone.heard))
    ours, rate = soundfile.read(tmp_path / "call" / "call.wav", dtype="int16")
    phone.remove()
    cost.lines.append(f"phone: {errors.wrong} of {errors.words} words of the caller wrong")
    if not machine.keeps_time(within=0.03):
        cost.lines.append("phone: not measured, as the machine is late")
        assert held.session.history, "the caller was heard"
        assert utterances(heard, 8_000), "the caller was answered"
        return
    assert errors.rate <= 0.1
    there = gaps_of(utterances(said, 8_000), utterances(heard, 8_000))
    here = gaps_of(utterances(ours[:, 0], rate), utterances(ours[:, 1], rate))
    assert len(there) == len(here) == len(script), (there, here)
    later = [a - b for a, b in zip(there, here, strict=True)]
    offset = statistics.median(later)
    apart = max(abs(each - offset) for each in later)
    server = [(each.decision or 0.0) + (each.tts or 0.0) for each in held.timed if each.reason == "speech"]
    answered = [gap for gap, each in zip(there, script, strict=True) if not each.aside]
    assert len(server) == len(answered), held.timed
    beyond = [gap - own for gap, own in zip(answered, server, strict=True)]
    own, most = statistics.median(server), 1000 * max(beyond)
    cost.lines += [
        f"phone: {len(answered)} answers after {statistics.median(answered):.2f} s (median) at the telephone",
        f"phone: the local server's own time is {own:.2f} s (median); no answer comes more than {most:.0f} ms after it",
        f"phone: the gaps differ by {1000 * offset:.0f} ms throughout, and besides by {1000 * apart:.0f} ms at most",
    ]
    assert max(beyond) <= MOST_LATER_S, list(zip(answered, server, strict=True))
    assert max(later) <= MOST_LATER_S
    assert apart <= MOST_APART_S, list(zip(there, here, strict=True))
