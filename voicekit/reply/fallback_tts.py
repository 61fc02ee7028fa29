"""Provides standby voices: if one fails during a reply, the next continues at the word that was cut off.

    text ─log─▶ voice 1 ─▶ audio      fails, or is more than `patience` seconds late
           └──▶ voice 2 ─▶ audio      speaks the text that, according to the log, is unspoken

The positions of the second voice's frames continue those of the first voice. The next reply begins with the first voice
that is not resting (see `voicekit.flow.fallback`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from msgspec.structs import replace

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text, Tts, tell
from voicekit.errors import ConfigError, Unavailable
from voicekit.events import WordMark
from voicekit.flow.fallback import Fallback, first_fault, is_fault
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.stage import Run
from voicekit.flow.standby import Standby, open_standby
from voicekit.flow.transform import Pipeable
from voicekit.reply.speech_log import SpeechLog

LOOK_S = 0.25
"""Seconds between two checks of whether sound from the voice is due."""

WAITING = 400
"""The maximum number of characters that may wait for a voice."""


class FallbackTts(Pipeable):
    """A tts that tries `voices` in order, according to `spec`; all voices must use the same format.

    If no voice can be opened, the last voice's error is raised. If no voice is left to continue a reply, the reply
    raises the error of the voice that failed last.
    """

    name = "fallback tts"
    accepts = None

    def __init__(self, spec: Fallback[object], voices: Sequence[Tts]) -> None:
        self.produces: AudioFormat | None = None
        self.voices = voices
        self._spec = spec
        self._current: Tts | None = None

    @property
    def reads_tags(self) -> bool:
        return all(getattr(voice, "reads_tags", False) is True for voice in self.voices)

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        formats = [voice.negotiate(wanted) for voice in self.voices]
        if len(set(formats)) > 1:
            raise ConfigError(
                f"fallback tts: expected all voices to use the same format, got {', '.join(map(str, formats))}"
            )
        self.produces = formats[0]
        return formats[0]

    def cut(self) -> None:
        if self._current is not None:
            self._current.cut()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Text, AudioFrame | WordMark]]:
        async with open_standby(self._spec, self.voices, "tts", tell.get()) as standby:
            yield partial(self._run, standby)

    async def _run(self, standby: Standby[Tts], inbox: Inlet[Text], outbox: Outlet[AudioFrame | WordMark]) -> None:
        log, tried = SpeechLog(), set[int]()
        while True:
            number, run = await standby.take(tried)
            self._current = standby.parts[number]
            try:
                with alone():
                    await _Speaking(log, self._spec.patience, outbox).run(run, inbox)
                self._spec.works(number)
                return
            except Exception as error:
                tried.add(number)
                then = standby.next(tried)
                if not is_fault(error) or then is None:
                    raise
                self._current.cut()
                standby.switch(number, then, first_fault(error))


class _Speaking:
    """Lets one voice speak the rest of the log and all text that still comes."""

    def __init__(self, log: SpeechLog, patience: float, outbox: Outlet[AudioFrame | WordMark]) -> None:
        self._log = log
        self._patience = patience
        self._outbox = outbox
        self._base = log.samples
        self._quiet_since: float | None = None

    async def run(self, run: Run[Any, Any], inbox: Inlet[Text]) -> None:
        text_out, text_in = open_link(WAITING, name="text to a voice")
        sound_out, sound_in = open_link(1, weigh=_one, name="sound of a voice")
        # both links are closed here, once all tasks have ended: a cancelled task does not close the channels of others
        with text_in, text_out, sound_in, sound_out:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._feed, inbox, text_out)
                nursery.start_soon(self._watch)
                nursery.start_soon(self._speak, run, text_in, sound_out)
                await self._forward(sound_in)
                nursery.cancel_scope.cancel()

    async def _speak(self, run: Run[Any, Any], text_in: Inlet[Text], sound_out: Outlet[Any]) -> None:
        with sound_out:
            await run(text_in, sound_out)

    async def _feed(self, inbox: Inlet[Text], text_out: Outlet[Text]) -> None:
        with text_out:
            rest = self._log.rest()
            for start in range(0, len(rest), WAITING // 4):
                await text_out.send(rest.part(start, min(len(rest), start + WAITING // 4)))
            if not self._log.ended:
                async for text in inbox:
                    self._log.give(text)
                    await text_out.send(text)
                self._log.end()

    async def _forward(self, sound_in: Inlet[AudioFrame | WordMark]) -> None:
        while True:
            self._quiet_since = trio.current_time()
            try:
                item = await sound_in.receive()
            except trio.EndOfChannel:
                return
            self._quiet_since = None
            item = replace(item, at=item.at + self._base)
            await self._outbox.send(item)
            self._log.sound(item)

    async def _watch(self) -> None:
        """Fail if sound from the voice is overdue for too long; time spent waiting for the sink does not count."""
        owed_since: float | None = None
        while True:
            await trio.sleep(LOOK_S)
            now = trio.current_time()
            if self._quiet_since is None or not self._log.owes:
                owed_since = None
                continue
            owed_since = max(self._quiet_since, now - LOOK_S if owed_since is None else owed_since)
            if now - owed_since >= self._patience:
                raise Unavailable(f"no sound for {self._patience:g} s", service="tts", retryable=True)


def _one(item: object) -> int:
    return 1
