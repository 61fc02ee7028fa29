"""Scenes that are held: the same each time, and as the recorded messages have it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.counts import FULL
from voicekit.cli import main
from voicekit_scenes.held import hold
from voicekit_scenes.judged import Judged, judge, summary
from voicekit_scenes.picture import picture
from voicekit_scenes.scene import Due, chosen, scenes
from voicekit_scenes.shown import as_json, by_scene, table

FEW = ("word-yes", "barge-thursday", "back-right")
"""An answer, an interruption, and something that is none."""


def held(name: str, vad: str = "webrtc") -> Judged:
    (scene,) = (scene for scene in scenes() if scene.name == name)
    return judge(hold(scene, vad=vad))


@pytest.mark.slow
def test_the_same_scene_gives_the_same_table() -> None:
    """Held twice, to the digit."""
    first, second = ([held(name) for name in FEW] for _ in range(2))
    assert table({"webrtc": first}) == table({"webrtc": second})
    assert as_json(first) == as_json(second)


@pytest.mark.slow
def test_a_caller_who_interrupts_is_given_way() -> None:
    """The bot is silent before it is answered, and the words are one question."""
    judged = held("barge-thursday")
    (came,) = judged.outcomes
    assert came.due is Due.YIELD
    assert came.yielded is not None
    assert 0 < came.yielded < 0.5
    assert came.given
    assert judged.lost == ()


@pytest.mark.slow
def test_the_echo_is_heard_by_the_bot() -> None:
    """The microphone of an echo scene has the bot's own sound in it: without an echo, nothing is recognised of it."""
    (scene,) = chosen("echo-15")
    words = [word.text for word in hold(scene).final_words]
    quiet = {word for act in scene.acts for word in _words(act.sound)}
    assert [word for word in words if word.strip() not in quiet] != []


@pytest.mark.slow
def test_the_verb_writes_figures_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`voicekit scenes --only NAME` prints the table, and writes what it is asked for."""
    figures, drawn = tmp_path / "scenes.json", tmp_path / "scenes.svg"
    given = ["scenes", "--only", "word-friday-early", "--vad", "webrtc", "--scenes", "--json", str(figures)]
    assert main([*given, "--picture", str(drawn)]) == 0
    printed = capsys.readouterr().out
    assert "| answers due that were given | 1 of 1 |" in printed
    assert "| word-friday-early |" in printed
    assert json.loads(figures.read_text(encoding="utf-8"))["summary"]["due"] == 1
    assert drawn.read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.slow
def test_a_bot_of_the_users_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own words are spoken by the stand-in voice, and it is scored like the scenes' own."""
    bot = tmp_path / "bot.py"
    bot.write_text("greeting = 'Good morning.'\nasync def bot(turn, say):\n    await say(f'You said {turn.text}')\n")
    assert main(["scenes", str(bot), "--only", "pause-plain", "--vad", "webrtc"]) == 0
    assert "| answers due that were given | 2 of 2 |" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.full_counts
@pytest.mark.parametrize("name", [scene.name for scene in scenes() if not scene.long][:: 1 if FULL else 20])
def test_every_scene_can_be_held_and_scored(name: str) -> None:
    """Each ends by itself, every sound of the caller has an outcome, and the history has what was heard."""
    judged = held(name)
    assert len(judged.outcomes) == len(judged.heard) == len(judged.scene.acts)
    assert judged.history_wrong == 0
    assert summary([judged]).scenes == 1
    assert name in by_scene({"webrtc": [judged]})
    assert name in picture([judged], "one")


def _words(name: str) -> list[str]:
    from voicekit_scenes.replay import final_words, messages_of

    return [word[0].strip() for word in final_words(messages_of(name))]
