"""The caller on a page, as a source. The page counts its samples, and a sample's position is its number in this count,
so changing sockets neither loses nor repeats any audio.

Words spoken while there was no socket all arrive together afterwards. They are passed on at PACE times the normal
speed, so that no queue behind this source overflows.
"""

from __future__ import annotations

import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.call.caller import CallerItem, CallSource
from voicekit.flow.link import Inlet, Outlet

PACE = 4.0
"""Speed at which waiting audio is passed on, as a multiple of normal speed."""

AT_ONCE_S = 0.2
"""Seconds of audio that may be passed on without pacing: networks are often late by this much."""

WAITING_S = 16.0
"""Seconds of audio that can wait: more than the longest time without a socket. If more
arrives, the oldest audio is lost and leaves a gap.
"""

SILENT_S = 3.0
"""Seconds after which a connected page that sends no audio, for instance because it lost its microphone, leaves a gap.
"""


class PageSource(CallSource):
    """Emits the caller's audio, typed lines and key presses."""

    name = "browser caller"
    waiting = WAITING_S

    def __init__(self, produces: AudioFormat) -> None:
        super().__init__(produces)
        self._made_up = 0  # the number of samples inserted to fill gaps; the page has not counted these samples
        self._filled = 0  # the number of samples in gaps added by the clock; the page may later report them as skipped
        self._quiet_since: float | None = None

    @property
    def samples(self) -> int:
        """How many samples the page has counted: those that have arrived, plus those that it skipped."""
        return self._at - self._made_up

    def hear(self, pcm: bytes, now: float) -> None:
        self._quiet_since = now
        samples = len(pcm) // self.produces.sample_bytes
        self._offer(AudioFrame(pcm, self._at, self.produces))
        self._at += samples

    def skip(self, samples: int) -> None:
        """Record that `samples` samples of the caller's audio will never arrive."""
        known = min(samples, self._filled)
        self._filled -= known
        self._made_up -= known
        self._gap(samples - known)

    def keep_time(self, now: float) -> None:
        """Emit a Gap if the page has sent nothing for longer than SILENT_S."""
        if self._quiet_since is None:
            self._quiet_since = now
        if now - self._quiet_since > SILENT_S:
            missing = self.produces.samples(now - self._quiet_since)
            self._quiet_since = now
            self._filled += missing
            self._made_up += missing
            self._gap(missing)

    def pause_time(self) -> None:
        """Emit no Gap while there is no socket: words that are spoken in the meantime may still arrive."""
        self._quiet_since = None

    def _gap(self, samples: int) -> None:
        if samples > 0:
            self._offer(Gap(samples, self._at))
            self._at += samples

    async def _run(self, inbox: Inlet[object], outbox: Outlet[CallerItem]) -> None:
        free = float("-inf")  # the time at which the audio passed on so far would end if played at PACE
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
