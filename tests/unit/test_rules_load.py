"""Rules from a TOML file: everything that it may say, and how each mistake in it is told."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from tests.unit.rules_kit import Caller
from voicekit.errors import ConfigError
from voicekit.rules import Rules
from voicekit.rules.states import GIVE_UP

RESTAURANT = """
otherwise = ["Sorry?", "Pardon?"]
silence = "Are you there?"
begin = "main"
coverage = 0.4

[choices]
day = ["Friday", "Saturday"]
[choices.room]
inside = ["indoors", "in the warm"]
outside = []

[hours]
zone = "Europe/Berlin"
[hours.weekly]
fri-sat = "18-24"
[hours.exceptions]
2026-12-25 = "closed"

[keys]
0 = { say = "One moment, please.", end = true }
"*1#" = "You know your way around."

[menu.main]
prompt = "For a table press one, for directions press two."
reprompts = "One or two."
give_up = { say = "Goodbye.", end = true }
[menu.main.keys]
1 = { goto = "table" }
2 = "We are in the old mill."
[[menu.main.rule]]
phrases = ["where are you", "directions"]
say = "We are in the old mill."

[[rule]]
phrases = "(book|reserve) a table [for {people:number}] [on {day:day}]"
goto = "table"

[[rule]]
phrases = ["are you open"]
when = "open"
say = "We are."

[[rule]]
phrases = ["are you open"]
when = "closed"
say = "We are closed now."

[[rule]]
phrases = ["stop", "never mind"]
say = "Very well."
leave = true

[ask.people]
prompt = "For how many?"
kind = "number"

[ask.day]
prompt = "On which day?"
kind = "day"
reprompts = ["Friday or Saturday?"]

[ask.room]
prompt = "Where?"
kind = "room"
[[ask.room.rule]]
phrases = ["what is the difference"]
say = "The weather."

[form.table]
asks = ["people", "day", "room"]
confirm = "{people} on {day}, {room}?"
again = "Once more."
say = "A table for {people} on {day}."
goto = "name"

