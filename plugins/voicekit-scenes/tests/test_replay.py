"""The recorded messages, shifted to where the caller's sound lies; the caller's cues; and what is found in a track."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voicekit.errors import ConfigError
from voicekit.events import Endpoint, Finalized, Interim, Progress, Transcript, Word
from voicekit.events import Final as FinalWords
from voicekit_scenes.activity import stretches
from voicekit_scenes.director import BotHeard, Director
from voicekit_scenes.noises import RATE
from voicekit_scenes.replay import MESSAGES, Replay, final_words, messages_of, recorded
from voicekit_scenes.scene import CallerAct, Cue, Due, When
from voicekit_scenes.sounds import sound
from voicekit_scenes.voice import begun


def heard(replay: Replay, first: float, last: float) -> list[tuple[float, Transcript]]:
    """What is said between two moments, with its time, heard in steps of 20 ms."""
    steps = range(round(first * 50) + 1, round(last * 50) + 1)
    return [(step / 50, said) for step in steps for said in replay.hear(step * RATE // 50)]


def texts(said: list[tuple[float, Transcript]], kind: type[Interim] | type[FinalWords]) -> list[str]:
    return [event.text for _, event in said if isinstance(event, kind)]


def test_messages_come_as_late_as_they_did() -> None:
    """Said at 2 s, the scripted "Weigh." is shown at 2.34 s, corrected at 2.62 s and final at 2.95 s."""
    replay = Replay()
    replay.begin(2 * RATE, "wait-barge", 0.0, RATE)
    said = heard(replay, 0.0, 5.0)
    words = [(at, event) for at, event in said if isinstance(event, Interim | FinalWords | Endpoint)]
    word = Word("Wait.", round(2.05 * RATE), round(2.4 * RATE))
    assert words[0] == (2.34, Interim((Word("Weigh.", round(2.05 * RATE), round(2.3 * RATE)),)))
    assert words[1] == (2.62, Interim((word,)))
    assert [event for _, event in words[2:4]] == [
        FinalWords((Word("Wait.", round(2.05 * RATE), round(2.42 * RATE)),)),
        Interim(()),
    ]
    assert [event for _, event in words[4:]] == [Endpoint(round(2.42 * RATE))]


def test_in_silence_the_recogniser_passes_what_it_has_heard() -> None:
    """Progress comes four times a second, and lies 0.4 s behind."""
    said = heard(Replay(), 0.0, 2.0)
    assert [event for _, event in said if not isinstance(event, Progress)] == []
    assert len(said) >= 6
    assert all(event.final_to <= (at - 0.4) * RATE + 1 for at, event in said if isinstance(event, Progress))


def test_a_request_makes_final_what_was_heard() -> None:
    """Asked 0.2 s behind "Yes.", its word is final 0.13 s later, and comes no second time; its endpoint still comes."""
    replay = Replay()
    replay.begin(RATE, "yes", 0.0, len(sound("yes")))
    before = heard(replay, 0.0, 1.76)
    replay.finalize(round(1.76 * RATE), round(1.7 * RATE))
    behind = heard(replay, 1.76, 4.0)
    assert texts(before, FinalWords) == []
    assert [at for at, event in behind if isinstance(event, Finalized)] == [1.9]
    assert texts(behind, FinalWords) == ["Yes"]
    assert len([event for _, event in behind if isinstance(event, Endpoint)]) == 1


def test_a_new_sound_takes_the_endpoint_of_the_old_one() -> None:
    """The words of the first are final at once, in order; only the second has an endpoint."""
    replay = Replay()
    replay.begin(RATE, "yes", 0.0, len(sound("yes")))
    replay.begin(RATE + 12_000, "no", 0.0, len(sound("no")))
    said = heard(replay, 0.0, 6.0)
    assert texts(said, FinalWords) == ["Yes", "No,"]
    assert len([event for _, event in said if isinstance(event, Endpoint)]) == 1


def test_every_track_replays_whole() -> None:
    """Heard alone, a line's final words are those that were recorded, each once."""
    for name in ("table-pause", "digits-groups", "ramble-garden"):
        replay = Replay()
        replay.begin(RATE, name, 0.0, len(sound(name)))
        words = [
            word.text for _, event in heard(replay, 0.0, 19.0) if isinstance(event, FinalWords) for word in event.words
        ]
        assert words == [word[0] for word in final_words(messages_of(name))]


