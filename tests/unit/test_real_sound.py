"""Speech marks on real recordings, noise and silence, with the default detector: webrtcvad mode 2, hangover 0.3 s.

The recordings and where speech is in them: tests/data/speech, labels by make_labels.py beside them. Each recording is
a call of its own, from its first sample, with a second of silence behind it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import vad_on_noise
from benchmarks.vad_on_noise import heard, pink, white
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.flow.transform import StreamContext
from voicekit.listen.detect import detect
from voicekit.listen.gate import GatePolicy
from voicekit.listen.vad import WebRtcVad

SPEECH = Path(__file__).parents[1] / "data" / "speech"
LABELS = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))
TOLERANCE = 0.15
HANGOVER = 0.3
MODE = 2
FRAME = 320


@dataclass(frozen=True)
class Heard:
    """A mark, where it says something happened and how much of the recording had been fed by then, in seconds."""

    starts: bool
    at: float
    decided: float


def listen(name: str) -> list[Heard]:
    sound = np.concatenate([soundfile.read(SPEECH / f"{name}.flac", dtype="int16")[0], np.zeros(16_000, np.int16)])
    detector = detect(WebRtcVad(MODE), GatePolicy(hangover=HANGOVER)).start(StreamContext(PCM16K))
    out = []
    for at in range(0, len(sound), FRAME):
        frame = AudioFrame(sound[at : at + FRAME].tobytes(), at, PCM16K)
        for mark in detector.feed(frame):
            if isinstance(mark, SpeechStarted | SpeechStopped):
                out.append(Heard(isinstance(mark, SpeechStarted), mark.at / 16_000, frame.end / 16_000))
    assert not list(detector.finish())
    return out


@pytest.mark.parametrize("name", LABELS)
def test_a_recording_has_its_starts_and_stops_where_its_labels_say(name: str) -> None:
    """As many starts and stops as labelled: starts within 150 ms, stops within 150 ms, decided a hangover later."""
    marks = listen(name)
    speech = LABELS[name]["speech"]
    assert [mark.starts for mark in marks] == [True, False] * len(speech)
    for started, stopped, (start, end) in zip(marks[::2], marks[1::2], speech, strict=True):
        assert started.at == pytest.approx(start, abs=TOLERANCE)
        assert started.decided - start <= TOLERANCE + 1e-9
        assert stopped.at == pytest.approx(end, abs=TOLERANCE)
        assert stopped.decided - end <= HANGOVER + TOLERANCE + 1e-9


def test_the_labels_agree_with_the_forced_alignment() -> None:
    """The envelope moved no edge by more than 150 ms from where the aligner put it."""
    edges = [
        abs(edge - aligned_edge)
        for label in LABELS.values()
        for segment, aligned in zip(label["speech"], label["aligned"], strict=True)
        for edge, aligned_edge in zip(segment, aligned, strict=True)
    ]
    assert len(edges) == 2 * sum(len(label["speech"]) for label in LABELS.values()) >= 20
    assert max(edges) <= 0.15 + 1e-9


@pytest.mark.parametrize(
    "pcm",
    [bytes(2 * 60 * 16_000), pink(60.0, -40.0), white(60.0, -40.0), pink(60.0, -60.0)],
    ids=["silence", "pink -40 dBFS", "white -40 dBFS", "pink -60 dBFS"],
)
def test_a_minute_of_silence_or_soft_noise_is_no_speech(pcm: bytes) -> None:
    """Nobody speaks, so there is no start; also not in the first windows, when the detector knows no room yet."""
    assert len(pcm) == 2 * 60 * 16_000
    assert list(heard(WebRtcVad(MODE), pcm)) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_room_that_comes_up_after_silence_is_no_speech(seed: int) -> None:
    """A call often begins with digital silence before its room is heard; that step is no start either."""
    assert list(heard(WebRtcVad(MODE), bytes(32_000) + pink(1.0, -50.0, seed=seed))) == []


def test_the_table_of_false_starts_prints_what_each_detector_does(capsys: pytest.CaptureFixture[str]) -> None:
    """Every sound has a row with a figure for each detector, and loud white noise is speech to webrtcvad alone."""
    vad_on_noise.main(["--seconds", "3"])
    rows = capsys.readouterr().out.splitlines()
    assert [row[:20].strip() for row in rows[2:]] == list(vad_on_noise.SOUNDS)
    assert all(row.count("/") == len(vad_on_noise.DETECTORS) for row in rows[2:])
    assert vad_on_noise.false_alarms(WebRtcVad(MODE), white(3.0, -20.0)).speaking > 0.9
