"""Calls made up from a seed: what the user does, what goes wrong in which part, who orders the end, and when.

`hold` holds such a call in virtual time, `complaints` says which promise it broke. trio shuffles tasks that could run
at the same instant; its shuffling has a seed of its own, so that one schedule is tried in many orders and each failure
can be repeated.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio._core._run as trio_run
from trio.testing import MockClock

from tests.pipeline import hostile
from tests.pipeline.hostile import Mischief, World, some_mischief
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.errors import Unavailable
from voicekit.events import (
    Interim,
    ReplyFailed,
    SessionEnded,
    SessionEvent,
    SessionStarted,
    Trouble,
    TurnCommitted,
    TurnEnded,
)
from voicekit.extend import Apologise, Restart, hookimpl, load_plugins
from voicekit.flow import Inlet, Outlet
from voicekit.session import Session, run_session
from voicekit.session.duration import HEAR_OUT
from voicekit.testing import FakeTts, Script, ScriptedSource, ScriptedStt, ScriptedVad
from voicekit.turn.policy import CallPolicy, Policy, Speculation, TurnPolicy

AT_ONCE = 1.0
"""Seconds that an immediate end may take, all clean-up included."""

OPEN_TIMEOUT = 1.0
END_WITHIN = 3.0

ROUNDING = 1e-6
"""Seconds: sums of floats."""

MANY = 3_000
"""Events of one call; a sound one has some hundreds."""

NEVER = 1_000.0
"""Seconds after which a call that has not ended never will; virtual time gets there when nothing else happens."""

STAGES = {
    "source": "scripted source",
    "ears": "scripted ears",
    "voice": "fake voice",
    "handler": "handler",
    "sink": "playout",
    "vad": "scripted source",  # it runs in the source's stage
    "context": "a plugin's session context",
    "watcher": "",  # may be called in any stage
}
"""The parts, and the stage that each one's errors are signed with."""

ORDERS = ("end", "end with a farewell", "end at once", "hang up", "cancel", "SIGTERM")


# --- what the well-behaved parts do ---


async def echo(turn: Any, say: Any) -> None:
    await say(f"I heard {turn.text}. ")


async def long(turn: Any, say: Any) -> None:
    for sentence in range(3):
        await say(f"This is sentence {sentence}. ")
        await trio.sleep(0.3)


async def endless(turn: Any, say: Any) -> None:
    while True:
        await say("and another thing, ")


async def silent(turn: Any, say: Any) -> None:
    """Says nothing."""


async def slow(turn: Any, say: Any) -> None:
    await trio.sleep(0.7)
    await say("Well.")


async def leaves(turn: Any, say: Any) -> None:
    await say("As you like. ")
    turn.end("Goodbye.")


HANDLERS = (echo, echo, long, endless, silent, slow, leaves)


async def more_sound(outbox: Outlet[Any]) -> None:
    await trio.sleep(0.02)
    await outbox.send(AudioFrame(PCM16K.silence(320), 0, PCM16K))


async def more_words(outbox: Outlet[Any]) -> None:
    await trio.sleep(0.02)
    await outbox.send(Interim(()))


class Stranger:
    """A plugin that enters the schedule's context, and that has the schedule's opinion of errors."""

    def __init__(self) -> None:
        self.mischief: Mischief | None = None
        self.verdict: Apologise | Restart | None = None

    @hookimpl
    def voicekit_session(self) -> Any:
        return hostile.visited(self.mischief) if self.mischief is not None else None

    @hookimpl
    def voicekit_handle_error(self) -> Apologise | Restart | None:
        return self.verdict


_stranger = Stranger()
_plugins = load_plugins(extra=[_stranger])


# --- a schedule ---


@dataclass
class Schedule:
    """Everything about one call that is not left to trio."""

    seed: int
    script: Script
    doings: list[str]
    world: World = field(default_factory=World)
    mischiefs: dict[str, Mischief] = field(default_factory=dict)
    handler: Any = echo
    live: bool = True
    speed: float = 1.0
    pausable: bool = True
    call: CallPolicy = field(default_factory=CallPolicy)
    turn: TurnPolicy = field(default_factory=TurnPolicy)
    verdict: Apologise | Restart | None = None
    orders: list[tuple[float, str]] = field(default_factory=list)
    says: list[float] = field(default_factory=list)

    @property
    def signals(self) -> bool:
        return any(order == "SIGTERM" for _, order in self.orders)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"user: {'; '.join(self.doings) or 'silent'}; source ends at {self.script.until:.3f}, live={self.live}",
                f"handler: {self.handler.__name__}; sink: speed={self.speed}, pausable={self.pausable}",
                f"{self.call}, {self.turn}",
                *(f"{part}: {mischief}" for part, mischief in self.mischiefs.items()),
                f"plugin's verdict on errors: {self.verdict}",
                f"session.say at: {self.says}",
                f"orders: {self.orders}",
            ]
        )


