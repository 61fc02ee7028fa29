"""Rules in whole calls: dialogues that are spoken, interrupted and keyed in, silence, and a model behind the rules."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import trio

from tests.pipeline.schedules import shuffled
from voicekit import CallPolicy, Policy, TurnPolicy, hookimpl, load_plugins
from voicekit.events import Decided, TurnCommitted
from voicekit.rules import Rules, Step
from voicekit.testing import Script, hold_call

DAYS = ["Friday", "Saturday"]


def booking() -> Rules:
    rules = Rules()
    people = rules.ask("For how many people?", "people", "number")
    day = rules.ask("On which day?", "day", choices=DAYS, reprompts=["Friday or Saturday?"], give_up="Let us leave it.")
    table = rules.form(people, day, confirm="{people} people on {day}, is that right?")
    table.then(Step("I have booked your table. Goodbye!", end=True))
    rules.on("book a table [for {people:number}]", answer=table)
    rules.on("what time is it", answer="It is ten.")
    return rules


def exchanges(call):
    return [(it.user, it.heard) for it in call.history]


def test_a_form_is_filled_in_a_spoken_call():
    """Each answer is a turn, a question in between is answered, and the call ends when all is said."""
    user = Script()
    for number, text in enumerate(["book a table", "four", "what time is it", "on friday", "yes please"]):
        user.says(text, at=1.0 + 7 * number, for_=0.8)
    user.stays(until=60.0)
    call = hold_call(booking(), user)
    assert exchanges(call) == [
        ("book a table", "For how many people?"),
        ("four", "On which day?"),
        ("what time is it", "It is ten. On which day?"),
        ("on friday", "four people on Friday, is that right?"),
        ("yes please", "I have booked your table. Goodbye!"),
    ]
    assert call.ended.why == "the handler ended the call"
    assert call.seconds < 40
    assert call.tasks_left == 0


def test_who_goes_on_speaking_has_not_answered_yet():
    """Words before the reply is audible take the answer back: the question is answered by all of them."""
    user = Script()
    user.says("book a table", at=1.0, for_=0.8)
    user.says("four", at=8.0, for_=0.4)
    user.says("or rather five", at=9.15, for_=0.9)
    call = hold_call(booking(), user)
    committed = [event.text for _, event in call.events if isinstance(event, TurnCommitted)]
    assert committed == ["book a table", "four", "four or rather five"]
    [_, cut, last] = call.history
    assert (cut.cut, cut.heard) == (True, "")
    assert last.heard == "On which day?"


def test_who_interrupts_the_question_is_understood():
    """A caller who knows what is coming answers early, and the dialogue goes on from there."""
    user = Script()
    user.says("book a table for four", at=1.0, for_=1.0)
    user.says("on friday please", at=3.0, for_=0.9)
    call = hold_call(booking(), user)
    [first, second] = call.history
    assert first.cut
    assert "On which day?".startswith(first.heard)
    assert second.heard == "four people on Friday, is that right?"


def test_silence_is_asked_about_and_given_up():
    """A caller who says nothing hears the reprompt, then that it is left, and then nothing more."""
    user = Script()
    user.says("book a table for four", at=1.0, for_=1.0)
    user.stays(until=40.0)
    policy = Policy(call=CallPolicy(idle_after=5.0))
    call = hold_call(booking(), user, policy=policy)
    heard = [exchange.heard for exchange in call.history]
    assert heard[:3] == ["On which day?", "Friday or Saturday?", "Let us leave it."]
    assert set(heard[3:]) == {""}


def menu() -> Rules:
    rules = Rules()
    main = rules.menu("For your balance press one, for a person press zero.")
    pin = rules.ask("Please enter the four digits of your number.", "pin", "4 digits")
    pin.then("Your balance is {pin}.")
    main.key("1", answer=pin)
    main.key("0", answer=Step("One moment, please.", to=None))
    rules.begin(main)
    return rules


def test_keys_lead_through_menus():
    """A key interrupts the menu, digits are collected in silence, and the last one is answered."""
    user = Script()
    user.presses("1", at=2.0)
    for place, key in enumerate("5512"):
        user.presses(key, at=4.0 + place / 2)
    policy = Policy(call=CallPolicy(greeting="For your balance press one, for a person press zero."))
    call = hold_call(menu(), user, policy=policy)
    heard = [exchange.heard for exchange in call.history]
    assert call.history[0].cut
    assert call.history[1].cut
    assert heard[2:] == ["Your balance is 5 5 1 2."]


def test_keys_pressed_in_an_instant_are_all_there():
    """Who knows the way types ahead: keys that cut off replies that nobody heard count once each."""
    user = Script()
    for key in "15512":
        user.presses(key, at=2.0)
    call = hold_call(menu(), user)
    assert call.history[-1].heard == "Your balance is 5 5 1 2."


def test_rules_come_first_and_the_model_last():
    """What the rules of a plugin can't answer goes on to the session's handler."""
    rules = booking()
    asked = []

    async def model(turn, say):
        asked.append(turn.text)
        await say("I have thought about it.")

    plugin = SimpleNamespace(voicekit_answer=hookimpl(lambda turn: rules.answer(turn)))
    user = Script()
    user.says("what time is it", at=1.0, for_=0.8)
    user.says("what is the meaning of life", at=6.0, for_=1.5)
    call = hold_call(model, user, plugins=load_plugins(extra=[plugin]))
    assert [exchange.heard for exchange in call.history] == ["It is ten.", "I have thought about it."]
    assert asked == ["what is the meaning of life"]


def test_a_function_that_is_interrupted_has_not_happened():
    """Where it says its own words and is cut off, the dialogue stays where it was."""
    rules = Rules()
    day = rules.ask("On which day?", "day", choices=DAYS)

    @day.then
    async def look(day, say):
        await say("One moment, I will have to look that up in the big book.")
        await trio.sleep(60)
        return f"{day} it is."

    rules.on("book a table", answer=day)
    user = Script()
    user.says("book a table", at=1.0, for_=0.8)
    user.says("on friday", at=6.0, for_=0.8)
    user.says("no wait saturday", at=10.0, for_=1.0)
    user.stays(until=90.0)
    call = hold_call(rules, user)
    assert call.history[1].cut
    assert call.history[2].heard == "One moment, I will have to look that up in the big book. Saturday it is."


def test_each_call_has_a_dialogue_of_its_own():
    """The same rules hold many calls, and none of them knows of another."""
    rules = booking()
    user = Script()
    user.says("book a table", at=1.0, for_=0.8)
    assert exchanges(hold_call(rules, user)) == exchanges(hold_call(rules, user))


# --- rolled back ---


def test_a_question_that_is_put_back_rolls_the_whole_dialogue_back():
    """Slots, misses and the end of a dialogue that nobody heard of are undone, in each of several cuts in a row."""
    user = Script()
    user.says("book a table for four", at=1.0, for_=1.0)
    user.says("on friday", at=9.0, for_=0.6)  # answered by the confirmation, which nobody hears
    user.says("no wait", at=10.35, for_=0.5)
    user.says("saturday", at=11.58, for_=0.5)
    user.says("yes", at=18.0, for_=0.3)
    call = hold_call(booking(), user)
    assert [(it.user, it.heard) for it in call.history] == [
        ("book a table for four", "On which day?"),
        ("on friday", ""),
        ("on friday no wait", ""),
        ("on friday no wait saturday", "four people on Saturday, is that right?"),
        ("yes", "I have booked your table. Goodbye!"),
    ]


def test_the_end_of_a_dialogue_that_nobody_heard_is_no_end():
    """The answer that would have left the dialogue is taken back with its question: the state is still asking."""
    rules = Rules()
    sure = rules.ask("Shall I cancel it?", "sure", "yes/no")
    sure.then(lambda sure: "It is cancelled." if sure else "I leave it.")
    rules.on("cancel my table", answer=sure)
    rules.otherwise("Sorry?")
    user = Script()
    user.says("cancel my table", at=1.0, for_=0.8)
    user.says("yes", at=6.0, for_=0.3)
    user.says("please do", at=7.05, for_=0.5)  # before the answer that follows the endpoint; the adviser is faster
    call = hold_call(rules, user, policy=Policy(turn=TurnPolicy(adviser=False)))
    assert exchanges(call) == [
        ("cancel my table", "Shall I cancel it?"),
        ("yes", ""),
        ("yes please do", "It is cancelled."),
    ]


# --- keys pressed in advance ---


def deep_menu() -> Rules:
    rules = Rules()
    main, cards = rules.menu("For cards press one."), rules.menu("To block a card press two.")
    number = rules.ask("The last four digits, please.", "number", "4 digits", reprompts=["Four digits, please."])
    number.then(Step("Card {number} is blocked.", to=main))
    main.key("1", answer=cards)
    cards.key("2", answer=number)
    rules.begin(main)
    return rules


@pytest.mark.parametrize("shuffle", range(20))
def test_keys_that_come_at_once_reach_the_rules_in_order(shuffle):
    """In whatever order trio runs the tasks: a reply that a key cuts before it has begun is not begun afterwards."""
    user = Script()
    for key in "125512":
        user.presses(key, at=1.0)
    user.stays(until=12.0)
    with shuffled(shuffle):
        call = hold_call(deep_menu(), user, policy=Policy(call=CallPolicy(greeting="For cards press one.")))
    assert call.history[-1].heard == "Card 5 5 1 2 is blocked. For cards press one."


@pytest.mark.parametrize("every", [0.0, 0.01, 0.15, 0.4])
def test_keys_typed_ahead_find_their_way_through_the_menus(every):
    """Each key is for the menu that it was meant for, whether they come at once or before each prompt is over."""
    user = Script()
    for place, key in enumerate("125512"):
        user.presses(key, at=1.0 + place * every)
    user.stays(until=12.0)
    call = hold_call(deep_menu(), user, policy=Policy(call=CallPolicy(greeting="For cards press one.")))
    assert call.history[-1].heard == "Card 5 5 1 2 is blocked. For cards press one."


def test_keys_ahead_of_a_prompt_that_must_be_heard_wait_for_its_end():
    """A prompt that can't be interrupted is played; then the keys are taken one after the other."""
    user = Script()
    for place, key in enumerate("125512"):
        user.presses(key, at=1.0 + place * 0.1)
    user.stays(until=12.0)

    async def announce(session):
        await session.say("This call may be recorded.", interruptible=False)

    call = hold_call(deep_menu(), user, during=announce)
    assert [it.heard for it in call.history] == [
        "This call may be recorded.",
        "Card 5 5 1 2 is blocked. For cards press one.",
    ]


