"""The examples of telephone calls, each over the scripted carrier in virtual time, and none longer than sixty lines."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from voicekit import Session
from voicekit.call.info import CallEnd, EndReason
from voicekit.errors import Unavailable
from voicekit.events import AnsweredBy, Transferred
from voicekit.testing import HeldCall, PhoneLine, Script, ScriptedControl, hold_call
from voicekit.testing.llm import AnswerCalls, ModelServer, ScriptedAnswer
from voicekit_serve import bots, calling, server

EXAMPLES = Path(__file__).parents[2] / "examples"
OURS = ("08_phone_line.py", "09_opening_hours.py", "10_reminder.py", "11_transfer.py")
FRIDAY_NOON = datetime(2026, 12, 18, 11, 0, tzinfo=UTC)
SUNDAY = datetime(2026, 12, 20, 11, 0, tzinfo=UTC)


def example(name: str) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name[:2]}", EXAMPLES / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def called(bot: Any, user: Script, control: ScriptedControl | None = None, **how: Any) -> HeldCall:
    """The call of `user` to `bot` over Twilio's wire."""
    return hold_call(bot, user, over=PhoneLine(transport="twilio", delay=0.05, control=control), **how)


def caller(*acts: tuple[float, str], until: float) -> Script:
    """Words, or a key if it is a single character, at their times."""
    user = Script()
    for at, act in acts:
        if len(act) == 1:
            user.presses(act, at=at)
        else:
            user.says(act, at=at, for_=0.25 * len(act.split()) + 0.2)
    user.stays(until=until)
    return user


def heard(call: HeldCall) -> list[str]:
    return [exchange.heard for exchange in call.history]


def reason(call: HeldCall) -> EndReason:
    assert call.call is not None
    assert call.call.end is not None
    return call.call.end.reason


@pytest.mark.parametrize("name", OURS)
def test_an_example_is_short(name: str) -> None:
    """Sixty lines, docstring and all."""
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < 60


def test_a_phone_line_says_that_it_records_and_answers() -> None:
    """08: speech over the consent greeting does not cut it; it is answered behind it, and the caller says goodbye."""
    line = example("08_phone_line.py")
    call = called(line.bot, caller((2.0, "where are you"), (16.0, "thank you"), until=30.0))
    assert heard(call)[0] == line.CONSENT
    assert heard(call)[1:] == ["At seven Harbour Street, next to the lighthouse.", "Thank you for calling. Goodbye!"]
    assert reason(call) is EndReason.BOT


def test_a_caller_who_minds_the_recording_presses_nine() -> None:
    """08: the key is answered as soon as the greeting is over, and ends the call."""
    line = example("08_phone_line.py")
    call = called(line.bot, caller((3.0, "9"), until=30.0))
    assert heard(call) == [line.CONSENT, "Then please write to us, and we delete this recording. Goodbye!"]
    assert reason(call) is EndReason.BOT


def test_a_parcel_is_found_by_its_digits() -> None:
    """09: one, four digits over the prompt, an unknown number first."""
    office = example("09_opening_hours.py")
    keys = [(2.0, "1"), *((3.5 + 0.3 * place, key) for place, key in enumerate("9999"))]
    keys += [(10.0 + 0.3 * place, key) for place, key in enumerate("4321")]
    call = called(office.bot, caller(*keys, until=20.0))
    said = [exchange.said for exchange in call.history]
    assert said[2].startswith("I know no such parcel.")
    assert said[3] == f"Your parcel is in our office in Gent. {office.MENU}"
    assert reason(call) is EndReason.CALLER


@pytest.mark.parametrize(
    ("now", "said", "ended"),
    [(FRIDAY_NOON, "I put you through. Please hold the line.", EndReason.TRANSFERRED),
     (SUNDAY, "There is nobody in the office now. We open on Monday at 9.", EndReason.CALLER)],
    ids=["open", "closed"],
)  # fmt: skip
def test_a_person_is_there_in_opening_hours(now: datetime, said: str, ended: EndReason) -> None:
    """09: zero puts through on Friday at noon, and says when it opens on Sunday."""
    office, control = example("09_opening_hours.py"), ScriptedControl()
    office.now = lambda: now
    call = called(office.bot, caller((3.0, "0"), until=20.0), control)
    assert heard(call)[1].startswith(said)
    assert reason(call) is ended
    assert control.asked == ([("transfer", office.PERSON)] if ended is EndReason.TRANSFERRED else [])


