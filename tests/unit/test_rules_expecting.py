"""How the answers to questions of a dialogue are listened to."""

from __future__ import annotations

import pytest

from tests.unit.rules_kit import Caller
from voicekit.errors import ConfigError
from voicekit.events import ExpectedAnswer
from voicekit.rules import Rules


def asking(*question: str, expect: ExpectedAnswer | None = None) -> Rules:
    rules = Rules()
    state = rules.ask(*question, expect=expect)
    state.then("Thank you.")
    rules.on("begin", answer=state)
    return rules


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("digits", ["number"]),
        ("4 digits", ["number"]),
        ("2 digits", []),
        ("number", []),
        ("time", []),
        ("text", []),
        ("yes/no", ["yes_no"]),
        ("red|green", []),
    ],
)
def test_a_question_expects_what_its_kind_is(kind: str, expected: list[ExpectedAnswer]) -> None:
    """Rows of digits take breaths and a yes is complete at once; everything else is listened to as usual."""
    caller = Caller(asking("Well?", "it", kind))
    assert caller.says("begin") == "Well?"
    assert caller.expected == expected


def test_a_question_may_say_what_it_expects() -> None:
    """The author knows better; it counts again for each reprompt, and not behind the dialogue."""
    caller = Caller(asking("Your code?", "code", "2 digits", expect=2.5))
    caller.says("begin")
    assert caller.says("what") == "Your code?"
    assert caller.expected == [2.5, 2.5]
    caller.says("one two")
    assert caller.expected == [2.5, 2.5]
    with pytest.raises(ConfigError, match="expected 'number', 'name', 'yes_no' or a number of seconds, got 'digits'"):
        asking("Your code?", "code", expect="digits")  # type: ignore[arg-type]


def test_each_question_of_a_form_has_its_own() -> None:
    """And its confirmation expects yes or no."""
    rules = Rules()
    form = rules.form(rules.ask("Name?", "name", expect="name"), rules.ask("Pin?", "pin", "digits"), confirm="Right?")
    form.then("Done.")
    rules.on("begin", answer=form)
    caller = Caller(rules)
    for text in ("begin", "Ann", "one two three", "yes"):
        caller.says(text)
    assert caller.expected == ["name", "number", "yes_no"]


def test_a_file_says_what_a_question_expects(tmp_path) -> None:
    """A kind or seconds; a mistake is told with its line and key."""
    file = tmp_path / "rules.toml"
    rule = '[[rule]]\nphrases = ["begin"]\ngoto = "name"\n'
    text = f'{rule}[ask.name]\nprompt = "Your name?"\nexpect = "name"\nsay = "Hi."\n'
    file.write_text(text)
    caller = Caller(Rules.load(file))
    caller.says("begin")
    file.write_text(text.replace('expect = "name"', "expect = 1.5"))
    other = Caller(Rules.load(file))
    other.says("begin")
    assert (caller.expected, other.expected) == (["name"], [1.5])
    file.write_text(text.replace('expect = "name"', "expect = true"))
    with pytest.raises(ConfigError, match=r"rules.toml, line 6: ask.name.expect: expect: expected 'number'"):
        Rules.load(file)
