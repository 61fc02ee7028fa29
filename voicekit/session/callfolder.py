"""Records a call in a folder: the audio of both sides, the event log and the wire log, all written during the call.

    async with open_call_folder("calls/monday") as folder:
        session = Session(...)
        folder.record(session)
        await run_session(session)

    call.wav      each side as the other heard it, aligned to the sample: the caller left, the bot right
    events.jsonl  every event with its time; `voicekit log` prints the events, `voicekit trace` draws the waits
    wire.jsonl    every message from and to the services, without audio or API keys

In all three files, time 0 is the start of the session. If the program is killed, at most the last half second is lost;
the rest can be played and read.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError, DeviceError
from voicekit.events import Overrun
from voicekit.flow.groups import sole
from voicekit.flow.link import Outlet
from voicekit.flow.scribe import open_scribe, renew
from voicekit.flow.store import Full
from voicekit.flow.threads import in_thread
from voicekit.flow.wire_log import WireLog, open_wire_log
from voicekit.session.eventlog import EVENTS, CallClock, LoggedEvent, open_event_log
from voicekit.session.recording_taps import OverheardSink, overheard_source
from voicekit.session.stereo import Track, TwoTrackFile
from voicekit.session.trace.taps import trace

if TYPE_CHECKING:
    from voicekit.contracts import Sink, Source
    from voicekit.session.session import Session

SOUND, WIRE = "call.wav", "wire.jsonl"

CALLER, BOT = 0, 1
"""The numbers of the tracks: left and right."""

QUEUED = 30 * 2 * 48_000
"""The maximum number of samples that may wait for the disk: half a minute of both sides at the highest rate. Sound that
does not fit becomes silence in the recording, and an Overrun in the event log.
"""

UNKNOWN_RATE = 16_000
"""The rate, in Hz, in the header of a file in which no sound has been recorded."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A piece of one side's sound; without a frame, it marks the end of both sides."""

    track: int
    frame: AudioFrame | None


class CallFolder:
    """The open folder of one call."""

    def __init__(
        self,
        path: Path,
        note: Callable[[LoggedEvent], None],
        wire_log: WireLog,
        tape: _Tape,
        outlet: Outlet[_Heard],
        clock: CallClock,
    ) -> None:
        self.path = path
        self.wire_log = wire_log
        """The wire log that `record` passes to an stt and a tts whose `wire_log` is None."""
        self._note = note
        self._tape = tape
        self._outlet = outlet
        self._clock = clock
        self._dropped = 0

    def record(self, session: Session) -> None:
        """Record everything that happens in `session`, which must not have run yet.

        The recording uses the source's or the sink's rate, whichever is higher. If a plugin replaces a part when the
        session starts, the replacement is not recorded.
        """
        session.watch(self._note)
        parts = session.parts
        for part in (parts.stt, parts.tts):
            if getattr(part, "wire_log", self) is None:
                part.wire_log = self.wire_log  # type: ignore[union-attr]
        self._tape.rate = max(parts.source.produces.rate, parts.sink.format.rate)

        def heard(track: int, frame: AudioFrame) -> None:
            self._outlet.offer(_Heard(track, frame))
            dropped = self._outlet.statistics().dropped
            if dropped > self._dropped:
                session.report(Overrun("sound to the recording", dropped - self._dropped))
                self._dropped = dropped

        source = overheard_source(parts.source, lambda frame: heard(CALLER, frame), self._clock)
        sink = OverheardSink(parts.sink, lambda frame: heard(BOT, frame), self._clock)
        session.parts = replace(parts, source=cast("Source", source), sink=cast("Sink", sink))
        trace(session, self._note)


@asynccontextmanager
async def open_call_folder(path: str | Path, *, digits: bool = False) -> AsyncIterator[CallFolder]:
    """Create the folder `path`, which must not contain a call yet, and keep its files open. For `digits`, see
    `open_event_log`.

    Raises ConfigError if the folder can't be written, or contains a call. If the disk fills up during the call, the
    `async with` block is cancelled and DeviceError is raised; everything written until then is kept. If no call starts,
    and so nothing is written, the files are removed, and so is the folder, unless it already existed.
    """
    folder = Path(path)
    tape, was_there = await in_thread(_made, folder)
    clock = CallClock()
    with _one_error(), _gone_if_empty(folder, tape, was_there):
        async with AsyncExitStack() as stack:
            note = await stack.enter_async_context(open_event_log(folder / EVENTS, clock, digits=digits))
            wire_log = await stack.enter_async_context(open_wire_log(folder / WIRE, clock))
            scribe = open_scribe(tape.write, QUEUED, Full.DROP_NEWEST, weigh=_samples, name=str(folder / SOUND))
            outlet = await stack.enter_async_context(scribe)
            try:
                yield CallFolder(folder, note, wire_log, tape, outlet, clock)
            finally:
                outlet.offer(_Heard(CALLER, None))


def _made(folder: Path) -> tuple[_Tape, bool]:
    """Create an empty recording in the folder; also return whether the folder existed before."""
    try:
        was_there = folder.is_dir()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [name for name in (SOUND, EVENTS, WIRE) if os.path.lexists(folder / name)]
        if there:
            raise ConfigError(f"call folder {folder}: expected no files from an earlier call, found {', '.join(there)}")
        renew(folder / WIRE)
        return _Tape(TwoTrackFile(folder / SOUND, UNKNOWN_RATE)), was_there
    except OSError as error:
        raise ConfigError(f"call folder {folder}: can't be written: {error.strerror}") from error


@contextmanager
def _gone_if_empty(folder: Path, tape: _Tape, was_there: bool) -> Iterator[None]:
    try:
        yield
    finally:
        logs = [folder / name for name in (EVENTS, WIRE) if (folder / name).exists()]
        if tape.empty and not any(log.stat().st_size for log in logs):
            for file in (folder / SOUND, *logs):
                file.unlink(missing_ok=True)
            if not was_there and not any(folder.iterdir()):
                folder.rmdir()


class _Tape:
    """Converts both sides to the rate of the file and writes them; it runs in the thread that writes the recording."""

    def __init__(self, file: TwoTrackFile) -> None:
        self._file = file
        self._tracks: dict[int, Track] = {}

    @property
    def empty(self) -> bool:
        """True until some audio has been recorded."""
        return not self._file.samples

    @property
    def rate(self) -> int:
        return self._file.rate

    @rate.setter
    def rate(self, rate: int) -> None:
        self._file.rate = rate

    def write(self, heard: list[_Heard]) -> None:
        self._file.write(piece for each in heard for piece in self._pieces(each))

    def _pieces(self, heard: _Heard) -> list[tuple[int, int, bytes]]:
        frame = heard.frame
        if frame is None:
            return [piece for track in self._tracks.values() for piece in track.finish()]
        if heard.track not in self._tracks:
            self._tracks[heard.track] = Track(heard.track, frame.format, self.rate)
        return self._tracks[heard.track].feed(frame)


def _samples(heard: _Heard) -> int:
    return 0 if heard.frame is None else heard.frame.samples


@contextmanager
def _one_error() -> Iterator[None]:
    """If a full disk causes several errors, raise only the first; raise a single error without its group."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = sole(group)
        if isinstance(error, BaseExceptionGroup):
            full, other = error.split(DeviceError)
            error = _first(full) if full is not None and other is None else error
        raise error from error.__cause__


def _first(group: BaseExceptionGroup[DeviceError]) -> BaseException:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
