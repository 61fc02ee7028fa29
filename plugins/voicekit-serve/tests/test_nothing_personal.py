"""Nothing of a caller is in a log, a metric, an error or a repr: a scan over all carriers' calls, good and bad."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from tests.wires_kit import GREETING, WIRES, Served, on_site, ring
from voicekit import Say, Turn
from voicekit.call.connection import open_call
from voicekit.errors import VoicekitError
from voicekit.testing import PhoneLine, Script, ScriptedCarrier
from voicekit.testing.phone_call import carrier_of
from voicekit_phone.rehearsal import CALLED, CALLER, SECRET, TOKEN, UNANNOUNCED, FirstContact

WORDS = "aubergine flamingo"
ANSWER = "Your balance is seventeen thousand."
KEYS = "4711"
TARGET = "+15550009999"
PARAMETER = "loyalty-platinum-0815"
PERSONAL = (
    CALLER, CALLED, CALLER[1:], CALLED[1:], "+3545550001", "+911150000001", TARGET,
    *WORDS.split(), "balance", "seventeen", GREETING, TOKEN, SECRET, PARAMETER,
)  # fmt: skip


async def teller(turn: Turn, say: Say) -> None:
    """Says something private, raises with the caller's words, and transfers or sends keys where it can."""
    if turn.reason == "dtmf":
        raise ValueError(f"no account {turn.keys} of {turn.session.call.info.caller}")
    if "person" in turn.text:
        turn.transfer(TARGET)
    await say(ANSWER)


def customer() -> Script:
    """Speaks, presses a key that makes the handler raise, asks for a person, and hangs up."""
    user = Script()
    user.says(WORDS, at=2.0, for_=1.2)
    for number, key in enumerate(KEYS):
        user.presses(key, at=7.0 + number / 10)
    user.says("a person", at=11.0, for_=0.8)
    user.stays(until=17.0)
    return user


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Every record of every logger, at every level, with its message, its arguments and its traceback."""
    lines: list[str] = []
    formatter = logging.Formatter("%(name)s %(message)s %(args)s")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(formatter.format(record))

    root, handler = logging.getLogger(), Keep()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    serving = logging.getLogger("voicekit.serve")
    before = serving.level
    serving.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        serving.setLevel(before)
        root.setLevel(level)
        root.removeHandler(handler)


def found_in(text: str, *more: str) -> list[str]:
    return [secret for secret in (*PERSONAL, *more) if secret and secret in text]


@pytest.mark.parametrize("wire", WIRES)
def test_whole_calls_leave_nothing_personal_behind(wire: str) -> None:
    """A good call, one whose handler raises with the caller's words, a refused one, one with a used token."""

    async def use(served: Served) -> None:
        rung = await ring(served, customer())
        served.rungs.append(rung)
        served.site.desk.draining = True
        await ring(served, customer(), "call-2")
        served.site.desk.draining = False
        again = FirstContact(wire, "call-1")
        request = again.webhook(served.site.now())
        if request is not None:
            await again.ring(served.site, served.transport, Script())

    with everything_logged() as lines:
        served = on_site(wire, customer(), use, handler=teller)
    token = served.rungs[0].token
    call = served.calls[0]
    shown = {
        "logs": "\n".join(lines),
        "metrics": served.site.metrics(),
        "reprs": repr(
            [call, call.info, call.end, call.sink, call.source, served.site, served.transport, *served.rungs]
        ),
        "ends": str(call.end),
        "trouble": repr(call.trouble),
    }
    assert any("begins" in line for line in lines)
    for where, text in shown.items():
        assert found_in(text, token) == [], where


@pytest.mark.parametrize("wire", WIRES)
def test_errors_of_the_wire_quote_nothing(wire: str) -> None:
    """Hundreds of broken messages, each with what is personal in it: no error, notice or end has any of it."""
    first = FirstContact(wire)
    roll = random.Random(wire)
    personal = {"from": CALLER, "caller": CALLER, "digit": KEYS, "payload": WORDS}
    personal |= {"reason": roll.choice([CALLER, WORDS, KEYS]), "code": CALLER[1:], "message": WORDS}
    shown: list[str] = []
    for _ in range(300):
        ours = first.dialect.wire()
        begun = list(first.peer().begin({"tier": PARAMETER}))
        if roll.random() < 0.7:
            for message in begun:
                shown.append(repr(ours.receive(message)))
        try:
            shown.append(repr(ours.receive(broken(begun, personal, roll))))
        except VoicekitError as error:
            shown.append(f"{error!r} {error} {error.__cause__!r} {error.__context__!r}")
    assert found_in("\n".join(shown), KEYS) == []


def broken(begun: list[str | bytes], personal: dict[str, str], roll: random.Random) -> str:
    """One of the carrier's messages, or one that it knows not, with personal things in all places; or half of it."""
    chosen = roll.choice([message for message in begun if isinstance(message, str)])
    value = json.loads(chosen)
    kind = roll.choice(
        ["start", "media", "dtmf", "mark", "stop", "update", "error", "close", CALLER, KEYS, *WORDS.split()]
    )
    if "seq" in value:
        value["seq"] = len(begun) + 1  # otherwise nothing after the number is read
    for key in [key for key in ("event", "type") if key in value] or ["event"]:
        if roll.random() < 0.8:
            value[key] = kind
    value |= personal | {kind: dict(personal), "parameters": dict(personal), "media": dict(personal)}
    text = json.dumps(value)
    return text if roll.random() < 0.7 else text[: roll.randrange(len(text))]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_call_that_does_not_start_says_why_without_the_caller(wire: str, autojump_clock: object) -> None:
    """The message that should have started it has the caller's number, and is not understood."""
    first = FirstContact(wire)
    carrier: ScriptedCarrier = carrier_of(PhoneLine(transport=first.dialect), first.dialect)
    carrier.say(json.dumps({"event": "start", "from": CALLER, "start": {"media_format": {"encoding": WORDS}}})[:-3])
    carrier.vanish(1006)
    with pytest.raises(VoicekitError) as raised:
        async with open_call(carrier.stream, first.dialect.wire()):
            await trio.sleep(1)
    assert found_in(f"{raised.value!r} {raised.value}") == []


def test_what_is_scanned_for_would_be_found() -> None:
    """The scan sees what it should: the peers do say the caller's numbers, and the site does log."""
    said = "".join(str(FirstContact(wire).webhook(1.7e9)) + str(FirstContact(wire).upgrade) for wire in WIRES)
    assert CALLER not in said, "a webhook shows none of its fields"
    fields = [FirstContact(wire).webhook(1.7e9) for wire in WIRES if wire not in UNANNOUNCED]
    assert all(request is not None and b"15550001111" in request.body for request in fields)
    with everything_logged() as lines:
        logging.getLogger("voicekit.serve").warning("call of %s", CALLER)
    assert found_in("\n".join(lines)) == [CALLER, CALLER[1:]]
