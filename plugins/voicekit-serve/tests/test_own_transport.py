"""The transport that docs/transports.md shows: at most 60 lines, and it keeps the contract, talks and is served."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.house.markdown import read
from tests.house.source import ROOT
from voicekit import Bot, Session
from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit.flow.threads import inline
from voicekit.testing import PhoneLine, Script, ScriptedVad, check_call, hold_call
from voicekit.testing.phone_call import carrier_of, dial
from voicekit.testing.phone_sound import PhoneEars, PhoneVoice
from voicekit.testing.upgrade import MemoryUpgrade
from voicekit_serve.site import CallSite

MOST_LINES = 60
SHOWN = {
    block.name: block.text for block in read((ROOT / "docs/transports.md").read_text("utf-8")).blocks if block.mark
}


@pytest.fixture
def cup() -> Iterator[dict[str, Any]]:
    """The names of both files that the page shows, as a program that wrote them would have them."""
    names: dict[str, Any] = {}
    try:
        for name in ("paper_cup", "paper_cup_peer"):
            module = sys.modules[name] = ModuleType(name)
            exec(compile(SHOWN[name], f"docs/transports.md: {name}.py", "exec"), vars(module))
            names |= vars(module)
        yield names
    finally:
        for name in ("paper_cup", "paper_cup_peer"):
            sys.modules.pop(name, None)


def somebody() -> Script:
    user = Script()
    user.says("is anybody there", at=1.0, for_=1.0)
    user.stays(until=6.0)
    return user


def test_it_is_short() -> None:
    """The wire and the transport together."""
    assert len(SHOWN["paper_cup"].splitlines()) <= MOST_LINES


async def test_it_keeps_the_contract(cup: dict[str, Any], autojump_clock: object) -> None:
    """As every carrier's wire does."""
    await check_call(cup["CUP"])


def test_a_conversation_goes_over_it(cup: dict[str, Any]) -> None:
    """On a slow and shaky line that loses every third mark."""
    line = PhoneLine(transport=cup["CUP"], delay=0.1, jitter=0.05, lose_marks=3)
    call = hold_call(Bot("Somebody is."), somebody(), over=line)
    assert call.history[0].heard == "Somebody is."
    assert call.call is not None
    assert call.call.end is not None
    assert call.call.end.reason is EndReason.CALLER


@pytest.mark.parametrize(("password", "status"), [("sesame", 101), ("open", 403)])
def test_a_server_holds_its_calls(cup: dict[str, Any], password: str, status: int) -> None:
    """The right token is let in and its call is held to its end; a wrong one is refused before it is accepted."""
    upgrades: list[MemoryUpgrade] = []

    async def answer(call: Call) -> Session:
        voice = PhoneVoice(call.sink.format)
        return Session(handler="Somebody is.", call=call, stt=PhoneEars(somebody()), vad=ScriptedVad(), tts=voice)

    site = CallSite(answer, [cup["Cup"]("sesame")], public_url="https://bot.example")

    async def main() -> None:
        inline.set(True)
        line = PhoneLine(transport=cup["CUP"])
        carrier = carrier_of(line, cup["CUP"])
        (route,) = site.transports[0].routes(site)
        token = cup["Cup"](password)._token
        upgrades.append(MemoryUpgrade(carrier.stream, "wss://bot.example/cup/media/x", parameters={"token": token}))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(route.handle, upgrades[0])  # type: ignore[union-attr]  # a route of a socket
            await upgrades[0].answered.wait()
            if upgrades[0].status == 101:
                await dial(carrier, line, cup["CUP"], somebody())

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert upgrades[0].status == status
    assert site.desk.counts.ended == ({EndReason.CALLER: 1} if status == 101 else {})
