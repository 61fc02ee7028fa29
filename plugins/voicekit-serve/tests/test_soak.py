"""Five hours of calls in virtual time: nothing of a call is left behind when it is over.

`python -m benchmarks.soak` is the same in real time, over sockets.
"""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from tests.counts import count
from tests.wires_kit import GREETING, NOON, PUBLIC, desk_bot, rest_in_memory
from voicekit import CallPolicy, Policy, Say, Session, Turn
from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit.flow.threads import inline
from voicekit.testing import PhoneLine, Script, ScriptedVad
from voicekit.testing.phone_sound import PhoneEars, PhoneVoice
from voicekit_phone.rehearsal import FirstContact
from voicekit_serve.site import CallSite

WIRES = ("twilio", "telnyx", "plivo", "exotel", "vonage", "genesys", "jambonz")
MINUTES = 300
EVERY_S = 180.0
WARM = 3
"""Looks before the first that counts: caches fill, and each wire has had its calls."""

MOST_OBJECTS = 0.005
"""By which part the number of objects may grow; a call that leaves its session behind leaves some hundreds.

What grows by one a call is the standard library's cache of addresses, which has 128 places.
"""

MOST_MIB = 8.0


@dataclass(frozen=True)
class Look:
    """What there is while no call is held."""

    objects: int
    mib: float
    tasks: int
    threads: int
    descriptors: int
    places: int


def look(site: CallSite) -> Look:
    gc.collect()
    return Look(
        len(gc.get_objects()),
        resident_mib(),
        trio.lowlevel.current_statistics().tasks_living,
        threading.active_count(),
        len(os.listdir("/dev/fd")),
        site.desk.counts.active,
    )


def resident_mib() -> float:
    """0 where the system does not tell it as Linux does: then objects alone are judged."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0


def caller(number: int) -> tuple[Script, dict[str, Any]]:
    """Who hangs up, whose line dies, who makes the bot fail, whom the bot sends away, who presses a key."""
    user, line = Script(), dict[str, Any]()
    user.says("when are you open", at=1.2, for_=0.8)
    match number % 5:
        case 0:
            user.says("stop that please", at=3.2, for_=0.8)
        case 1:
            line["dies_at"] = 4.0
        case 2:
            user.says("nonsense", at=4.5, for_=0.8)
        case 3:
            user.says("goodbye", at=4.5, for_=0.8)
        case 4:
            user.presses("5", at=4.5)
    user.stays(until=10.0)
    return user, line


async def failing_bot(turn: Turn, say: Say) -> None:
    if "nonsense" in turn.text:
        raise LookupError("no such thing")
    await desk_bot(turn, say)


async def hold_one(site: CallSite, number: int, scripts: dict[str, Script]) -> None:
    """Call `number`, over one of the wires; its script is left in `scripts` for the recogniser."""
    user, line = caller(number)
    wire = WIRES[number % len(WIRES)]
    transport = next(one for one in site.transports if one.name == wire)
    first = FirstContact(wire, f"call-{number}")
    scripts[first.call] = user
    await first.ring(site, transport, user, PhoneLine(transport=first.dialect, **line))


@pytest.mark.slow
@pytest.mark.full_counts
def test_five_hours_of_calls_leave_nothing_behind() -> None:
    """Objects, memory, tasks, threads and descriptors are flat from the fourth part of ten on; every call has ended."""
    looks: list[Look] = []
    scripts: dict[str, Script] = {}
    asked: list[httpx.Request] = []

    async def answer(call: Call) -> Session:
        return Session(
            handler=failing_bot,
            call=call,
            stt=PhoneEars(scripts.pop(call.info.call_id.value)),
            vad=ScriptedVad(),
            tts=PhoneVoice(call.sink.format),
            policy=Policy(call=CallPolicy(greeting=GREETING)),
        )

    transports: list[Any] = [FirstContact(wire).transport() for wire in WIRES]
    site = CallSite(answer, transports, public_url=PUBLIC, now=lambda: NOON + trio.current_time())
    for transport in transports:
        rest_in_memory(transport, site, asked)
    calls = round(count(MINUTES) * 60 / EVERY_S)

    async def main() -> None:
        inline.set(True)
        async with site.open():
            for number in range(calls):
                await hold_one(site, number, scripts)
                asked.clear()
                await trio.sleep_until((number + 1) * EVERY_S)
                if (number + 1) % max(1, calls // 10) == 0:
                    looks.append(look(site))

    trio.run(main, clock=MockClock(autojump_threshold=0))
    for one in looks:
        print(one)
    first, last = looks[WARM], looks[-1]
    assert last.objects <= first.objects * (1 + MOST_OBJECTS)
    assert last.mib <= first.mib + MOST_MIB
    assert (last.tasks, last.threads, last.descriptors, last.places) == (
        first.tasks, first.threads, first.descriptors, 0,
    )  # fmt: skip
    ended = site.desk.counts.ended
    assert sum(ended.values()) == site.desk.counts.answered == calls
    assert scripts == {}
    assert {EndReason.CALLER, EndReason.LOST, EndReason.BOT} <= set(ended)