def schedule(seed: int) -> Schedule:
    """The schedule with that number: up to three hostile parts, and up to two orders to end."""
    rng = random.Random(seed)
    made = Schedule(seed, *some_script(rng))
    for part in rng.sample(list(STAGES), rng.choice((0, 1, 1, 1, 2, 2, 3))):
        made.mischiefs[part] = some_mischief(made.world, rng, STAGES[part], within=2.0)
        if part == "sink" and rng.random() < 0.2:
            made.mischiefs[part].point = "discard"
        if part == "source":
            made.mischiefs[part].again = False  # otherwise the positions of its sound would go back
    made.handler = rng.choice(HANDLERS)
    made.live = rng.random() < 0.9
    made.speed = rng.choice((1.0, 1.0, 1.0, 0.1))
    made.pausable = rng.random() < 0.7
    made.call = CallPolicy(
        greeting=rng.choice((None, "Hello, what can I do for you?")),
        idle_after=rng.choice((None, None, 1.0)),
        idle_prompt="Are you there?",
        idle_limit=2,
        max_duration=rng.uniform(1.5, 4.0),
        open_timeout=OPEN_TIMEOUT,
        end_within=END_WITHIN,
    )
    made.verdict = rng.choice((None, None, None, Apologise("Sorry."), Restart()))
    made.says = [rng.uniform(0.0, 3.0) for _ in range(rng.choice((0, 0, 0, 1, 5)))]
    moments = [mischief.after for mischief in made.mischiefs.values()]
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        at = rng.choice((rng.uniform(0.0, 3.0), *moments))  # sometimes exactly when a part misbehaves
        made.orders.append((at, rng.choice(ORDERS)))
    made.orders.sort()
    made.turn = TurnPolicy(speculate=rng.choice((False, False, True, Speculation(after=0.0, ahead="sound"))))
    return made


def some_script(rng: random.Random) -> tuple[Script, list[str]]:
    """Speaks, coughs, types, presses keys, hangs up: in random order and number."""
    script, doings, at = Script(), [], rng.uniform(0.1, 0.8)
    for _ in range(rng.randrange(4)):
        length = rng.uniform(0.2, 0.8)
        match rng.randrange(8):
            case 0:
                script.coughs(at=at, for_=length)
                doings.append(f"coughs at {at:.3f} for {length:.3f}")
            case 1:
                script.types("typed words", at=at)
                doings.append(f"types at {at:.3f}")
            case 2:
                script.presses("5", at=at)
                doings.append(f"presses a key at {at:.3f}")
            case 3:
                script.hangs_up(at=at)
                doings.append(f"hangs up at {at:.3f}")
            case _:
                text = rng.choice(("good morning", "stop", "mhm", "and what about tomorrow then"))
                script.says(text, at=at, for_=length)
                doings.append(f"says {text!r} at {at:.3f} for {length:.3f}")
        at += length + rng.uniform(0.1, 1.2)
    script.stays(until=at + rng.uniform(0.0, 3.0))
    return script, doings


# --- a call ---


@dataclass
class Held:
    """A schedule that was held, and all that can be said about how its call ended."""

    schedule: Schedule
    shuffle: int
    sink: hostile.WatchedSink
    session: Session
    ended: SessionEnded | None = None
    error: BaseException | None = None
    events: list[tuple[float, SessionEvent]] = field(default_factory=list)
    began: float = 0.0
    over: float = 0.0
    unheard: int = 0
    at_once: list[float] = field(default_factory=list)
    gracefully: list[float] = field(default_factory=list)
    tasks_left: int = 0
    ends_left: list[str] = field(default_factory=list)
    signals: list[float] = field(default_factory=list)
    stray: list[int] = field(default_factory=list)

    def note(self, event: SessionEvent) -> None:
        if len(self.events) > MANY:
            raise AssertionError(f"the call spins: {MANY} events by {trio.current_time():.3f}")
        self.events.append((trio.current_time(), event))

    def __str__(self) -> str:
        return (
            f"schedule {self.schedule.seed}/{self.shuffle}\n{self.schedule}\n"
            f"began at {self.began:.3f}, over at {self.over:.3f}: {self.ended!r}, {self.error!r}"
        )