# --- understood again ---


def test_an_answer_in_between_begins_the_reprompts_anew():
    """Only misses in a row count: who was understood meanwhile, by a rule or a key, is asked as often as before."""
    rules = booking()
    rules.key("9", answer="Press or say what you like.")
    user = Script()
    for place, text in enumerate(["book a table for four", "the moon", "what time is it", "the moon"]):
        user.types(text, at=1.0 + 6 * place)
    user.presses("9", at=25.0)
    for place, text in enumerate(["the moon", "the moon"]):
        user.types(text, at=31.0 + 6 * place)
    call = hold_call(rules, user)
    assert [it.heard for it in call.history] == [
        "On which day?",
        "Friday or Saturday?",
        "It is ten. On which day?",
        "Friday or Saturday?",
        "Press or say what you like. On which day?",
        "Friday or Saturday?",
        "Let us leave it.",
    ]


@pytest.mark.parametrize(
    "said",
    [
        "I would like to book a table for four",
        "can you please book a table for four",
        "hello, I just wanted to book a table for four please",
        "I was wondering if you could book a table for four for me",
    ],
)
def test_politeness_is_no_obstacle(said):
    """However a caller begins, what counts is what is wanted."""
    user = Script()
    user.says(said, at=1.0, for_=2.5)
    assert hold_call(booking(), user).history[0].heard == "On which day?"


