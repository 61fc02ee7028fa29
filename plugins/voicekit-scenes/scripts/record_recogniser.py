"""Records what the local recogniser says to every sound of the scenes, once: voicekit_scenes/messages.jsonl.

    python record_recogniser.py [--into FILE] [NAME ...]

A line for each sound: {"sound", "level_db", "messages"}; a message is [seconds since the sound's first sample, kind,
what]. Words are [text, start, end] in the same seconds. Each sound is heard in a quiet room, with a second of it in
front and four behind. The bot's answers are recorded at each level of the scenes' echoes, and the backdrops at theirs.
Lines with scripted messages are left out. What is in the repository was recorded with the thread time that each decode
took on a machine with others on it, which is about twice as long as `LiveHearing` reckons for an idle core. With names,
only those are recorded again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from voicekit.events import Endpoint, Finalized, Interim, Progress, Transcript, Word
from voicekit.events import Final as FinalWords
from voicekit_scenes import noises, scene
from voicekit_scenes.live import Engines, LiveHearing
from voicekit_scenes.noises import RATE
from voicekit_scenes.sounds import pcm16, sound

BEFORE_S: Final = 1.0
BEHIND_S: Final = 4.0
HOP: Final = RATE // 50
PATH: Final = scene.HERE / "messages.jsonl"


def wanted() -> Iterator[tuple[str, float]]:
    """Each sound that is heard in a scene, with its level."""
    seen = set()
    for each in scene.scenes():
        heard = [(act.sound, act.level_db) for act in each.acts]
        if each.backdrop is not None:
            heard.append((each.backdrop.sound, each.backdrop.level_db))
        if each.echo_db is not None:
            spoken = (*each.answers, *([each.greeting] if each.greeting else ()))
            heard += [(f"bot-{answer}", each.echo_db) for answer in spoken]
        for one in heard:
            line = scene.lines().get(one[0])
            if one not in seen and (line is None or line.messages is None):
                seen.add(one)
                yield one


def messages(engines: Engines, name: str, level_db: float) -> list[Any]:
    """What the recogniser says to the sound, by the seconds since its first sample."""
    silence = np.zeros(round(BEFORE_S * RATE)), np.zeros(round(BEHIND_S * RATE))
    samples = np.concatenate([silence[0], sound(name) * 10 ** (level_db / 20), silence[1]])
    samples = samples + noises.floor(0, len(samples))
    hearing, found = LiveHearing(engines), []
    for at in range(0, len(samples), HOP):
        for transcript in hearing.feed(pcm16(samples[at : at + HOP])):
            seconds = (at + HOP) / RATE - BEFORE_S
            if seconds > 0:
                found.append([round(seconds, 2), *told(transcript)])
    return found


def told(transcript: Transcript) -> list[Any]:
    match transcript:
        case Interim(words):
            return ["interim", written(words)]
        case FinalWords(words):
            return ["final", written(words)]
        case Endpoint(at):
            return ["endpoint", since(at)]
        case Finalized(at) | Progress(at):
            return ["progress", since(at)]
    raise AssertionError(f"no scene is to have a {transcript}")


def written(words: Iterable[Word]) -> list[Any]:
    return [[word.text, since(word.start), since(word.end)] for word in words]


def since(at: int) -> float:
    return round(at / RATE - BEFORE_S, 3)


def main() -> None:
    into, *names = sys.argv[2:] if sys.argv[1:2] == ["--into"] else [str(PATH), *sys.argv[1:]]
    path, only = Path(into), set(names)
    kept = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            kept[one["sound"], one["level_db"]] = one
    engines = Engines()
    print(engines.why, flush=True)
    rows = []
    for name, level_db in wanted():
        if (name, level_db) not in kept or not only or name in only:
            kept[name, level_db] = {"sound": name, "level_db": level_db, "messages": messages(engines, name, level_db)}
            finals = [message for message in kept[name, level_db]["messages"] if message[1] == "final"]
            words = "".join(word[0] for message in finals for word in message[2])
            print(f"{name} {level_db:g} dB: {words}", flush=True)
        rows.append(json.dumps(kept[name, level_db], ensure_ascii=False))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
