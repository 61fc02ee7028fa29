"""What the detectors make of people, and of sounds that only webrtcvad takes for people."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import vad_on_noise, vad_on_speech
from voicekit import Vad
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.listen.vad import WebRtcVad
from voicekit_silero.vad import SileroVad, confirmed

LABELS = vad_on_speech.LABELS
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
    marks = list(vad_on_speech.listen(name, rate, make()))
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
    recording = str(vad_on_noise.SPEECH / "goforward.flac")
    vad_on_noise.main(["--seconds", "6", "--vad", "webrtc", "silero", "--files", recording])
    _, names, row = capsys.readouterr().out.splitlines()
    assert names.split() == ["webrtc", "silero"]
    name, *figures = row.split()
    assert (name, figures[1::3]) == ("goforward", ["/", "/"])
    assert all(float(starts) > 0 for starts in figures[::3])


def test_how_soon_people_are_noticed_and_at_what_cost_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each detector has a row: the shortest, median and longest wait, its window, what one takes, and its making."""
    monkeypatch.setattr(vad_on_speech, "LABELS", {"goforward": LABELS["goforward"]})
    vad_on_speech.main(["--vad", "silero", "confirmed"])
    *_, silero, confirmed_row = (line.split() for line in capsys.readouterr().out.splitlines())
    for (name, *figures), window in ((silero, 32), (confirmed_row, 20)):
        first, middle, last, printed, *cost, _ = map(float, figures)
        assert 0 < first <= middle <= last <= 1e3 * DECIDED_WITHIN
        assert (printed, cost == sorted(cost)) == (window, True), name


def verdicts(vad: Vad, pcm: bytes) -> list[float]:
    stream = vad.start(vad_on_noise.RATE)
    size = 2 * stream.window
    return [stream.probability(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]
