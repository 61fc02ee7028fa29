"""A call over each wire, in virtual time: the far end plays by its own clock, and our position never claims more."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.call.connection import Call, open_call
from voicekit.call.info import EndReason
from voicekit.errors import Unavailable
from voicekit.events import Dtmf, Hangup
from voicekit.flow.link import open_link
from voicekit.testing.carrier import ScriptedCarrier
from voicekit_phone.cloudonix import CloudonixPeer, CloudonixWire
from voicekit_phone.exotel import ExotelPeer, ExotelWire
from voicekit_phone.genesys import GenesysPeer, GenesysWire
from voicekit_phone.jambonz import JambonzPeer, JambonzWire
from voicekit_phone.plivo import PlivoPeer, PlivoWire
from voicekit_phone.signalwire import SignalWirePeer, SignalWireWire
from voicekit_phone.telnyx import TelnyxPeer, TelnyxWire
from voicekit_phone.twilio import MULAW, TwilioPeer, TwilioWire
from voicekit_phone.vonage import VonagePeer, VonageWire

PCM = AudioFormat(16_000)
WIRES: dict[str, tuple[Any, Any, AudioFormat]] = {
    "twilio": (TwilioWire, TwilioPeer, MULAW),
    "telnyx": (TelnyxWire, TelnyxPeer, MULAW),
    "plivo": (PlivoWire, PlivoPeer, PCM),
    "exotel": (ExotelWire, ExotelPeer, PCM),
    "vonage": (VonageWire, VonagePeer, PCM),
    "genesys": (GenesysWire, GenesysPeer, MULAW),
    "jambonz": (JambonzWire, JambonzPeer, PCM),
    "signalwire": (lambda: SignalWireWire(l16="big"), lambda: SignalWirePeer(PCM, big=True), PCM),
    "cloudonix": (CloudonixWire, CloudonixPeer, MULAW),
}


def held(wire: str, use: Callable[[Call, ScriptedCarrier], Awaitable[None]], **how: Any) -> ScriptedCarrier:
    """The carrier after a call over `wire` in which `use(call, carrier)` ran."""
    make_wire, make_peer, spoken = WIRES[wire]
    found: list[ScriptedCarrier] = []

    async def main() -> None:
        carrier = ScriptedCarrier(make_peer(), spoken, **how)
        found.append(carrier)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(carrier.run)
            async with open_call(carrier.stream, make_wire()) as call:
                await use(call, carrier)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return found[0]


def tone(form: AudioFormat, samples: int, at: int = 0) -> AudioFrame:
    """Sound in which each byte tells its place; none of it is silence or jambonz's marker."""
    first = at * form.sample_bytes
    return AudioFrame(bytes(1 + (first + n) % 250 for n in range(samples * form.sample_bytes)), at, form)


async def speak(call: Call, seconds: float) -> int:
    """Write `seconds` of sound, at most the wire's lead ahead of the position, as playout does."""
    form, lead = call.sink.format, call.sink.lead
    async with call.sink.open() as speaker:
        written, base = 0, speaker.position
        while written < form.samples(seconds):
            samples = min(form.samples(0.03), form.samples(seconds) - written)
            await speaker.write(tone(form, samples, written))
            written += samples
            ahead = base + written - speaker.position - form.samples(lead)
            await trio.sleep(max(0, ahead) / form.rate)
        return written


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("delay", [0.0, 0.04, 0.12])
def test_what_is_written_is_played_once_in_order_and_without_a_hole(wire: str, delay: float) -> None:
    """Every sample reaches the caller, in order; the last packet is filled with silence."""

    async def use(call: Call, carrier: ScriptedCarrier) -> None:
        written = await speak(call, 2.01)
        await trio.sleep(1.0)
        assert carrier.position >= written
        async with call.sink.open() as speaker:
            assert speaker.position == written

    form = WIRES[wire][2]
    carrier = held(wire, use, delay=delay)
    pcm = b"".join(pcm for _, pcm in carrier.played)
    assert pcm.rstrip(form.silence(1)) == tone(form, form.samples(2.01)).pcm
    ends = [(at, at + form.seconds(form.count(pcm))) for at, pcm in carrier.played]
    assert all(abs(later - end) < 1e-6 for (_, end), (later, _) in pairwise(ends))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("how", [{}, {"delay": 0.05}, {"late_marks": 0.3}, {"lose_marks": 2}], ids=str)
