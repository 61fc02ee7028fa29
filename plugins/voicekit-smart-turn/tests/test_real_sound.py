"""What the network makes of people and voices: sentences that are whole, and sentences that break off."""

from __future__ import annotations

import hashlib
import json
import statistics
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from voicekit_local.engines.align import LetterAligner
from voicekit_local.engines.interface import no_progress
from voicekit_local.engines.piper import Piper
from voicekit_smart_turn.features import SAMPLES, log_mel
from voicekit_smart_turn.layer import TRAIL_S
from voicekit_smart_turn.network import MODEL, probability

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "tests" / "data" / "speech"
SHA256 = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"

SENTENCES = (
    "I would like to book a table for two people.",
    "Could you tell me what time you open on Sunday?",
    "My order has not arrived yet.",
    "Please send the invoice to my office.",
    "We are coming with three children and a dog.",
    "I have been waiting for half an hour.",
    "The second one was much better, thank you.",
)


def up_to(sound: np.ndarray, seconds: float, rate: int) -> bytes:
    """The sound until then, and the silence in which it is judged."""
    return np.concatenate([sound[: round(seconds * rate)], np.zeros(round(TRAIL_S * rate), np.int16)]).tobytes()


def test_the_network_is_the_one_that_is_stated() -> None:
    """Its digest is that of the notices, beside which its licence lies."""
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == SHA256
    for page in (ROOT / "THIRD-PARTY.md", ROOT / "plugins" / "voicekit-smart-turn" / "README.md"):
        assert SHA256 in page.read_text(encoding="utf-8")
    assert MODEL.with_name("LICENSE").read_text(encoding="utf-8").startswith("BSD 2-Clause License")


def test_people_who_have_finished_sound_so() -> None:
    """Of the recordings of the project's tests, at least three in four sound finished at their end."""
    scores = []
    for name, label in json.loads((SPEECH / "labels.json").read_text(encoding="utf-8")).items():
        sound, rate = soundfile.read(SPEECH / f"{name}.flac", dtype="int16")
        scores.append(probability(up_to(sound, label["speech"][0][1], rate), rate))
    assert sum(score >= 0.5 for score in scores) >= 0.75 * len(scores)


@pytest.mark.slow
def test_a_voice_that_breaks_off_sounds_less_finished() -> None:
    """Three in four whole sentences sound finished; cut behind words in the middle, at least one in four does not."""
    voice = Piper(LetterAligner(), steady=True)
    voice.load(no_progress)
    whole, broken = [], []
    for sentence in SENTENCES:
        spoken = voice.speak(sentence, "joe")
        sound = np.frombuffer(spoken.pcm, "<i2")
        ends = [word.end for word in spoken.words]
        whole.append(probability(up_to(sound, len(sound) / spoken.rate, spoken.rate), spoken.rate))
        broken += [probability(up_to(sound, end, spoken.rate), spoken.rate) for end in ends[2:-2:2]]
    assert sum(score >= 0.5 for score in whole) >= 0.75 * len(whole)
    assert sum(score < 0.5 for score in broken) >= 0.25 * len(broken)
    assert statistics.mean(whole) >= statistics.mean(broken) + 0.15


def test_telephone_sound_is_judged_alike() -> None:
    """At 8 kHz the same recording has nearly the same score."""
    sound, rate = soundfile.read(SPEECH / "goforward.flac", dtype="int16")
    narrow = np.rint(soxr.resample(sound.astype(np.float32), rate, 8_000)).astype(np.int16)
    assert probability(up_to(narrow, 2.27, 8_000), 8_000) == pytest.approx(
        probability(up_to(sound, 2.27, rate), rate), abs=0.15
    )


def test_features_are_of_the_last_eight_seconds() -> None:
    """Earlier sound changes nothing, less sound is preceded by silence, and silence is no trouble."""
    noise = np.random.default_rng(3).normal(0, 0.1, SAMPLES + 5_000).astype(np.float32)
    assert log_mel(noise).shape == (80, 800)
    assert np.array_equal(log_mel(noise), log_mel(noise[5_000:]))
    short = noise[:16_000]
    padded = np.concatenate([np.zeros(SAMPLES - len(short), np.float32), short])
    assert np.array_equal(log_mel(short), log_mel(padded))
    assert np.isfinite(log_mel(np.zeros(100, np.float32))).all()


def test_a_tone_is_where_its_frequency_is() -> None:
    """The filters lie on the mel scale: a tone of 1 kHz is loudest in the 27th of 80, one of 4 kHz in the 63rd."""
    seconds = np.arange(SAMPLES) / 16_000
    loudest = [
        int(log_mel(np.sin(2 * np.pi * hertz * seconds).astype(np.float32))[:, 400].argmax()) for hertz in (1e3, 4e3)
    ]
    assert loudest == [26, 62]
