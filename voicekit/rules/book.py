"""Turns rules (phrases, keys and dialogues) into a handler, for a bot that needs no model.

    rules = Rules()

    @rules.on("set a timer for {length:duration}")
    def timer(length):
        return f"I will call you in {length}."

As a handler, `rules` answers every turn (`voicekit.run(rules)`). In the hook `voicekit_answer`, `rules.answer(turn)`
answers only those turns for which it has an answer, before a model is asked. Deciding on an answer never waits (the
modules that decide are pure); only speaking does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from random import Random
from typing import TypeVar

from voicekit.contracts import Stash
from voicekit.errors import ConfigError
from voicekit.events import ExpectedAnswer
from voicekit.reply.handler import Handler, Turn
from voicekit.reply.say import Say
from voicekit.rules.actions import Action, Occasion, Place, RuleAnswer, action
from voicekit.rules.checks import check_rules
from voicekit.rules.deciding import Book, by_keys, decide
from voicekit.rules.dialogue import Decision, Memory, enter, follow
from voicekit.rules.hours import Now
from voicekit.rules.kinds import UNTIL_HASH, Choices, choice, kind_of
from voicekit.rules.lines import RuleLine
from voicekit.rules.load import load
from voicekit.rules.numbers import LONGEST
from voicekit.rules.states import GIVE_UP, KEY_TIMEOUT, Check, Form, State, ask_state
from voicekit.rules.table import KEYS, Table
from voicekit.rules.talk import Talk, Talks

F = TypeVar("F", bound=RuleAnswer)

COVERAGE = 0.5
"""The share of the caller's words that a phrase must account for, since "the bus stop is here" does not mean "stop"."""

SEED = 0

MOST_MOVES = 20
"""The maximum number of actions in one turn; more than this go round in circles."""


def same_each_call() -> Random:
    """Return a random generator that makes the same choices in each call."""
    return Random(SEED)


class Rules(Table):
    """The phrases and keys that a bot reacts to, with their answers and the dialogues that they lead to.

    `choices` are lists of choices by name; each name can be used as the kind of a slot. For `coverage`, see COVERAGE.
    `random` creates the random generator that `vary` uses in a call; if you pass `random.Random`, the choices differ
    from call to call.
    """

    def __init__(
        self,
        *,
        choices: Mapping[str, Choices] | None = None,
        coverage: float = COVERAGE,
        random: Callable[[], Random] = same_each_call,
    ) -> None:
        if not isinstance(coverage, int | float) or isinstance(coverage, bool) or not 0 <= coverage <= 1:
            raise ConfigError(f"coverage: expected a number from 0 to 1, got {coverage!r}")
        named = {name: choice(ways, f"choices {name!r}") for name, ways in (choices or {}).items()}
        super().__init__(named, coverage, "rules")
        self.states: list[State] = []
        self.forms: list[Form] = []
        self._random = random
        self._start: Place | None = None
        self._otherwise: Action | None = None
        self._silence: Action | None = None

    @classmethod
    def load(
        cls, path: str | PathLike[str], *, now: Now | None = None, random: Callable[[], Random] = same_each_call
    ) -> Rules:
        """Read rules from the TOML file at `path`; docs/rules.md describes everything that the file may contain.

        `now` returns the time, with its time zone, for rules with opening hours. An error in the file raises a
        ConfigError that names the file, line and key, what was expected and what was found. You can add more rules to
        the result.
        """
        return load(cls, path, now, random)

    def ask(
        self,
        prompt: RuleLine,
        slot: str,
        kind: str = "text",
        *,
        choices: Choices | None = None,
        phrases: Sequence[str | re.Pattern[str]] = (),
        check: Check | None = None,
        expect: ExpectedAnswer | None = None,
        reprompts: Sequence[RuleLine] | None = None,
        give_up: RuleAnswer = GIVE_UP,
        key_timeout: float = KEY_TIMEOUT,
    ) -> State:
        """Add a state that asks for the value of `slot`: a value of `kind`, or one of `choices`.

        `phrases` are further ways to answer. `check(value)` returns an objection to the value, which is spoken, or
        None. `expect` is the kind of answer to listen for (see `Turn.expect`); by default, it is "number" if the answer
        is three or more digits, and "yes_no" if it is yes or no. After an unusable answer, the next of `reprompts` is
        spoken; by default, the question is asked two more times. If the last reprompt fails, the bot answers with
        `give_up`. Digits may be keyed in: a key cuts the prompt, and `key_timeout` seconds after the last key, the keys
        are taken as the answer, or rejected as too few. Decorate the function for the next step with the state's
        `then`.
        """
        if choices is not None and kind != "text":
            raise ConfigError(f"ask({slot!r}): expected either kind or choices, got both (kind {kind!r})")
        of = kind_of(kind, self.named, f"ask({slot!r})") if choices is None else choice(choices, f"ask({slot!r})")
        state = ask_state(
            prompt,
            slot,
            of,
            phrases=phrases,
            check=check,
            expect=expect,
            table=self,
            reprompts=reprompts,
            give_up=give_up,
        )
        state.set_key_timeout(key_timeout)
        self.states.append(state)
        return state

    def menu(
        self, prompt: RuleLine, *, reprompts: Sequence[RuleLine] | None = None, give_up: RuleAnswer = GIVE_UP
    ) -> State:
        """Add a state that asks for a key or a phrase; add keys and phrases with the state's `key` and `on`."""
        state = State(prompt, None, table=self, reprompts=reprompts, give_up=give_up, where="menu")
        self.states.append(state)
        return state

    def form(self, *asks: State, confirm: RuleLine | None = None, again: RuleLine | None = None) -> Form:
        """Add a form that asks for its missing values one after the other, and then asks `confirm`, a yes/no question.

        If the answer is no, `again` is spoken and the form starts again. Decorate the function for the next step with
        the form's `then`.
        """
        form = Form(asks, confirm, again, table=self)
        self.forms.append(form)
        return form

    def otherwise(self, answer: F) -> F:
        """Set how to answer words that no rule matches, outside of any dialogue. Without this, `Rules.answer` returns
        None."""
        self._otherwise = self._only(self._otherwise, answer, "rules.otherwise")
        return answer

    def on_silence(self, answer: F) -> F:
        """Set how to answer silence, outside of any dialogue.

        There are two kinds of silence: either `CallPolicy.idle_after` has passed and there is no `idle_prompt`, or the
        caller has interrupted without words.
        """
        self._silence = self._only(self._silence, answer, "rules.on_silence")
        return answer

    def begin(self, place: Place) -> None:
        """Let each call begin in `place`. The prompt of `place` is not spoken automatically: put it into
        `CallPolicy.greeting`."""
        self._start = place

    def answer(self, turn: Turn) -> Handler | None:
        """Return the handler for `turn`, or None if no rule has an answer. Call this once for each turn of a call.

        Rules answer instantly, so they need no head start: the handler begins only when the turn is committed.
        """
        talk = self._talk(turn.session.stash)
        heard, before = talk.hear(turn)
        book = Book(self, self._otherwise, self._silence)
        decision = decide(book, before, turn, heard.text, heard.keys)
        if turn.speculative:
            return self if decision is not None else None
        talk.begin(turn, before)
        if decision is None:
            talk.memory = replace(talk.memory, keys="")
            return None
        talk.memory = decision.memory

        async def carry_it_out(turn: Turn, say: Say) -> None:
            await _carry_out(talk, book, decision, turn, say)

        return carry_it_out

    async def __call__(self, turn: Turn, say: Say) -> None:
        """Answer `turn` as a handler, as soon as it is committed; if no rule matches, say nothing."""
        if turn.speculative:
            await turn.committed()
            turn = replace(turn, speculative=False)
        handler = self.answer(turn)
        if handler is not None:
            await handler(turn, say)

    def _talk(self, stash: Stash) -> Talk:
        talks = stash.get(Talks)
        if talks is None:
            talks = stash[Talks] = Talks()
        if self not in talks:
            check_rules(self, self.states, self.forms)
            talks[self] = Talk(enter(self._start, {}).memory if self._start is not None else Memory(), self._random())
        return talks[self]

    def _only(self, before: Action | None, answer: RuleAnswer, where: str) -> Action:
        if before is not None:
            raise ConfigError(f"{where}: expected only one answer, got a second: {answer!r}")
        doing = action(answer, where, sure=())
        self.add_gaps(doing, where, ())
        return doing


