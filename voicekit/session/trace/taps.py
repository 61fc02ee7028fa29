"""Traces a session: layers and taps watch its audio and text, and report each milestone when it is reached.

They see the caller's audio as it leaves the source, the handler's words (after Markdown is removed), the voice's text
and audio, and the sink's position. This costs about 20 us for each frame from the caller, and nothing for a reply after
it has become audible.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import trio

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Sink, Source, Speaker, Text, Tts, this_reply
from voicekit.errors import ConfigError
from voicekit.events import Audible, SessionEvent, TurnCommitted
from voicekit.flow.layers import Layer, Tapped, run_tapped
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run, Stage
from voicekit.flow.transform import StreamContext, Tap, TransformPart
from voicekit.session.eventlog import Milestone, MilestoneKind, open_event_log
from voicekit.session.session import Session
from voicekit.session.trace.levels import Level

MilestoneTap: TypeAlias = Callable[[Milestone], object]


@asynccontextmanager
async def open_trace(path: str | Path, session: Session) -> AsyncIterator[None]:
    """While this is open, the events of `session` and its milestones are logged to `path`, for `voicekit trace`.

    Open this before the session runs. Raises the same errors as `open_event_log` and `trace`.
    """
    async with open_event_log(path) as note:
        session.watch(note)
        trace(session, note)
        yield


def trace(session: Session, tell: MilestoneTap) -> None:
    """Call `tell` with the milestones of the session's replies from now on. `tell` is in the time-critical path and
    must not wait.

    Use this with an event log that is open (`tell` is the watcher that `open_event_log` yields); otherwise use
    `open_trace`. Call `trace` before `run`; it raises ConfigError afterwards. If a plugin replaces a part later, the
    replacement is not traced.
    """
    if session.running:
        raise ConfigError("trace(): expected a session that has not started")
    parts, caller, air = session.parts, _Caller(), _Air(session.parts.sink, tell)
    session.parts = replace(
        parts,
        source=cast("Source", Tapped(parts.source, outward=caller.hear)),
        texts=(_first_words(tell, air), *parts.texts),
        tts=cast("Tts", _TracedVoice(parts.tts, tell)),
        sink=cast("Sink", air),
    )

    def look(event: SessionEvent) -> None:
        if isinstance(event, TurnCommitted) and event.reason in ("speech", "silence"):
            caller.tell(event.turn, tell)
        elif isinstance(event, Audible):
            air.tell(event.turn)

    session.watch(look)


class _Caller:
    """Remembers when the caller was last audible. The frame that comes with the least delay determines the start of the
    stream, since no frame can come too early.
    """

    def __init__(self) -> None:
        self._level = Level()
        self._began = float("inf")
        # the end of the caller's last audible sample, in seconds from the start of the stream
        self._audible_to: float | None = None

    def hear(self, item: object) -> None:
        if isinstance(item, AudioFrame):
            rate = item.format.rate
            self._began = min(self._began, trio.current_time() - item.end / rate)
            found = self._level.audible(_samples(item))
            if found is not None:
                self._audible_to = (item.at + found[1] + 1) / rate

    def tell(self, turn: int, tell: MilestoneTap) -> None:
        if self._audible_to is not None:
            tell(Milestone(turn, "user", trio.current_time() - self._began - self._audible_to))


def _first_words(tell: MilestoneTap, air: _Air) -> TransformPart[Any, Any]:
    """A transform behind the handler; its stream begins when the handler is called."""

    def start(context: StreamContext) -> Tap:
        said = _Once(tell)
        air.begin()
        said.reach("begun")
        return Tap(lambda text: said.reach("word") if _has_characters(text) else None)

    return TransformPart("trace", start)


class _Once:
    """Reports each milestone of one reply only once."""

    def __init__(self, tell: MilestoneTap) -> None:
        self._tell = tell
        scope = this_reply.get(None)
        self._turn = None if scope is None else scope.reply.turn
        self._told: set[MilestoneKind] = set()

    def reach(self, what: MilestoneKind, seconds: float = 0.0) -> None:
        if self._turn is not None and what not in self._told:
            self._told.add(what)
            self._tell(Milestone(self._turn, what, seconds))

    def has(self, what: MilestoneKind) -> bool:
        return what in self._told


class _TracedVoice(Layer):
    """Watches the text and the sound at the voice until the reply is audible."""

    def __init__(self, stage: Stage[Any, Any], tell: MilestoneTap) -> None:
        super().__init__(stage)
        self._tell = tell

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        async with self.stage.open() as run:

            async def traced(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
                # a synthetic voice has no background noise: even the first sample may be audible
                made, level = _Once(self._tell), Level(noise=0.0)

                def written(text: object) -> None:
                    if _has_characters(text):
                        made.reach("text")

                def spoken(item: object) -> None:
                    if isinstance(item, AudioFrame) and not made.has("silence"):
                        made.reach("sound")
                        found = level.audible(_samples(item))
                        if found is not None:
                            made.reach("silence", (item.at + found[0]) / item.format.rate)

                await run_tapped(run, written, spoken, inbox, outbox)

            yield traced


class _Air(Layer):
    """The sink; its position shows when the first sample of a reply was heard."""

    def __init__(self, sink: Sink, tell: MilestoneTap) -> None:
        super().__init__(sink)  # type: ignore[arg-type]  # a sink is opened like a stage, and yields something else
        self._tell = tell
        self._speaker: Speaker | None = None
        self._base = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Speaker]:
        sink: Any = self.stage
        async with sink.open() as speaker:
            self._speaker = speaker
            yield speaker

    def begin(self) -> None:
        """Record that a reply begins: any sound heard from now on belongs to this reply."""
        if self._speaker is not None:
            self._base = self._speaker.position

    def tell(self, turn: int) -> None:
        if self._speaker is not None:
            heard = self._speaker.position - self._base
            self._tell(Milestone(turn, "air", heard / self.format.rate))


def _has_characters(text: object) -> bool:
    return isinstance(text, Text) and bool(text.text.strip())


def _samples(frame: AudioFrame) -> array[int]:
    given = frame.format
    if given.encoding == "pcm16" and given.channels == 1:
        return array("h", frame.pcm)
    return array("h", convert(frame.pcm, given, AudioFormat(given.rate)))
