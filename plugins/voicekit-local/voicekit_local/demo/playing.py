"""Plays the demo's call on a speaker; if there is no speaker, says how to play the recording."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import trio

from voicekit.audio.codec import convert
from voicekit.audio.file import SoundFileReader
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError, DeviceError
from voicekit.flow.threads import in_thread

PLAYERS: Final = ("afplay", "pw-play", "paplay", "aplay", "play")
"""Programs that play a file from the command line, those of macOS, PipeWire, PulseAudio, ALSA and SoX."""

BLOCK_S: Final = 0.1


def how_to_hear(path: Path) -> str:
    """A sentence that says how to hear the file, with a command if this machine has a player."""
    player = next((name for name in PLAYERS if shutil.which(name)), None)
    return f"To hear it: {player} {path}" if player else f"To hear it, open {path} with any player of sound files."


async def play(path: Path) -> str | None:
    """Play the recording of a call. Returns None after the end, or the reason why it can't be played."""
    try:
        from voicekit_device.speaker import Speaker
    except ImportError:
        return "--play needs the plugin voicekit-device."
    try:
        reader = await in_thread(SoundFileReader, path)
        try:
            mono = AudioFormat(reader.format.rate)
            size = mono.samples(BLOCK_S)
            async with Speaker(rate=mono.rate).open() as speaker:
                at = 0
                while (frame := await in_thread(reader.read, size)) is not None:
                    await speaker.write(AudioFrame(convert(frame.pcm, frame.format, mono), at, mono))
                    at += frame.samples
                await trio.sleep(mono.seconds(at - speaker.position) + BLOCK_S)
        finally:
            reader.close()
    except (DeviceError, ConfigError) as error:
        return f"The call can't be played here: {error}."
    return None
