"""The keys that a handler has asked for: what is expected, and which have come (pure)."""

from __future__ import annotations

from voicekit.events import CollectKeys


class KeyCollector:
    """One order at a time, from `order` to `stop`. A newer order replaces it until a key is pressed."""

    __slots__ = ("complete", "pressed", "wanted")

    def __init__(self) -> None:
        self.wanted: CollectKeys | None = None
        self.pressed = 0
        self.complete = False

    @property
    def begun(self) -> bool:
        """Whether the first key was pressed."""
        return self.pressed > 0

    @property
    def within(self) -> float:
        """Seconds in which the next key must come."""
        return 0.0 if self.wanted is None else self.wanted.within

    @property
    def first(self) -> float | None:
        """Seconds of silence in which the first key must come; None for no limit."""
        return None if self.wanted is None or self.begun else self.wanted.first

    def order(self, wanted: CollectKeys) -> bool:
        """Accept an order; returns whether it was accepted."""
        if self.begun:
            return False
        self.wanted, self.complete = wanted, False
        return True

    def press(self, digit: str) -> bool:
        """Take a key during a collection; returns whether the key is kept."""
        wanted = self.wanted
        if wanted is None or self.complete:
            return False
        self.pressed += 1
        self.complete = digit in wanted.end or digit in wanted.stop or self.pressed >= wanted.most
        return digit not in wanted.end

    def stop(self) -> None:
        """The order is over."""
        self.wanted, self.pressed, self.complete = None, 0, False
