"""`voicekit demo`: hold the demo's call at real pace, show it as it goes, and keep it in a folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import trio

from voicekit import CallPolicy, Policy, Session
from voicekit.cli.live import Live
from voicekit.events import SessionEnded
from voicekit.play.sink import NullSink
from voicekit.session.callfolder import EVENTS, SOUND, CallFolder, open_call_folder
from voicekit.session.local import Service, soniox_or_local
from voicekit.session.running import run_session
from voicekit.soniox.transcriber import SonioxTranscriber
from voicekit_local.demo.bot import GREETING, bot
from voicekit_local.demo.caller import PCM24K, Caller
from voicekit_local.demo.relay import Relay, open_relay
from voicekit_local.demo.script import Moments, lines, perform
from voicekit_local.wer import word_errors

HELP = "hear a whole spoken call, with no key: a recorded caller talks to a bot"

FOLDER = "voicekit-demo"

HISTORY = "history.json"
"""Each turn: what the caller said, what the bot said, and how much of that was heard."""


def main(arguments: Sequence[str]) -> int:
    """Hold the call; 0 where it ended as it should."""
    parser = argparse.ArgumentParser(prog="voicekit demo", description=HELP)
    parser.add_argument("--folder", type=Path, help=f"where to keep the call (default: {FOLDER}, {FOLDER}-2, ...)")
    folder = parser.parse_args(arguments).folder or _free_folder()
    ended = trio.run(demo, folder)
    return 0 if ended.error is None else 1


async def demo(path: Path) -> SessionEnded:
    """Hold the demo's call and keep it in the folder `path`."""
    async with open_call_folder(path) as folder, soniox_or_local(_tell) as service:
        if not service.local:
            return await _hold(service, service.transcriber(wire_log=folder.wire_log), folder, None)
        async with open_relay(service.endpoints.stt) as relay:
            through = replace(service.endpoints, stt=relay.url)
            stt = SonioxTranscriber(key=service.key, endpoints=through, wire_log=folder.wire_log)
            return await _hold(service, stt, folder, relay)


async def _hold(service: Service, stt: SonioxTranscriber, folder: CallFolder, relay: Relay | None) -> SessionEnded:
    caller, moments = Caller(), Moments()
    session = Session(
        handler=bot,
        source=caller,
        sink=NullSink(PCM24K),
        stt=stt,
        tts=service.voice(wire_log=folder.wire_log),
        policy=Policy(call=CallPolicy(greeting=GREETING)),
    )
    folder.record(session)
    live = Live(session)
    session.watch(moments)
    session.watch(live.note)
    script = lines()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(perform, script, caller, moments, relay)
        ended = await run_session(session)
        nursery.cancel_scope.cancel()
    (folder.path / HISTORY).write_text(
        json.dumps([asdict(turn) for turn in session.history], indent=2), encoding="utf-8"
    )
    heard = " ".join(turn.user for turn in session.history)
    errors = word_errors(" ".join(line.text for line in script if not line.aside), heard)
    print(f"\n{live.summary()}; {errors.wrong} of the caller's {errors.words} words were recognised wrongly")
    print(
        f"The call is in {folder.path}: both sides in {SOUND}, what happened in {EVENTS}, who said what in {HISTORY}."
    )
    return ended


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _free_folder() -> Path:
    """FOLDER, or the first of FOLDER-2, FOLDER-3, ... that is not there yet."""
    numbered = (Path(FOLDER if number == 1 else f"{FOLDER}-{number}") for number in count(1))
    return next(path for path in numbered if not path.exists())