[ask.name]
prompt = "Your name, please?"
phrases = ["my name is {name}"]
say = "Thank you, {name}."
end = true
"""


def load(tmp_path, text, **options):
    file = tmp_path / "rules.toml"
    file.write_text(text, encoding="utf-8")
    return Rules.load(file, **options)


def restaurant(tmp_path, now="2026-12-18T20:00"):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    return Caller(load(tmp_path, RESTAURANT, now=lambda: moment))


def test_a_whole_bot_fits_in_a_file(tmp_path):
    """Menu, keys, form, confirmation and what follows, in a single call."""
    caller = restaurant(tmp_path)
    assert caller.presses("3") == "One or two."
    assert caller.presses("2") == "We are in the old mill. For a table press one, for directions press two."
    assert caller.says("Where are you?") == "We are in the old mill. For a table press one, for directions press two."
    assert caller.presses("1") == "For how many?"
    assert [caller.presses(key) for key in "4#"] == ["", "On which day?"]
    assert caller.says("Friday, indoors") == "4 on Friday, inside?"
    assert caller.says("no, outside") == "4 on Friday, outside?"
    assert caller.says("yes") == "A table for 4 on Friday. Your name, please?"
    assert (caller.says("My name is Ann"), caller.ended) == ("Thank you, Ann.", 1)


def test_phrases_lead_to_forms_and_out_of_them(tmp_path):
    """What the phrase filled is not asked for, states have rules of their own, and some leave."""
    caller = restaurant(tmp_path)
    assert caller.says("reserve a table on Saturday for six") == "Where?"
    assert caller.says("what's the difference") == "The weather. Where?"
    assert caller.says("never mind") == "Very well."
    assert caller.says("the moon") in ("Sorry?", "Pardon?")
    assert caller.is_silent() == "Are you there?"
    assert [caller.presses(key) for key in "*1#"] == ["", "", "You know your way around."]
    assert (caller.presses("0"), caller.ended) == ("One moment, please.", 1)


def test_a_state_gives_up_as_it_is_told_to(tmp_path):
    """In its own way where the file says so, in the usual one where not."""
    caller = restaurant(tmp_path)
    caller.says("nothing")
    assert (caller.says("nothing"), caller.ended) == ("Goodbye.", 1)
    caller = restaurant(tmp_path)
    caller.says("book a table for two")
    assert caller.says("nothing") == "Friday or Saturday?"
    assert caller.says("nothing") == GIVE_UP


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        ("2026-12-18T20:00", "We are."),
        ("2026-12-18T16:30", "We are closed now."),
        ("2026-12-18T17:00", "We are."),
        ("2026-12-25T20:00", "We are closed now."),
    ],
)
def test_opening_hours_decide(tmp_path, now, answer):
    """By the clock of their zone, at the time that is told."""
    assert restaurant(tmp_path, now).says("are you open").startswith(answer)


def test_more_can_be_added_to_what_was_loaded(tmp_path):
    """What needs a function is written in Python, beside the file."""
    rules = load(tmp_path, '[[rule]]\nphrases = ["hello"]\nsay = ["Hi.", "Hello."]', random=lambda: Random(1))
    rules.on("add {a:number} and {b:number}", answer=lambda a, b: f"{a + b}.")
    caller = Caller(rules)
    assert caller.says("add one and two") == "3."
    said = [caller.says("hello") for _ in range(4)]
    assert sorted(said) == ["Hello.", "Hello.", "Hi.", "Hi."]
    assert said[0] != said[1]


def test_an_empty_file_has_no_rules(tmp_path):
    """It is no mistake."""
    assert Caller(load(tmp_path, "")).says("hello") is None


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("a = ", None, "expected TOML in UTF-8: Invalid value (at end of document)"),
        ("greeting = 'hi'", 1, "greeting: unknown key 'greeting' (expected ask, begin"),
        ("\notherwise = 5", 2, "otherwise: expected text, or a list of texts, got 5"),
        ("otherwise = []", 1, "otherwise: expected text, or a list of texts, got []"),
        ("otherwise = ['a', 'a']", 1, "otherwise: vary: expected different texts"),
        ("otherwise = {say = '{n}'}", 1, "otherwise: rules.otherwise: '{n}' needs the slot 'n'"),
        ("otherwise = {}", 1, "otherwise: expected text, or say, goto, leave, end, transfer or digits, got {}"),
        (
            "otherwise = {goto = 'nowhere'}",
            1,
            "otherwise.goto: expected the name of an ask, a menu or a form (none here)",
        ),
        ("otherwise = {say = 'a', gotoo = 'b'}", 1, "otherwise.gotoo: unknown key 'gotoo' (did you mean 'goto'?)"),
        ("begin = 'main'", 1, "begin: expected the name of an ask, a menu or a form (none here), got 'main'"),
        ("coverage = 5", 1, "coverage: coverage: expected a number from 0 to 1, got 5"),
        ("rule = 5", 1, "rule: expected tables, each under [[rule]], got 5"),
        ("[rule]\nsay = 'a'", 1, "rule: expected tables, each under [[rule]]"),
        ("[[rule]]\nsay = 'a'", 1, "rule[1].phrases: expected phrases that the rule answers, got nothing"),
        (
            "[[rule]]\nphrases = ['a']",
            1,
            "rule[1].say: expected an answer: say, goto, leave, end, transfer or digits, got nothing",
        ),
        (
            "[[rule]]\nphrases = ['a']\nsay = 'b'\n[[rule]]\nphrases = ['(a']\nsay = 'b'",
            5,
            "rule[2].phrases: phrase '(a'",
        ),
        ("[[rule]]\nphrases = ['a', 5]\nsay = 'b'", 2, "rule[1].phrases: expected text, or a list of texts"),
        ("[[rule]]\nphrases = 'a'\nsay = '{b}'", 3, "rule[1].say: rules.on('a'): '{b}' needs the slot 'b'"),
        ("[[rule]]\nphrases = 'a'\nsay = 'b'\nend = 'yes'", 4, "rule[1].end: expected true or false, got 'yes'"),
        (
            "[[rule]]\nphrases = 'a'\nsay = 'b'\nwhen = 'noon'",
            4,
            "rule[1].when: expected 'open' or 'closed', got 'noon'",
        ),
        (
            "[[rule]]\nphrases = 'a'\nsay = 'b'\nwhen = 'open'",
            4,
            "rule[1].when: expected opening hours in a table [hours]",
        ),
        (
            "[hours]\nzone = 'UTC'\n[[rule]]\nphrases = 'a'\nsay = 'b'\nwhen = 'open'",
            6,
            "rule[1].when: expected a clock in Rules.load(..., now=...)",
        ),
        ("[[rule]]\nphrases = 'a'\nsay = 'b'\ngoto = 'c'\nend = true", 4, "rule[1].goto: expected the name of an ask"),
        (
            "[menu.m]\nprompt = 'a'\n[[menu.m.rule]]\nphrases = 'a'\ngoto = 'm'\nend = true",
            5,
            "menu.m.rule[1].goto: expected no goto",
        ),
        ("[keys]\n'1x' = 'a'", 2, "keys.1x: rules.key('1x'): expected telephone keys"),
        ("[keys]\n1 = 'a'\n12 = 'b'", 3, "keys.12: rules.key('12'): '12' begins like '1'"),
        ("keys = 5", 1, "keys: expected a table, [keys], got 5"),
        ("[menu.m]\nreprompts = 'a'", 1, "menu.m.prompt: expected the text of the question, got nothing"),
        ("[menu.m]\nprompt = 'a'\nkind = 'number'", 3, "menu.m.kind: unknown key 'kind' (expected "),
        ("[menu]\nm = 5", 2, "menu.m: expected a table, [menu.m], got 5"),
        ("[ask.day]\nprompt = 'Day?'\nkind = 'week'", 1, "ask.day: ask('day'): expected a kind of slot"),
        ("[ask.day]\nprompt = '{'", 1, "ask.day: ask('day'): prompt: expected the name of a slot between braces"),
        ("[ask.day]\nprompt = 'Day?'\nsay = '{'", 3, "ask.day.say: ask('day').then: expected the name of a slot"),
        ("[ask.day]\nprompt = 'Day?'\ngive_up = 5", 3, "ask.day.give_up: expected text"),
        ("[ask.'two words']\nprompt = 'Day?'", 1, "ask.two words: ask('two words'): expected a slot name"),
        (
            "[ask.a]\nprompt = 'a'\n[menu.a]\nprompt = 'b'",
            3,
            "menu.a: expected a unique name, got 'a', which is already in use",
        ),
        (
            "[form.f]\nasks = ['day']",
            2,
            "form.f.asks: expected names of [ask....] tables (there are none), got ['day']",
        ),
        ("[form.f]\nconfirm = 'a'", 1, "form.f.asks: expected names of [ask....] tables (there are none), got nothing"),
        ("[choices]\nsize = 5", 2, "choices.size: choices: expected a list of choices"),
        ("[choices.size]\nsmall = ['!']", 1, "choices.size: choices: expected a choice that contains words, got '!'"),
        (
            "[hours]\nzone = 'Nowhere/Here'",
            2,
            "hours.zone: expected a time zone such as 'Europe/Berlin', got 'Nowhere/Here'",
        ),
        ("[hours]\nweekly = {}", 1, "hours.zone: expected a time zone such as 'Europe/Berlin', got nothing"),
        ("[hours]\nzone = 'UTC'\n[hours.weekly]\nmon = 9", 4, "hours.weekly.mon: expected text, got 9"),
        ("[hours]\nzone = 'UTC'\n[hours.weekly]\nmon = '9'", 1, "hours: opening hours, 'mon': expected hours such as"),
        (
            "[hours]\nzone = 'UTC'\ndays = 'mon'",
            3,
            "hours.days: unknown key 'days' (expected exceptions, weekly, zone)",
        ),
    ],
)
def test_every_mistake_names_file_line_and_key(tmp_path, text, line, expected):
    """A ConfigError tells where the mistake is, what was expected, and what is there."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    place = str(tmp_path / "rules.toml") + (f", line {line}" if line else "")
    assert str(caught.value).startswith(f"{place}: {expected}")


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("[[rule]]\nphrase = 'hi'\nsay = 'ho'", 2, "rule[1].phrase: unknown key 'phrase' (did you mean 'phrases'?)"),
        ("[[rule]]\nphrases = 'hi'\nsya = 'ho'", 3, "rule[1].sya: unknown key 'sya' (did you mean 'say'?)"),
        ("[ask.day]\npromt = 'When?'", 2, "ask.day.promt: unknown key 'promt' (did you mean 'prompt'?)"),
        ("[ask.day]\nprompt = 'When?'\nknd = 'day'", 3, "ask.day.knd: unknown key 'knd' (did you mean 'kind'?)"),
        ("[menu.m]\nprompts = 'One?'", 2, "menu.m.prompts: unknown key 'prompts' (did you mean 'prompt'?)"),
        ("[form.f]\nask = ['day']", 2, "form.f.ask: unknown key 'ask' (did you mean 'asks'?)"),
        ("[hours]\nzones = 'UTC'", 2, "hours.zones: unknown key 'zones' (did you mean 'zone'?)"),
        ("[[rules]]\nphrases = 'hi'", 1, "rules: unknown key 'rules' (did you mean 'rule'?)"),
        ("[keys]\n1 = { sy = 'hi' }", 2, "keys.1.sy: unknown key 'sy' (did you mean 'say'?)"),
        (
            "[menu.m]\nprompt = 'a'\n[[menu.m.rule]]\nphrase = 'x'",
            4,
            "menu.m.rule[1].phrase: unknown key 'phrase' (did you mean 'phrases'?)",
        ),
    ],
)
def test_a_misspelt_key_is_told_before_what_is_missing_for_want_of_it(tmp_path, text, line, told):
    """In every table, at its own line, with a guess."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert str(caught.value) == f"{tmp_path / 'rules.toml'}, line {line}: {told}"


def test_a_file_that_is_not_there_is_told(tmp_path):
    """So is one that is no text."""
    with pytest.raises(ConfigError, match=r"nowhere.toml: can't read this TOML file with rules: No such file"):
        Rules.load(tmp_path / "nowhere.toml")
    (tmp_path / "rules.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="expected TOML in UTF-8"):
        Rules.load(tmp_path / "rules.toml")
