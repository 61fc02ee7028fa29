"""Holds whole calls in virtual time: an hour takes seconds, and the same script gives the same call every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import trio
from trio.testing import MockClock

from voicekit.contracts import Sink
from voicekit.events import SessionEnded, SessionEvent, SessionStarted
from voicekit.extend import Plugins, load_plugins
from voicekit.flow.groups import alone
from voicekit.flow.held_time import HeldTime, held_time
from voicekit.flow.threads import inline
from voicekit.play.sink import RecordingSink
from voicekit.session import Bot, Session
from voicekit.testing.fakes import FakeTts
from voicekit.testing.scripted import Script, ScriptedSource, ScriptedStt, ScriptedVad
from voicekit.testing.timeline import Timeline
from voicekit.turn.policy import Policy


@dataclass
class HeldCall:
    """A call that was held: its session, what its sink kept, its events with their times, and what was left over."""

    session: Session
    sink: Any
    timeline: Timeline = field(default_factory=Timeline)
    ended: SessionEnded | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    tasks_left: int = 0

    @property
    def history(self) -> Any:
        return self.session.history

    @property
    def events(self) -> list[tuple[float, SessionEvent]]:
        return self.timeline.events


def hold_call(
    bot: Any,
    script: Script,
    *,
    sink: Sink | None = None,
    policy: Policy | None = None,
    plugins: Plugins | None = None,
    during: Callable[[Session], Any] | None = None,
    strict: bool = True,
    **parts: Any,
) -> HeldCall:
    """Hold one call with `bot`, a handler or a Bot, in virtual time; raises what `Session.run` raises.

    Of a Bot, its policy, its greeting and its text transforms count; `policy` wins over them. `strict` (the default)
    raises what a handler raises; without it, an apology is said and the call goes on. `parts` replace the scripted
    source, vad and stt or the fake tts. `during(session)` may be an async function that runs beside the call once it
    has started. `plugins` are those that are installed, unless others are given.
    """
    sink = sink if sink is not None else RecordingSink()
    scripted = {"source": ScriptedSource(script), "vad": ScriptedVad(), "stt": ScriptedStt(script), "sink": sink}
    if policy is not None:
        parts["policy"] = policy
    session = Session(
        strict=strict,
        plugins=plugins if plugins is not None else load_plugins(),
        **Bot.of(bot).silent(FakeTts(), **{**scripted, **parts}),
    )
    call = HeldCall(session, sink)
    clock = MockClock(autojump_threshold=0)
    trio.run(_hold, call, during, HeldTime(clock), clock=clock)
    return call


async def _hold(call: HeldCall, during: Callable[[Session], Any] | None, time: HeldTime) -> None:
    inline.set(True)
    held_time.set(time)
    start = trio.current_time()
    living = trio.lowlevel.current_statistics().tasks_living
    call.session.watch(call.timeline.note)
    try:
        with alone():
            async with trio.open_nursery() as nursery:
                if during is not None:
                    nursery.start_soon(_once_started, call.session, during)
                call.ended = await call.session.run()
                nursery.cancel_scope.cancel()
    finally:
        call.seconds = trio.current_time() - start
        call.tasks_left = trio.lowlevel.current_statistics().tasks_living - living


async def _once_started(session: Session, during: Callable[[Session], Any]) -> None:
    started = trio.Event()
    session.watch(lambda event: started.set() if isinstance(event, SessionStarted) else None)
    await started.wait()
    await during(session)
