"""Runs scenes in real time with the local server: with voicekit, and with other programs that get the same sound.

The caller, the voice and the score are the same as in virtual time, but a real recogniser hears the sound, so the load
on the machine matters. A peer is another program. It reads the caller's audio from its standard input, 20 ms at a time
in real time, and writes the audio that it plays to its standard output in the same way; see benchmarks/peer_work.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import trio

from voicekit import Session
from voicekit.contracts import Exchange
from voicekit.events import Decided, SessionEvent, TurnCommitted, Word
from voicekit.events import Final as FinalWords
from voicekit.extend import Plugins
from voicekit.play.sink import HeardPiece
from voicekit.session.bot import Bot
from voicekit.soniox.local import SpeechService
from voicekit_scenes.held import Recording, scripted_bot
from voicekit_scenes.room import FRAME, Microphone, Room
from voicekit_scenes.scene import Scene, answers
from voicekit_scenes.voice import RecordedTts
from voicekit_scenes.voice_server import VoiceServer

if TYPE_CHECKING:
    from voicekit_scenes.noises import Samples

RATE: Final = 16_000
JITTER_S: Final = 0.2
"""A peer's sound that comes up to this many seconds early or late is placed directly after its previous sound."""

STARTS_S: Final = 40.0
"""Seconds to wait until a peer plays its first frame, which may be silence."""


async def hold_in_real_time(
    scene: Scene, service: SpeechService, bot: Bot | None = None, *, vad: str, plugins: Plugins
) -> Recording:
    """Run `scene` with voicekit and the recogniser of `service`."""
    voice = RecordedTts()
    room = Room(scene, voice, replays=False)
    log: list[tuple[float, SessionEvent]] = []
    chosen = scripted_bot(scene) if bot is None else bot
    parts = chosen.silent(voice, source=Microphone(room), sink=room.sink, vad=vad, stt=service.transcriber())
    session = Session(plugins=plugins, **parts)
    session.watch(lambda event: log.append((trio.current_time(), event)))
    await session.run()
    return recording_of(
        room,
        asked=tuple(e.text for _, e in log if isinstance(e, TurnCommitted) and e.reason in ("speech", "silence")),
        history=tuple(session.history[place] for place in range(len(session.history))),
        final_words=tuple(word for _, e in log if isinstance(e, FinalWords) for word in e.words),
        decided=tuple(f"{at - room.start:.2f} {e}" for at, e in log if isinstance(e, Decided)),
    )


def recording_of(
    room: Room,
    asked: tuple[str, ...],
    history: tuple[Exchange, ...],
    final_words: tuple[Word, ...] = (),
    decided: tuple[str, ...] = (),
) -> Recording:
    """The recording of a room whose scene has ended, ready to be scored."""
    ends = [piece.start + len(piece.pcm) / 2 / RATE - room.start for piece in room.sink.heard[-1:]]
    seconds = max([len(room.caller) / 2 / RATE, *ends])
    return Recording(
        scene=room.scene,
        caller=_samples(bytes(room.caller).ljust(2 * round(seconds * RATE), b"\0")),
        bot=_samples(room.sink.track(room.start, seconds)),
        placed=tuple(room.placed),
        said=tuple(replace(said, since=said.since - room.start) for said in room.voice.said),
        asked=asked,
        history=history,
        final_words=final_words,
        decided=decided,
    )


async def hold_with_peer(scene: Scene, service: SpeechService, command: Sequence[str]) -> Recording:
    """Run `scene` with the program `command`, and pass it the servers' addresses and the bot's texts as JSON, in its
    last argument.
    """
    voice = VoiceServer()
    room = Room(scene, voice, replays=False)
    async with voice.serve() as tts, _peer(scene, service, tts, command) as process:
        async with trio.open_nursery() as nursery:
            plays = trio.Event()
            nursery.start_soon(_listen, process, room, plays)
            with trio.fail_after(STARTS_S):
                await plays.wait()
            await _speak(process, room)
            nursery.cancel_scope.cancel()
        told = await _rest(process)
    asked = tuple(told.get("asked", ()))
    return recording_of(room, asked, history=tuple(_exchanges(told.get("history", ()), room)))


@asynccontextmanager
async def _peer(scene: Scene, service: SpeechService, tts: str, command: Sequence[str]) -> AsyncIterator[trio.Process]:
    given = {
        "stt": service.endpoints.stt,
        "key": service.key,
        "tts": tts,
        "greeting": None if scene.greeting is None else answers()[scene.greeting],
        "answers": [answers()[name] for name in scene.answers],
    }
    process = await trio.lowlevel.open_process(
        [*command, json.dumps(given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()


async def _listen(process: trio.Process, room: Room, plays: trio.Event) -> None:
    """Take the sound that a peer plays, and place it at the time at which it came. Sound that comes slightly early or
    late is placed directly after the previous sound.
    """
    assert process.stdout is not None, "it was opened with a pipe"
    rest, next_at = b"", 0.0
    async for block in process.stdout:
        rest += block
        while len(rest) >= 2 * FRAME:
            pcm, rest = rest[: 2 * FRAME], rest[2 * FRAME :]
            now = trio.current_time()
            start = next_at if abs(now - next_at) < JITTER_S else now
            next_at = start + FRAME / RATE
            if plays.is_set() and any(pcm):
                room.sink.heard.append(HeardPiece(start, pcm))
            plays.set()


async def _speak(process: trio.Process, room: Room) -> None:
    """Send the caller's sound in real time, until the end of the scene."""
    assert process.stdin is not None, "it was opened with a pipe"
    start, at = trio.current_time(), 0
    room.begin(start)
    while True:
        await trio.sleep_until(start + (at + FRAME) / RATE)
        pcm = room.frame(at)
        if pcm is None:
            return
        await process.stdin.send_all(pcm)
        at += FRAME


async def _rest(process: trio.Process) -> dict[str, Any]:
    """End the peer's input, and return the last line of JSON on its standard error."""
    assert process.stdin is not None, "it was opened with pipes"
    assert process.stderr is not None, "it was opened with pipes"
    await process.stdin.aclose()
    told = b""
    with trio.move_on_after(5):
        async for block in process.stderr:
            told += block
    lines = [line for line in told.decode(errors="replace").splitlines() if line.startswith("{")]
    return dict(json.loads(lines[-1])) if lines else {}


def _exchanges(history: Sequence[dict[str, str]], room: Room) -> list[Exchange]:
    """Exchanges that combine the voice's replies with the peer's own account of how much of them was heard."""
    found, said = [], list(room.voice.said)
    for told in history:
        match = next((one for one in said if one.text[:12] == told["heard"][:12]), None)
        if match is not None:
            said = said[said.index(match) + 1 :]
            found.append(Exchange(match.turn, told.get("user", ""), match.text, told["heard"], False, "speech"))
    return found


def _samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2") / 32_768
