"""What a bot's rules remember of one call, kept in the session's stash; and what a turn adds to the one before it."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from voicekit.reply.handler import Turn
from voicekit.reply.phone_keys import KEYED, keys_at_the_end
from voicekit.rules.dialogue import Memory
from voicekit.rules.lines import LineSpeaker


class CallerInput(NamedTuple):
    """What the caller said in words, or pressed; not both."""

    text: str
    keys: str


class Talk:
    """One call: where its dialogue is, and who chooses its lines."""

    def __init__(self, start: Memory, random: Random) -> None:
        self.memory = start
        self.speaker = LineSpeaker(random)
        self._before = start
        self._turn = 0
        self._reason = ""

    def hear(self, turn: Turn) -> tuple[CallerInput, Memory]:
        """What is new in `turn`, and where the dialogue stands when that begins. Changes nothing.

        A caller who goes on speaking before the reply has begun is asked anew with all the words: then the turn before
        did not happen. Keys are another matter: what they did stays done, and only the new ones count.
        """
        text, memory, again = turn.text, self.memory, self._said_before(turn)
        if again is not None and (turn.reason in KEYED or self._reason in KEYED):
            text = turn.text[len(again) :].strip() or turn.text  # the same key twice is not a repetition
        elif again is not None:
            memory = self._before
        keys = keys_at_the_end(text) if turn.reason in KEYED else ""
        return CallerInput("" if keys else text, keys), memory

    def begin(self, turn: Turn, before: Memory) -> None:
        """`turn` is answered from here on; `before` is where the dialogue goes back to, should nobody hear that."""
        self.memory = self._before = before
        self._turn, self._reason = turn.number, turn.reason

    def _said_before(self, turn: Turn) -> str | None:
        """What of this turn's text was answered already, by an answer of which nothing was heard; None if nothing.

        Turns in between, which were cut before anybody was asked about them, have the same words at their beginning.
        """
        for place in range(len(turn.history) - 1, -1, -1):
            before = turn.history[place]
            if not before.cut or before.heard:
                return None
            if before.turn == self._turn:
                return before.user if turn.text.startswith(before.user) else None
        return None


class Talks(dict[object, Talk]):
    """The talks of a call by the rules they belong to: a bot and its plugins may each have rules of their own."""
