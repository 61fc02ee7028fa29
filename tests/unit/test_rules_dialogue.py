"""Dialogues: questions, reprompts and giving up, menus and keys, forms; and what a caller does in between."""

from __future__ import annotations

import pytest

from tests.unit.rules_kit import Caller
from voicekit.errors import ConfigError
from voicekit.rules import Rules, Step, vary
from voicekit.rules.states import GIVE_UP

DAYS = ["Monday", "Friday", "Saturday"]


def day_bot(**options):
    """Asks for a day; knows the time, and to stop."""
    rules = Rules()
    day = rules.ask("Which day?", "day", choices=DAYS, **options)
    day.then(lambda day: f"{day} it is.")
    rules.on("book a table", answer=day)
    rules.on("what time is it", answer="It is ten.")
    rules.on("stop", answer=Step("Never mind.", to=None))
    return rules


def test_a_question_is_asked_and_its_answer_taken():
    """The answer may be wrapped in other words; then the dialogue is over."""
    caller = Caller(day_bot())
    assert caller.says("book a table") == "Which day?"
    assert caller.says("I think I would rather like to come on Friday") == "Friday it is."
    assert caller.says("Friday") is None


def test_what_is_no_answer_is_asked_again_and_given_up():
    """The reprompts come one after the other, silence counts, and then it gives up."""
    caller = Caller(day_bot(reprompts=["Sorry, which day?", vary("Just the day.", "The day, please.")], give_up="Bye."))
    caller.says("book a table")
    assert caller.says("the moon") == "Sorry, which day?"
    assert caller.is_silent() in ("Just the day.", "The day, please.")
    assert caller.says("the moon") == "Bye."
    assert caller.says("Friday") is None


def test_without_reprompts_the_question_is_asked_twice_again():
    """The default says the prompt again, and at last that it gives up."""
    caller = Caller(day_bot())
    caller.says("book a table")
    assert [caller.says("hm, what") for _ in range(3)] == ["Which day?", "Which day?", GIVE_UP]


def test_the_count_begins_anew_with_each_question():
    """Who was not understood once has all chances again the next time."""
    caller = Caller(day_bot(reprompts=["Sorry?"], give_up="Bye."))
    for _ in range(3):
        caller.says("book a table")
        assert caller.says("the moon") == "Sorry?"
        assert caller.says("Friday") == "Friday it is."


def test_the_rules_of_the_bot_go_on_working():
    """They answer, and the question is asked again; unless they lead out of the dialogue."""
    caller = Caller(day_bot())
    caller.says("book a table")
    assert caller.says("what time is it") == "It is ten. Which day?"
    assert caller.says("stop") == "Never mind."
    assert caller.says("Friday") is None


def test_a_negated_answer_is_none():
    """Not Friday is no day."""
    caller = Caller(day_bot(reprompts=["Sorry?"]))
    caller.says("book a table")
    assert caller.says("not Friday") == "Sorry?"


def test_a_check_says_what_is_wrong():
    """A value that won't do is explained, asked for again, and given up in the end."""
    rules = Rules()
    people = rules.ask(
        "How many?",
        "people",
        "number",
        check=lambda n: None if n < 9 else "We have eight seats.",
        reprompts=["How many?"],
    )
    people.then("A table for {people}.")
    rules.on("book", answer=people)
    caller = Caller(rules)
    caller.says("book")
    assert caller.says("twelve") == "We have eight seats. How many?"
    assert caller.says("eight") == "A table for eight."
    caller.says("book")
    caller.says("nine")
    assert caller.says("nine") == GIVE_UP


def test_a_state_has_rules_of_its_own():
    """They come before those of the bot, and the question is asked again unless they lead on."""
    rules = day_bot()
    name = rules.ask("Your name?", "name", phrases=["my name is {name}", "this is {name}"])
    name.then("Hello {name}.")
    name.on("why", answer="To greet you.")
    name.on("i would rather not", answer=Step("As you like.", to=None))
    name.on("stop", answer="You can say that you would rather not.")
    rules.on("hello", answer=name)
    caller = Caller(rules)
    assert caller.says("hello") == "Your name?"
    assert caller.says("why") == "To greet you. Your name?"
    assert caller.says("stop") == "You can say that you would rather not. Your name?"
    assert caller.says("I'd rather not") == "As you like."
    caller.says("hello")
    assert caller.says("My name is Ann O'Neil.") == "Hello Ann O'Neil."
    caller.says("hello")
    assert caller.says("Hello, Bob") == "Hello Hello, Bob."


