"""Replays the recogniser's recorded messages, timed to match the sounds that the caller makes. Pure.

Each sound that the microphone hears has a track of messages, timed in seconds from the sound's first sample. The
messages come from messages.jsonl, or, if they are scripted, from lines.toml.

The caller may make a sound before all messages of the previous sound have arrived. A recogniser would hear both sounds
in one stream, so the remaining words become final immediately, and the previous sound's endpoint never comes. Messages
from a backdrop or an echo don't count while the caller speaks, because the recogniser never understood sounds that were
14 dB or more below the caller. A request to make words final takes `FINALIZED_S`, and applies to the recorded final
words whose sound has passed by then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from voicekit.errors import ConfigError
from voicekit.events import Endpoint, Finalized, Interim, Progress, Transcript, Word
from voicekit.events import Final as FinalWords
from voicekit_scenes.noises import RATE
from voicekit_scenes.scene import HERE, lines

FINALIZED_S: Final = 0.13
"""Seconds from a request until all words are final: the median time of the local recogniser's last decode, on an idle
core.
"""

BEHIND_S: Final = 0.4
"""In silence, the final position is this many seconds behind the sound heard, as in voicekit-local."""

PROGRESS_S: Final = 0.24
"""In silence, a message comes after every interval of this many seconds, as in voicekit-local."""

Message: TypeAlias = Sequence[Any]
"""A message [seconds, kind, what], as in messages.jsonl."""


MESSAGES: Final = "messages.jsonl"
"""The file of the recorded messages."""


@cache
def recorded(file: str = MESSAGES) -> Mapping[tuple[str, float], tuple[Message, ...]]:
    """The messages in `file`, by sound and level. `file` is a path, or the name of a file in this module's folder.

    Raises ConfigError if there is no such file, or if it contains anything but messages.
    """
    path = Path(file) if Path(file).is_file() else HERE / file
    try:
        written = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        own = ", ".join(sorted(each.name for each in HERE.glob("*.jsonl")))
        raise ConfigError(f"messages: expected a file of messages, or one of {own}, got {file!r}") from error
    found = {}
    for number, line in enumerate(written, start=1):
        try:
            one = json.loads(line)
            found[one["sound"], float(one["level_db"])] = tuple(one["messages"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{file}:{number}: expected a sound with its messages, got {line:.60}") from error
    return found


def messages_of(sound: str, level_db: float = 0.0, file: str = MESSAGES) -> tuple[Message, ...]:
    """The messages of one sound at one level. Raises ConfigError if they were not recorded."""
    line = lines().get(sound)
    if line is not None and line.messages is not None:
        return line.messages
    try:
        return recorded(file)[sound, level_db]
    except KeyError:
        what = f"{sound} at {level_db:g} dB: its messages were not recorded (scripts/record_recogniser.py)"
        raise ConfigError(what) from None


def final_words(messages: Iterable[Message]) -> tuple[Any, ...]:
    """All final words in `messages`, each as [text, start, end]."""
    return tuple(word for message in messages if message[1] == "final" for word in message[2])


@dataclass
class Track:
    """The messages of one sound, which begins at sample `start` of the stream."""

    start: int
    messages: Sequence[Message]
    language: str | None = None
    next: int = 0
    finalized_to: int = 0
    """Words whose middle is before this sample have already been made final."""
    final_to: int = 0
    """The end of the track's last final word."""
    tail: tuple[Word, ...] = ()
    limit: int | None = None
    """Messages later than this sample wait, because the sound itself has paused; None if it has not."""

    def due(self, now: int) -> list[Message]:
        """The new messages: those up to sample `now` that have not been returned before."""
        first, now = self.next, now if self.limit is None else min(now, self.limit)
        while self.next < len(self.messages) and self.start + self.messages[self.next][0] * RATE <= now:
            self.next += 1
        return list(self.messages[first : self.next])

    def words(self, given: Iterable[Any]) -> tuple[Word, ...]:
        """The words in `given` that are not final yet, with times in samples of the stream."""
        made = (
            Word(text, self.start + round(start * RATE), self.start + round(end * RATE), self.language)
            for text, start, end in given
        )
        return tuple(word for word in made if word.start + word.end > 2 * self.finalized_to)

    @property
    def over(self) -> bool:
        return self.next >= len(self.messages)


