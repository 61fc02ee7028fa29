"""The rules of turns on the whole stack: calls whose recogniser is earlier or later than it was, by up to a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import pytest

from tests.counts import count
from voicekit.turn.wordlists import IGNORE_WORDS
from voicekit.writing import units
from voicekit_scenes import replay
from voicekit_scenes.held import Recording, hold
from voicekit_scenes.judged import judge
from voicekit_scenes.scene import Due, Scene, scenes

CALLS = count(300)
EARLIEST, LATEST = -0.3, 1.0
"""Seconds that are added to the time of each message of a call."""

OTHERS = ("echo", "television", "music", "side")
"""Scenes of these kinds are about words of others than the caller; they are scored, but promise nothing here."""

LISTENING = {word for phrases in IGNORE_WORDS.values() for phrase in phrases for word, _ in units(phrase)}


def shifts() -> Iterator[tuple[Scene, float]]:
    """Scenes in turn, each time with another shift; in steps that cover the whole span however many calls there are."""
    kept = [scene for scene in scenes() if not (scene.kind.startswith(OTHERS) or scene.backdrop or scene.echo_db)]
    for number, scene in enumerate(islice(cycle(kept), CALLS)):
        yield scene, round(EARLIEST + (LATEST - EARLIEST) * (number * 0.618 % 1), 2)


def shifted(scene: Scene, shift: float, monkeypatch: pytest.MonkeyPatch) -> Recording:
    def messages(sound: str, level_db: float = 0.0, file: str = replay.MESSAGES) -> list[replay.Message]:
        return [[max(0.0, at + shift), *rest] for at, *rest in recorded(sound, level_db, file)]

    recorded = replay.messages_of
    with monkeypatch.context() as patch:
        patch.setattr(replay, "messages_of", messages)
        return hold(scene)


def plain(texts: Sequence[str]) -> Counter[str]:
    return Counter(word for text in texts for word, _ in units(text))


def faults(recording: Recording) -> list[str]:
    """What was lost or doubled in one call."""
    judged = judge(recording)
    came = judged.outcomes[: len(judged.heard)]  # sounds whose cue never came are at the end
    unanswered = [one for one in came if one.due in (Due.ANSWER, Due.YIELD) and not one.given]
    heard = [exchange.user for exchange in recording.history if exchange.heard or not exchange.cut]
    final = plain([word.text for word in recording.final_words])
    found = [f"{len(unanswered)} answers are missing"] if unanswered else []
    found += [f"lost: {word}" for word in judged.lost]
    found += [f"answered twice: {word}" for word in plain(heard) - final]
    asked = plain([exchange.user for exchange in recording.history])
    found += [f"in no turn: {word}" for word in final - asked if word not in LISTENING]
    return found


@pytest.mark.full_counts
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_no_answer_is_lost_and_no_reply_doubled_whenever_the_words_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each call all answers that are due come, every final word is in a turn, and none in two that were answered."""
    wrong, missed, acts = {}, 0, 0
    for scene, shift in shifts():
        recording = shifted(scene, shift, monkeypatch)
        if found := faults(recording):
            wrong[f"{scene.name}, {shift:+.2f} s"] = found
        acts += len(scene.acts) * scene.rounds
        missed += len(scene.acts) * scene.rounds - len(recording.placed)
    assert wrong == {}
    assert missed < acts / 10, "of the sounds most were made"