async def _carry_out(talk: Talk, book: Book, decision: Decision, turn: Turn, say: Say) -> None:
    """Carry out `decision` and its consequences; the dialogue's new place is stored before any word is spoken."""
    said: list[str] = []
    ahead, moves = decision.ahead, 0
    while True:
        words = {name: filled.words for name, filled in decision.slots.items()}
        said += [talk.speaker.text(saying, words) for saying in decision.sayings]
        doing = decision.action
        if doing is not None:
            moves += 1
            if moves > MOST_MOVES:
                raise ConfigError(
                    f"rules: expected at most {MOST_MOVES} moves between states in turn "
                    f"{turn.number}, got more; the last state is {talk.memory}"
                )
            if doing.speaks:
                await say(" ".join(said))
                said = [""]  # the "" adds a space between the function's own text and the text that follows
            decision = follow(decision, await doing.perform(Occasion(turn, say, decision.slots)))
        elif (
            ahead and not decision.hangs_up and decision.transfer is None
        ):  # callers who press keys in advance don't need to hear the answers
            said, moves = [], 0
            decision = by_keys(book, decision.memory, ahead) or Decision(decision.memory)
            ahead = decision.ahead
        else:
            break
        if decision.digits is not None:
            await _send_digits(turn, decision.digits)
        if decision.transfer is not None:
            turn.transfer(decision.transfer)  # comes before the announcement, since the transfer may be impossible
        talk.memory = decision.memory
    _collect_keys(turn, talk.memory)
    state = talk.memory.state
    if state is not None and state.question is not None and state.question.expects is not None:
        turn.expect(state.question.expects)
    await say(" ".join(said))
    if decision.hangs_up:
        turn.end()


async def _send_digits(turn: Turn, digits: str) -> None:
    if turn.call is None:
        raise ConfigError("rules: expected a telephone call that can send keys, got a conversation without a call")
    await turn.call.send_digits(digits)


def _collect_keys(turn: Turn, memory: Memory) -> None:
    """Collect the digits that the dialogue asks for into one turn, unless single keys have a meaning there."""
    state = memory.state
    if state is None or state.collects is None or any(row[0].isdecimal() for row in state.keys):
        return
    most = LONGEST + 1 if state.collects == UNTIL_HASH else max(1, state.collects - len(memory.keys))
    turn.collect(most, end="", stop="".join(key for key in KEYS if not key.isdecimal()), within=state.key_timeout)