@dataclass
class Replay:
    """One stream of messages. Call `begin` when a sound starts, and `hear` for each piece of audio that has arrived.

    If `wanted` is false, the stream has no messages, and none need to have been recorded.
    """

    wanted: bool = True
    file: str = MESSAGES

    _tracks: list[Track] = field(default_factory=list)
    _side: list[Track] = field(default_factory=list)
    _requests: list[tuple[int, int]] = field(default_factory=list)
    _final_to: int = 0
    _progress_at: int = 0
    _interim: tuple[Word, ...] = ()
    _busy_to: int = 0

    def begin(self, start: int, name: str, level_db: float, samples: int) -> None:
        """Record that the caller makes the sound `name` from sample `start` on, for `samples` samples."""
        if not self.wanted:
            return
        line = lines().get(name)
        language = line.language if line is not None and line.language != "en" else None
        self._busy_to = start + samples
        self._tracks.append(Track(start, messages_of(name, level_db, self.file), language))

    def overhear(self, start: int, name: str, level_db: float) -> Track:
        """Record that a sound other than the caller's begins; its messages count only while the caller is silent."""
        track = Track(start, messages_of(name, level_db, self.file) if self.wanted else ())
        self._side.append(track)
        return track

    def cut(self, track: Track, at: int) -> None:
        """Record that the overheard sound stopped at sample `at`, so its later words were not heard."""
        kept = list(track.messages[: track.next])
        shown = [word for word in track.tail if word.end <= at]
        rest: list[Message] = []
        if shown:
            since = (at - track.start) / RATE
            words = [[word.text, (word.start - track.start) / RATE, (word.end - track.start) / RATE] for word in shown]
            rest = [[since + 0.4, "final", words], [since + 0.75, "endpoint", words[-1][2]]]
        track.messages = [*kept, *rest]

    def finalize(self, now: int, at: int) -> None:
        """Record a request to make all words up to sample `at` final. It arrived at sample `now`."""
        if self.wanted:
            self._requests.append((now + round(FINALIZED_S * RATE), at))

    def hear(self, now: int) -> list[Transcript]:
        """The recogniser's results since the last call, up to sample `now`."""
        said: list[Transcript] = []
        for place, track in enumerate(self._tracks):
            later = self._tracks[place + 1] if place + 1 < len(self._tracks) else None
            if later is not None and later.start <= now and not track.over:
                said += self._rest(track)
            for message in track.due(now):
                said += self._say(track, message)
        for track in self._side:
            heard = track.due(now)
            if now > self._busy_to + round(0.5 * RATE) or self._busy_to < track.start:
                for message in heard:
                    said += self._say(track, message)
            else:
                track.finalized_to, track.tail = max(track.finalized_to, now), ()
        self._tracks = [track for track in self._tracks if not track.over]
        self._side = [track for track in self._side if not track.over]
        said += self._answers(now)
        return [*said, *self._show(), *self._advance(now)]

    def _say(self, track: Track, message: Message) -> list[Transcript]:
        _, kind, what = message
        if kind == "interim":
            track.tail = track.words(what)
        elif kind == "final":
            return self._make_final(track, track.words(what))
        elif kind == "endpoint":
            track.tail = ()
            at = max(track.start + round(what * RATE), track.final_to)
            self._final_to = max(self._final_to, at)
            return [*self._show(), Endpoint(at)]
        elif kind == "progress":
            return self._pass(track.start + round(what * RATE))
        return []

    def _make_final(self, track: Track, words: tuple[Word, ...]) -> list[Transcript]:
        if not words:
            return []
        track.final_to = track.finalized_to = words[-1].end
        track.tail = tuple(word for word in track.tail if word.start >= track.final_to)
        self._final_to = max(self._final_to, track.final_to)
        return [FinalWords(words)]

    def _rest(self, track: Track) -> list[Transcript]:
        """Make the remaining words of this track final, because another sound has begun."""
        words = track.words(final_words(track.messages[track.next :]))
        track.next = len(track.messages)
        said = self._make_final(track, words)
        track.tail = ()
        return said

    def _answers(self, now: int) -> list[Transcript]:
        said: list[Transcript] = []
        while self._requests and self._requests[0][0] <= now:
            _, at = self._requests.pop(0)
            for track in self._tracks:
                words = track.words(final_words(track.messages[track.next :]))
                said += self._make_final(track, tuple(word for word in words if word.end <= at))
                track.tail = ()
            self._final_to = max(self._final_to, at)
            said += [*self._show(), Finalized(at)]
        return said

    def _show(self) -> list[Transcript]:
        tail = tuple(word for track in (*self._tracks, *self._side) for word in track.tail)
        if tail == self._interim:
            return []
        self._interim = tail
        return [Interim(tail)]

    def _pass(self, final_to: int) -> list[Transcript]:
        if final_to <= self._final_to:
            return []
        self._final_to = final_to
        return [Progress(final_to)]

    def _advance(self, now: int) -> list[Transcript]:
        """In silence, move the final position forward from time to time."""
        if now - self._progress_at < PROGRESS_S * RATE:
            return []
        self._progress_at = now
        if any(not track.over for track in (*self._tracks, *self._side)):
            return []
        return self._pass(now - round(BEHIND_S * RATE))
