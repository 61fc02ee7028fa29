"""Callers who are handed over on a real Asterisk: to an extension, to a second channel in the bridge, by SIP REFER."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import trio

from voicekit.call.connection import Call
from voicekit.call.info import EndReason
from voicekit.errors import ServiceError, Unavailable
from voicekit_asterisk.testing.pbx import Pbx
from voicekit_asterisk.testing.phone import Phone
from voicekit_asterisk.testing.tones import play, sounding, write_tone

pytestmark = pytest.mark.real

BOT, OTHER, CALLER, MUSIC = range(4)
"""Whose tone is heard; see TONES."""


async def test_a_second_extension_hears_the_first_caller(line: Callable[..., Any]) -> None:
    """The caller goes on at an extension that calls a second channel: both hear each other, our call is over."""

    async def talk(call: Call) -> None:
        await play(call, 600, 0.5)
        await call.transfer("person")

    async with line(talk) as it:
        await it.call("ari", "tone-transfer")
        end = await it.over(await it.begun())
        assert end.reason is EndReason.TRANSFERRED
        await it.until(lambda: it.site.desk.counts.active == 0)
        await trio.sleep(2.0)
        assert len(await it.ask(it.pbx.channels)) == 4, "two Local channels, each with two ends, go on without us"
        await it.hang_up_all()
        await it.empty()
        caller, person = it.heard("tone-transfer"), it.heard("other-person")
    assert sounding(*person, CALLER) > 1.0
    assert sounding(*caller, OTHER) > 1.0
    assert sounding(*caller, BOT) == pytest.approx(0.5, abs=0.1)


async def test_a_second_channel_is_joined_and_music_plays_while_it_rings(pbx: Pbx, line: Callable[..., Any]) -> None:
    """One who is busy leaves the call as it is; the next one rings, to music, and then both hear each other."""
    refused: list[ServiceError] = []

    async def talk(call: Call) -> None:
        try:
            await call.transfer("Local/busy@people")
        except ServiceError as error:
            refused.append(error)
        await play(call, 600, 0.5)
        await call.transfer("Local/rings-colleague@callers")

    # From a file: with Playtones, a channel of type Local would not get Asterisk's music.
    write_tone(pbx.sound("long.wav"), 1000, 20.0)
    async with line(talk) as it:
        await it.call("ari", "asks-long-joined")
        end = await it.over(await it.begun())
        assert end.reason is EndReason.TRANSFERRED
        await it.until(lambda: it.site.desk.counts.active == 0)
        await trio.sleep(1.5)
        names = await it.ask(pbx.channels)
        assert len(names) == 4, "the caller and the other side go on without us"
        assert await it.ask(pbx.bridges), "in the call's bridge"
        await it.ask(pbx.ask, f"channel request hangup {next(name for name in names if 'colleague' in name)}")
        await it.empty()
        caller, colleague = it.heard("asks-long-joined"), it.heard("other-colleague")
    assert [type(error) for error in refused] == [Unavailable]
    assert sounding(*caller, BOT) == pytest.approx(0.5, abs=0.1)
    assert 1.0 < sounding(*caller, MUSIC) < 3.0
    assert sounding(*caller, OTHER) > 1.0
    assert sounding(*colleague, CALLER) > 1.0
    assert sounding(*colleague, MUSIC) == 0


async def test_a_caller_who_leaves_while_the_other_side_rings_leaves_nothing(line: Callable[..., Any]) -> None:
    """The channel that rings is hung up with the caller's."""

    async def talk(call: Call) -> None:
        await call.transfer("Local/silent@people")

    async with line(talk) as it:
        await it.call("ari", "leaves-ringing")
        end = await it.over(await it.begun())
        await it.empty()
    assert end.reason is EndReason.TRANSFERRED, "whoever ends a call that is being handed over"


@pytest.mark.needs_debian("baresip-core", "baresip")
async def test_a_telephone_is_sent_to_another_address(pbx: Pbx, line: Callable[..., Any], tmp_path: Path) -> None:
    """A real SIP phone gets a REFER, calls the address itself, and is hung up by us; a channel without SIP can't."""
    refused: list[ServiceError] = []

    async def talk(call: Call) -> None:
        await play(call, 600, 1.0)
        try:
            await call.transfer(f"sip:second@127.0.0.1:{pbx.sip}")
        except ServiceError as error:
            refused.append(error)

    write_tone(tmp_path / "caller.wav", 1000, 30.0)
    async with line(talk) as it:
        await it.call("ari", "quiet-no-phone")
        await it.over(await it.begun())
        await it.empty()
        phone = await it.ask(Phone(pbx.phone, tmp_path / "caller.wav").__enter__)
        try:
            await it.ask(phone.dial, f"sip:line@127.0.0.1:{pbx.sip}")
            end = await it.over(await it.begun(2))
            await it.until(lambda: it.site.desk.counts.active == 0)
            await trio.sleep(2.0)
            names = await it.ask(pbx.channels)
        finally:
            with trio.CancelScope(shield=True):
                await it.ask(phone.hang_up)
                await trio.sleep(0.5)
                await it.ask(phone.__exit__, None, None, None)
        await it.empty()
        second = it.heard("second")
        heard, rate = soundfile.read(phone.heard, dtype="int16")
    assert len(refused) == 1, "a channel that is no telephone"
    assert end.reason is EndReason.TRANSFERRED
    assert [name.split("-")[0] for name in names] == ["PJSIP/phone"], "the phone's own call alone"
    assert sounding(*second, CALLER) > 1.0
    assert sounding(heard, rate, OTHER) > 1.0
    phone.remove()
