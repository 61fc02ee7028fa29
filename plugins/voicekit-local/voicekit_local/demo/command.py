"""`voicekit demo`: run the demo's call in real time, show it live, and save it in a folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Final

import trio

from voicekit import CallPolicy, Policy, Session
from voicekit.cli.progress import Teller
from voicekit.cli.run import FAILED, SIGNALLED
from voicekit.errors import DeviceError, ServiceError
from voicekit.events import SessionEnded
from voicekit.play.sink import NullSink
from voicekit.session.callfolder import SOUND, CallFolder, open_call_folder
from voicekit.session.eventlog import EVENTS
from voicekit.session.running import run_session
from voicekit.soniox.local import SpeechService, soniox_or_local
from voicekit.soniox.stt.soniox_stt import SonioxStt
from voicekit_local.demo.bot import GREETING, bot
from voicekit_local.demo.caller import PCM24K, Caller
from voicekit_local.demo.playing import how_to_hear, play
from voicekit_local.demo.relay import Relay, open_relay
from voicekit_local.demo.script import Line, Moments, lines, perform
from voicekit_local.demo.showing import DemoLive
from voicekit_local.wer import word_errors

HELP = "listen to a recorded caller talking to a bot; needs no key"

FOLDER = "voicekit-demo"

HISTORY = "history.json"
"""A file with each turn: the caller's words, the bot's words, and how much of the bot's words was heard."""

CONTENTS: Final = {SOUND: "both sides", EVENTS: "what happened", HISTORY: "who said what"}


def main(arguments: Sequence[str]) -> int:
    """Run the call to its end. Returns 1 if it failed, and 130 if Ctrl-C ended it."""
    parser = argparse.ArgumentParser(prog="voicekit demo", description=HELP)
    parser.add_argument("--folder", type=Path, help=f"where to save the call (default: {FOLDER}, {FOLDER}-2, ...)")
    parser.add_argument("--play", action="store_true", help="play the call on the speaker after it has ended")
    options = parser.parse_args(arguments)
    return trio.run(demo, options.folder or _free_folder(), options.play)


async def demo(path: Path, play_it: bool = False) -> int:
    """Run the demo's call, save it in the folder `path`, and return the exit status of `voicekit demo`."""
    tell = Teller()
    call: _Call | None = None
    try:
        async with (
            open_call_folder(path) as folder,
            soniox_or_local(tell) as service,
            _way_to(service, folder) as (stt, relay),
        ):
            call = _Call(service, stt, folder)
            ended = await call.hold(relay)
        status = SIGNALLED.get(ended.why, 0)
    except (ServiceError, DeviceError) as error:
        if call is None or not call.live.started:
            raise
        tell(str(error))
        return FAILED
    finally:
        if call is not None and call.live.started:
            print(f"\n{call.summary()}\n{_contents(path)}")
    if status == 0:
        await _listen(path / SOUND, play_it)
    return status


async def _listen(sound: Path, play_it: bool) -> None:
    why = await play(sound) if play_it else ""
    if why is not None:
        print(f"{why} {how_to_hear(sound)}".strip())


@asynccontextmanager
async def _way_to(service: SpeechService, folder: CallFolder) -> AsyncIterator[tuple[SonioxStt, Relay | None]]:
    """The recogniser. If it runs on this machine, it is reached through a relay that can cut the connection."""
    if not service.local:
        yield service.transcriber(wire_log=folder.wire_log), None
        return
    async with open_relay(service.endpoints.stt) as relay:
        through = replace(service.endpoints, stt=relay.url)
        yield SonioxStt(key=service.key, endpoints=through, wire_log=folder.wire_log), relay


class _Call:
    """The demo's call, shown and recorded."""

    def __init__(self, service: SpeechService, stt: SonioxStt, folder: CallFolder) -> None:
        self._caller, self._moments = Caller(), Moments()
        self._said: list[Line] = []
        self._ended: SessionEnded | None = None
        self._history = folder.path / HISTORY
        self._session = Session(
            handler=bot,
            source=self._caller,
            sink=NullSink(PCM24K),
            stt=stt,
            tts=service.voice(wire_log=folder.wire_log),
            policy=Policy(call=CallPolicy(greeting=GREETING)),
        )
        folder.record(self._session)
        self.live = DemoLive(self._session)
        self._recogniser = service.endpoints.stt
        self._session.watch(self._moments)
        self._session.watch(self.live.note)

    async def hold(self, relay: Relay | None) -> SessionEnded:
        """Run the call to its end, and write the history even if the call fails. Raises DeviceError if the call can't
        take place.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(perform, lines(), self._caller, self._moments, self._drop(relay), self._said)
                self._ended = await run_session(self._session)
                nursery.cancel_scope.cancel()
            return self._ended
        finally:
            if self.live.started:
                self._write_history()

    def _drop(self, relay: Relay | None) -> Callable[[], None] | None:
        """A function that announces a lost connection, and then cuts the connection to the recogniser; None if there is
        no relay.
        """
        if relay is None:
            return None

        def drop() -> None:
            self.live.cutting(self._recogniser)
            relay.cut()

        return drop

    def summary(self) -> str:
        """How quickly the caller was answered and, if the call was completed, how well the caller was understood."""
        if self._ended is None or self._ended.why in SIGNALLED:
            return self.live.summary()  # the caller's last words may not have been recognised yet
        said = " ".join(line.text for line in self._said if not line.aside)
        errors = word_errors(said, " ".join(turn.user for turn in self._session.history))
        return f"{self.live.summary()}; {errors.wrong} of the caller's {errors.words} words were recognised wrongly"

    def _write_history(self) -> None:
        turns = json.dumps([asdict(turn) for turn in self._session.history], indent=2)
        try:
            self._history.write_text(turns, encoding="utf-8")
        except OSError as error:
            with suppress(OSError):
                self._history.unlink()  # an incomplete history can't be read
            raise DeviceError(f"{self._history}: can't be written (is the disk full?): {error.strerror}") from error


def _contents(folder: Path) -> str:
    there = [f"{what} in {name}" for name, what in CONTENTS.items() if (folder / name).is_file()]
    return f"The call was saved in {folder}: {', '.join(there)}."


def _free_folder() -> Path:
    """FOLDER, or the first of FOLDER-2, FOLDER-3, ... that does not exist."""
    numbered = (Path(FOLDER if number == 1 else f"{FOLDER}-{number}") for number in count(1))
    return next(path for path in numbered if not path.exists())