@pytest.mark.parametrize(
    ("act", "said"),
    [("yes I will", "Good, then we see you."), ("1", "Good, then we see you."),
     ("no I can't", "What a pity. We will call you about another day."),
     ("2", "What a pity. We will call you about another day.")],
)  # fmt: skip
def test_a_reminder_takes_yes_and_no(act: str, said: str) -> None:
    """10: by voice and by key; then it says goodbye and hangs up."""
    control = ScriptedControl()
    call = called(example("10_reminder.py").bot, caller((9.0, act), until=40.0), control)
    assert heard(call)[1:] == [said, "Goodbye!"]
    assert reason(call) is EndReason.BOT


def test_a_machine_is_left_a_message() -> None:
    """10: once the carrier says that the machine has beeped."""
    reminder = example("10_reminder.py")

    async def during(session: Session) -> None:
        session.call.note_answered(AnsweredBy("machine", greeted=True))  # type: ignore[union-attr]

    call = called(reminder.bot, caller(until=60.0), during=during)
    assert heard(call)[1].startswith("This is the dentist's. You have an appointment tomorrow at ten.")
    assert reason(call) is EndReason.BOT


def put_through(control: ScriptedControl, monkeypatch: pytest.MonkeyPatch) -> HeldCall:
    """11: the model calls its tool, and has more to say if it is asked again."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    shop = example("11_transfer.py")
    calls = AnswerCalls("transfer_call", {"to": "repairs"})
    server = ModelServer(ScriptedAnswer("I put you through to the workshop.", calls), "")
    bot = shop.Bot(shop.shop(transport=server.transport), greeting=shop.bot.greeting)
    return called(bot, caller((6.0, "my brakes are broken"), until=40.0), control)


def test_a_model_puts_a_caller_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """11: behind the words that say so, to the number that the model does not know."""
    control = ScriptedControl()
    call = put_through(control, monkeypatch)
    assert heard(call)[1].startswith("I put you through to the workshop.")
    assert control.asked == [("transfer", "+15550102")]
    assert reason(call) is EndReason.TRANSFERRED


def test_a_transfer_that_fails_is_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    """11: the carrier refuses, and the call goes on."""
    control = ScriptedControl(refuses=Unavailable("no", service="twilio"))
    call = put_through(control, monkeypatch)
    assert heard(call)[2] == "I'm sorry, I could not put you through."
    assert [event for _, event in call.events if isinstance(event, Transferred) and event.error is not None]
    assert reason(call) is EndReason.CALLER


@pytest.mark.parametrize(
    ("name", "variables", "arguments"),
    [("08_phone_line.py", {"TWILIO_AUTH_TOKEN": "token", "PUBLIC_URL": "https://bot.example"}, []),
     ("10_reminder.py", {"TWILIO_AUTH_TOKEN": "token", "PUBLIC_URL": "https://bot.example"}, ["+15550001"])],
)  # fmt: skip
async def test_a_program_serves_its_bot(
    name: str, variables: dict[str, str], arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """08 and 10 as programs: what they open and call takes what they give it, and is given their own bot."""
    seen: list[tuple[str, dict[str, Any]]] = []

    def stands_for(function: Callable[..., Any], result: Any) -> Callable[..., Any]:
        def called(*args: Any, **how: Any) -> Any:
            seen.append((function.__name__, dict(inspect.signature(function).bind(*args, **how).arguments)))
            return result

        return called

    async def ended() -> CallEnd:
        return CallEnd(EndReason.CALLER)

    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(bots, "answering", stands_for(bots.answering, nullcontext("the answer")))
    end = ended()
    monkeypatch.setattr(server, "serve", stands_for(server.serve, end))
    monkeypatch.setattr(calling, "call_out", stands_for(calling.call_out, end))
    module = example(name)
    await module.main(*arguments)
    (opened, given), (served, how) = seen
    assert opened == "answering"
    assert given["bot"] is module.bot
    assert served == ("serve" if name.startswith("08") else "call_out")
    assert how["answer"] == "the answer"
