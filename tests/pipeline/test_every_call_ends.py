"""Every call ends: thousands of made-up calls with hostile parts, each held in virtual time and judged.

VOICEKIT_SCHEDULES=10000 tries that many schedules instead of 2,000 (VOICEKIT_FULL=1) or 200;
VOICEKIT_SCHEDULE=seed/shuffle repeats the one that has failed. The schedules are the same each time; in which order
trio runs what could run at the same instant is left to chance, or with CI set depends on the schedule's number. It is
printed before each call, so that a call that hangs can be found too.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from tests.counts import count
from tests.pipeline import hostile
from tests.pipeline.hostile import Mischief, Mishap, Raised
from tests.pipeline.schedules import (
    END_WITHIN,
    ORDERS,
    STAGES,
    Held,
    Schedule,
    complaints,
    echo,
    endless,
    hold,
    long,
    schedule,
)
from voicekit.events import SessionEnded, Typed
from voicekit.flow import open_link
from voicekit.testing import Script
from voicekit.testing.fakes import FIRST_SOUND, PER_CHARACTER
from voicekit.turn.ending import SPARE
from voicekit.turn.policy import CallPolicy, TurnPolicy

pytestmark = pytest.mark.slow

SCHEDULES = int(os.environ.get("VOICEKIT_SCHEDULES", count(2_000)))
AGAIN = os.environ.get("VOICEKIT_SCHEDULE")
BLOCK = 100
"""Schedules in one test."""

LONE_ERRORS = count(1_000)
FAREWELLS = count(200)

WORD = 0.5
"""Seconds: a word counts as heard when it begins, so at the order the rest of one may still have to be played."""

chance = random.SystemRandom()


def blocks() -> list[range]:
    """The numbers of the schedules, a block for each test."""
    if AGAIN is not None:
        seed = int(AGAIN.partition("/")[0])
        return [range(seed, seed + 1)]
    return [range(first, min(first + BLOCK, SCHEDULES)) for first in range(0, SCHEDULES, BLOCK)]


def held(made: Schedule) -> Held:
    if AGAIN is not None:
        shuffle = int(AGAIN.partition("/")[2])
    else:
        shuffle = (random.Random(made.seed) if "CI" in os.environ else chance).getrandbits(32)
    print(f"VOICEKIT_SCHEDULE={made.seed}/{shuffle}")
    return hold(made, shuffle)


@pytest.mark.full_counts
@pytest.mark.parametrize("block", blocks(), ids=lambda block: f"from {block.start}")
def test_every_call_ends(block):
    """Whatever goes wrong, nothing is left of the call, the sink is told, it ends in time, and its errors come out."""
    for seed in block:
        call = held(schedule(seed))
        assert complaints(call) == [], str(call)


@pytest.mark.parametrize(
    ("seed", "shuffle"),
    [
        (1648, 449892462),  # a watcher failed exactly when the call was cancelled, and the error was lost
        (128, 1629504351),  # the sink failed before the call began, and a second error said that it was not open
        (9660, 643831829),  # the rest of the longest duration was too short to wait for, so the loop never slept
    ],
)
def test_calls_that_once_failed(seed, shuffle):
    """Each was found by chance, and its order of tasks is kept."""
    call = hold(schedule(seed), shuffle)
    assert complaints(call) == [], str(call)


def test_the_schedules_leave_nothing_out():
    """Every part plays every trick at every point, every order is given, and calls are cancelled in mid-mishap."""
    made = [schedule(seed) for seed in range(2_000)]
    tricks = {(part, mischief.trick) for each in made for part, mischief in each.mischiefs.items()}
    points = {(part, mischief.point) for each in made for part, mischief in each.mischiefs.items()}
    assert tricks == {(part, trick) for part in STAGES for trick in hostile.TRICKS}
    assert points == {(part, point) for part in STAGES for point in hostile.POINTS} | {("sink", "discard")}
    assert {order for each in made for _, order in each.orders} == set(ORDERS)
    assert sum(each.speed < 1 for each in made) > 100
    assert sum(at == mischief.after for each in made for at, _ in each.orders for mischief in each.mischiefs.values())


# --- the judge ---


def quiet_call() -> Schedule:
    script = Script()
    script.stays(until=0.5)
    return Schedule(0, script, [], call=CallPolicy(max_duration=2.0))


def a_task(call: Held) -> None:
    call.tasks_left = 1


def an_open_link(call: Held) -> None:
    call.ends_left = ["<Outlet>"]


def a_sink_that_was_not_told(call: Held) -> None:
    call.sink.told_to_close = False


def a_late_end(call: Held) -> None:
    call.at_once = [call.over - 1.01]


def a_swallowed_error(call: Held) -> None:
    call.schedule.world.raised = [Raised(Mishap("swallowed"), "handler", call.over)]


def an_event_after_the_last(call: Held) -> None:
    call.events.append((call.over, Typed("late")))


def _failed(call: Held, error: Exception, raised: Exception) -> None:
    call.error = error
    call.events[-1] = (call.over, SessionEnded("error", error))
    call.schedule.world.raised = [Raised(raised, "handler", call.over)]


def an_unsigned_error(call: Held) -> None:
    error = Mishap("unsigned")
    _failed(call, error, error)


def a_grouped_error(call: Held) -> None:
    error = Mishap("grouped")
    error.add_note("in stage 'handler'")
    _failed(call, ExceptionGroup("", [error]), error)


def a_strange_error(call: Held) -> None:
    _failed(call, ValueError("strange"), Mishap("original"))


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (a_task, "tasks are left"),
        (an_open_link, "open ends"),
        (a_sink_that_was_not_told, "not told"),
        (a_late_end, "too late"),
        (a_swallowed_error, "was lost"),
        (an_event_after_the_last, "not the last event"),
        (an_unsigned_error, "is signed"),
        (a_grouped_error, "in a group"),
        (a_strange_error, "nobody raised"),
    ],
)
def test_the_judge_sees_each_fault(fault, complaint):
    """A call in order gives no complaint, and each way in which it can be out of order gives its own."""
    call = hold(quiet_call(), 0)
    assert complaints(call) == []
    fault(call)
    assert complaint in " ".join(complaints(call))


def test_the_judge_finds_open_ends_and_calls_that_spin():
    """An end of a link that somebody forgets is found in that very call, and so is a call in which no time passes."""
    forgotten: list = []

    async def forgetful(turn, say):
        forgotten.extend(open_link(1))

    async def spinning(turn, say):
        await turn.session.say("and again")

    made = quiet_call()
    made.script.types("hello", at=0.1)
    call = hold(replace(made, handler=forgetful), 0)
    for end in forgotten:
        end.close()
    assert "open ends" in " ".join(complaints(call))


# --- a single error ---


def one_mishap(seed: int) -> Schedule:
    """A call in which everybody has work, and one part raises once."""
    rng = random.Random(seed)
    part = rng.choice(list(STAGES))
    made = schedule(seed)
    trick = rng.choice((hostile.raises, hostile.raises_from_nurseries))
    mischief = Mischief(made.world, STAGES[part], rng.choice(hostile.POINTS), trick, after=rng.uniform(0.0, 0.8))
    return replace(
        made,
        mischiefs={part: mischief},
        handler=rng.choice((echo, long, endless)),
        live=True,
        speed=1.0,
        call=CallPolicy(greeting="Hello, what can I do for you?", max_duration=1.5, end_within=END_WITHIN),
        turn=TurnPolicy(),  # a failure in a speculative turn is reported, and the turn is tried again
        verdict=None,
        orders=[],
    )


@pytest.mark.full_counts
def test_one_error_comes_out_alone_and_signed():
    """In 1,000 calls (or 100) in which a part raises once, `run` raises that very error, signed and in no group."""
    seed = raised = 0
    while raised < LONE_ERRORS:
        call = held(one_mishap(seed))
        assert complaints(call) == [], str(call)
        for mishap in call.schedule.world.raised:
            assert call.error is mishap.error, str(call)
            raised += 1
        seed += 1
    assert seed < 1.5 * LONE_ERRORS


# --- the graceful end ---


def one_farewell(seed: int) -> Schedule:
    """A call in which nothing goes wrong, and that is to end gracefully."""
    rng = random.Random(seed)
    made = replace(schedule(seed), mischiefs={}, speed=1.0, live=True, verdict=None, says=[])
    policy = CallPolicy(greeting=rng.choice((None, "Hello, what can I do for you?")), end_within=100.0)
    made.script.stays(until=100.0)
    return replace(made, call=policy, orders=[(rng.uniform(0.0, 5.0), "end")])


@pytest.mark.full_counts
def test_a_graceful_end_adds_what_was_said_and_not_heard_yet():
    """It waits for the words that the caller has not heard, for the voice to begin, and for a second; for no more."""
    waited = 0
    for seed in range(FAREWELLS):
        call = held(one_farewell(seed))
        assert call.error is None, str(call)
        for ordered in call.gracefully:
            unheard = FIRST_SOUND + call.unheard * PER_CHARACTER
            assert call.over <= ordered + unheard + SPARE + WORD, str(call)
            waited += call.over > ordered + SPARE
    assert waited > FAREWELLS / 10
