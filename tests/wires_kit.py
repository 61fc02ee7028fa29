"""A server in memory and in virtual time, and calls that come to it over any carrier: for tests of whole servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import trio
from trio.testing import MockClock

from voicekit import CallPolicy, Policy, Say, Session, Turn
from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit.flow.threads import inline
from voicekit.testing import PhoneLine, Script, ScriptedVad, Timeline
from voicekit.testing.phone_sound import PhoneEars, PhoneVoice
from voicekit_phone.rehearsal import PUBLIC, FirstContact, Rung
from voicekit_phone.rest.client import CarrierClient
from voicekit_serve.site import CallSite

WIRES = (
    "twilio", "signalwire", "cloudonix", "telnyx", "plivo", "vobiz", "exotel", "vonage", "genesys", "jambonz",
)  # fmt: skip
WAY_S = 0.03
NOON = 1_700_000_000.0
GREETING = "Good morning."


async def desk_bot(turn: Turn, say: Say) -> None:
    """Answers what is asked, counts keys, says goodbye when asked to, and puts callers through."""
    if turn.reason == "dtmf":
        await say(f"You pressed {turn.keys}.")
    elif "goodbye" in turn.text:
        turn.end_call("Thank you for calling, and goodbye.")
    elif "person" in turn.text:
        turn.transfer("+15550009999")
        await say("One moment.")
    else:
        await say("We are open from nine to five, every day but Sunday.")


@dataclass
class Served:
    """A site in memory, with what came of its calls."""

    wire: str
    first: FirstContact
    site: CallSite
    transport: Any
    asked: list[httpx.Request] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    timelines: list[Timeline] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)

    @property
    def ended(self) -> dict[EndReason, int]:
        return dict(self.site.desk.counts.ended)

    @property
    def spoken(self) -> list[str]:
        """The first call's timeline without times."""
        return [line[9:] for line in self.timelines[0].lines()]


def on_site(
    wire: str, script: Script, use: Callable[[Served], Awaitable[None]], *, handler: Any = desk_bot, **how: Any
) -> Served:
    """Serve calls of `wire`, whose callers are `script`, while `use(served)` rings."""
    first = FirstContact(wire)
    policy = Policy(call=CallPolicy(greeting=GREETING))

    async def answer(call: Call) -> Session:
        voice = PhoneVoice(call.sink.format)
        session = Session(
            handler=handler, call=call, stt=PhoneEars(script), vad=ScriptedVad(), tts=voice, policy=policy
        )
        served.calls.append(call)
        served.timelines.append(Timeline())
        session.watch(served.timelines[-1].note)
        return session

    transport: Any = first.transport()
    site = CallSite(answer, [transport], public_url=PUBLIC, now=lambda: NOON + trio.current_time(), **how)
    served = Served(wire, first, site, transport)
    rest_in_memory(transport, site, served.asked)

    async def main() -> None:
        inline.set(True)
        with trio.fail_after(300):
            await use(served)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return served


def rest_in_memory(transport: Any, site: CallSite, asked: list[httpx.Request]) -> None:
    """Have the carrier of `transport`, if it has a REST, grant every request; they are put into `asked`."""

    def carrier_rest(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    if getattr(transport, "client", None) is not None:
        memory = httpx.MockTransport(carrier_rest)
        transport.client = CarrierClient(transport.client.account, transport=memory, now=site.now)


def held_on(wire: str, script: Script) -> Served:
    """One call of `script` over `wire`."""

    async def use(served: Served) -> None:
        served.rungs.append(await ring(served, script))

    return on_site(wire, script, use)


async def ring(served: Served, script: Script, call: str = "call-1") -> Rung:
    first = FirstContact(served.wire, call)
    return await first.ring(served.site, served.transport, script, PhoneLine(transport=first.dialect, delay=WAY_S))
