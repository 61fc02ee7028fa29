"""The microphone and the speaker of this computer, and the commands `voicekit talk` and `voicekit devices`."""

from __future__ import annotations

from voicekit import hookimpl
from voicekit.extend import Commands, Registry


def _talk(arguments: list[str]) -> int:
    from voicekit_device.talk import main

    return main(arguments)


def _devices(arguments: list[str]) -> int:
    from voicekit_device.listing import main

    return main(arguments)


@hookimpl
def voicekit_register(registry: Registry) -> None:
    registry.source("microphone", "voicekit_device.microphone:Microphone")
    registry.sink("speaker", "voicekit_device.speaker:Speaker")


@hookimpl
def voicekit_commands(commands: Commands) -> None:
    commands.add("talk", _talk, help="talk to a bot with the microphone and the speaker")
    commands.add("devices", _devices, help="list the microphones and speakers of this computer")
