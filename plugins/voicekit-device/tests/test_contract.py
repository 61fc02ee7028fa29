"""The microphone and the speaker keep their contracts, on cards of any taste; the plugin costs nothing unused."""

from __future__ import annotations

import subprocess
import sys

import pytest

import voicekit_device
from voicekit.extend import Commands, Registry
from voicekit.testing import check_sink, check_source
from voicekit_device.microphone import Microphone
from voicekit_device.speaker import Speaker


@pytest.fixture
def long_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 0.1 s: the check takes ten minutes of sound, and is quicker with a fifth of the blocks."""
    monkeypatch.setattr("voicekit_device.microphone.BLOCK_S", 0.1)


async def test_the_microphone_keeps_the_contract(autojump_clock, cards, long_blocks) -> None:
    """It passes the public check of sources, and leaves no stream open."""
    await check_source(lambda: Microphone(cards=cards), ends=False)
    assert cards.open
    assert not cards.living


async def test_the_speaker_keeps_the_contract(autojump_clock, cards) -> None:
    """It passes the public check of sinks, as one that can pause, and leaves no stream open."""
    assert Speaker(cards=cards).pausable
    await check_sink(lambda: Speaker(cards=cards))
    assert cards.open
    assert not cards.living


async def test_a_speaker_that_is_resampled_keeps_the_contract(autojump_clock, stubborn_cards) -> None:
    """So it does where the device takes 48 kHz in stereo only."""
    await check_sink(lambda: Speaker(cards=stubborn_cards))
    assert not stubborn_cards.living


def test_the_plugin_brings_its_parts_and_commands_by_name() -> None:
    """There are a source, a sink and two commands, and the parts are made without looking for a sound card."""
    registry, commands = Registry("device"), Commands("device")
    voicekit_device.voicekit_register(registry)
    voicekit_device.voicekit_commands(commands)
    assert [command.name for command in commands] == ["devices", "talk"]
    assert registry.find("source", "microphone").make({"echo": "headphones", "rate": 8_000}).produces.rate == 8_000
    assert registry.find("sink", "speaker").make({"device": "headset"}).format.rate == 24_000


def test_importing_the_plugin_loads_no_sound_library() -> None:
    """Whoever has the plugin installed and does not use it pays nothing for it."""
    program = "import sys, voicekit_device; print(sorted({'sounddevice', 'numpy', 'soxr'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == "[]"
