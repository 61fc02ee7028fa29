"""One conversation: listening pipeline -> conductor -> reply pipeline, all in one nursery.

    everything open:
        listen line ──signals──▶ conductor ──begins──▶ reply line, once per turn
             └──────────────── events ──────▶ watchers, observers

A session runs only once. It ends when the source has ended, the caller has hung up, the program has called `end`, or a
part has failed. After it ends, none of its tasks is running, and its links and the sink are closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from types import EllipsisType

import trio

from voicekit.contracts import CallEnds, Reply, Sink, Source, Stash, Stt, Vad, tell, this_reply
from voicekit.errors import ConfigError, VoicekitError
from voicekit.events import (
    AnswerExpected,
    Dtmf,
    End,
    ExpectedAnswer,
    Hangup,
    Prompt,
    SessionEnded,
    SessionEvent,
    SessionStarted,
    Signal,
    Typed,
)
from voicekit.extend import Plugins, Use
from voicekit.extend.loader import installed_plugins
from voicekit.flow.fallback import Fallback
from voicekit.flow.groups import alone, is_cancellation
from voicekit.flow.link import Outlet
from voicekit.flow.opened import opened
from voicekit.flow.pipeline import Pipeline
from voicekit.flow.stage import Run
from voicekit.flow.store import LinkStatistics
from voicekit.listen.loudness import Loudness
from voicekit.play.playout import Playout
from voicekit.reply.handler import Answer, Handler, HandlerStage, Turn, as_handler
from voicekit.session.assembly import (
    Entered,
    SpokenBy,
    assemble,
    listen_pipeline,
    open_signals,
    reply_pipeline,
)
from voicekit.session.duration import end_in_time
from voicekit.session.ears import Ears
from voicekit.session.failures import Failures
from voicekit.session.handing_over import HandOvers
from voicekit.session.listening import listen
from voicekit.session.performance import Performer
from voicekit.session.reporting import Reporter
from voicekit.session.timing import TurnTimer
from voicekit.turn.conductor import Conductor
from voicekit.turn.history import History
from voicekit.turn.machine import TurnMachine
from voicekit.turn.policy import Policy

SPOKEN_FOR = 32
"""If more signals than this are waiting, `say` waits before it adds another."""

ENTERED = 64
"""If more signals than this are waiting, `type` and `press` raise; half of the link is reserved for the parts'
signals."""


class Session:
    """A conversation between a source and a sink. Each part is an object, a name from the registry, or a `Use`.

    A `call` (`voicekit.call`) is a connection that serves as both source and sink, so it replaces `source` and `sink`.

    `handler` is anything that `as_handler` takes. For `tts`, `stt` and `vad`, `...` stands for the default that a
    plugin registers: Soniox for recognition and speech (SONIOX_API_KEY). `stt=None` allows only typed words and keys,
    and `vad=None` leaves turn-taking to the stt. `tts` may be a sequence: text transforms, followed by the voice. If a
    handler raises, the error is reported as Trouble, an apology is spoken and the call continues; with `strict`, for
    tests, the error ends the call. If the parts do not fit together, ConfigError or PluginError is raised here, or in
    `run` before any audio flows.
    """

    def __init__(
        self,
        *,
        handler: Answer | Use,
        source: Source | Use | str | None = None,
        sink: Sink | Use | str | None = None,
        call: CallEnds | None = None,
        tts: SpokenBy | EllipsisType = ...,
        stt: Stt | Use | str | Fallback[Stt | Use | str] | EllipsisType | None = ...,
        vad: Vad | Use | str | EllipsisType | None = ...,
        policy: Policy | None = None,
        plugins: Plugins | None = None,
        strict: bool = False,
    ) -> None:
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigError(f"policy: expected a Policy, got {policy!r}")
        if call is not None and source is None and sink is None:
            source, sink = call.source, call.sink
        elif call is not None or source is None or sink is None:
            raise ConfigError("Session: expected a source and a sink, or a call, which has both")
        self.call = call
        self.plugins = plugins if plugins is not None else installed_plugins()
        self.policy = policy if policy is not None else Policy()
        self.stash = Stash()
        self.history = History()
        self.parts = assemble(
            self.plugins.registry, handler=handler, source=source, sink=sink, tts=tts, stt=stt, vad=vad
        )
        self.strict = strict
        self._timer = TurnTimer(lambda: self.reply)
        self._reporter = Reporter(
            (lambda event: self.plugins.observe(event, self)) if self.plugins.observes else None, self._timer.follow_up
        )
        self._failures = Failures(self)
        self._reporter.watch(self._failures.follow)
        self._hand_overs = HandOvers(self)
        self._reporter.watch(self._hand_overs.follow)
        self._outlet: Outlet[Signal] | None = None
        self._nursery: trio.Nursery | None = None
        self._performer: Performer | None = None
        self._lines: tuple[Pipeline, ...] = ()
        self._has_run = False
        self._opening: trio.CancelScope | None = None  # the scope of the whole run; None once the conductor has started
        self._given_up = ""
        self._ordered = 0  # 0: not told to end; 1: told to end gracefully; 2: told to end immediately
        if (join := getattr(call, "join", None)) is not None:
            join(self)

    @property
    def running(self) -> bool:
        """Whether all parts are open and the conversation is in progress; only then can your program call `say` or
        `type`."""
        return self._outlet is not None

    @property
    def reply(self) -> Reply | None:
        """The reply in progress, or else the last one: its text so far, and how much of that text was heard."""
        return self._performer.reply if self._performer is not None else None

    def statistics(self) -> tuple[LinkStatistics, ...]:
        """For each link of the call (including those of the latest reply): its current level, its peak level, and how
        much it has dropped."""
        lines = (link for line in self._lines for link in line.statistics())
        return (*lines, *self._reporter.statistics())

    def watch(self, watcher: Callable[[SessionEvent], object]) -> None:
        """Call `watcher` with every event, immediately. `watcher` runs in the time-critical path, so it must be quick
        and must not wait.

        For slow or third-party code, use the hook `voicekit_observe`.
        """
        self._reporter.watch(watcher)

    def report(self, event: SessionEvent) -> None:
        """Show `event` to the watchers and observers; this is for plugins that have events of their own."""
        self._reporter.report(event)

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        """Queue `text` to be spoken at the next silence. This returns when the text is queued, not when it is heard."""
        outlet = self._running()
        await outlet.until_below(SPOKEN_FOR)
        outlet.offer(Prompt("say", text, interruptible))

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `task(*args)`, such as a timer or a tool that reports later, alongside the conversation.

        The task is cancelled when the call ends. An error in the task ends the call.
        """
        self._running()
        assert self._nursery is not None, "a session that is running has a nursery"
        self._nursery.start_soon(task, *args, name=task)

    def type(self, text: str) -> None:
        """Enter `text` as if the caller had typed it: it is answered immediately, and cuts a reply in progress.

        Like `press`, this raises VoicekitError if 64 lines, keys or other signals are still waiting.
        """
        self._enter(Typed(text))

    def press(self, digit: str) -> None:
        """Enter a key as if the caller had pressed it on a telephone: 0-9, *, #, A-D."""
        self._enter(Dtmf(digit))

    def end(self, *, graceful: bool = True, why: str = "asked", farewell: str | None = None) -> None:
        """Request the end of the call. A graceful end plays the reply in progress, and then `farewell`.

        A graceful end takes as long as the queued audio, plus a second; any other end takes at most a second. While the
        parts are still being opened, either kind ends the call immediately. A request that comes too late, or a second
        time, has no effect.
        """
        self._order(End(graceful, why, farewell))

    def hang_up(self) -> None:
        """End the call immediately, because the other side has hung up."""
        self._order(Hangup())

    async def run(self) -> SessionEnded:
        """Run the conversation, and return how it ended. Raises the error that made the conversation fail; a single
        error is not wrapped in a group.

        If the call ends while its stt is down, `SessionEnded.why` says so. Cancelling `run` ends the conversation
        immediately.
        """
        if self._has_run:
            raise ConfigError("a Session can run only once; create another for the next conversation")
        self._has_run = True
        self._reporter.start()
        telling = tell.set(self._reporter.report)
        ended = SessionEnded("cancelled")
        try:
            with alone(), trio.CancelScope() as whole:
                self._opening = whole
                ended = await self._converse()
            if whole.cancelled_caught:
                ended = SessionEnded(self._given_up)
        except BaseException as error:
            if not is_cancellation(error):
                ended = SessionEnded("error" if isinstance(error, Exception) else type(error).__name__, error)
            raise
        finally:
            self._opening = None
            tell.reset(telling)
            self._reporter.finish(ended)
        return ended

    async def _converse(self) -> SessionEnded:
        """Open all parts, run the conversation, close all parts, and return how the conversation ended."""
        contexts = [Entered(context) for context in self.plugins.session_contexts(self)]
        timeout = self.policy.call.open_timeout
        self.parts = parts = self.parts.wrapped(self.plugins, self)
        playout = Playout(parts.sink)
        speaking = reply_pipeline(HandlerStage(self._answer), parts, playout, timeout, self.policy.turn.speculation)
        loudness = Loudness() if parts.vad is not None and self.policy.interrupt.faint_db is not None else None
        hearing, ear = listen_pipeline(parts, self._reporter.losses, timeout, loudness)
        self._lines = (hearing, speaking)
        for each in self._lines:
            await each.load()
        outlet, inlet = open_signals()
        async with AsyncExitStack() as stack:
            stack.enter_context(inlet)
            stack.enter_context(outlet)
            runs = await stack.enter_async_context(
                opened(*contexts, *speaking.stages, *hearing.stages, timeout=timeout)
            )
            runs = runs[len(contexts) :]
            speak, hear = speaking.bind(runs[: len(speaking.stages)]), hearing.bind(runs[len(speaking.stages) :])
            self._performer = performer = Performer(
                playout, parts.tts, speak=speak, outlet=outlet, report=self._reporter.report, make_turn=self._turn
            )
            endpoints = parts.stt is not None and parts.stt.endpoints
            self._timer.rate = ear.rate
            ears = Ears(parts.stt)
            machine = TurnMachine(
                self.policy,
                rate=ear.rate,
                endpoints=endpoints,
                now=trio.current_time(),
                languages=getattr(parts.stt, "languages", ()),
                levels=loudness.over if loudness is not None else None,
                finalizes=ears.finalizes,
                scores=ears.scores,
            )
            conductor = Conductor(
                machine,
                self.history,
                signals=inlet,
                outlet=outlet,
                begin=performer.begin,
                report=self._reporter.report,
                failed=self._failures.after,
                end_within=self.policy.call.end_within,
                ask=ears.ask,
            )
            await self._conduct(conductor, hear, outlet)
        return SessionEnded(self._failures.why_ended(conductor.why), limit=machine.limited)

    async def _conduct(self, conductor: Conductor, hear: Run[object, Signal], outlet: Outlet[Signal]) -> None:
        call = self.policy.call
        try:
            with alone():
                async with trio.open_nursery() as nursery:
                    self._opening, self._outlet, self._nursery = None, outlet, nursery
                    self._reporter.report(SessionStarted(self.parts.vad_name))
                    if call.greeting is not None:
                        outlet.offer(Prompt("greeting", call.greeting, call.greeting_interruptible))
                    nursery.start_soon(listen, hear, outlet, self._failures.judge, self._reporter.report)
                    nursery.start_soon(end_in_time, call, conductor, outlet, self._order)
                    nursery.start_soon(self._reporter.pump)
                    nursery.start_soon(self.parts.warm, self, None if self.strict else self._reporter.report)
                    await conductor.run()
                    nursery.cancel_scope.cancel()
        finally:
            self._outlet = self._nursery = None

    def _order(self, order: End | Hangup) -> None:
        """Pass `order` to the conductor, but only once. Before there is a conductor, `order` only ends the opening."""
        weight = 1 if isinstance(order, End) and order.graceful else 2
        if weight <= self._ordered:
            return
        if self._opening is not None:
            self._given_up = order.why if isinstance(order, End) else "the other side hung up"
            self._opening.cancel()
        elif self._outlet is not None or not self._has_run:
            self._running().offer(order)
            self._ordered = weight

    def _enter(self, signal: Typed | Dtmf) -> None:
        outlet = self._running()
        if not outlet.is_below(ENTERED):
            raise VoicekitError(f"expected at most {ENTERED} typed lines, keys and prompts in the queue, got one more")
        outlet.offer(signal)

    def _running(self) -> Outlet[Signal]:
        if self._outlet is None:
            raise VoicekitError("this session is not running")
        return self._outlet

    def _turn(self, reply: Reply) -> Turn:
        return Turn(
            reply.turn,
            reply.text,
            reason=reply.reason,
            history=self.history,
            previous_cut=self.history.previous_cut,
            session=self,
            end_call=lambda farewell: self.end(why="the handler ended the call", farewell=farewell),
            order_keys=lambda wanted: self._running().offer(wanted),
            hand_over=partial(self._hand_overs.after, reply.turn),
            listen_for=lambda answer: self._listen_for(reply, answer),
        )

    def _listen_for(self, reply: Reply, answer: ExpectedAnswer) -> None:
        if self._outlet is not None:
            self._outlet.offer(AnswerExpected(reply.turn, answer))

    def _answer(self, turn: Turn) -> Handler:
        """The handler for `turn`: the prompt's script if there is one, else the handler of the first plugin that
        returns one, else the session's own.
        """
        script = this_reply.get().reply.script
        if script is not None:
            return as_handler(script)
        handler = self.plugins.answer(turn)
        return as_handler(handler) if handler is not None else self.parts.handler
