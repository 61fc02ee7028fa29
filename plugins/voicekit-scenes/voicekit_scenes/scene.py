"""The definition of a scene: which sounds a caller makes and when, and what the bot must then do. Scenes are read from
scenes.toml.

The times of cues are relative to the bot's sound as the caller hears it, so the same scene works with any bot.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

from voicekit.errors import ConfigError

HERE: Final = Path(__file__).parent

KINDS: Final = (
    "pause", "digits", "ramble", "one word", "early barge-in", "late barge-in", "goes on", "backchannel", "cough",
    "door", "keys", "hum", "music", "television", "side talk", "echo", "restart", "correction", "silence",
    "real people",
)  # fmt: skip

UNCUT_KINDS: Final = ("pause", "digits", "ramble")
"""The kinds of scenes in which no answer may begin during the caller's utterance."""


class Due(Enum):
    """What a bot must do after a sound."""

    ANSWER = "answer"  # the bot answers after the sound, and not during it
    YIELD = "yield"  # the bot falls silent immediately, and answers afterwards
    HUSH = "hush"  # the bot falls silent immediately; an answer may follow
    WHOLE = "whole"  # the bot completes its reply, perhaps after a pause, and does not answer the sound
    NOTHING = "nothing"  # the bot makes no sound


class When(Enum):
    """The point from which a cue's seconds are counted."""

    AT = "at"  # the beginning of the call
    INTO = "into"  # the first sound of the bot's next utterance
    BEFORE_END = "before_end"  # the end of the bot's next utterance, counted backwards (or forwards, if negative)
    AFTER = "after"  # the end of the bot's utterance, detected by its silence
    THEN = "then"  # the end of the caller's own last sound


@dataclass(frozen=True, slots=True)
class Cue:
    when: When
    seconds: float


@dataclass(frozen=True, slots=True)
class CallerAct:
    """The caller makes `sound` at `cue`, `level_db` dB louder than usual (quieter if negative)."""

    sound: str
    cue: Cue
    due: Due
    level_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Backdrop:
    """A sound that continues through the whole call, `level_db` dB louder than the caller (quieter if negative)."""

    sound: str
    level_db: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A call: the bot says `greeting`, then its `answers` one after the other, and keeps repeating the last one.

    `greeting` and `answers` are names in answers.toml. With `echo_db`, the caller's microphone also hears the bot, at
    `echo_db` relative to the bot's own level. The caller performs the acts `rounds` times, and then stays silent for
    `stays` seconds.
    """

    name: str
    kind: str
    acts: tuple[CallerAct, ...]
    answers: tuple[str, ...]
    greeting: str | None = "hello"
    backdrop: Backdrop | None = None
    echo_db: float | None = None
    stays: float = 4.0
    rounds: int = 1
    scripted: bool = False
    """Whether some of the recogniser's messages were written by hand."""
    realtime: bool = False
    """Whether the scene can also be run in real time."""
    long: bool = False
    """Whether the scene lasts for minutes, so it is run only if the user names it."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a caller says: pieces of speech, and seconds of silence between them."""

    name: str
    parts: tuple[str | float, ...]
    voice: str
    language: str = "en"
    messages: tuple[tuple[Any, ...], ...] | None = None
    """The recogniser's messages, if they are scripted."""

    @property
    def text(self) -> str:
        return " ".join(part for part in self.parts if isinstance(part, str))


@cache
def answers() -> Mapping[str, str]:
    """The bot's texts, by name."""
    found: dict[str, str] = _read("answers.toml")["answers"]
    return found


@cache
def lines() -> Mapping[str, Line]:
    """The callers' lines, by name."""
    return {line["name"]: _line(line) for line in _read("lines.toml")["line"]}


@cache
def scenes() -> tuple[Scene, ...]:
    """All scenes, in the order of scenes.toml."""
    return tuple(map(read_scene, _read("scenes.toml")["scene"]))


def read_scene(given: Mapping[str, Any]) -> Scene:
    """The scene that a table of scenes.toml describes. Raises ConfigError if the table is not valid."""
    known = dict(given)
    try:
        acts = tuple(map(_act, known.pop("act", ())))
        backdrop = known.pop("backdrop", None)
        scene = Scene(
            acts=acts,
            answers=tuple(known.pop("answers", ("noted",))),
            backdrop=None if backdrop is None else Backdrop(**backdrop),
            scripted=any(lines()[act.sound].messages is not None for act in acts if act.sound in lines()),
            **known,
        )
    except (TypeError, KeyError, ValueError) as error:
        raise ConfigError(f"scene {given.get('name')!r}: {error}") from error
    _check(scene)
    return scene


def chosen(only: str | None, *, realtime: bool = False) -> tuple[Scene, ...]:
    """The scenes whose name or kind begins with `only`, or all scenes if `only` is None. A long scene is included only
    if `only` is its full name. Raises ConfigError if no scene is left.
    """
    found = [scene for scene in scenes() if only is None or scene.name.startswith(only) or scene.kind.startswith(only)]
    found = [scene for scene in found if (scene.realtime or not realtime) and (not scene.long or scene.name == only)]
    if not found:
        names = ", ".join(scene.name for scene in scenes() if scene.realtime or not realtime)
        raise ConfigError(f"--only: expected the beginning of a scene's name or kind, got {only!r}; known: {names}")
    return tuple(found)


def _act(given: Mapping[str, Any]) -> CallerAct:
    known = dict(given)
    cues = [when for when in When if when.value in known]
    if len(cues) != 1:
        raise ValueError(f"expected exactly one of the cues {', '.join(when.value for when in When)}, got {given}")
    cue = Cue(cues[0], float(known.pop(cues[0].value)))
    return CallerAct(known.pop("sound"), cue, Due(known.pop("due")), **known)


def _line(given: Mapping[str, Any]) -> Line:
    known = dict(given)
    messages = known.pop("messages", None)
    return Line(
        parts=tuple(known.pop("parts")),
        messages=None if messages is None else tuple(map(tuple, messages)),
        **known,
    )


def _check(scene: Scene) -> None:
    wrong = None
    if scene.kind not in KINDS:
        wrong = f"kind: expected one of {', '.join(KINDS)}, got {scene.kind!r}"
    unknown = [
        name for name in (*scene.answers, *([scene.greeting] if scene.greeting else ())) if name not in answers()
    ]
    if unknown or not scene.answers:
        wrong = f"answers: expected names from answers.toml, got {unknown}"
    if wrong is not None:
        raise ConfigError(f"scene {scene.name!r}: {wrong}")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))