def test_states_lead_to_states():
    """What `then` returns is the next place; what was filled on the way is known there."""
    rules = Rules()
    first = rules.ask("From where?", "origin")
    second = rules.ask("From {origin} to where?", "goal")
    first.then(Step("Fine.", to=second))

    @second.then
    def done(goal, slots):
        return f"{slots['origin']} to {goal}."

    rules.on("travel", answer=first)
    caller = Caller(rules)
    caller.says("travel")
    assert caller.says("Berlin") == "Fine. From Berlin to where?"
    assert caller.says("Paris") == "Berlin to Paris."
    caller.says("travel")
    assert caller.says("Rome") == "Fine. From Rome to where?"


def test_giving_up_may_lead_on():
    """A question that was not answered can lead to another one."""
    rules = Rules()
    again = rules.ask("Shall we try again?", "again", "yes/no")
    number = rules.ask("Your number?", "number", "digits", reprompts=[], give_up=again)
    number.then("Thank you.")
    again.then(lambda again: number if again else "As you like.")
    rules.begin(number)
    caller = Caller(rules)
    assert caller.says("I don't have it at hand") == "Shall we try again?"
    assert caller.says("yes please") == "Your number?"
    assert caller.says("no idea") == "Shall we try again?"
    assert caller.says("no") == "As you like."


def menu_bot():
    rules = Rules()
    main = rules.menu("For hours press 1, for a person press 2.", reprompts=["Press 1 or 2."], give_up="Bye.")
    main.key("1", answer="We open at nine.")
    main.on("hours", "when do you open", answer="We open at nine.")

    @main.key("2")
    def person():
        return Step("One moment.", to=None)

    rules.key("0", answer=main)
    rules.key("*9", "12#", answer="A secret.")
    rules.begin(main)
    return rules


def test_a_menu_takes_keys_and_words():
    """Calls may begin in it; what a key says leaves one there, unless it leads on."""
    caller = Caller(menu_bot())
    assert caller.says("", "greeting") == "For hours press 1, for a person press 2."
    assert caller.presses("1") == "We open at nine. For hours press 1, for a person press 2."
    assert caller.says("When do you open?") == "We open at nine. For hours press 1, for a person press 2."
    assert caller.presses("7") == "Press 1 or 2."
    assert caller.presses("2") == "One moment."
    assert caller.presses("2") is None
    assert caller.presses("0") == "For hours press 1, for a person press 2."


def test_a_row_of_keys_is_waited_for():
    """Nothing is said until it is complete; a key that leads nowhere begins anew, and words forget it."""
    rules = Rules()
    rules.key("12#", answer="A secret.")
    rules.key("13", answer="Another.")
    rules.on("hello", answer="Hi.")
    caller = Caller(rules)
    assert [caller.presses(key) for key in "12#"] == ["", "", "A secret."]
    assert [caller.presses(key) for key in "1413"] == ["", None, "", "Another."]
    assert [caller.presses("1"), caller.says("hello"), caller.presses("3")] == ["", "Hi.", None]


def test_keys_are_characters_on_a_keyboard():
    """Who types to a bot can press its keys, where no phrase is meant."""
    caller = Caller(menu_bot())
    assert caller.types("1").startswith("We open at nine.")
    assert caller.types("*9").startswith("A secret.")
    rules = Rules()
    rules.on("1", answer="The word.")
    rules.key("1", answer="The key.")
    assert Caller(rules).types("1") == "The word."
    assert Caller(rules).presses("1") == "The key."
    assert Caller(rules).says("2") is None


@pytest.mark.parametrize(
    ("kind", "keys", "answers"),
    [
        ("4 digits", "5512", ["", "", "", "5 5 1 2."]),
        ("digits", "55#", ["", "", "5 5."]),
        ("number", "07#", ["", "", "07."]),
        ("digits", "#", ["Sorry?"]),
        ("digits", "5*", ["", "Sorry?"]),
        ("text", "5", ["Sorry?"]),
    ],
)
def test_keys_answer_what_asks_for_digits(kind, keys, answers):
    """As many as there should be, or any number before a #; what are keys of the bot otherwise, are digits then."""
    rules = Rules()
    rules.key("0", "5", answer="The bot's.")
    ask = rules.ask("Number?", "number", kind, reprompts=["Sorry?"])
    ask.then("{number}.")
    rules.begin(ask)
    caller = Caller(rules)
    if kind == "text":
        rules.keys.clear()
    assert [caller.presses(key) for key in keys] == answers


