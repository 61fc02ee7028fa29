"""Playout: the stage that hands a reply's audio to the sink on time, and tracks what the caller has heard of it.

Each reply writes through its lease (see `voicekit.play.lease`), at most the sink's `lead` ahead of the clock, so after
a cut the device never has more audio than that. Only the sink's position determines what was heard.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.contracts import Reply, ReplyLease, Sink, Speaker, this_reply
from voicekit.errors import ConfigError
from voicekit.events import ReplyDone, WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.play.lease import PlaybackLease

LEAD = 0.1
"""Seconds of sound that are handed over ahead of the clock. This covers the loop's lateness, and is all that a pause
must take back.
"""

LONGEST_LEAD = 0.4
"""The longest lead in seconds. A carrier may want a longer lead than the default, but if it were longer than this,
taking it back for a hold would be audible.
"""

PIECE = 0.03
"""The maximum number of seconds of sound that are handed over at a time, however long a voice's frames are. This much
of the lead may be used up.
"""


class Playout(Pipeable):
    """The last stage of a reply pipeline: takes frames, gaps and WordMarks, and emits Audible, HeardSoFar and
    ReplyDone.
    """

    name = "playout"
    produces = None

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.accepts = sink.format
        self._lead = _seconds(sink, "lead", LEAD, LONGEST_LEAD)
        self._is_packed = getattr(sink, "packet", None) is not None
        piece = _seconds(sink, "packet", 0.0, self._lead) if self._is_packed else min(PIECE, self._lead / 2)
        self._piece = max(1, sink.format.samples(piece))
        self._speaker: Speaker | None = None
        self._current: PlaybackLease | None = None

    @property
    def position_error(self) -> float:
        """Seconds of audio that may have been heard beyond the position that the open sink reports."""
        return float(getattr(self._speaker, "position_error", 0.0))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        async with self.sink.open() as speaker:
            self._speaker = speaker
            try:
                yield self._run
            finally:
                if self._current is not None:
                    self._current.revoke()
                self._speaker, self._current = _Gone(), None

    def lease(self, reply: Reply, report: Callable[[Any], None]) -> PlaybackLease:
        """The right to make sound for `reply`; the previous reply loses this right. The playout must have been opened.

        If the sink has already failed and closed, the reply stays silent.
        """
        if self._speaker is None:
            raise trio.ClosedResourceError("playout is not open")
        if self._current is not None:
            self._current.revoke()
        self._current = PlaybackLease(self._speaker, self.sink, reply, self._lead, report)
        if isinstance(self._speaker, _Gone):
            self._current.revoke()
        return self._current

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        scope = this_reply.get()
        lease = scope.lease
        lease.tell = outbox.offer
        while True:
            item = None
            with trio.move_on_at(lease.next_moment()):
                try:
                    item = await inbox.receive()
                except trio.EndOfChannel:
                    break
            await self._play(lease, item)
            lease.listen()
        await lease.finish()
        lease.listen()
        if not lease.over:
            outbox.offer(ReplyDone(scope.reply.turn))

    async def _play(self, lease: ReplyLease, item: Any) -> None:
        if isinstance(item, WordMark):
            lease.mark(item)
        elif isinstance(item, AudioFrame) and item.samples <= self._piece and not self._is_packed:
            await lease.write(item)
        elif isinstance(item, AudioFrame | Gap):
            for piece in _pieces(item, self._piece, item.at if self._is_packed else 0, self.sink.format):
                await lease.write(piece)


class _Gone:
    """Replaces the speaker of a sink that has closed, and makes no sound."""

    position = 0

    async def write(self, frame: AudioFrame) -> None:
        await trio.lowlevel.checkpoint()

    def hold(self) -> None: ...
    def release(self) -> None: ...
    def discard(self) -> None: ...


def _seconds(sink: Sink, name: str, default: float, most: float) -> float:
    """The optional attribute `name` of `sink`, in seconds. Raises ConfigError if it is not above 0 and at most
    `most`.
    """
    stated = getattr(sink, name, default)
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not 0 < stated <= most:
        raise ConfigError(f"{name} of {sink.name!r}: expected more than 0 and at most {most:g} s, got {stated!r}")
    return float(stated)


def _pieces(sound: AudioFrame | Gap, most: int, at: int, format: AudioFormat) -> Iterator[AudioFrame]:  # noqa: A002
    """`sound`, whose first sample is number `at`, cut at each multiple of `most`; a gap becomes silence in `format`."""
    start = 0
    while start < sound.samples:
        end = min(sound.samples, start + most - (at + start) % most)
        if isinstance(sound, Gap):
            yield AudioFrame(format.silence(end - start), sound.at + start, format)
        else:
            yield sound.part(start, end)
        start = end
