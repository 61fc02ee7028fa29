"""A lease: one reply's right to make sound, and the record of how much of it was heard.

Only one lease is valid at a time. Cutting a reply revokes its lease immediately: whatever the reply's tasks do after
that, they can't make sound. Audio is sent on an absolute schedule, at most `lead` ahead of the clock. If a sink can't
pause, a hold discards the audio that has not been heard, and a release writes it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

import trio

from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Reply, Sink, Speaker
from voicekit.events import Audible, HeardSoFar, Signal, Underrun, WordMark
from voicekit.play.rewind import Rewind

LATE = 0.001
"""Seconds behind schedule that are ignored: such a delay is within the clock's precision, and is no underrun."""

LOOK_AGAIN = 0.005
"""The minimum number of seconds before the position is checked again, since it may stand still (while a device's buffer
fills).
"""


class PlaybackLease:
    """One reply's right to make sound. `hold`, `release` and `revoke` are synchronous and act immediately."""

    def __init__(self, speaker: Speaker, sink: Sink, reply: Reply, lead: float, report: Callable[[Any], None]) -> None:
        self.reply = reply
        self.tell: Callable[[Signal], None] = _ignore
        self._audible = False  # whether the first sample had been heard by the time of the last check
        self._speaker = speaker
        self._rate = sink.format.rate
        self._lead = lead
        self._report = report
        self._base = speaker.position
        self._written = 0  # the number of samples handed to the sink and not taken back
        self._said = 0  # the number of characters that the handler had said when the last sample was handed over
        self._anchor: float | None = None  # the time at which sample 0 was due, plus delays from holds and underruns
        self._rewind = None if sink.pausable else Rewind()
        self._marks: deque[WordMark] = deque()
        self._held_since: float | None = None
        self._revoked = False
        self._finished = False  # whether all samples have been heard, and no more will come
        self._writing = trio.CancelScope()  # the cancel scope of the latest write to the sink
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def position(self) -> int:
        """The number of samples of this reply that have been heard."""
        return min(self._speaker.position - self._base, self._written)

    @property
    def queued(self) -> int:
        """The number of samples that were handed over (or taken back for a hold) but not yet heard."""
        return self._written - self.position + (self._rewind.samples if self._rewind else 0)

    @property
    def queued_seconds(self) -> float:
        return self.queued / self._rate

    @property
    def over(self) -> bool:
        return self._revoked

    def mark(self, mark: WordMark) -> None:
        self._marks.append(mark)

    def listen(self) -> None:
        """Update `reply.heard_to`, and report what is new. A word counts as heard when its first sample has been
        heard.
        """
        if self._audible and not self._marks:
            return
        position, before = self.position, self.reply.heard_to
        if position > 0 and not self._audible:
            self._audible = True
            self.tell(Audible(self.reply.turn))
        while self._marks and self._marks[0].at < position:
            self.reply.heard_to = max(self.reply.heard_to, self._marks.popleft().said_to)
        if self.reply.heard_to > before:
            self.tell(HeardSoFar(self.reply.turn, self.reply.heard_to))

    def hold(self) -> None:
        if self._held_since is not None or self._revoked:
            return
        self._held_since = trio.current_time()
        if self._rewind is None:
            self._speaker.hold()
        else:
            self._speaker.discard()
            self._written = self.position
            self._rewind.take_back(self._written)
        self._interrupt()

    def release(self) -> None:
        if self._held_since is None or self._revoked:
            return
        now = trio.current_time()
        if self._anchor is not None:
            self._anchor = self._anchor + now - self._held_since if self._rewind is None else now - self._seconds
        self._held_since = None
        if self._rewind is None:
            self._speaker.release()
        self._changed.unpark_all()

    def revoke(self) -> None:
        """End this reply's sound for good: no more of it is played, and the record of what was heard is final."""
        if self._revoked:
            return
        self.tell = _ignore
        if self._finished and self._held_since is None:
            self._revoked = True
            return
        try:
            self._speaker.discard()
            self.listen()
            self._written = self.position  # keeps the position from changing, whatever is played next
        finally:  # whether or not the sink has failed, it gets no more of this reply
            self._revoked = True
            self._rewind = None
            self._marks.clear()
            self._interrupt()

    async def write(self, frame: AudioFrame) -> None:
        """Hand `frame` to the sink when the frame is due; drop it if the lease has been revoked."""
        if self._revoked:
            await trio.lowlevel.checkpoint()
        came = trio.current_time()
        while not self._revoked:
            if self._rewind and self._rewind.taken_back:
                await self._write_again(self._rewind.taken_back)
            elif await self._handed_over(frame, came):
                return

    async def finish(self) -> None:
        """Wait until the last sample has been heard."""
        while not self._revoked:
            if self._rewind and self._rewind.taken_back:
                await self._write_again(self._rewind.taken_back)
            elif self.position < self._written:
                await self._change(self._expected_at(self._written - 1))
            else:
                self._finished = True
                return

    def next_moment(self) -> float:
        """The time at which the first sample will be heard or, after that, the next word will begin; infinity if no
        word is left.
        """
        if not self._audible:
            return self._expected_at(0)
        return self._expected_at(self._marks[0].at) if self._marks else inf

    @property
    def _seconds(self) -> float:
        return self._written / self._rate

    async def _write_again(self, frames: deque[AudioFrame]) -> None:
        """Try once to write the audio that a hold took back. If another hold comes meanwhile, the audio that it takes
        back goes first.
        """
        if await self._handed_over(frames[0], came=-inf):
            frames.popleft()

    async def _handed_over(self, frame: AudioFrame, came: float) -> bool:
        """Try once to write `frame` at its time. Returns False if a hold, a release or a revocation came in between."""
        if self._held_since is not None:
            await self._change(inf)
            return False
        now = trio.current_time()
        if self._anchor is None:
            self._anchor = now
        due = self._anchor + self._seconds
        not_before = due + frame.seconds - self._lead
        if now < not_before:
            await self._change(not_before)
            return False
        with trio.CancelScope() as self._writing:
            await self._speaker.write(frame)
        if self._writing.cancelled_caught:
            return False
        self._keep_pace(due, came)
        self._written += frame.samples
        self._said = len(self.reply.said)
        if self._rewind:
            self._rewind.keep(frame, self.position)
        return True

    def _keep_pace(self, due: float, came: float) -> None:
        """Move the schedule if audio came late or the sink is slow, and report the gaps that this has made in the
        audio.
        """
        assert self._anchor is not None, "a frame that was written had a time"
        late = trio.current_time() - due
        if late <= LATE:
            return
        self._anchor += late
        hole = came > due + LATE or self.position >= self._written
        if hole and self._written and self._had_words:
            self._report(Underrun(self.reply.turn, round(late * self._rate)))

    @property
    def _had_words(self) -> bool:
        """Whether the handler had said more than was written as audio; if not, only the handler is slow."""
        begun = (mark.said_to for mark in self._marks if mark.at < self._written)
        return any(map(str.isalnum, self.reply.said[max(self.reply.heard_to, *begun, 0) : self._said]))

    def _interrupt(self) -> None:
        self._writing.cancel()
        self._changed.unpark_all()

    def _expected_at(self, sample: int) -> float:
        """When `sample` will have begun to play, as far as this can be predicted."""
        if self._held_since is not None or self._revoked or sample >= self._written:
            return inf
        return trio.current_time() + max((sample + 1 - self.position) / self._rate, LOOK_AGAIN)

    async def _change(self, deadline: float) -> None:
        """Wait until `deadline`, until more has been heard, or for a hold, a release or a revocation."""
        with trio.move_on_at(min(deadline, self.next_moment())):
            await self._changed.park()
        self.listen()


def _ignore(signal: Signal) -> None:
    """Discards the signals of a reply whose pipeline is not running."""
