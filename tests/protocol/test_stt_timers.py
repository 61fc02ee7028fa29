"""Whether the service owes an answer: sound went out for a while, and nothing has come back."""

from __future__ import annotations

import math

from voicekit.soniox.stt.timers import DEAF_S, PAUSE_S, Liveness


def sound(answers: Liveness, start: float, end: float, every: float = 0.1) -> None:
    """Sound went out from `start` to `end`."""
    for number in range(round((end - start) / every) + 1):
        answers.asked(start + number * every)


def test_nothing_is_owed_for_little_sound() -> None:
    """Less than a second of sound is worth no answer, and none at all least of all."""
    answers = Liveness()
    assert answers.dead_at == math.inf
    sound(answers, 0.0, 0.9)
    assert answers.dead_at == math.inf


def test_sound_without_an_answer_is_a_dead_peer() -> None:
    """Ten seconds after the first sound that was not answered the peer counts as dead; any answer prevents that."""
    answers = Liveness()
    sound(answers, 3.0, 8.0)
    assert answers.dead_at == 3.0 + DEAF_S
    answers.came()
    assert answers.dead_at == math.inf
    sound(answers, 9.0, 11.0)
    assert answers.dead_at == 9.0 + DEAF_S


def test_nobody_is_dead_for_saying_nothing_to_silence() -> None:
    """After a pause without sound only what is sent from then on is asked about."""
    answers = Liveness()
    sound(answers, 0.0, 0.5)
    sound(answers, 0.5 + PAUSE_S, 2.0 + PAUSE_S)
    assert answers.dead_at == 0.5 + PAUSE_S + DEAF_S


def test_a_short_pause_is_no_excuse() -> None:
    """Sound in pieces with pauses of a few seconds is sound that goes on."""
    answers = Liveness()
    sound(answers, 0.0, 12.0, every=4.0)
    assert answers.dead_at == DEAF_S