def test_a_row_of_digits_has_an_end():
    """Nobody can fill the memory with keys."""
    rules = Rules()
    ask = rules.ask("Number?", "number", "digits", reprompts=["Sorry?"])
    ask.then("{number}.")
    rules.begin(ask)
    caller = Caller(rules)
    assert {caller.presses("5") for _ in range(40)} == {""}
    assert caller.presses("5") == "Sorry?"


def form_bot(**options):
    rules = Rules(choices={"day": DAYS})
    people = rules.ask("How many people?", "people", "number", check=lambda n: None if n < 9 else "Eight at most.")
    day = rules.ask("Which day?", "day", "day", reprompts=["Sorry?"], give_up="Bye.")
    room = rules.ask("Inside or outside?", "room", choices=["inside", "outside"])
    table = rules.form(people, day, room, **options)

    @table.then
    def booked(people, day, room):
        return f"Booked: {people}, {day}, {room}."

    rules.on("book a table [for {people:number}] [on {day:day}]", answer=table)
    rules.on("are you open on {day:day}", answer="We are, on {day}.")
    return rules


def test_a_form_asks_for_what_it_does_not_know():
    """One question after the other, and then all of it is there."""
    caller = Caller(form_bot())
    assert caller.says("book a table") == "How many people?"
    assert caller.says("four") == "Which day?"
    assert caller.says("the moon") == "Sorry?"
    assert caller.says("Friday") == "Inside or outside?"
    assert caller.says("outside") == "Booked: 4, Friday, outside."
    assert caller.says("book a table") == "How many people?"


def test_a_form_takes_what_was_said_before_and_along():
    """Slots of the phrase that led to it, and choices that came with another answer, are not asked for."""
    caller = Caller(form_bot())
    assert caller.says("book a table for four on Monday") == "Inside or outside?"
    assert caller.says("inside") == "Booked: 4, Monday, inside."
    caller.says("book a table")
    assert caller.says("four, on Friday, outside") == "Booked: 4, Friday, outside."


def test_a_form_does_not_take_what_will_not_do():
    """A value that came along is checked like any other."""
    caller = Caller(form_bot())
    assert caller.says("book a table for twelve on Monday") == "Eight at most. How many people?"
    assert caller.says("two") == "Inside or outside?"


def test_the_rules_of_the_bot_fill_no_form():
    """A day in another question is not the day of the booking, and the phrase said again keeps what is known."""
    caller = Caller(form_bot())
    caller.says("book a table for four")
    assert caller.says("are you open on Saturday") == "We are, on Saturday. Which day?"
    assert caller.says("book a table on Monday") == "Inside or outside?"


def test_a_form_can_be_given_up():
    """A question that finds no answer ends the form, and the next one begins empty."""
    caller = Caller(form_bot())
    caller.says("book a table for four")
    caller.says("the moon")
    assert caller.says("the moon") == "Bye."
    assert caller.says("book a table") == "How many people?"


def confirming():
    return Caller(form_bot(confirm="{people} on {day}, {room}?", again="Once more."))


def test_a_form_is_confirmed():
    """It is filled only when the caller has said yes, and asks again where that is not clear."""
    caller = confirming()
    caller.says("book a table for four on Monday")
    assert caller.says("inside") == "four on Monday, inside?"
    assert caller.says("well yes no") == "four on Monday, inside?"
    assert caller.says("yes please") == "Booked: 4, Monday, inside."


def test_after_a_no_a_form_begins_anew():
    """All its slots are asked for again."""
    caller = confirming()
    caller.says("book a table for four on Monday")
    caller.says("inside")
    assert caller.says("no") == "Once more. How many people?"
    assert caller.says("three") == "Which day?"


@pytest.mark.parametrize("correction", ["no, on Friday", "Friday", "yes, but on Friday"])
def test_a_choice_is_corrected_at_the_end(correction):
    """Whoever names another choice means that one, and is asked again whether all is right."""
    caller = confirming()
    caller.says("book a table for four on Monday")
    caller.says("inside")
    assert caller.says(correction) == "four on Friday, inside?"
    assert caller.says("yes") == "Booked: 4, Friday, inside."


@pytest.mark.parametrize("correction", ["no, five", "no, make it five", "No, five people.", "five"])
def test_a_number_is_corrected_at_the_end(correction):
    """It replaces the one before it, and what is wrong with it is answered as if it had been asked for."""
    caller = confirming()
    caller.says("book a table for four on Monday")
    caller.says("inside")
    assert caller.says(correction) == "five on Monday, inside?"
    assert caller.says("no, twelve on Friday") == "Eight at most. How many people?"
    assert caller.says("two") == "two on Friday, inside?"
    assert caller.says("yes, for the two of us") == "Booked: 2, Friday, inside."


