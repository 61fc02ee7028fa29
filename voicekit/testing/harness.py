"""Runs whole calls in virtual time: an hour takes only seconds, and the same script always produces the same call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
from trio.testing import MockClock

from voicekit.call.connection import Call, open_call
from voicekit.call.desk import CallAnswer, Conversation, Desk
from voicekit.call.peer import Dialect
from voicekit.contracts import Sink
from voicekit.errors import ConfigError
from voicekit.events import SessionEnded, SessionEvent, SessionStarted
from voicekit.extend import Plugins
from voicekit.extend.loader import installed_plugins
from voicekit.flow.groups import alone
from voicekit.flow.held_time import HeldTime, held_time
from voicekit.flow.threads import inline
from voicekit.play.sink import RecordingSink
from voicekit.session import Bot, Session
from voicekit.testing.carrier import PhoneLine, ScriptedCarrier
from voicekit.testing.fakes import FakeTts
from voicekit.testing.phone_call import carrier_of, dial, dialect_of, line_of
from voicekit.testing.phone_sound import PhoneEars, PhoneVoice
from voicekit.testing.scripted import Script, ScriptedSource, ScriptedStt, ScriptedVad
from voicekit.testing.timeline import Timeline
from voicekit.turn.policy import Policy


@dataclass
class HeldCall:
    """A finished call: its session, the sink that recorded its audio, its events with their times, and the number of
    tasks that it left behind."""

    session: Session
    sink: Any
    timeline: Timeline = field(default_factory=Timeline)
    ended: SessionEnded | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    tasks_left: int = 0
    carrier: ScriptedCarrier | None = None
    """The far end of a call over a wire, with everything that it played and received; None for other calls."""
    call: Call | None = None
    """The call over a wire, with its `end`; None if there is no such call."""

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
    over: str | Dialect | PhoneLine | None = None,
    **parts: Any,
) -> HeldCall:
    """Run one call in virtual time with `bot`, which is a handler or a Bot. Raises the same errors as `Session.run`.

    If `bot` is a Bot, its policy, greeting and text transforms are used; `policy` overrides the Bot's policy. With
    `strict` (the default), an error in the handler is raised; otherwise, the bot apologises and the call continues.
    `parts` can replace the scripted source, vad and stt, and the fake tts. `during(session)`, if given, is an async
    function that runs alongside the call from its start. By default, all installed plugins are used.

    If `over` is given, the call runs over a wire: `over` is the name of a transport, such as "twilio", or a `PhoneLine`
    that defines how badly the line behaves. In that case, a scripted carrier acts as the caller, and the call brings
    its own sink.
    """
    plugins = plugins if plugins is not None else installed_plugins()
    if over is not None:
        if sink is not None:
            raise ConfigError("hold_call: expected a sink or `over`, got both: a call over a wire has its own sink")
        phoned = {"policy": policy} if policy is not None else {}
        return _hold_phoned(Bot.of(bot), script, line_of(over), plugins, during, {**phoned, **parts}, strict)
    sink = sink if sink is not None else RecordingSink()
    scripted = {"source": ScriptedSource(script), "vad": ScriptedVad(), "stt": ScriptedStt(script), "sink": sink}
    if policy is not None:
        parts["policy"] = policy
    session = Session(
        strict=strict,
        plugins=plugins,
        **Bot.of(bot).silent(FakeTts(), **{**scripted, **parts}),
    )
    call = HeldCall(session, sink)
    trio.run(_hold, call, during, clock=MockClock(autojump_threshold=0))
    return call


async def _hold(call: HeldCall, during: Callable[[Session], Any] | None) -> None:
    with _measured(call):
        await _run(call, during)


@contextmanager
def _measured(call: HeldCall) -> Iterator[None]:
    inline.set(True)
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, MockClock)
    held_time.set(HeldTime(clock))
    start = trio.current_time()
    living = trio.lowlevel.current_statistics().tasks_living
    try:
        with alone():
            yield
    finally:
        call.seconds = trio.current_time() - start
        call.tasks_left = trio.lowlevel.current_statistics().tasks_living - living


async def _run(call: HeldCall, during: Callable[[Session], Any] | None) -> None:
    call.session.watch(call.timeline.note)
    async with trio.open_nursery() as nursery:
        if during is not None:
            nursery.start_soon(_once_started, call.session, during)
        call.ended = await call.session.run()
        nursery.cancel_scope.cancel()


def _hold_phoned(
    bot: Bot,
    script: Script,
    line: PhoneLine,
    plugins: Plugins,
    during: Callable[[Session], Any] | None,
    parts: dict[str, Any],
    strict: bool,
) -> HeldCall:
    """Do the work of `hold_call` over a wire: the session is made when the call has started."""
    dialect = dialect_of(line, plugins)
    held = HeldCall(None, None, carrier=carrier_of(line, dialect))  # type: ignore[arg-type]  # made when the call starts

    async def answer(call: Call) -> Conversation:
        scripted = {"vad": ScriptedVad(), "stt": PhoneEars(script), "call": call}
        voice = PhoneVoice(dialect.format)
        held.session = Session(strict=strict, plugins=plugins, **bot.silent(voice, **{**scripted, **parts}))
        held.call, held.sink = call, call.sink
        return HeldConversation(held, during)

    trio.run(_hold_over, held, answer, line, dialect, script, clock=MockClock(autojump_threshold=0))
    return held


async def _hold_over(held: HeldCall, answer: CallAnswer, line: PhoneLine, dialect: Dialect, script: Script) -> None:
    carrier = held.carrier
    assert carrier is not None, "a call over a wire has a carrier"
    errors: list[Exception] = []
    desk = Desk(answer, on_error=lambda info, error: errors.append(error))
    with _measured(held):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dial, carrier, line, dialect, script)
            async with open_call(carrier.stream, dialect.wire(), control=line.control) as call:
                await desk.hold(call)
        if errors:
            raise errors[0]


class HeldConversation:
    """Lets a `voicekit.call.desk.Desk` run the session of a call that `hold_call` conducts."""

    def __init__(self, held: HeldCall, during: Callable[[Session], Any] | None) -> None:
        self._held = held
        self._during = during

    async def run(self) -> object:
        await _run(self._held, self._during)
        return self._held.ended

    def end(self, *, why: str, farewell: str | None = None) -> None:
        self._held.session.end(why=why, farewell=farewell)


async def _once_started(session: Session, during: Callable[[Session], Any]) -> None:
    started = trio.Event()
    session.watch(lambda event: started.set() if isinstance(event, SessionStarted) else None)
    await started.wait()
    await during(session)
