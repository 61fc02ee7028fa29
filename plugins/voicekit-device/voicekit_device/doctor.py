"""This plugin's checks in `voicekit doctor`: whether this computer has a microphone and a speaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from voicekit.errors import VoicekitError
from voicekit_device.cards import Direction, choose
from voicekit_device.portaudio import PortAudio


def examine() -> Iterator[tuple[bool, str, str]]:
    """For each check: whether it passed, what was found, and what to do if it failed."""
    try:
        cards = PortAudio()
        cards.devices()
    except VoicekitError as error:
        yield False, str(error), "the message names what is missing; calls with sound files work without it"
        return
    for direction in get_args(Direction):
        try:
            yield True, f"{direction}: {choose(cards, None, direction).name}", ""
        except VoicekitError as error:
            yield False, str(error), "connect one, and check with `voicekit devices`; calls with sound files need none"