def test_the_position_never_passes_what_was_played_by_more_than_the_way(wire: str, how: dict[str, float]) -> None:
    """At 200 random moments, cuts among them, the position is at most what the far end has played plus its delay."""
    rolls = random.Random(7)

    async def use(call: Call, carrier: ScriptedCarrier) -> None:
        async with trio.open_nursery() as nursery, call.sink.open() as speaker:
            last = 0

            async def look() -> None:
                nonlocal last
                for _ in range(200):
                    await trio.sleep(rolls.uniform(0.01, 0.2))
                    position = speaker.position
                    assert position >= last
                    assert position <= carrier.position + WIRES[wire][2].samples(carrier.delay) + 1
                    last = position
                    if rolls.random() < 0.1:
                        speaker.discard()
                nursery.cancel_scope.cancel()

            nursery.start_soon(look)
            while True:
                await speak(call, 1.0)

    held(wire, use, **how)


@pytest.mark.parametrize("wire", WIRES)
def test_a_discard_silences_the_far_end_and_old_marks_count_for_nothing(wire: str) -> None:
    """`clear` goes ahead of all sound; marks that come back because of it do not move the position."""

    async def use(call: Call, carrier: ScriptedCarrier) -> None:
        async with call.sink.open() as speaker:
            with trio.move_on_after(1.0):
                await speak(call, 5.0)
            speaker.discard()
            position = speaker.position
            await trio.sleep(1.0)
            assert speaker.position == position
            assert len(carrier.cleared) == 1
            assert position <= carrier.position <= position + WIRES[wire][2].samples(0.1)

    held(wire, use, delay=0.02)


def test_the_caller_is_heard_keys_and_gaps_in_their_places() -> None:
    """Frames count on from each other; where the wire was silent for two seconds there is a gap of that length."""
    heard: list[object] = []

    async def use(call: Call, carrier: ScriptedCarrier) -> None:
        async def far() -> None:
            for n in range(10):
                carrier.say(carrier.peer.sound(bytes(160), n * 20))
                await trio.sleep(0.02)
            carrier.say(carrier.peer.digit("4"))
            await trio.sleep(2.0)
            carrier.say(carrier.peer.sound(bytes(160), 2200))
            await trio.sleep(0.1)
            carrier.say(*carrier.peer.stop())

        outlet, inlet = open_link(100_000, name="test")
        async with trio.open_nursery() as nursery, call.source.open() as run:
            nursery.start_soon(far)
            with outlet, inlet:
                nothing, none = open_link(1, name="nothing")
                with nothing, none:
                    await run(none, outlet)
                outlet.close()
                heard.extend(await inlet.receive_all())
        assert call.end is not None
        assert call.end.reason is EndReason.CALLER

    held("twilio", use)
    frames = [item for item in heard if isinstance(item, AudioFrame)]
    gaps = [item for item in heard if isinstance(item, Gap)]
    assert [frame.at for frame in frames[:10]] == [n * 160 for n in range(10)]
    assert Dtmf("4") in heard
    assert heard[-1] == Hangup()
    assert sum(gap.samples for gap in gaps) + 11 * 160 == pytest.approx(2.2 * 8000, abs=0.6 * 8000)
    assert frames[-1].at == frames[-2].end + sum(gap.samples for gap in gaps)


@pytest.mark.parametrize("wire", WIRES)
def test_a_connection_that_ends_without_a_goodbye_is_lost(wire: str) -> None:
    """The end is `lost`, and writing raises at once."""

    async def use(call: Call, carrier: ScriptedCarrier) -> None:
        await trio.sleep(0.1)
        carrier.vanish(1006)
        await trio.sleep(0.1)
        assert call.end is not None
        assert call.end.reason is EndReason.LOST
        async with call.sink.open() as speaker:
            with pytest.raises(Unavailable, match="the call is over"):
                await speaker.write(tone(call.sink.format, 160))

    held(wire, use)


def test_a_call_that_does_not_start_is_closed_in_time() -> None:
    """A socket that never says `start` is given up after five seconds."""

    async def main() -> float:
        carrier = ScriptedCarrier(TwilioPeer(), MULAW)
        with pytest.raises(Unavailable, match="expected a call to start within 5 s"):
            async with open_call(carrier.stream, TwilioWire()):
                raise AssertionError("no call has started")
        return trio.current_time()

    async def timed() -> float:
        began = trio.current_time()
        return await main() - began

    assert trio.run(timed, clock=MockClock(autojump_threshold=0)) == pytest.approx(5.0, abs=0.1)