def test_cues_count_from_the_bots_sound() -> None:
    """One into the utterance, one before its end, one behind its silence, one behind the caller's own sound."""
    acts = [
        CallerAct("yes", Cue(When.INTO, 1.0), Due.WHOLE),
        CallerAct("yes", Cue(When.THEN, 2.0), Due.WHOLE),
        CallerAct("yes", Cue(When.AFTER, 1.0), Due.ANSWER),
    ]
    director = Director(acts, [0.5, 0.5, 0.5])
    began = []
    for step in range(600):
        now = step / 50
        bot = BotHeard(0.2, min(now, 6.0), 5.8) if now >= 0.2 else None
        began += [at for at, _ in director.look(now, bot)]
    assert began == [1.2, 3.7, 7.0]
    assert director.over
    before_end = Director([CallerAct("yes", Cue(When.BEFORE_END, 0.3), Due.ANSWER)], [0.5])
    assert before_end.look(5.68, BotHeard(0.2, 5.6, 5.8)) == []
    assert [at for at, _ in before_end.look(5.7, BotHeard(0.2, 5.6, 5.8))] == [5.7]


def test_a_cue_that_does_not_come_ends_the_scene() -> None:
    """After ten seconds and those of the cue."""
    director = Director([CallerAct("yes", Cue(When.INTO, 1.0), Due.WHOLE)], [0.5])
    assert director.look(10.9, None) == []
    assert not director.over
    assert director.look(11.1, None) == []
    assert director.over


def test_a_hold_and_a_cut_are_found_in_the_track() -> None:
    """A second of one reply, half a second of silence, the rest of its first three seconds; then the next reply."""
    first, second = sound("bot-hours"), sound("bot-noted")
    silence = np.zeros(RATE // 2)
    track = np.concatenate([silence, first[:RATE], silence, first[RATE : 3 * RATE], silence, second, silence])
    found = stretches(track, [first, second], [0.0, 0.0])
    assert [stretch.reply for stretch in found] == [0, 0, 1]
    assert abs(found[0].stops - 1.0) < 0.1
    assert abs(found[1].begins - 1.0) < 0.1
    assert abs(found[1].stops - 3.0) < 0.1
    assert found[2].begins < 0.1
    unknown = np.random.default_rng(1).standard_normal(RATE) * 0.1
    assert [stretch.reply for stretch in stretches(unknown, [first], [0.0])] == [-1]


def test_a_text_is_known_by_its_beginning() -> None:
    """The words of a recorded answer, as many as have come."""
    assert begun("We are open from nine") == "hours"
    assert begun("Something else") is None


def test_messages_may_come_from_a_file_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path counts from the folder that one is in; the scenes' own files are found by their names alone."""
    monkeypatch.chdir(tmp_path)
    Path("own.jsonl").write_text('{"sound": "hum", "level_db": 0, "messages": [[0.1, "endpoint", 0.2]]}\n')
    assert recorded("own.jsonl") == {("hum", 0.0): ([0.1, "endpoint", 0.2],)}
    assert len(recorded(MESSAGES)) > 50


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, r"expected a file of messages, or one of messages-0.2.jsonl, messages.jsonl, got '.*wrong.jsonl'"),
        ("not json", r"wrong.jsonl:1: expected a sound with its messages, got not json"),
        ('{"sound": "hum"}', r"wrong.jsonl:1: expected a sound with its messages, got "),
        ("[1, 2]", r"wrong.jsonl:1: expected a sound with its messages, got \[1, 2\]"),
    ],
)
def test_a_wrong_file_of_messages_is_named(tmp_path: Path, written: str | None, expected: str) -> None:
    """The error says what was expected, and where the file differs."""
    file = tmp_path / "wrong.jsonl"
    if written is not None:
        file.write_text(written + "\n")
    with pytest.raises(ConfigError, match=expected):
        recorded(str(file))
