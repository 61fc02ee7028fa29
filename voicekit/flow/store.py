"""What a link holds, and what it does when it is full: the pure half of `voicekit.flow.link`.

Capacity counts weight, not items. Each sample of audio and each character of text weighs 1, as does any other item;
marks and gaps weigh nothing. (With a weight in seconds, rounding errors would make a link drop one frame too many.) An
item heavier than the whole capacity passes if nothing else with weight is queued. Dropped audio leaves a Gap in its
place, so that positions stay correct; gaps that touch are joined, and marks are never dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Any, TypeAlias

from msgspec import Struct

from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError, LinkOverflow
from voicekit.events import SpeechStarted, SpeechStopped, WordMark

MAX_WEIGHTLESS = 4096
"""Marks and gaps weigh nothing; if this many are queued, nothing has been received for a very long time."""


class Full(Enum):
    """What a full link does when another item is sent."""

    WAIT = "wait"  # the sender waits: backpressure
    DROP_OLDEST = "drop oldest"  # the oldest sound becomes a Gap; marks stay
    DROP_NEWEST = "drop newest"  # the new item is counted and dropped
    FAIL = "fail"  # the sender gets LinkOverflow: a full link is a bug


class LinkStatistics(Struct, frozen=True):
    """The state of a link at one instant. `level`, `peak`, `capacity` and `dropped` are weights, as defined in this
    module; `age` is in seconds.
    """

    name: str
    full: Full
    capacity: int
    level: int
    peak: int
    items: int
    dropped: int
    age: float


_Entry: TypeAlias = tuple[Any, int, float]  # an item, its weight, and the time at which it was queued
_WEIGHTLESS = (Gap, SpeechStarted, SpeechStopped, WordMark)


def weigh(item: object) -> int:
    """The weight of an item on a link: samples, characters, or 1; marks and gaps weigh nothing."""
    if isinstance(item, AudioFrame):
        # the same as item.samples, but saves a call: this runs for every frame
        return len(item.pcm) // item.format.sample_bytes
    if isinstance(item, _WEIGHTLESS):
        return 0
    if hasattr(item, "__len__"):
        return len(item)
    return 1


def count(item: object) -> int:
    """The weight of an item on a link whose capacity counts items."""
    return 1


def latest_of(*kinds: type) -> Callable[[object], type | None]:
    """A `conflate` function for links on which only the latest item of each given type matters."""
    return lambda item: type(item) if isinstance(item, kinds) else None


def check_rule(name: str, capacity: object, full: object) -> None:
    """Raise ConfigError for a capacity below 1 or an unknown policy, naming the link."""
    if not isinstance(capacity, int) or capacity < 1:
        raise ConfigError(f"link {name!r}: expected a capacity of at least 1, got {capacity!r}")
    if not isinstance(full, Full):
        raise ConfigError(f"link {name!r}: expected a policy such as Full.WAIT, got {full!r}")


class Store:
    """The queue of one link, its weight, and the rule for when it is full. It never waits and reads no clock."""

    __slots__ = (
        "capacity",
        "conflate",
        "dropped",
        "full",
        "items",
        "level",
        "name",
        "on_drop",
        "peak",
        "weigh",
        "weightless",
    )

    def __init__(
        self,
        capacity: int,
        full: Full,
        weigh: Callable[[Any], int],
        name: str,
        conflate: Callable[[Any], Hashable | None] | None,
        on_drop: Callable[[int], None] | None,
    ) -> None:
        self.capacity = capacity
        self.full = full
        self.weigh = weigh
        self.name = name
        self.conflate = conflate
        self.on_drop = on_drop
        self.items: deque[_Entry] = deque()
        self.level = self.peak = self.dropped = self.weightless = 0

    def offer(self, item: Any, now: float) -> bool:
        """Put `item` into the queue according to the policy, without waiting. Returns False if the policy is WAIT and
        there is no room.
        """
        weight = self.weigh(item)
        if self.conflate is not None:
            self._forget_superseded(item, weight)
        level = self.level + weight
        # _put and _has_room are inlined, because this runs for every frame
        if weight and (level <= self.capacity or level == weight):
            self.items.append((item, weight, now))
            self.level = level
            if level > self.peak:
                self.peak = level
            return True
        if not self._has_room(weight):
            return self._when_full(item, weight, now)
        self._put(item, weight, now)
        return True

    def take(self) -> Any:
        item, weight, _ = self.items.popleft()
        if weight:
            self.level -= weight
        else:
            self.weightless -= 1
        return item

    def take_all(self) -> list[Any]:
        items = [item for item, _, _ in self.items]
        self.clear()
        return items

    def clear(self) -> None:
        self.items.clear()
        self.level = self.weightless = 0

    def statistics(self, now: float) -> LinkStatistics:
        age = now - self.items[0][2] if self.items else 0.0
        return LinkStatistics(
            self.name, self.full, self.capacity, self.level, self.peak, len(self.items), self.dropped, age
        )

    def _has_room(self, weight: int) -> bool:
        if weight:
            return not self.level or self.level + weight <= self.capacity
        return self.weightless < MAX_WEIGHTLESS

    def _put(self, item: Any, weight: int, now: float) -> None:
        self.items.append((item, weight, now))
        if weight:
            self.level += weight
            if self.level > self.peak:
                self.peak = self.level
        else:
            self.weightless += 1
            self._joined(len(self.items) - 1)

    def _when_full(self, item: Any, weight: int, now: float) -> bool:
        if self.full is Full.WAIT:
            return False
        crowded = not weight or (self.full is Full.DROP_OLDEST and self.weightless >= MAX_WEIGHTLESS)
        if self.full is Full.FAIL or crowded:
            raise LinkOverflow(f"link {self.name!r} is full, which must never happen: {self.statistics(now)}")
        dropped = weight
        if self.full is Full.DROP_OLDEST:
            dropped = self._drop_oldest(weight)
            self._put(item, weight, now)
        self.dropped += dropped
        if self.on_drop is not None:
            self.on_drop(dropped)  # called last, so that it finds the link in a consistent state
        return True

    def _drop_oldest(self, weight: int) -> int:
        """Replace the oldest audio with gaps until `weight` fits, and return how much was dropped."""
        before = self.level
        place = next(place for place, (_, old, _) in enumerate(self.items) if old)  # marks may precede the oldest sound
        while not self._has_room(weight):
            item, old, since = self.items[place]
            self.level -= old
            if old and not isinstance(item, AudioFrame):
                del self.items[place]
                continue
            if old:
                self.items[place] = (Gap(item.samples, item.at), 0, since)
                self.weightless += 1
            place += not self._joined(place)
        while place < len(self.items) and self._joined(place):
            pass  # the loop joins this gap with those queued after it
        return before - self.level

    def _joined(self, place: int) -> bool:
        """Join the item at `place` to the one before it if both are gaps that touch. Returns whether it did."""
        gap = self.items[place][0]
        if type(gap) is not Gap or not place:
            return False
        last, _, since = self.items[place - 1]
        both = last.then(gap) if type(last) is Gap else None
        if both is None:
            return False
        self.items[place - 1] = (both, 0, since)
        del self.items[place]
        self.weightless -= 1
        return True

    def _forget_superseded(self, item: Any, weight: int) -> None:
        """Remove the queued item with the same key as `item`, if `item` will certainly be put in."""
        assert self.conflate is not None
        key = self.conflate(item)
        if key is None:
            return
        for place, (queued, old, _) in enumerate(self.items):
            if self.conflate(queued) == key:
                entry = self.items[place]
                del self.items[place]
                self.level -= old
                self.weightless -= not old
                if not self._has_room(weight) and self.full is not Full.DROP_OLDEST:
                    self.items.insert(place, entry)  # the new item will not fit, so the old one stays
                    self.level += old
                    self.weightless += not old
                return
