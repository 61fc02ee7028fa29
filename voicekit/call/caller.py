"""The caller's side of a call: audio and key presses, as the source of one session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.events import CallerHeld, CallNews, Dtmf, Hangup, Typed
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.stage import Run
from voicekit.flow.store import Full
from voicekit.flow.transform import Pipeable

HEARD_S = 0.5
"""The maximum number of seconds of the caller's sound that wait for the session; beyond this, the oldest sound becomes
a gap.
"""

QUIET_S = 0.5
"""If a wire sends nothing for more seconds than this (silence suppression, a hold), a gap is added to keep times
correct.
"""

CallerItem = AudioFrame | Gap | Dtmf | Typed | Hangup | CallerHeld | CallNews


class CallSource(Pipeable):
    """The caller's audio, to be read once: frames in order, gaps for missing audio, key presses and a final hang-up."""

    name = "caller"
    live = True
    accepts: AudioFormat | None = None
    waiting = HEARD_S

    def __init__(self, produces: AudioFormat) -> None:
        self.produces = produces
        self._at = 0
        self._began: float | None = None
        self._outlet: Outlet[CallerItem]
        self._inlet: Inlet[CallerItem]
        self._outlet, self._inlet = open_link(
            produces.samples(self.waiting), Full.DROP_OLDEST, name="sound of the caller"
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[object, CallerItem]]:
        yield self._run

    async def _run(self, inbox: Inlet[object], outbox: Outlet[CallerItem]) -> None:
        if outbox.statistics().full is Full.WAIT:
            async for item in self._inlet:
                await outbox.send(item)
        else:  # in a session, the wire's reader passes each item on without waiting
            with self._inlet.hand_to(outbox.offer) as taker:
                await taker.ended()

    def hear(self, pcm: bytes, now: float) -> None:
        """Take audio that has arrived. Its position follows from the end of the previous audio or, if more than QUIET_S
        of audio is missing, from the clock.
        """
        samples = len(pcm) // self.produces.sample_bytes
        if self._began is None:
            self._began = now - samples / self.produces.rate
        self.keep_time(now - samples / self.produces.rate)
        self._offer(AudioFrame(pcm, self._at, self.produces))
        self._at += samples

    def keep_time(self, now: float) -> None:
        """Add a gap if more than QUIET_S of audio should have arrived by `now` but has not."""
        if self._began is None:
            self._began = now
        missing = self.produces.samples(now - self._began) - self._at
        if missing > self.produces.samples(QUIET_S):
            self._offer(Gap(missing, self._at))
            self._at += missing

    def press(self, digit: str) -> None:
        self._offer(Dtmf(digit))

    def type(self, text: str) -> None:
        self._offer(Typed(text))

    def note(self, event: CallerHeld | CallNews) -> None:
        """Pass on an event that is not audio, in order with the frames."""
        self._offer(event)

    def finish(self) -> None:
        """Record that the caller has hung up; the session learns of it after the caller's last sound."""
        self._offer(Hangup())
        self._outlet.close()

    def close(self) -> None:
        self._outlet.close()
        self._inlet.close()

    def _offer(self, item: CallerItem) -> None:
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):  # the session has closed its end
            self._outlet.offer(item)
