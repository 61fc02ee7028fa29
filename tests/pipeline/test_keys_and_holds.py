"""Keys that are collected, a caller on hold, transfers and machines, in whole calls and virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from voicekit import CallPolicy, Policy, Session, open_event_log
from voicekit.audio.format import AudioFormat
from voicekit.call.connection import Call, open_call
from voicekit.call.info import EndReason
from voicekit.contracts import Reply
from voicekit.errors import ConfigError, Unavailable
from voicekit.events import (
    AnsweredBy,
    CallerHeld,
    Dtmf,
    SessionEvent,
    Transferred,
    TurnCommitted,
)
from voicekit.flow.threads import inline
from voicekit.llm import LanguageModel, collect_keys, end_call, send_digits, transfer_call
from voicekit.reply.handler import Turn
from voicekit.rules import Rules, Step
from voicekit.testing import FakeTts, HeldCall, Script, hold_call
from voicekit.testing.carrier import ScriptedCarrier
from voicekit.testing.llm import AnswerCalls, ModelServer, ScriptedAnswer
from voicekit_openai.models import openai
from voicekit_phone.genesys import GenesysPeer, GenesysWire

MULAW = AudioFormat(8000, "mulaw")
PROMPT = "Please enter your four-digit number, and then wait until I have found you in my book."


def pin(**how: Any) -> Callable[[Turn], str]:
    """A bot that asks for a number, and reads back what was keyed in."""

    def bot(turn: Turn) -> str:
        if turn.reason == "keys":
            return f"You pressed {' '.join(turn.keys) or 'nothing'}."
        turn.collect(how.get("most", 4), **{name: value for name, value in how.items() if name != "most"})
        return PROMPT

    return bot


def called(bot: Any, *keys: tuple[float, str], until: float = 30.0, says: tuple[str, float] | None = None) -> HeldCall:
    """A caller who says hello, and presses `keys` at their times."""
    user = Script()
    user.says("hello", at=0.5, for_=0.5)
    if says is not None:
        user.says(says[0], at=says[1], for_=0.8)
    for at, key in keys:
        user.presses(key, at=at)
    user.stays(until=until)
    return hold_call(bot, user)


def committed(call: HeldCall) -> list[tuple[str, str]]:
    return [(event.reason, event.text) for _, event in call.events if isinstance(event, TurnCommitted)]


def when(call: HeldCall, reason: str) -> float:
    return next(at for at, event in call.events if isinstance(event, TurnCommitted) and event.reason == reason)


def test_keys_come_as_one_turn_and_the_first_cuts_the_prompt() -> None:
    """Four keys, pressed over the prompt: it is cut at once, and one turn has all of them."""
    call = called(pin(), (3.0, "5"), (3.4, "5"), (3.8, "1"), (4.2, "2"))
    assert committed(call) == [("speech", "hello"), ("keys", "5 5 1 2")]
    assert call.history[0].cut
    assert call.history[-1].heard == "You pressed 5 5 1 2."
    assert when(call, "keys") == pytest.approx(4.2, abs=0.05)


def test_the_end_key_completes_and_is_dropped() -> None:
    """Two digits and a #."""
    call = called(pin(), (3.0, "5"), (3.5, "6"), (4.0, "#"))
    assert committed(call)[1:] == [("keys", "5 6")]
    assert when(call, "keys") == pytest.approx(4.0, abs=0.05)


def test_a_pause_completes_what_there_is() -> None:
    """Three seconds behind the last of two keys."""
    call = called(pin(within=3.0), (3.0, "5"), (5.5, "6"))
    assert committed(call)[1:] == [("keys", "5 6")]
    assert when(call, "keys") == pytest.approx(8.5, abs=0.05)


def test_no_key_is_a_turn_without_keys() -> None:
    """With `first`, a caller who presses nothing is answered, that long after the prompt has been heard."""
    call = called(pin(first=4.0))
    assert committed(call)[1:] == [("keys", "")]
    assert call.history[-1].heard == "You pressed nothing."


