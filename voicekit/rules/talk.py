"""What a bot's rules remember about one call (in the session's stash), and how each turn changes it."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from voicekit.reply.handler import Turn
from voicekit.reply.phone_keys import KEYED, keys_at_the_end
from voicekit.rules.dialogue import Memory
from voicekit.rules.lines import LineSpeaker


class CallerInput(NamedTuple):
    """The caller's new words, or the keys that the caller pressed, but never both."""

    text: str
    keys: str


class Talk:
    """The state of one call: its place in the dialogue, and the LineSpeaker for its lines."""

    def __init__(self, start: Memory, random: Random) -> None:
        self.memory = start
        self.speaker = LineSpeaker(random)
        self._before = start
        self._turn = 0
        self._reason = ""

    def hear(self, turn: Turn) -> tuple[CallerInput, Memory]:
        """Return what is new in `turn`, and where the dialogue is when the turn begins. The talk itself does not
        change.

        If the caller continues before the reply has begun, the handler is called again with all the words, and the
        previous turn is treated as if it had not happened. Keys are different: the effects of earlier keys stay, and
        only the new keys count.
        """
        text, memory, again = turn.text, self.memory, self._said_before(turn)
        if again is not None and (turn.reason in KEYED or self._reason in KEYED):
            text = turn.text[len(again) :].strip() or turn.text  # the same key, pressed again, is new input
        elif again is not None:
            memory = self._before
        keys = keys_at_the_end(text) if turn.reason in KEYED else ""
        return CallerInput("" if keys else text, keys), memory

    def begin(self, turn: Turn, before: Memory) -> None:
        """Record that `turn` is being answered; if none of the answer is heard, the dialogue returns to `before`."""
        self.memory = self._before = before
        self._turn, self._reason = turn.number, turn.reason

    def _said_before(self, turn: Turn) -> str | None:
        """The beginning of this turn's text, if it was already answered but nothing of the answer was heard; otherwise
        None.

        Turns in between, which were cut before a handler was called, begin with the same words.
        """
        for place in range(len(turn.history) - 1, -1, -1):
            before = turn.history[place]
            if not before.cut or before.heard:
                return None
            if before.turn == self._turn:
                return before.user if turn.text.startswith(before.user) else None
        return None


class Talks(dict[object, Talk]):
    """A Talk for each Rules object used in one call, since a bot and its plugins may each have their own rules."""