def hold(made: Schedule, shuffle: int) -> Held:
    """Hold the call of a schedule, with trio's shuffling seeded by `shuffle`."""
    sink = hostile.WatchedSink(speed=made.speed, pausable=made.pausable)
    held = Held(made, shuffle, sink, _session(made, sink))
    _stranger.mischief, _stranger.verdict = made.mischiefs.get("context"), made.verdict
    with shuffled(shuffle), watched_ends() as ends, harmless_signals(held.stray):
        try:
            trio.run(_hold, held, clock=MockClock(autojump_threshold=0))
        finally:
            made.world.release.set()
    held.ends_left = [repr(end) for end in ends if not end._closed]
    return held


def _session(made: Schedule, sink: hostile.WatchedSink) -> Session:
    parts: dict[str, Any] = {
        "source": ScriptedSource(made.script, live=made.live),
        "ears": ScriptedStt(made.script),
        "voice": FakeTts(),
        "handler": made.handler,
        "sink": sink,
        "vad": ScriptedVad(),
    }
    for part, mischief in made.mischiefs.items():
        match part:
            case "source" | "voice":
                parts[part] = hostile.HostileStage(parts[part], mischief, more_sound)
            case "ears":
                parts[part] = hostile.HostileStage(parts[part], mischief, more_words)
            case "handler":
                parts[part] = hostile.hostile_handler(parts[part], mischief)
            case "sink":
                parts[part] = hostile.HostileSink(sink, mischief)
            case "vad":
                parts[part] = hostile.HostileVad(parts[part], mischief)
    return Session(
        source=parts["source"],
        stt=parts["ears"],
        tts=parts["voice"],
        handler=parts["handler"],
        sink=parts["sink"],
        vad=parts["vad"],
        policy=Policy(turn=made.turn, call=made.call),
        plugins=_plugins,
        strict=True,
    )


async def _hold(held: Held) -> None:
    session = held.session
    living = trio.lowlevel.current_statistics().tasks_living
    held.began = trio.current_time()
    session.watch(held.note)
    if "watcher" in held.schedule.mischiefs:
        session.watch(hostile.HostileWatcher(held.schedule.mischiefs["watcher"]))
    with trio.move_on_after(NEVER):
        async with trio.open_nursery() as beside:
            outside = trio.CancelScope()
            for at, order in held.schedule.orders:
                beside.start_soon(_order, held, at, order, outside)
            for at in held.schedule.says:
                beside.start_soon(_say, session, at)
            try:
                with outside:
                    held.ended = await (run_session(session) if held.schedule.signals else session.run())
            except (Exception, BaseExceptionGroup) as error:  # examined later
                held.error = error
            held.over = trio.current_time()
            beside.cancel_scope.cancel()
    held.tasks_left = trio.lowlevel.current_statistics().tasks_living - living


async def _order(held: Held, at: float, order: str, outside: trio.CancelScope) -> None:
    await trio.sleep_until(held.began + max(at, ROUNDING))  # a session that has not begun can't be ended
    session = held.session
    graceful = session.running
    reply = session.reply
    held.unheard = len(reply.said) - reply.heard_to if reply is not None and not reply.cut else 0
    match order:
        case "end":
            session.end()
        case "end with a farewell":
            session.end(farewell="Goodbye.")
        case "end at once":
            session.end(graceful=False)
            graceful = False
        case "hang up":
            session.hang_up()
            graceful = False
        case "cancel":
            outside.cancel()
            graceful = False
        case "SIGTERM":
            before = len(held.stray)
            signal.raise_signal(signal.SIGTERM)
            now = trio.current_time()
            if len(held.stray) > before or now in held.signals:
                return  # nobody handles signals any more, or this is the second one at the same instant
            held.signals.append(now)
            graceful = graceful and len(held.signals) == 1
    (held.gracefully if graceful else held.at_once).append(trio.current_time())


async def _say(session: Session, at: float) -> None:
    await trio.sleep(at)
    if session.running:
        await session.say("By the way, it is late.")


@contextmanager
def shuffled(shuffle: int) -> Iterator[None]:
    """trio's own shuffling of tasks, begun from `shuffle`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
        patch.setattr(trio_run, "_r", random.Random(shuffle))
        yield


@contextmanager
def watched_ends() -> Iterator[list[Outlet[Any] | Inlet[Any]]]:
    """Every end of a link that is made meanwhile; those with transforms on them own nothing and are left out."""
    ends: list[Outlet[Any] | Inlet[Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        for kind in (Outlet, Inlet):
            patch.setattr(kind, "__init__", _noting(kind, ends))
        yield ends


def _noting(kind: type, ends: list[Any]) -> Any:
    begin: Any = kind.__init__  # type: ignore[misc]

    def begin_noted(end: Any, link: Any) -> None:
        begin(end, link)
        if type(end) is kind:
            ends.append(end)

    return begin_noted


@contextmanager
def harmless_signals(stray: list[int]) -> Iterator[None]:
    """A SIGTERM that nobody minds is noted, and does not end the test run."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: stray.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# --- the promises ---


