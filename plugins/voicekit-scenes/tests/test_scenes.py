"""Every scene is well formed, and every sound has its file, its origin and what a recogniser says to it."""

from __future__ import annotations

import pytest

from voicekit.errors import ConfigError
from voicekit_scenes.replay import final_words, messages_of
from voicekit_scenes.scene import KINDS, Due, Scene, When, answers, chosen, lines, read_scene, scenes
from voicekit_scenes.sounds import FOLDER, bot_words, names, origin, sound, span

LICENCES = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")


def test_there_are_scenes_of_every_kind() -> None:
    """At least forty, with names of their own, and each kind has one."""
    found = scenes()
    assert len(found) >= 40
    assert len({scene.name for scene in found}) == len(found)
    assert [kind for kind in KINDS if not any(scene.kind == kind for scene in found)] == []


def test_backchannels_in_five_languages() -> None:
    """Scenes with backchannels in English and five more, whose messages are marked as scripted."""
    spoken = {
        lines()[act.sound].language: scene.scripted
        for scene in scenes()
        if scene.kind == "backchannel"
        for act in scene.acts
        if act.due is Due.WHOLE
    }
    assert len(spoken) >= 5
    assert all(scripted for language, scripted in spoken.items() if language != "en")


def test_echo_at_three_levels() -> None:
    """At -15, -25 and -35 dB."""
    assert {scene.echo_db for scene in scenes() if scene.echo_db is not None} == {-15.0, -25.0, -35.0}


@pytest.mark.parametrize("scene", scenes(), ids=lambda scene: scene.name)
def test_a_scene_has_what_it_needs(scene: Scene) -> None:
    """Its sounds are there at its levels, with what the recogniser says to each; something is due; cues can come."""
    assert scene.acts
    heard = [(act.sound, act.level_db) for act in scene.acts]
    if scene.backdrop is not None:
        heard.append((scene.backdrop.sound, scene.backdrop.level_db))
    if scene.echo_db is not None:
        heard += [(f"bot-{name}", scene.echo_db) for name in scene.answers]
    for name, level_db in heard:
        assert len(sound(name)) > 0
        assert all(message[0] >= 0 for message in messages_of(name, level_db))
    for act in scene.acts:
        begins, ends = span(act.sound)
        assert ends - begins > 0.1
        if act.due is Due.ANSWER:
            assert final_words(messages_of(act.sound, act.level_db)), "an answer is due to words"
        assert act.cue.when is not When.AFTER or act.cue.seconds >= 0.75


@pytest.mark.parametrize("name", names())
def test_every_sound_has_its_row(name: str) -> None:
    """Source and licence of each sound stand in LICENSES.md."""
    where = origin(name)
    assert f"| {name} | {where.source} | {where.licence} |" in LICENCES


def test_every_file_is_a_sound() -> None:
    """No file without a row."""
    assert sorted(path.stem for path in FOLDER.glob("*.flac") if path.stem not in names()) == []


@pytest.mark.parametrize("name", answers())
def test_the_words_of_an_answer_are_timed(name: str) -> None:
    """Each word of the text has its time, and the times rise."""
    timed = bot_words(name)
    assert [word for word, _, _ in timed] == answers()[name].split()
    starts = [start for _, start, _ in timed]
    assert starts == sorted(starts)


def test_what_a_scene_can_not_be() -> None:
    """A scene without a cue, of an unknown kind or with an unknown answer is refused by its name."""
    act = {"sound": "yes", "after": 0.8, "due": "answer"}
    for wrong in (
        {"kind": "one word", "act": [{"sound": "yes", "due": "answer"}]},
        {"kind": "opera", "act": [act]},
        {"kind": "one word", "act": [act], "answers": ["aria"]},
    ):
        with pytest.raises(ConfigError, match="scene 'mine'"):
            read_scene({"name": "mine", **wrong})


def test_scenes_are_chosen_by_name_or_kind() -> None:
    """By how they begin; what chooses none is refused with the names."""
    assert {scene.kind for scene in chosen("cough")} == {"cough"}
    assert [scene.name for scene in chosen("word-yes-early")] == ["word-yes-early"]
    with pytest.raises(ConfigError, match="pause-table"):
        chosen("aria")