def test_only_the_end_key_is_a_turn_without_keys() -> None:
    """A caller who has nothing to enter."""
    call = called(pin(), (3.0, "#"))
    assert committed(call)[1:] == [("keys", "")]


def test_a_stop_key_completes_and_is_kept() -> None:
    """Such as a * that means something to the bot."""
    call = called(pin(stop="*"), (3.0, "5"), (3.5, "*"))
    assert committed(call)[1:] == [("keys", "5 *")]


def test_a_caller_who_speaks_instead_is_answered_and_the_order_is_over() -> None:
    """The keys that follow are keys like any other."""

    def bot(turn: Turn) -> str:
        if turn.reason == "dtmf":
            return f"One key, {turn.keys}."
        if turn.text == "hello":
            turn.collect(4)
            return "Your number?"
        return "As you like."

    call = called(bot, (12.0, "5"), says=("I have none", 6.0))
    assert committed(call) == [("speech", "hello"), ("speech", "I have none"), ("dtmf", "5")]
    assert call.history[-1].heard == "One key, 5."


def test_keys_over_a_reply_that_must_be_heard_are_kept() -> None:
    """They are collected while it plays, and answered behind it."""

    def bot(turn: Turn) -> str:
        return f"You pressed {turn.keys}."

    async def during(session: Session) -> None:
        await session.say("This call may be recorded for training, and is.", interruptible=False)
        session._turn(Reply(1, "", "say")).collect(2)

    user = Script()
    user.presses("1", at=1.0)
    user.presses("2", at=1.5)
    user.stays(until=15.0)
    call = hold_call(bot, user, during=during)
    assert not call.history[0].cut
    assert call.history[-1].heard == "You pressed 12."


@pytest.mark.parametrize(
    ("most", "how"), [(0, {}), (4, {"within": 0}), (4, {"first": -1}), (4, {"end": "x"}), (4, {"stop": "12x"})]
)
def test_what_can_not_be_collected_is_refused(most: int, how: dict[str, Any]) -> None:
    """A ConfigError at once, in the handler."""
    with pytest.raises(ConfigError, match=r"turn\.collect\(\)"):
        Turn(1, "").collect(most, **how)


def test_an_uninterruptible_greeting_is_heard_and_speech_over_it_answered() -> None:
    """A consent greeting: nothing cuts it."""
    user = Script()
    user.says("yes hello who is there", at=1.0, for_=1.5)
    policy = Policy(
        call=CallPolicy(greeting="This call is recorded. Say no if you mind.", greeting_interruptible=False)
    )
    call = hold_call("Thank you.", user, policy=policy)
    assert call.history[0].heard == "This call is recorded. Say no if you mind."
    assert not call.history[0].cut
    assert call.history[1].user == "yes hello who is there"


# --- rules ---


def ruled(**how: Any) -> Rules:
    bot = Rules()
    number = bot.ask("Your number, please.", "number", "4 digits", reprompts=["Four digits, please."], **how)
    number.then("Thank you. {number}.")
    bot.on("hello", answer=number)
    return bot


def test_rules_collect_the_digits_that_they_ask_for() -> None:
    """One turn for four keys."""
    call = called(ruled(), (3.0, "5"), (3.5, "5"), (4.0, "1"), (4.5, "2"))
    assert committed(call) == [("speech", "hello"), ("keys", "5 5 1 2")]
    assert call.history[-1].heard == "Thank you. 5 5 1 2."


def test_too_few_digits_are_asked_for_again() -> None:
    """`key_timeout` behind the second key comes the reprompt, and then four keys do."""
    keys = [(3.0, "5"), (3.5, "5"), (10.0, "1"), (10.3, "2"), (10.6, "3"), (10.9, "4")]
    call = called(ruled(key_timeout=2.0), *keys)
    assert [exchange.said for exchange in call.history] == ["Your number, please.", "Four digits, please.",
                                                            "Thank you. 1 2 3 4."]  # fmt: skip
    assert when(call, "keys") == pytest.approx(5.5, abs=0.05)


