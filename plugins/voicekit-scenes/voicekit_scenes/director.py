"""Decides when the caller acts, depending on when the bot is audible. Pure; times are in seconds of the call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from voicekit_scenes.scene import CallerAct, When

HUSH_S: Final = 0.75
"""Seconds of silence after which the bot's utterance is over: longer than the bot's pauses between sentences."""

PATIENCE_S: Final = 10.0
"""A caller waits for a cue this many seconds plus the cue's own; then the rest of the scene is dropped."""


LONGEST_WAIT_S: Final = 40.0
"""The longest wait in seconds for a cue, even if the bot never stops speaking."""


@dataclass(frozen=True, slots=True)
class BotHeard:
    """The bot's last utterance: when it began, and the last moment at which it was audible.

    `length` is how many seconds the utterance takes if it is not interrupted, or None if that is not known.
    """

    began: float
    sounded: float
    length: float | None = None


class Director:
    """Decides for one caller: `look` is called repeatedly, and returns the acts that are due, with their times."""

    def __init__(self, acts: Sequence[CallerAct], lengths: Sequence[float]) -> None:
        self._acts = list(zip(acts, lengths, strict=True))
        self._next = 0
        self._free_at = 0.0  # the time at which the caller's own last sound ends
        self._began_at = 0.0  # the time at which the caller's own last sound began
        self.gave_up = False

    @property
    def over(self) -> bool:
        return self._next >= len(self._acts) or self.gave_up

    @property
    def free_at(self) -> float:
        return self._free_at

    def look(self, now: float, bot: BotHeard | None) -> list[tuple[float, CallerAct]]:
        """The acts that are due by `now`, and when each begins."""
        begun: list[tuple[float, CallerAct]] = []
        while not self.over:
            act, length = self._acts[self._next]
            due = self._due(act, bot, now)
            if (due is None or due > now) and self._has_waited(act, bot, now):
                self.gave_up = True
            if due is None or due > now:
                break
            begun.append((now, act))
            self._next += 1
            self._began_at, self._free_at = now, now + length
        return begun

    def _has_waited(self, act: CallerAct, bot: BotHeard | None, now: float) -> bool:
        """Whether the caller has waited too long for the cue; the wait is longer while the bot speaks."""
        since = self._free_at if bot is None else max(self._free_at, bot.sounded)
        return now - since > PATIENCE_S + abs(act.cue.seconds) or now - self._free_at > LONGEST_WAIT_S

    def _due(self, act: CallerAct, bot: BotHeard | None, now: float) -> float | None:
        """When the act is due; None while that is not known."""
        match act.cue.when:
            case When.AT:
                return act.cue.seconds
            case When.THEN:
                return self._free_at + act.cue.seconds
        if bot is None or bot.sounded < self._free_at:
            return None
        match act.cue.when:
            case When.AFTER:
                return bot.sounded + max(HUSH_S, act.cue.seconds) if now - bot.sounded > HUSH_S - 0.001 else None
            case When.INTO:
                return bot.began + act.cue.seconds if bot.began >= self._began_at else None
            case _:
                known = bot.length is not None and bot.began >= self._began_at
                return bot.began + (bot.length or 0.0) - act.cue.seconds if known else None
