"""What the doctor says about the detector of speech."""

from __future__ import annotations

from voicekit.cli import doctor
from voicekit.extend import load_plugins


def test_the_better_detector_is_named_if_it_is_there() -> None:
    """With voicekit-silero nothing is left to do; without it, the finding says what webrtcvad lacks, and what to type."""
    found = doctor._vad(load_plugins())
    assert (found.state, found.found, found.remedy) == (doctor.FINE, "confirmed detects speech", "")
    missing = doctor._vad(load_plugins(block=["silero"]))
    assert (missing.state, "webrtc" in missing.found, "voicekit-silero" in missing.remedy) == (doctor.NOTE, True, True)