def test_digits_of_any_number_are_complete_after_a_pause() -> None:
    """Without a #, `key_timeout` ends them."""
    bot = Rules()
    bot.on("hello", answer=(account := bot.ask("Your account?", "account", "digits", key_timeout=2.0)))
    account.then("Account {account}.")
    call = called(bot, (3.0, "7"), (3.5, "8"))
    assert call.history[-1].heard == "Account 7 8."


def test_a_rule_sends_keys_and_hands_over_only_where_a_call_can() -> None:
    """Without a call that is an error, and nothing is announced."""
    bot = Rules()
    bot.on("hello", answer=Step("One moment.", transfer="+15550009"))
    with pytest.raises(ConfigError, match="expected a call whose carrier can transfer it"):
        called(bot)


def test_a_toml_file_has_them(tmp_path: Path) -> None:
    """`key_timeout`, `transfer` and `digits`, each checked."""
    file = tmp_path / "bot.toml"
    file.write_text(
        '[[rule]]\nphrases = "a person"\nsay = "One moment."\ntransfer = "+15550009"\n'
        '[[rule]]\nphrases = "the menu"\ndigits = "1w2"\n'
        '[[rule]]\nphrases = "hello"\ngoto = "number"\n'
        '[ask.number]\nprompt = "Your number?"\nkind = "4 digits"\nkey_timeout = 2\nsay = "It is {number}."\n',
        encoding="utf-8",
    )
    call = called(Rules.load(file), (3.0, "5"), (3.5, "5"), (4.0, "1"), (4.5, "2"))
    assert call.history[-1].heard == "It is 5 5 1 2."
    file.write_text('[[rule]]\nphrases = "a"\ntransfer = "+1"\nend = true\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="expected only a transfer"):
        Rules.load(file)


# --- a call over a wire: holds, transfers, answering machines ---


class Control:
    """What a carrier does at our request; keeps what it was asked."""

    def __init__(self, *, can: str = "hang_up transfer digits", refuses: bool = False) -> None:
        self.can = frozenset(can.split())
        self.asked: list[tuple[str, str]] = []
        self._refuses = refuses

    async def _do(self, what: str, about: str = "") -> None:
        await trio.sleep(0.2)
        self.asked.append((what, about))
        if self._refuses:
            raise Unavailable("the carrier failed", service="test")

    async def hang_up(self) -> None:
        await self._do("hang up")

    async def transfer(self, to: str) -> None:
        await self._do("transfer", to)

    async def send_digits(self, digits: str) -> None:
        await self._do("digits", digits)


class Wire(GenesysWire):
    """Genesys's, which has holds; without a goodbye of its own, so that the control is asked for it."""

    can = frozenset({"clear"})

    def hang_up(self, reason: str) -> list[str]:
        return []


Far = Callable[[ScriptedCarrier, Call, Session], Awaitable[None]]


def carried(bot: Any, far: Far, control: Control | None = None, **parts: Any) -> tuple[Call, list[tuple[float, Any]]]:
    """The call, and its events with their times, after a session over the wire in which `far` plays the caller."""
    events: list[tuple[float, SessionEvent]] = []
    calls: list[Call] = []

    async def main() -> None:
        inline.set(True)  # in a thread, the clock would jump
        start = trio.current_time()
        carrier = ScriptedCarrier(GenesysPeer(), MULAW)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(carrier.run)
            async with open_call(carrier.stream, Wire(), control=control) as call:
                calls.append(call)
                parts.setdefault("policy", Policy(call=CallPolicy(greeting="Good morning, this is a long greeting.")))
                session = Session(handler=bot, call=call, stt=None, vad=None, tts=FakeTts(), **parts)
                session.watch(lambda event: events.append((trio.current_time() - start, event)))
                nursery.start_soon(far, carrier, call, session)
                await session.run()
                if call.end is None:
                    call.hang_up()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return calls[0], events


def at(events: list[tuple[float, Any]], kind: type, **fields: Any) -> list[float]:
    return [
        at for at, event in events
        if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
    ]  # fmt: skip


def say_hold(carrier: ScriptedCarrier, held: bool) -> None:
    carrier.say(carrier.peer.hold(held))  # type: ignore[attr-defined]


def test_a_caller_on_hold_hears_the_rest_when_they_are_back() -> None:
    """The greeting stops, nothing of it is played for ten seconds, and then it goes on where it was."""
    played: list[int] = []

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await trio.sleep(1.0)
        say_hold(carrier, True)
        await trio.sleep(0.5)
        played.append(carrier.position)
        await trio.sleep(9.5)
        played.append(carrier.position)
        assert call.held
        say_hold(carrier, False)
        await trio.sleep(10.0)
        assert session.history[0].heard == "Good morning, this is a long greeting."
        assert not session.history[0].cut
        carrier.say(*carrier.peer.stop())

    _, events = carried("Yes?", far)
    assert played[0] == played[1]
    assert [event.held for _, event in events if isinstance(event, CallerHeld)] == [True, False]


def test_no_idle_prompt_and_no_time_limit_counts_while_the_caller_is_on_hold() -> None:
    """Idle after 5 s and ended after 20 s: a hold of 60 s puts both off by as much."""

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await trio.sleep(2.0)
        say_hold(carrier, True)
        await trio.sleep(60.0)
        say_hold(carrier, False)

    policy = Policy(call=CallPolicy(idle_after=5.0, idle_prompt="Are you there?", max_duration=20.0, farewell=None))
    _, events = carried("Yes?", far, policy=policy)
    prompts = at(events, TurnCommitted, reason="idle")
    assert prompts[0] == pytest.approx(65.0, abs=0.1)
    assert events[-1][0] == pytest.approx(80.0, abs=1.0)
    assert events[-1][1].why == "maximum duration"


def test_a_reply_that_begins_on_hold_is_heard_behind_it() -> None:
    """What the bot says of its own accord waits."""

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await trio.sleep(0.5)
        say_hold(carrier, True)
        await trio.sleep(1.0)
        await session.say("By the way.")
        await trio.sleep(10.0)
        assert carrier.position == 0
        say_hold(carrier, False)
        await trio.sleep(5.0)
        assert session.history[-1].heard == "By the way."
        carrier.say(*carrier.peer.stop())

    carried("Yes?", far, policy=Policy())


def person(turn: Turn) -> str:
    turn.transfer("+15550009")
    return "I put you through now, please hold the line."


async def press(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
    await trio.sleep(0.5)
    carrier.say(carrier.peer.digit("0"))


def test_a_transfer_comes_behind_the_reply_and_ends_the_call() -> None:
    """The words are heard, the carrier is asked once, and the call's end says so; nobody is hung up on."""
    control = Control()
    call, events = carried(person, press, control, policy=Policy())
    assert control.asked == [("transfer", "+15550009")]
    assert call.end is not None
    assert call.end.reason is EndReason.TRANSFERRED
    assert at(events, Transferred, error=None)


def test_a_transfer_that_is_refused_is_excused_and_the_call_goes_on() -> None:
    """The event has the error; the caller hears what to make of it; at the end the carrier is asked to hang up."""
    control = Control(refuses=True)

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await press(carrier, call, session)
        await trio.sleep(15.0)
        assert session.history[-1].heard == "I'm sorry, I could not put you through."
        session.end()

    call, events = carried(person, far, control, policy=Policy())
    assert isinstance(next(event for _, event in events if isinstance(event, Transferred)).error, Unavailable)
    assert control.asked == [("transfer", "+15550009"), ("hang up", "")]
    assert isinstance(call.trouble, Unavailable)


def test_a_caller_who_interrupts_is_not_transferred() -> None:
    """A key over the reply that announces it."""
    control = Control()

    def bot(turn: Turn) -> str:
        return person(turn) if turn.keys == "0" else "All right, I stay."

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await press(carrier, call, session)
        await trio.sleep(1.5)
        carrier.say(carrier.peer.digit("1"))
        await trio.sleep(8.0)
        carrier.say(*carrier.peer.stop())

    call, _ = carried(bot, far, control, policy=Policy())
    assert control.asked == []
    assert call.end is not None
    assert call.end.reason is EndReason.CALLER


def test_what_a_call_can_not_do_is_refused_beforehand() -> None:
    """Nothing is announced, and the reply fails with what is missing."""

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        with pytest.raises(ConfigError, match="transfer: genesys cannot transfer"):
            await call.transfer("+15550009")
        with pytest.raises(ConfigError, match="send_digits: genesys cannot send keys"):
            await call.send_digits("1")
        carrier.say(*carrier.peer.stop())

    carried(person, far, policy=Policy())


def test_targets_and_keys_are_checked_and_not_quoted() -> None:
    """A typing error is told without what was typed."""

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        for target in ("", "+", "+1 555", "sip:", "a b", "<Dial>", "+155500011112222333"):
            with pytest.raises(ConfigError, match=r"^transfer: expected a number such as"):
                await call.transfer(target)
        for keys in ("", "x", "12 3"):
            with pytest.raises(ConfigError, match=r"expected the keys 0-9"):
                await call.send_digits(keys)
        await call.send_digits("12w#")
        carrier.say(*carrier.peer.stop())

    control = Control()
    carried("Yes?", far, control, policy=Policy())
    assert control.asked == [("digits", "12w#")]


def test_a_turn_that_is_cut_does_not_take_an_order_back() -> None:
    """The carrier has been asked: the keys are sent though their handler is cancelled meanwhile."""
    control = Control()

    async def bot(turn: Turn) -> str:
        if turn.keys == "0":
            assert turn.call is not None
            await turn.call.send_digits("55")
            raise AssertionError("cancelled before the carrier's answer")
        return "Yes?"

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await press(carrier, call, session)
        await trio.sleep(0.1)
        carrier.say(carrier.peer.digit("1"))
        await trio.sleep(3.0)
        carrier.say(*carrier.peer.stop())

    carried(bot, far, control, policy=Policy())
    assert control.asked == [("digits", "55")]


@pytest.mark.parametrize("ours", [True, False])
def test_a_call_is_hung_up_by_request_if_we_end_it(ours: bool) -> None:
    """And not if the caller did."""
    control = Control()

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await trio.sleep(1.0)
        if ours:
            session.end()
        else:
            carrier.say(*carrier.peer.stop())

    carried("Yes?", far, control)
    assert control.asked == ([("hang up", "")] if ours else [])


@pytest.mark.parametrize(("who", "greeted", "asks"), [("machine", True, True), ("machine", False, False),
                                                      ("human", False, False)])  # fmt: skip
def test_who_answered_is_an_event_and_a_machine_that_waits_is_spoken_to(who: Any, greeted: bool, asks: bool) -> None:
    """The handler is asked with the reason "machine"."""

    def bot(turn: Turn) -> str:
        turn.end()
        return f"For the {turn.reason}."

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await trio.sleep(1.0)
        call.note_answered(AnsweredBy(who, greeted))
        await trio.sleep(10.0)
        carrier.say(*carrier.peer.stop())

    call, events = carried(bot, far, policy=Policy())
    assert at(events, AnsweredBy, who=who, greeted=greeted)
    assert bool(at(events, TurnCommitted, reason="machine")) is asks
    assert call.answered_by == AnsweredBy(who, greeted)


# --- tools for models ---


def modelled(control: Control, *answers: Any, keys: str = "0", **how: Any) -> tuple[Call, ModelServer]:
    """A model answers a caller who presses `keys`, one each two seconds."""
    server = ModelServer(*answers)
    tools = [end_call, send_digits, collect_keys, transfer_call({"sales": "+15550009", "the desk": "sip:d@b.example"})]
    bot: LanguageModel = openai(model="m", api_key="k", transport=server.transport, tools=tools)

    async def far(carrier: ScriptedCarrier, call: Call, session: Session) -> None:
        await trio.sleep(0.5)
        for key in keys:
            carrier.say(carrier.peer.digit(key))
            await trio.sleep(how.get("every", 2.0))
        await trio.sleep(12.0)
        carrier.say(*carrier.peer.stop())

    return carried(bot, far, control, policy=Policy())[0], server


def test_a_model_transfers_to_a_name_and_never_sees_a_number() -> None:
    """The words are heard first; nothing that was sent to the model has the number in it."""
    control = Control()
    calls = AnswerCalls("transfer_call", {"to": "sales"})
    call, server = modelled(control, ScriptedAnswer("I put you through.", calls), "")
    assert control.asked == [("transfer", "+15550009")]
    assert call.end is not None
    assert call.end.reason is EndReason.TRANSFERRED
    assert not any("15550009" in str(asked.body) for asked in server.asked)


def test_a_name_that_is_none_is_refused() -> None:
    """The model is told, and nobody is handed over."""
    control = Control()
    calls = AnswerCalls("transfer_call", {"to": "+15551234"})
    modelled(control, ScriptedAnswer("Hm.", calls), "I can't do that.")
    assert ("transfer", "+15551234") not in control.asked


def test_a_model_ends_the_call_and_presses_keys() -> None:
    """Keys at once, the end behind the words."""
    control = Control()
    press, end = AnswerCalls("send_digits", {"digits": "12#"}), AnswerCalls("end_call", {})
    call, _ = modelled(control, ScriptedAnswer("A moment.", press), ScriptedAnswer("Goodbye.", end), "")
    assert control.asked == [("digits", "12#"), ("hang up", "")]
    assert call.end is not None
    assert call.end.reason is EndReason.BOT


def test_a_model_collects_keys() -> None:
    """They come as one message of the caller."""
    calls = AnswerCalls("collect_keys", {"most": 3})
    _, server = modelled(Control(), ScriptedAnswer("Your", calls), "number?", "Thank you.", keys="0567", every=2.0)
    assert server.asked[-1].body["messages"][-1]["content"].endswith("5 6 7")
    assert len(server.asked) == 3


def test_tools_of_a_call_that_can_not_say_so() -> None:
    """The model is told, in words."""
    control = Control(can="hang_up")
    calls = AnswerCalls("transfer_call", {"to": "sales"}), AnswerCalls("send_digits", {"digits": "1"})
    _, server = modelled(control, ScriptedAnswer("Let me see.", *calls), "I can't.")
    results = str(server.asked[1].body)
    assert "can't be transferred" in results
    assert "no way to press keys" in results


# --- the event log ---


@pytest.mark.parametrize("digits", [False, True])
async def test_the_event_log_has_no_digits_unless_asked(tmp_path: Path, digits: bool) -> None:
    """Keys, and turns made of them; words and the rest stay."""
    path = tmp_path / "events.jsonl"
    async with open_event_log(path, digits=digits) as note:
        note(Dtmf("7"))
        note(TurnCommitted(1, "my number is 7 8 #", "dtmf"))
        note(TurnCommitted(2, "7 8", "keys"))
        note(TurnCommitted(3, "7 people", "speech"))
    text = path.read_text(encoding="utf-8")
    assert ("7 8" in text) is digits
    assert ('"digit": "7"' in text) is digits
    assert "my number is" in text
    assert "7 people" in text
