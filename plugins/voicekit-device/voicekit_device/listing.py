"""`voicekit devices`: the microphones and speakers of this computer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from voicekit_device.cards import Cards
from voicekit_device.portaudio import PortAudio

HELP = "list the microphones and speakers of this computer"


def main(arguments: Sequence[str]) -> int:
    """Print a line for each device. Returns 1 if there are no devices."""
    argparse.ArgumentParser(prog="voicekit devices", description=HELP).parse_args(arguments)
    lines = listing(PortAudio())
    print("\n".join(lines) or "no microphone and no speaker", file=sys.stdout)
    return 0 if lines else 1


def listing(cards: Cards) -> list[str]:
    """A line for each device, with its name and its directions; a star marks the system's default."""
    devices = cards.devices()
    width = max((len(device.name) for device in devices), default=0)
    lines = []
    for device in devices:
        uses = [
            use + ("*" if cards.default(use) == device.index else " ")
            for use in ("microphone", "speaker")
            if device.channels(use)
        ]
        lines.append(f"{device.name:{width}}  {'  '.join(uses)}  {device.rate} Hz")
    return lines
