"""Rules as a handler: phrases and their answers, what functions are given, and what is refused."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from tests.unit.rules_kit import Caller
from voicekit.errors import ConfigError
from voicekit.reply.handler import Turn, as_handler
from voicekit.rules import Rules, Step, vary
from voicekit.testing import check_handler


def test_a_phrase_is_answered_by_a_text_or_a_function():
    """Both ways to give an answer answer the same phrases."""
    rules = Rules()
    rules.on("hello", "good (morning|evening)", answer="Hello!")

    @rules.on("what time is it", "tell me the time")
    def time():
        return "It is ten."

    caller = Caller(rules)
    assert caller.says("Good evening!") == "Hello!"
    assert caller.says("What's the time? Is it?") == "It is ten."
    assert caller.says("no idea what this is") is None
    assert time() == "It is ten."


def test_a_function_takes_what_it_likes_by_name():
    """Slots, the turn, all slots, and `say` for who speaks by itself."""
    rules = Rules()

    @rules.on("add {a:number} and {b:number}", "add {a:number}")
    def add(a, b=1):
        return f"{a + b}."

    @rules.on("multiply {a:number} by {b:number}")
    async def multiply(turn, slots, say):
        await say(f"{turn.text}: ")
        return f"{slots['a'] * slots['b']}."

    caller = Caller(rules)
    assert caller.says("add two and three") == "5."
    assert caller.says("add two") == "3."
    assert caller.says("multiply two by three") == "multiply two by three:  6."


def test_texts_have_gaps_for_the_words_of_slots():
    """What was said is said again, while a function gets its value."""
    rules = Rules()
    rules.on("set a timer for {length:duration}", answer=vary("A timer for {length}.", "{length}, noted."))
    assert "ten minutes" in Caller(rules).says("set a timer for ten minutes")


def test_the_best_match_answers():
    """More of what was said beats less, whichever was written first; of equals, the first."""
    rules = Rules()
    rules.on("call {name}", answer="To {name}.")
    rules.on("call the police", answer="At once.")
    rules.on("call", answer="Whom?")
    rules.on("call", answer="Never said.")
    caller = Caller(rules)
    assert caller.says("call Ann") == "To Ann."
    assert caller.says("please call the police now") == "At once."
    assert caller.says("call") == "Whom?"


def test_a_phrase_must_account_for_half_of_what_was_said():
    """A word that happens to be in a sentence is not what the sentence says."""
    rules = Rules()
    rules.on("stop", answer="I stop.")
    assert Caller(rules).says("please stop it") == "I stop."
    assert Caller(rules).says("the bus stop is near my house") is None
    strict = Rules(coverage=1.0)
    strict.on("stop", answer="I stop.")
    assert Caller(strict).says("please stop it") is None


def test_regular_expressions_are_taken_as_they_are():
    """They need to account for nothing, and their groups are slots."""
    rules = Rules()
    rules.on(re.compile(r"order (?P<number>\d+)", re.IGNORECASE), answer="Order {number}.")
    assert Caller(rules).says("I would like to know where my Order 123 has gone to") == "Order 123."


def test_a_rule_is_in_force_when_its_author_says_so():
    """`when` is asked about the turn, and only about one that the phrases match."""
    rules, asked = Rules(), []

    def typed(turn: Turn) -> bool:
        asked.append(turn.text)
        return turn.reason == "typed"

    rules.on("secret", answer="You type well.", when=typed)
    rules.on("secret", answer="Not said aloud.")
    caller = Caller(rules)
    assert caller.types("secret") == "You type well."
    assert caller.says("secret") == "Not said aloud."
    assert caller.says("something else") is None
    assert asked == ["secret", "secret"]


def test_what_no_rule_knows_has_an_answer_too():
    """Otherwise and silence are answered where somebody said what by; without, such turns are left to others."""
    rules = Rules()
    assert Caller(rules).says("hello") is None
    assert Caller(rules).is_silent() is None
    rules.otherwise("Sorry?")

    @rules.on_silence
    def quiet(turn):
        return f"Are you there? ({turn.reason})"

    caller = Caller(rules)
    assert caller.says("hello") == "Sorry?"
    assert caller.is_silent() == "Are you there? (idle)"
    assert caller.says("", "silence") == "Are you there? (silence)"
    assert caller.says("", "greeting") is None


def test_a_step_ends_the_call():
    """What it says is said first."""
    rules = Rules()
    rules.on("bye", answer=Step("Goodbye!", end=True))
    caller = Caller(rules)
    assert (caller.says("bye"), caller.ended) == ("Goodbye!", 1)


def test_variation_is_the_same_in_each_call_unless_told_otherwise():
    """Chance begins anew with every call; how, is up to who makes the rules."""
    hello = vary(*map(str, range(50)))

    def calls(**options):
        rules = Rules(**options)
        rules.on("hello", answer=hello)
        return [[caller.says("hello") for _ in range(10)] for caller in (Caller(rules), Caller(rules))]

    first, second = calls()
    assert first == second
    seeds = iter((1, 2))
    first, second = calls(random=lambda: random.Random(next(seeds)))
    assert first != second
    assert all(before != after for before, after in pairwise(first))


def test_two_bots_in_a_call_keep_apart():
    """The rules of a plugin and those of the bot each remember their own dialogue."""
    first, second = Rules(), Rules()
    for rules in (first, second):
        ask = rules.ask("Which day?", "day")
        ask.then("Noted.")
        rules.on("begin", answer=ask)
    one, other = Caller(first), Caller(second)
    other.call = one.call
    assert one.says("begin") == "Which day?"
    assert other.says("Friday") is None
    assert one.says("Friday") == "Noted."


async def test_rules_keep_the_contract_of_a_handler(autojump_clock):
    """They can be cancelled anywhere, run again, and say the same to the same."""

    def make():
        rules = Rules()
        rules.on("good morning", answer="Good morning! What can I do for you today?")
        return rules

    await check_handler(make)


def test_rules_are_a_handler():
    """They are taken wherever a handler is."""
    rules = Rules()
    assert as_handler(rules) is rules


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda rules: rules.on(), "rules.on(): expected at least one phrase"),
        (lambda rules: rules.on(lambda: "x"), "a decorator needs its phrases: @rules.on(...)"),
        (lambda rules: rules.on("hello", 5), "expected phrases or regular expressions, got 5"),
        (lambda rules: rules.on("(hello"), "phrase '(hello': expected ')'"),
        (lambda rules: rules.on("hello", answer=5), "rules.on('hello'): expected text, vary(...), Step(...)"),
        (lambda rules: rules.on("hello", answer=Step), "expected text, vary(...), Step(...)"),
        (lambda rules: rules.on("hello", answer="{name}"), "'name', which may be empty here; always filled: none"),
        (lambda rules: rules.on("hi [{n:number}]", answer="{n}"), "which may be empty here; always filled: none"),
        (lambda rules: rules.on("hello", answer="{"), "expected the name of a slot between braces, got '{'"),
        (
            lambda rules: rules.on("hi {n}", answer=lambda m: m),
            "has the unknown parameter 'm'; it may have: n, turn, say, slots",
        ),
        (lambda rules: rules.on("hi [{n}]", answer=lambda n: n), "not every phrase fills 'n', so"),
        (lambda rules: rules.on("hi", answer=lambda *all: None), "must take its arguments by name, but *all"),
        (lambda rules: rules.on("hi", answer=lambda turn, /: None), "must take its arguments by name, but turn"),
        (lambda rules: rules.on("hi", answer=lambda say: None), "takes `say`, so it must be `async def`"),
        (lambda rules: rules.on("hi", answer=_yields), "expected a function that returns its answer, but _yields()"),
        (lambda rules: rules.otherwise("{n}"), "rules.otherwise: '{n}' needs the slot 'n'"),
        (
            lambda rules: [rules.otherwise("a"), rules.otherwise("b")],
            "rules.otherwise: expected only one answer, got a second",
        ),
        (lambda rules: rules.key("12a"), "expected telephone keys (0123456789*#ABCD), got '12a'"),
        (lambda rules: rules.key(""), "expected telephone keys"),
        (lambda rules: [rules.key("1", answer="a"), rules.key("12", answer="b")], "'12' begins like '1'"),
        (lambda rules: [rules.key("12#", answer="a"), rules.key("1", answer="b")], "'1' begins like '12#'"),
        (lambda rules: Step(5), "Step: expected `say` to be text or vary(...)"),
        (lambda rules: Step("a", "b"), "Step: expected `say` to be text or vary(...)"),
        (lambda rules: Rules(coverage=2), "coverage: expected a number from 0 to 1, got 2"),
        (lambda rules: Rules(choices={"size": []}), "choices 'size': expected a list of choices"),
    ],
)
def test_rules_that_cannot_work_are_refused(make, expected):
    """The error comes when the rule is made and says where, what was expected, and what is there."""
    with pytest.raises(ConfigError) as caught:
        make(Rules())
    assert expected in str(caught.value)


def _yields():
    yield "hello"


def test_a_function_that_returns_what_cannot_be_said_is_an_error():
    """It names the rule, and what was expected."""
    rules = Rules()
    rules.on("hello", answer=lambda: 5)
    with pytest.raises(TypeError, match=r"rules.on\('hello'\) returned 5 \(int\); expected text"):
        Caller(rules).says("hello")


def test_an_object_that_can_be_called_answers_too():
    """A handler with a state of its own is as good as a function."""

    class Model:
        async def __call__(self, turn, say):
            await say(f"Thinking about {turn.text}.")

    rules = Rules()
    rules.otherwise(Model())
    assert Caller(rules).says("life") == "Thinking about life."
