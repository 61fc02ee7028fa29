"""A recogniser with standbys: if one fails, the next one gets all the audio for which no final words have arrived yet.
No word is lost.

    audio ─log─▶ stt 1 ─▶ transcripts     fails, is down, or owes a word for longer than the patience
            └──▶ stt 2 ─▶ transcripts     first the audio from the log, as fast as possible; positions are converted

The call stays with the recogniser that works; the next call begins with the first one that is not resting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.contracts import Stt, tell
from voicekit.errors import ConfigError, Unavailable
from voicekit.events import Endpoint, SttDown, SttUp, Transcript
from voicekit.flow.fallback import Fallback, first_fault, is_fault
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.stage import Run
from voicekit.flow.standby import Standby, open_standby
from voicekit.flow.store import Full
from voicekit.flow.transform import Pipeable
from voicekit.listen.sound_log import KEPT_S, Heard, SoundLog, moved, moved_back

LOOK_S = 0.25
"""Seconds between two checks whether the recogniser owes words."""

SAID = 256
"""The maximum number of transcripts from one recogniser that may wait."""


class FallbackStt(Pipeable):
    """The recognisers `ears`, tried in the order that `spec` determines. All of them take the same format, and either
    all or none of them detect endpoints.

    Opening raises the last error if no recogniser opens. `run` raises the last error if no recogniser is left.
    """

    name = "fallback stt"
    produces = None

    def __init__(self, spec: Fallback[object], ears: Sequence[Stt]) -> None:
        self.accepts: AudioFormat | None = None
        self.ears = ears
        self._spec = spec
        if len({ear.endpoints for ear in ears}) > 1:
            raise ConfigError(
                "fallback stt: expected either all members or none to detect endpoints, got "
                + ", ".join(f"{ear.name}: {ear.endpoints}" for ear in ears)
            )

    @property
    def endpoints(self) -> bool:
        return self.ears[0].endpoints

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(getattr(self.ears[0], "languages", ()))

    def negotiate(self, offered: AudioFormat) -> AudioFormat:
        wanted = [ear.negotiate(offered) for ear in self.ears]
        if len(set(wanted)) > 1:
            raise ConfigError(
                f"fallback stt: expected all members to take the same audio format, got {', '.join(map(str, wanted))}"
            )
        self.accepts = wanted[0]
        return wanted[0]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Heard, Transcript]]:
        async with open_standby(self._spec, self.ears, "stt", tell.get()) as standby:
            yield partial(self._run, standby)

    async def _run(self, standby: Standby[Stt], inbox: Inlet[Heard], outbox: Outlet[Transcript]) -> None:
        patience, sound = self._spec.patience, self.accepts or PCM16K
        stream = _Stream(inbox, outbox, patience=patience, sound=sound, endpoints=self.endpoints)
        tried = set[int]()
        while True:
            number, run = await standby.take(tried)
            try:
                with alone():
                    await stream.hear(run, last=standby.next({*tried, number}) is None)
                return
            except Exception as error:
                tried = {number} if stream.alive else {*tried, number}
                then = standby.next(tried)
                if not is_fault(error) or then is None:
                    raise
                standby.switch(number, then, first_fault(error))
                await stream.end_what_hangs()


class _Stream:
    """A call's one stream of audio, which any of the recognisers can process."""

    def __init__(
        self,
        inbox: Inlet[Heard],
        outbox: Outlet[Transcript],
        *,
        patience: float,
        sound: AudioFormat,
        endpoints: bool,
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._patience = patience
        self._room = sound.samples(2 * KEPT_S)
        self._log = SoundLog(endpoints)
        self._ended = False
        self._last = False
        self._down_since: float | None = None
        self.alive = False  # whether the current recogniser has produced anything

    async def hear(self, run: Run[Any, Any], *, last: bool) -> None:
        """Let one recogniser handle the rest of the stream. If it is the `last` one, it may be down for any length of
        time.
        """
        base, again = self._log.again()
        self.alive, self._down_since, self._last = False, None, last
        sound_out, sound_in = open_link(self._room, Full.DROP_OLDEST, name="sound to a recogniser")
        said_out, said_in = open_link(SAID, weigh=_one, name="transcripts of a recogniser")
        # both links are closed here, once all tasks have ended: a cancelled task does not close the channels of others
        with sound_in, sound_out, said_in, said_out:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._feed, base, again, sound_out)
                nursery.start_soon(self._transcribe, run, sound_in, said_out)
                nursery.start_soon(self._watch)
                async for said in said_in:
                    await self._take(moved_back(said, base))
                nursery.cancel_scope.cancel()

    async def end_what_hangs(self) -> None:
        """After the recogniser has failed, emit an endpoint for the last final words, if no speech follows them: no
        other recogniser will process these words again.

        SttDown is not emitted: it would end the caller's turn with the words so far, although more words are still to
        come.
        """
        hanging = self._log.hanging
        if hanging is not None:
            await self._outbox.send(Endpoint(hanging))
            self._log.understand(Endpoint(hanging))

    async def _transcribe(self, run: Run[Any, Any], sound_in: Inlet[Heard], said_out: Outlet[Transcript]) -> None:
        with said_out:
            await run(sound_in, said_out)

    async def _feed(self, base: int, again: Sequence[Heard], sound_out: Outlet[Heard]) -> None:
        with sound_out:
            for item in again:
                sound_out.offer(moved(item, base))
            if not self._ended:
                async for item in self._inbox:
                    self._log.hear(item)
                    sound_out.offer(moved(item, base))
                self._ended = True

    async def _take(self, said: Transcript) -> None:
        if isinstance(said, SttDown):
            self._down_since = trio.current_time()
        else:
            self.alive, self._down_since = True, None
            self._log.understand(said)
        if self._last or not isinstance(said, SttDown | SttUp):
            await self._outbox.send(said)

    async def _watch(self) -> None:
        while True:
            await trio.sleep(LOOK_S)
            if self._last:
                continue
            if self._log.owed_s >= self._patience:
                raise Unavailable(f"no words after {self._patience:g} s of speech", service="stt", retryable=True)
            if self._down_since is not None and trio.current_time() - self._down_since >= self._patience:
                raise Unavailable(f"no connection for {self._patience:g} s", service="stt", retryable=True)


def _one(item: object) -> int:
    return 1