@pytest.mark.parametrize(
    ("correction", "answer"),
    [
        ("no, at half past six", "4 at half past six?"),
        ("no, five", "Again. How many?"),  # five people, or five o'clock?
        ("no, four", "Again. How many?"),
    ],
)
def test_a_correction_that_two_questions_could_mean_corrects_neither(correction, answer):
    """The one that accounts for most of the words is meant; among equals the form begins anew."""
    rules = Rules()
    people, time = rules.ask("How many?", "people", "number"), rules.ask("When?", "time", "time")
    table = rules.form(people, time, confirm="{people} at {time}?", again="Again.")
    table.then("Done.")
    rules.on("table", answer=table)
    caller = Caller(rules)
    caller.says("table")
    caller.says("4")
    assert caller.says("three thirty") == "4 at three thirty?"
    assert caller.says(correction) == answer


def test_a_form_leads_on():
    """It may lead to itself, empty, or to another place."""
    rules = Rules()
    item = rules.ask("What shall I note?", "item")
    more = rules.ask("Anything else?", "more", "yes/no")
    note = rules.form(item)
    noted = []

    @note.then
    def add(item):
        noted.append(item)
        return Step("{is said as it is}", to=more)

    more.then(lambda more: note if more else Step("Bye.", end=True))
    rules.on("note", answer=note)
    caller = Caller(rules)
    caller.says("note")
    assert caller.says("milk") == "{is said as it is} Anything else?"
    assert caller.says("yes") == "What shall I note?"
    caller.says("eggs")
    assert (caller.says("no"), caller.ended, noted) == ("Bye.", 1, ["milk", "eggs"])


def test_a_form_that_is_filled_from_the_start_asks_nothing():
    """Where the phrase says it all, what follows follows at once; what was said before comes first."""
    rules = Rules()
    name = rules.ask("Your name?", "name")
    greet = rules.form(name)

    @greet.then
    async def hello(name, say):
        await say(f"Hello {name}.")
        return "Nice to meet you."

    rules.on("i am {name}", answer=Step("Ah.", to=greet))
    assert Caller(rules).says("I'm Ann") == "Ah.Hello Ann. Nice to meet you."


# What a caller does while nobody has heard the answer yet.


def test_who_goes_on_speaking_is_taken_back():
    """The turn before did not happen: its words come again, and the dialogue is where it was."""
    caller = Caller(form_bot())
    caller.says("book a table")
    assert caller.says("four") == "Which day?"
    assert caller.goes_on("or five on Monday") == "Inside or outside?"
    caller = Caller(day_bot(reprompts=["Sorry?", "Really?"]))
    caller.says("book a table")
    assert caller.says("well") == "Sorry?"
    assert caller.goes_on("the moon") == "Sorry?"
    assert caller.says("the moon") == "Really?"


def test_who_heard_the_answer_is_not_taken_back():
    """A caller who interrupts a question that has begun has understood it."""
    caller = Caller(form_bot())
    caller.says("book a table for four")
    caller.interrupts(heard="Which")
    assert caller.says("Friday") == "Inside or outside?"
    caller = Caller(form_bot())
    caller.says("book a table for four")
    caller.says("Friday")
    caller.interrupts(heard="")
    assert caller.says("inside") == "Booked: 4, Friday, inside."


def test_keys_are_not_pressed_twice():
    """Keys that came before the answer was heard are done, and only new ones are looked at."""
    rules = Rules()
    main = rules.menu("One or two.")
    second = rules.menu("Three or four.")
    main.key("1", answer=second)
    second.key("1", answer=Step("At last.", to=None))
    second.key("4", answer=Step("Four.", to=None))
    rules.begin(main)
    caller = Caller(rules)
    assert caller.presses("1") == "Three or four."
    assert caller.goes_on("4", "dtmf") == "Four."
    caller = Caller(rules)
    caller.presses("1")
    caller.interrupts(heard="")
    assert caller.presses("1") == "At last."


def test_keys_can_be_pressed_ahead():
    """Several keys in one turn go their way one after the other, as many as there are, and only the end is said."""
    rules = menu_bot()
    assert Caller(rules).says("1 1 2", "dtmf") == "One moment."
    assert Caller(rules).says("1 " * 100 + "2", "dtmf") == "One moment."
    assert Caller(rules).says("1 7", "dtmf") == "Press 1 or 2."
    assert Caller(rules).says("2 7", "dtmf") == ""
    pin = rules.ask("Your number?", "pin", "4 digits")
    pin.then("{pin}.")
    rules.key("3", answer=pin)
    assert Caller(rules).says("3 5 5 1 2", "dtmf") == "5 5 1 2."
    assert Caller(rules).says("3 5 5", "dtmf") == ""