def complaints(held: Held) -> list[str]:
    """Each promise that the call broke; nothing where every one was kept."""
    found = []
    if held.tasks_left:
        found.append(f"{held.tasks_left} tasks are left")
    if held.ends_left:
        found.append(f"open ends of links: {held.ends_left}")
    if held.sink.opened and not held.sink.told_to_close:
        found.append("the sink was not told")
    if held.session.running:
        found.append("the session believes that it is running")
    latest = latest_end(held)
    if held.over > latest + ROUNDING:
        found.append(f"the call ended at {held.over:.3f}, {held.over - latest:.3f} s too late")
    return found + _about_the_beginning(held) + _about_the_last_event(held) + _about_errors(held)


def latest_end(held: Held) -> float:
    """When the call must be over: by the first of all reasons to end it."""
    call, world = held.schedule.call, held.schedule.world
    started = next((at for at, event in held.events if isinstance(event, SessionStarted)), None)
    assert call.max_duration is not None
    opened = (
        held.began + OPEN_TIMEOUT + hostile.SHIELDED
        if started is None
        else started + call.max_duration + HEAR_OUT + END_WITHIN
    )
    came = [raised for raised in world.raised if raised.error in members(held.error)]
    fatal = [raised.at for raised in came if not _doubly_hostile(held, raised.stage)]
    return min([opened, *held.at_once, *fatal, *(at + END_WITHIN for at in held.gracefully)]) + AT_ONCE


def members(error: BaseException | None) -> list[BaseException]:
    """The errors in a group, and in the groups in it; a single error is its own only member."""
    if isinstance(error, BaseExceptionGroup):
        return [member for inner in error.exceptions for member in members(inner)]
    return [] if error is None else [error]


def _about_the_beginning(held: Held) -> list[str]:
    """Nothing begins before all is open, and every turn that begins comes to an end."""
    found = []
    mischiefs = held.schedule.mischiefs
    hangs = [part for part, mischief in mischiefs.items() if mischief.hangs_while_opening and part in hostile.OPENED]
    if hangs and any(isinstance(event, SessionStarted) for _, event in held.events):
        found.append(f"the call began, and these never opened: {hangs}")
    begun = [event.turn for _, event in held.events if isinstance(event, TurnCommitted)]
    ended = [event.turn for _, event in held.events if isinstance(event, TurnEnded)]
    if begun != ended:
        found.append(f"turns that began: {begun}, that ended: {ended}")
    return found


def _about_the_last_event(held: Held) -> list[str]:
    ends = [event for _, event in held.events if isinstance(event, SessionEnded)]
    if not ends or ends != [held.events[-1][1]]:
        return [f"SessionEnded is not the last event: {held.events[-3:]}"]
    if members(ends[0].error) != members(held.error):
        return [f"SessionEnded says {ends[0].error!r}, and run() raised {held.error!r}"]
    return []


def _about_errors(held: Held) -> list[str]:
    """What was raised came out, as itself, signed, and alone if it was; and nothing else came."""
    found = []
    raised = {id(each.error): each for each in held.schedule.world.raised}
    came = members(held.error)
    if isinstance(held.error, BaseExceptionGroup) and len(came) == 1:
        found.append(f"a single error came in a group: {held.error!r}")
    for error in came:
        if id(error) in raised:
            stage = raised[id(error)].stage
            wanted = [f"in stage {stage!r}"]
            if stage and getattr(error, "__notes__", []) != wanted:
                found.append(f"{error!r} is signed {getattr(error, '__notes__', [])}, expected {wanted}")
        elif not (isinstance(error, Unavailable) and "did not open within" in str(error)):
            found.append(f"nobody raised {error!r}")
    told = [event.error for _, event in held.events if isinstance(event, ReplyFailed | Trouble)]
    seen = {id(error) for each in [held.error, *told] for error in _with_contexts(each)}
    for each in raised.values():
        if id(each.error) not in seen and not _doubly_hostile(held, each.stage):
            found.append(f"{each.error!r}, raised at {each.at:.3f}, was lost")
    return found


def _doubly_hostile(held: Held, stage: str) -> bool:
    """Whether one trick in that stage can hide what another one raises, or hold it back: as clean-up that blocks."""
    return [mischief.stage for mischief in held.schedule.mischiefs.values()].count(stage) > 1


def _with_contexts(error: BaseException | None) -> list[BaseException]:
    """The members of `error`, and those on top of which they were raised: clean-up that fails hides what was before."""
    found = []
    for member in members(error):
        before: BaseException | None = member
        while before is not None:
            found.append(before)
            before = before.__context__
    return found
