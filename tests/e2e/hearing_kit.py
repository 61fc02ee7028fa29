"""The Soniox ears alone, without a session around them: they hear a script through a scripted peer, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import trio
from trio.testing import MockClock

from voicekit import events
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.contracts import tell
from voicekit.errors import VoicekitError
from voicekit.extend import hookimpl, load_plugins
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.store import Full
from voicekit.reply import Say, Turn
from voicekit.session import Session
from voicekit.soniox.connection.transport import Address, Socket, Unconnected, WebsocketTransport
from voicekit.soniox.stt.soniox_stt import SonioxStt
from voicekit.testing import Script, Timeline, hold_call
from voicekit.testing.soniox import SonioxPeer

KEY = "sk-a-key-that-nobody-may-see"
EARS_S = 5.0
"""Seconds on the link in front of the ears, as in a session."""

T = TypeVar("T")


def short() -> Script:
    """One utterance of five words, and silence behind it."""
    script = Script()
    script.says("good morning my dear friend", at=0.2, for_=1.0)
    script.stays(until=2.0)
    return script


def long(seconds: float) -> Script:
    """Sentences that are never the same, with pauses between them, for so many seconds and three of silence."""
    script = Script()
    at = 1.0
    while at + 2.0 < seconds:
        script.says(f"sentence {round(at)} has some words", at=at, for_=2.0)
        at += 3.5
    script.stays(until=seconds + 3.0)
    return script


def text_of(script: Script) -> str:
    """Everything that is said in it."""
    return " ".join(sound.text for sound in script.sounds)


@dataclass
class Heard:
    """What the ears said, and what they told the session, with seconds since the sound began."""

    said: list[tuple[float, Any]] = field(default_factory=list)
    told: list[tuple[float, Any]] = field(default_factory=list)
    ended_at: float = 0.0
    dropped: int = 0  # samples that the link to the ears lost because the ears did not take them
    start: float = field(default_factory=trio.current_time)

    def note(self, event: Any) -> None:
        self.said.append((trio.current_time() - self.start, event))

    def report(self, event: Any) -> None:
        self.told.append((trio.current_time() - self.start, event))

    def of(self, kind: type) -> list[Any]:
        return [event for _, event in [*self.said, *self.told] if isinstance(event, kind)]

    def at(self, kind: type) -> list[float]:
        """When each event of this kind came."""
        return [at for at, event in [*self.said, *self.told] if isinstance(event, kind)]

    @property
    def words(self) -> list[events.Word]:
        return [word for final in self.of(events.Final) for word in final.words]

    @property
    def text(self) -> str:
        return events.joined(self.words)

    @property
    def spans(self) -> list[tuple[str, int, int]]:
        """The words and their times, to the millisecond."""
        return [(word.text.strip(), round(word.start / 16), round(word.end / 16)) for word in self.words]


def transcriber(peer: SonioxPeer, **options: Any) -> SonioxStt:
    """Ears at `peer` that back off without chance, ready to be opened."""
    given = {"key": KEY, "endpoints": peer.endpoints, "transport": peer.transport, "roll": lambda: 0.5, **options}
    ears = SonioxStt(**given)
    ears.negotiate(PCM16K)
    return ears


async def hear(ears: SonioxStt, script: Script, **how: Any) -> Heard:
    """Have `ears`, opened for this, hear `script` to its end, as `listen` does; raises what they raise."""
    async with ears.open() as run:
        return await listen(run, script, **how)


async def listen(
    run: Any,
    script: Script,
    *,
    frame: float = 0.02,
    live: bool = True,
    sound: AudioFormat = PCM16K,
    hole: tuple[float, float] | None = None,
    during: Callable[[Heard], Any] | None = None,
) -> Heard:
    """The same with ears that are open: a source that is `live` keeps time. In place of `hole` (seconds) is a Gap."""
    heard = Heard()
    token = tell.set(heard.report)
    outlet, inbox = open_link(sound.samples(EARS_S), Full.DROP_OLDEST if live else Full.WAIT, name="sound")
    outbox, inlet = open_link(64, Full.FAIL, weigh=lambda _: 1, name="transcripts")
    try:
        with inbox, inlet, outbox:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(play, script, outlet, frame=frame, live=live, sound=sound, hole=hole))
                nursery.start_soon(_collect, inlet, heard)
                if during is not None:
                    nursery.start_soon(during, heard)
                await run(inbox, outbox)
                heard.ended_at = trio.current_time() - heard.start
                heard.dropped = inbox.statistics().dropped
                outbox.close()
    finally:
        tell.reset(token)
    return heard


async def play(
    script: Script,
    outlet: Outlet[Any],
    *,
    frame: float = 0.02,
    live: bool = True,
    sound: AudioFormat = PCM16K,
    hole: tuple[float, float] | None = None,
) -> None:
    """Send a script's sound, as `listen` says, and close."""
    size, begun = sound.samples(frame), trio.current_time()
    start, end = map(sound.samples, hole or (-1.0, -1.0))
    with outlet:
        for at in range(0, sound.samples(script.until), size):
            if start < at < end:
                continue
            gap = Gap(end - start, start) if at == start else None
            item = gap or AudioFrame(script.pcm(at, size, sound.rate), at, sound)
            if live:
                await trio.sleep_until(begun + item.end / sound.rate)
            await outlet.send(item)


async def _collect(inlet: Inlet[Any], heard: Heard) -> None:
    async for event in inlet:
        heard.note(event)


def in_virtual_time(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns, on a clock of its own."""
    return trio.run(work, clock=MockClock(autojump_threshold=0))


class Attempts:
    """A transport that notes when it is asked to connect (trio's time); with `dead`, in vain."""

    def __init__(self, inner: WebsocketTransport, *, dead: bool = False) -> None:
        self._inner = inner
        self._dead = dead
        self.at: list[float] = []

    @asynccontextmanager
    async def connect(self, address: Address) -> AsyncIterator[Socket]:
        self.at.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self._dead:
            raise Unconnected("OSError: no route to host")
        async with self._inner.connect(address) as socket:
            yield socket


@dataclass
class Held:
    """A whole call: how it went, or the error with which it failed, and its events with their times."""

    session: Session
    error: VoicekitError | None
    events: list[tuple[float, events.SessionEvent]]

    def at(self, kind: type) -> list[float]:
        return [at for at, event in self.events if isinstance(event, kind)]

    def of(self, kind: type) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def asked(self) -> str:
        """Everything that the caller was understood to say."""
        return " ".join(exchange.user for exchange in self.session.history)


def hold(script: Script, ears: SonioxStt, handler: Any = None, **parts: Any) -> Held:
    """Hold a call with `ears` in virtual time, and with the kit's fakes for everything else."""
    sessions: list[Session] = []
    timeline = Timeline()
    error: VoicekitError | None = None

    def watch(event: events.SessionEvent) -> None:
        timeline.note(event)

    class Watching:
        """A plugin that watches the call from its very beginning."""

        @hookimpl
        def voicekit_session(self, session: Session) -> None:
            sessions.append(session)
            session.watch(watch)

    try:
        hold_call(handler or answer, script, stt=ears, plugins=load_plugins(extra=[Watching()]), **parts)
    except VoicekitError as raised:  # a test may be about the call's own failure
        error = raised
    return Held(sessions[0], error, timeline.events)


async def answer(turn: Turn, say: Say) -> None:
    """A short answer to anything."""
    await say("I see. ")
