"""Every carrier's whole call, from its webhook to its end, in virtual time: the same conversation on each wire.

The reference is the same script without a wire. A wire may add its own delays, and may refuse beforehand what it can't.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable

import pytest
import trio

from tests.wires_kit import GREETING, WAY_S, WIRES, Served, desk_bot, held_on, on_site, ring
from voicekit import Bot
from voicekit.call.info import EndReason
from voicekit.errors import ConfigError
from voicekit.testing import Script, Timeline, hold_call
from voicekit.testing.phone_sound import read_voice
from voicekit_phone.rehearsal import CALLER, UNANNOUNCED, socket_address

OWN_DELAY_S = {"exotel": 0.2, "genesys": 0.2}
"""Seconds by which a wire's packets may move an event; others send packets of 20 ms."""


def reference(script: Script) -> Timeline:
    """The same call without a wire."""
    return hold_call(Bot(desk_bot, greeting=GREETING), script).timeline


LAST = re.compile(r"source ended|user hangs up|close \(|session ended|call is|caller was")


def same_but_for_delays(served: Served, script: Script) -> None:
    """The events of the call, in order, are those of the reference; each is late by what the wire needs at most."""
    expected = [line for line in reference(script).lines() if not LAST.search(line)]
    got = [line for line in served.timelines[0].lines() if not LAST.search(line)]
    assert sorted(line[9:] for line in got) == sorted(line[9:] for line in expected)
    late = OWN_DELAY_S.get(served.wire, 0.06) + WAY_S
    times: dict[str, list[float]] = defaultdict(list)
    for line in expected:
        times[line[9:]].append(float(line[:8]))
    for line in got:
        assert abs(float(line[:8]) - (at := times[line[9:]].pop(0))) <= late, (line, at)


def question() -> Script:
    user = Script()
    user.says("when are you open", at=2.0, for_=1.2)
    user.stays(until=9.0)
    return user


def interruption() -> Script:
    user = Script()
    user.says("when are you open", at=2.0, for_=1.2)
    user.says("and on holidays please", at=5.2, for_=1.3)
    user.stays(until=12.0)
    return user


def keys() -> Script:
    user = Script()
    user.presses("4", at=2.0)
    user.stays(until=6.0)
    return user


@pytest.mark.parametrize("make", [question, interruption, keys], ids=lambda make: make.__name__)
@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_is_the_same_on_every_wire(wire: str, make: Callable[[], Script]) -> None:
    """Greeting, question and answer, barge-in, a key: event by event as without a wire."""
    served = held_on(wire, make())
    assert served.ended == {EndReason.CALLER: 1}
    same_but_for_delays(served, make())


@pytest.mark.parametrize("wire", WIRES)
def test_the_caller_hangs_up_in_mid_word(wire: str) -> None:
    """The call ends at once, its reason is the caller's, and what they did not hear is not in the history."""
    user = question()
    user.hangs_up(at=5.0)
    served = held_on(wire, user)
    assert served.ended == {EndReason.CALLER: 1}
    same_but_for_delays(served, user)


@pytest.mark.parametrize("wire", WIRES)
def test_the_bot_hangs_up_when_the_farewell_was_played_to_its_end(wire: str) -> None:
    """The far end has played every character of the farewell before our side closes."""
    user = Script()
    user.says("thanks and goodbye", at=2.0, for_=1.2)
    user.stays(until=20.0)
    served = held_on(wire, user)
    assert served.ended == {EndReason.BOT: 1}
    carrier = served.rungs[0].carrier
    assert carrier is not None
    played = max(max(read_voice(pcm, served.calls[0].sink.format)) for at, pcm in carrier.played)
    assert played == len("Thank you for calling, and goodbye.")
    assert carrier.close_code == 1000
    if "hang_up" not in served.calls[0]._wire.can:
        assert [request.method for request in served.asked] != [], "a wire that does not hang up is hung up by REST"


@pytest.mark.parametrize("wire", WIRES)
def test_a_caller_is_transferred_or_the_bot_hears_that_it_is_not_possible(wire: str) -> None:
    """After "One moment." was played: by REST or in band; a wire that can't refuses before anything is said to it."""
    user = Script()
    user.says("a person please", at=2.0, for_=1.2)
    user.stays(until=12.0)
    served = held_on(wire, user)
    call = served.calls[0]
    if "transfer" in call.can:
        assert served.ended == {EndReason.TRANSFERRED: 1}
        assert 'heard "One moment."' in "\n".join(served.spoken)
    else:
        assert served.ended == {EndReason.CALLER: 1}
        assert "ConfigError" in "\n".join(served.spoken) or "One moment" not in "\n".join(served.spoken)
        assert not served.asked


@pytest.mark.parametrize("wire", WIRES)
def test_keys_are_sent_or_refused_beforehand(wire: str) -> None:
    """In band, by REST, or ConfigError."""

    async def use(served: Served) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ring, served, question())
            await trio.sleep(1.0)
            call = served.calls[0]
            if "digits" in call.can:
                await call.send_digits("12#")
            else:
                with pytest.raises(ConfigError, match="send_digits"):
                    await call.send_digits("12#")

    on_site(wire, question(), use)


@pytest.mark.parametrize("wire", WIRES)
def test_beyond_the_last_place_a_call_is_busy_before_anything_is_accepted(wire: str) -> None:
    """The webhook's answer leads to no socket; a carrier without webhooks has its handshake refused with 503."""

    async def use(served: Served) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ring, served, question())
            await trio.sleep(1.0)
            served.rungs.append(await ring(served, question(), "call-2"))
            assert served.site.desk.counts.active == 1

    served = on_site(wire, question(), use, max_calls=1)
    (rung,) = served.rungs
    if wire in UNANNOUNCED:
        assert rung.status == 503
    else:
        assert rung.answer is not None
        assert rung.answer.status == 200
        assert socket_address(rung.answer) is None
    assert served.ended == {EndReason.CALLER: 1}
    same_but_for_delays(served, question())


@pytest.mark.parametrize("wire", WIRES)
def test_a_drain_refuses_new_calls_and_says_farewell_to_those_inside(wire: str) -> None:
    """After a second of patience the caller hears the farewell to its end; a call that comes meanwhile is refused."""
    user = Script()
    user.stays(until=60.0)
    farewell = "We are closing now, goodbye."

    async def use(served: Served) -> None:
        async with trio.open_nursery() as nursery:

            async def first_call() -> None:
                served.rungs.append(await ring(served, user))

            nursery.start_soon(first_call)
            await trio.sleep(2.0)
            nursery.start_soon(lambda: served.site.desk.drain(patience=1.0, farewell=farewell))
            await trio.sleep(0.5)
            assert not served.site.ready
            refused = await ring(served, user, "call-2")
            assert refused.status == 503 or socket_address(refused.answer) is None

    served = on_site(wire, user, use)
    assert served.ended == {EndReason.DRAINED: 1}
    carrier = served.rungs[0].carrier
    assert carrier is not None
    assert max(max(read_voice(pcm, served.calls[0].sink.format)) for _, pcm in carrier.played) == len(farewell)
    assert f'heard "{farewell}"' in "\n".join(served.spoken)


@pytest.mark.parametrize("wire", WIRES)
def test_what_a_webhook_signed_is_known_of_the_call(wire: str) -> None:
    """The caller's number is signed where the webhook is, and never in the repr."""
    served = held_on(wire, question())
    info = served.calls[0].info
    assert CALLER not in repr(info)
    if wire not in UNANNOUNCED:
        assert info.caller is not None
        assert (info.caller.value, info.caller.trust) == (CALLER, "signed")
