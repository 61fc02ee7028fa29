"""Collects the keys that a handler has asked for: how many are expected, and how many have been pressed (pure)."""

from __future__ import annotations

from voicekit.events import CollectKeys


class KeyCollector:
    """Handles one request for keys at a time, from `order` to `stop`. Until a key is pressed, a newer request replaces
    the current one."""

    __slots__ = ("complete", "pressed", "wanted")

    def __init__(self) -> None:
        self.wanted: CollectKeys | None = None
        self.pressed = 0
        self.complete = False

    @property
    def begun(self) -> bool:
        """Whether the first key has been pressed."""
        return self.pressed > 0

    @property
    def within(self) -> float:
        """How many seconds the caller is given to press the next key."""
        return 0.0 if self.wanted is None else self.wanted.within

    @property
    def first(self) -> float | None:
        """How many seconds of silence are allowed before the first key; None for no limit."""
        return None if self.wanted is None or self.begun else self.wanted.first

    def order(self, wanted: CollectKeys) -> bool:
        """Accept the request `wanted`, unless keys have already been pressed for another one. Returns whether it was
        accepted."""
        if self.begun:
            return False
        self.wanted, self.complete = wanted, False
        return True

    def press(self, digit: str) -> bool:
        """Take a key during a collection. Returns whether the key is part of the result."""
        wanted = self.wanted
        if wanted is None or self.complete:
            return False
        self.pressed += 1
        self.complete = digit in wanted.end or digit in wanted.stop or self.pressed >= wanted.most
        return digit not in wanted.end

    def stop(self) -> None:
        """End the request."""
        self.wanted, self.pressed, self.complete = None, 0, False
