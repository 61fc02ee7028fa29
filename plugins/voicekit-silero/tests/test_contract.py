"""The detectors keep the contract, come by name, and cost nothing before they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import voicekit_silero
from voicekit import ConfigError, Use, Vad
from voicekit.extend import Registry, load_plugins
from voicekit.testing import check_vad
from voicekit_silero.vad import SileroVad, confirmed


@pytest.mark.parametrize("make", [SileroVad, confirmed])
def test_the_detectors_keep_the_contract(make: Callable[[], Vad]) -> None:
    """Both pass the public check of detectors, at 8 and at 16 kHz."""
    assert list(make().rates) == [8_000, 16_000]
    check_vad(make)


def test_both_come_by_name_with_their_options() -> None:
    """The plugin registers "silero" and "confirmed", and a Use hands their options on."""
    registry = Registry("silero")
    voicekit_silero.voicekit_register(registry)
    assert repr(Use("silero", threshold=0.6).build(registry, "vad")) == "SileroVad(threshold=0.6)"
    assert "SileroVad(threshold=0.7)" in repr(Use("confirmed", mode=1, threshold=0.7).build(registry, "vad"))


@pytest.mark.parametrize("threshold", [0, 1, -0.5, 1.5])
def test_a_threshold_that_means_always_or_never_is_refused(threshold: float) -> None:
    """A threshold of 0 or below, or of 1 or above, is a ConfigError that shows it."""
    with pytest.raises(ConfigError, match=f"above 0 and below 1, got {threshold}"):
        SileroVad(threshold)


def test_importing_the_plugin_loads_neither_the_runtime_nor_numpy() -> None:
    """Whoever has the plugin installed and does not use it pays nothing for it."""
    program = "import sys, voicekit_silero; print(sorted({'onnxruntime', 'numpy', 'webrtcvad'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == "[]"


def test_the_runtime_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    """Loading the network leaves no identifier in the user's cache, from which reports would be sent."""
    program = "from voicekit_silero.vad import SileroVad; SileroVad().start(16_000)"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_confirmed_is_what_auto_means() -> None:
    """With the plugin installed, a session that asks for no vad has the better one, under either name."""
    registry = load_plugins().registry
    assert registry.default("vad") == Use("confirmed")
    assert registry.find("vad", "auto").name == "confirmed"
    without = load_plugins(block=["silero"]).registry
    assert (without.default("vad"), without.find("vad", "auto").name) == (Use("webrtc"), "webrtc")
