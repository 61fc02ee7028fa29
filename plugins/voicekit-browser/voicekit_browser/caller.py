"""The caller at a page, as a source: placed by the page's own count, so a new socket loses and doubles nothing.

What was said while a socket was lost comes after it all at once. It is passed on at PACE times the speed of talking, so
that no link behind overflows.
"""

from __future__ import annotations

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.call.caller import CallerItem, CallSource
from voicekit.flow.link import Inlet, Outlet

PACE = 4.0
"""Times the speed of talking at which waiting sound is passed on."""

AT_ONCE_S = 0.2
"""Sound that is passed on at once: a network is late by so much now and then."""

WAITING_S = 16.0
"""Sound that may wait to be passed on: longer than a socket may be lost. Beyond it the oldest becomes a gap."""

SILENT_S = 3.0
"""A page that is there and sends no sound for longer (its sound system was taken away) leaves a gap."""


class PageSource(CallSource):
    """The caller's sound, what they type, and their keys."""

    name = "browser caller"
    waiting = WAITING_S

    def __init__(self, produces: AudioFormat) -> None:
        super().__init__(produces)
        self._made_up = 0  # samples of gaps that the page has not counted
        self._filled = 0  # samples of gaps added by the clock, which the page may still skip
        self._quiet_since: float | None = None

    @property
    def samples(self) -> int:
        """Samples that have come, with those that the page skipped: the page's own count."""
        return self._at - self._made_up

    def hear(self, pcm: bytes, now: float) -> None:
        self._quiet_since = now
        samples = len(pcm) // self.produces.sample_bytes
        self._offer(AudioFrame(pcm, self._at, self.produces))
        self._at += samples

    def skip(self, samples: int) -> None:
        """`samples` of the page's count never come."""
        known = min(samples, self._filled)
        self._filled -= known
        self._made_up -= known
        self._gap(samples - known)

    def keep_time(self, now: float) -> None:
        """Leave a gap where the page has sent nothing for longer than SILENT_S."""
        if self._quiet_since is None:
            self._quiet_since = now
        if now - self._quiet_since > SILENT_S:
            missing = self.produces.samples(now - self._quiet_since)
            self._quiet_since = now
            self._filled += missing
            self._made_up += missing
            self._gap(missing)

    def pause_time(self) -> None:
        """The socket is lost: what is said meanwhile may yet come."""
        self._quiet_since = None

    def _gap(self, samples: int) -> None:
        if samples > 0:
            self._offer(Gap(samples, self._at))
            self._at += samples

    async def _run(self, inbox: Inlet[object], outbox: Outlet[CallerItem]) -> None:
        free = float("-inf")  # when the sound passed on so far would end at PACE
        try:
            while True:
                for item in await self._inlet.receive_all():
                    if isinstance(item, AudioFrame):
                        free = max(free, trio.current_time()) + item.seconds / PACE
                        if free - trio.current_time() > AT_ONCE_S / PACE:
                            await trio.sleep_until(free - AT_ONCE_S / PACE)
                    await outbox.send(item)
        except trio.EndOfChannel:
            return
