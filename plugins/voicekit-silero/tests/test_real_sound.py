"""What the detectors make of people, and of sounds that only webrtcvad takes for people."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy
import pytest
import soundfile
import soxr

from benchmarks import vad_on_noise
from voicekit import AudioFormat, AudioFrame, Vad
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.flow.transform import StreamContext
from voicekit.listen.detect import detect
from voicekit.listen.vad import WebRtcVad
from voicekit_silero.vad import SileroVad, confirmed

SPEECH = vad_on_noise.SPEECH
LABELS = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))
SECONDS = 20.0
FOOLING = ["white -20 dBFS", "pink -30 dBFS", "hold music -25 dBFS", "ring -25 dBFS", "clicks -45 dBFS"]
"""Sounds without a person in them, which webrtcvad takes for speech."""

WITHIN = 0.26  # seconds between a label and a mark
DECIDED_WITHIN = 0.4  # seconds from the first sound of speech until it is noticed


@pytest.mark.parametrize("make", [SileroVad, confirmed])
@pytest.mark.parametrize("sound", FOOLING)
def test_what_fools_webrtcvad_does_not_fool_silero(sound: str, make: Callable[[], Vad]) -> None:
    """Noise, music, rings and clicks begin speech to webrtcvad, and never to Silero, alone or as its judge."""
    pcm = vad_on_noise.SOUNDS[sound](SECONDS)
    assert vad_on_noise.false_alarms(WebRtcVad(), pcm).starts > 0
    assert list(vad_on_noise.heard(make(), pcm)) == []


@pytest.mark.parametrize("make", [SileroVad, confirmed])
@pytest.mark.parametrize("rate", [8_000, 16_000])
@pytest.mark.parametrize("name", LABELS)
def test_people_are_heard_where_the_labels_say(name: str, rate: int, make: Callable[[], Vad]) -> None:
    """Each recording has its starts and stops, near their labels, and a start is noticed within 0.4 s."""
    marks = listen(name, rate, make())
    speech = LABELS[name]["speech"]
    assert [type(mark) for mark, _ in marks] == [SpeechStarted, SpeechStopped] * len(speech)
    edges = [edge for segment in speech for edge in segment]
    assert [mark.at / rate for mark, _ in marks] == pytest.approx(edges, abs=WITHIN)
    for (_, decided), (start, _) in zip(marks[::2], speech, strict=True):
        assert decided - start <= DECIDED_WITHIN


def test_a_higher_threshold_is_stricter() -> None:
    """What is certain stays certain, what is doubtful becomes unlikely, and 0 and 1 are not passed."""
    pcm = vad_on_noise.babble(3.0, -30.0)
    lenient, strict = (verdicts(SileroVad(threshold), pcm) for threshold in (0.3, 0.9))
    assert all(0 <= low <= high <= 1 for low, high in zip(strict, lenient, strict=True))
    assert sum(one >= 0.5 for one in strict) < sum(one >= 0.5 for one in lenient)


def test_the_table_sets_the_detectors_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """Detectors by name have a column each, and a recording that is given has a row with what they made of it."""
    recording = str(SPEECH / "goforward.flac")
    vad_on_noise.main(["--seconds", "6", "--vad", "webrtc", "silero", "--files", recording])
    _, names, row = capsys.readouterr().out.splitlines()
    assert names.split() == ["webrtc", "silero"]
    name, *figures = row.split()
    assert (name, figures[1::3]) == ("goforward", ["/", "/"])
    assert all(float(starts) > 0 for starts in figures[::3])


def verdicts(vad: Vad, pcm: bytes) -> list[float]:
    stream = vad.start(vad_on_noise.RATE)
    size = 2 * stream.window
    return [stream.probability(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]


def listen(name: str, rate: int, vad: Vad) -> list[tuple[SpeechStarted | SpeechStopped, float]]:
    """The marks of a recording with a second of silence behind it, each with the time at which it was said."""
    recorded, recorded_rate = soundfile.read(SPEECH / f"{name}.flac", dtype="int16")
    sound = soxr.resample(numpy.concatenate([recorded, numpy.zeros(recorded_rate, numpy.int16)]), recorded_rate, rate)
    detector = detect(vad).start(StreamContext(AudioFormat(rate)))
    said = []
    for at in range(0, len(sound), rate // 50):
        frame = AudioFrame(sound[at : at + rate // 50].astype("<i2").tobytes(), at, AudioFormat(rate))
        said += [(mark, frame.end / rate) for mark in detector.feed(frame) if not isinstance(mark, AudioFrame)]
    return said