def test_a_key_after_words_is_a_key():
    """Words that were put back before a key have been answered; a key after words that were not is what counts."""
    rules = menu_bot()
    caller = Caller(rules)
    caller.says("hours")
    assert caller.goes_on("2", "dtmf") == "One moment."
    caller = Caller(rules)
    assert caller.says("er hours 2", "dtmf") == "One moment."


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda rules: rules.ask("Day?", "two words"), "ask('two words'): expected a slot name"),
        (lambda rules: rules.ask("Day?", "day", "week"), "ask('day'): expected a kind of slot"),
        (lambda rules: rules.ask("Day?", "day", "time", choices=DAYS), "expected either kind or choices, got both"),
        (lambda rules: rules.ask("Day?", "day", choices=[]), "ask('day'): expected a list of choices"),
        (lambda rules: rules.ask("Day?", "day", phrases=["on {date}"]), "expected each phrase to fill the slot 'day'"),
        (lambda rules: rules.ask("Day?", "day", reprompts="Day?"), "reprompts: expected a list of texts"),
        (lambda rules: rules.ask("Day?", "day", reprompts=[5]), "reprompts: expected text or vary(...), got 5"),
        (lambda rules: rules.ask(None, "day"), "ask('day'): prompt: expected text"),
        (lambda rules: rules.ask("Day?", "day", give_up=5), "ask('day'): give_up: expected text"),
        (lambda rules: rules.ask("Day?", "day").then(lambda date: date), "ask('day').then: "),
        (lambda rules: rules.menu("Well?").then("x"), "menu: a menu has no value"),
        (lambda rules: rules.form(), "form: expected states that rules.ask(...) returned"),
        (lambda rules: rules.form(rules.menu("Well?")), "form: expected states that rules.ask(...) returned"),
        (
            lambda rules: rules.form(*[rules.ask("Day?", "day")] * 2),
            "form: expected a different slot for each question",
        ),
        (lambda rules: rules.form(rules.ask("Day?", "day")).then(lambda date: date), "form(day).then: "),
    ],
)
def test_a_dialogue_that_cannot_work_is_refused(make, expected):
    """The error names the state, what was expected, and what is there."""
    with pytest.raises(ConfigError) as caught:
        make(Rules())
    assert expected in str(caught.value)


def _without_then(rules):
    rules.ask("Day?", "day")


def _empty_menu(rules):
    rules.menu("Well?")


def _form_without_then(rules):
    rules.form(rules.ask("Day?", "day"))


def _unknown_gap(rules):
    rules.ask("Day, {name}?", "day").then("Fine.")


def _unknown_gap_in_the_end(rules):
    form = rules.form(rules.ask("Day?", "day"), confirm="{name}, right?")
    form.then("Fine.")


def _two_kinds(rules):
    rules.ask("Day?", "day", choices=DAYS).then("Fine.")
    rules.on("on {day}", answer="Fine.")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (_without_then, "ask('day'): nothing happens after the answer"),
        (_empty_menu, "menu: expected keys or phrases that answer 'Well?', got none"),
        (_form_without_then, "form(day): nothing happens after the form is filled"),
        (_unknown_gap, "ask('day'): 'Day, {name}?': neither a phrase nor a question fills the slot 'name'"),
        (_unknown_gap_in_the_end, "'{name}, right?': neither a phrase nor a question fills the slot 'name'"),
        (
            _two_kinds,
            "expected a single kind for the slot 'day', got 'text' here, 'Monday|Friday|Saturday' in ask('day')",
        ),
    ],
)
def test_what_is_missing_is_told_at_the_first_turn(make, expected):
    """What can be seen only when all rules are there is an error before anything is said."""
    rules = Rules()
    make(rules)
    with pytest.raises(ConfigError) as caught:
        Caller(rules).says("hello")
    assert expected in str(caught.value)


def test_going_round_in_circles_is_an_error():
    """Forms that fill each other without asking would never end."""
    rules = Rules()
    forms = [rules.form(rules.ask("Well?", slot)) for slot in ("a", "b")]
    forms[0].then(forms[1])
    forms[1].then(forms[0])
    rules.on("{a} and {b}", answer=forms[0])
    with pytest.raises(ConfigError, match="at most 20 moves between states in turn 1"):
        Caller(rules).says("this and that")
