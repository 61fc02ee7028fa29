"""What the doctor is told of the sound cards."""

from __future__ import annotations

from voicekit.errors import DeviceError
from voicekit_device import doctor
from voicekit_device.cards import Device


class _Cards:
    """A computer with a microphone and no speaker."""

    def devices(self, *, anew: bool = False) -> list[Device]:
        return [Device(0, "Headset", inputs=1, outputs=0, rate=48_000)]

    def default(self, direction: str) -> int | None:
        return 0 if direction == "microphone" else None


class _NoLibrary(_Cards):
    def devices(self, *, anew: bool = False) -> list[Device]:
        raise DeviceError("PortAudio is missing: apt-get install libportaudio2")


def test_each_direction_is_a_line(monkeypatch):
    """The device that would be chosen is named, and a missing one comes with what to do."""
    monkeypatch.setattr(doctor, "PortAudio", _Cards)
    microphone, speaker = doctor.examine()
    assert microphone == (True, "microphone: Headset", "")
    assert not speaker[0]
    assert "speaker" in speaker[1]
    assert "voicekit devices" in speaker[2]


def test_a_missing_library_is_one_line(monkeypatch):
    """Without PortAudio there is nothing to look at, and its own sentence says what to install."""
    monkeypatch.setattr(doctor, "PortAudio", _NoLibrary)
    assert [found[:2] for found in doctor.examine()] == [(False, "PortAudio is missing: apt-get install libportaudio2")]