# --- speculation ---


def test_rules_wait_for_the_commit():
    """A guess that turns out wrong has not moved the dialogue, nor called any function."""
    called = []
    rules = booking()
    rules.on("cancel", answer=lambda: called.append("cancelled"))
    user = Script()
    user.says("book a table", at=1.0, for_=0.8)
    user.says("for four", at=2.4, for_=0.6)
    user.says("cancel", at=9.0, for_=0.5)
    user.says("the meeting of my uncle in the town of Bath", at=10.1, for_=2.5)
    call = hold_call(rules, user, policy=Policy(turn=TurnPolicy(speculate=True)))
    discarded = [event.what for _, event in call.events if isinstance(event, Decided) and "discard" in event.what]
    assert discarded == ["discard 1", "discard 2"]
    assert called == []
    assert [it.heard for it in call.history] == ["On which day?", "Friday or Saturday?"]


def test_behind_the_rules_a_model_is_asked_ahead():
    """What no rule answers is the model's at once, on a guess; what one does is not."""
    rules = booking()
    asked = []

    async def model(turn, say):
        asked.append((turn.text, turn.speculative))
        await say("I have thought about it.")

    plugin = SimpleNamespace(voicekit_answer=hookimpl(lambda turn: rules.answer(turn)))
    user = Script()
    user.says("what time is it", at=1.0, for_=0.8)
    user.says("what is the meaning of life", at=6.0, for_=1.5)
    user.says("what time is it", at=14.0, for_=0.8)
    policy = Policy(turn=TurnPolicy(speculate=True))
    call = hold_call(model, user, plugins=load_plugins(extra=[plugin]), policy=policy)
    assert [exchange.heard for exchange in call.history] == ["It is ten.", "I have thought about it.", "It is ten."]
    assert asked == [("what is the meaning of life", True)]
