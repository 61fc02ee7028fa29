"""Calls on a real Asterisk, over each of the three ways: sound, keys, ends from either side, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import trio

from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.call.connection import Call
from voicekit.call.control import CallReport
from voicekit.call.info import EndReason
from voicekit.errors import ServiceError
from voicekit.events import Dtmf, Hangup
from voicekit.flow.link import open_link
from voicekit_asterisk.ari_transport import Ari
from voicekit_asterisk.testing.pbx import PASSWORD, USER, Pbx
from voicekit_asterisk.testing.tones import loudness, play, sounding, tone
from voicekit_serve.calling import call_out

pytestmark = pytest.mark.real

WAYS = ("audiosocket", "chan_websocket", "ari")


async def hear(call: Call, heard: list[Any]) -> None:
    """Everything that the caller says and presses, into `heard`, until they have gone."""
    outlet, inlet = open_link(100_000, name="test")
    none, nothing = open_link(1, name="nothing")
    with outlet, inlet, none, nothing:
        async with trio.open_nursery() as nursery:

            async def collect() -> None:
                async for item in inlet:
                    heard.append(item)

            nursery.start_soon(collect)
            async with call.source.open() as run:
                await run(nothing, outlet)
            outlet.close()


@pytest.mark.parametrize("way", WAYS)
async def test_keys_come_in(line: Callable[..., Any], way: str) -> None:
    """Each key that the caller presses comes once, in order, and the hang-up last."""
    heard: list[Any] = []

    async def talk(call: Call) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear, call, heard)
            with trio.move_on_after(10):
                while not any(isinstance(item, Dtmf) and item.digit == "#" for item in heard):
                    await play(call, 600, 0.2)
            await play(call, 600, 0.5)
            nursery.cancel_scope.cancel()

    async with line(talk) as it:
        await it.call(way, f"keys-{way}")
        await it.over(await it.begun())
        await it.empty()
    assert [item.digit for item in heard if isinstance(item, Dtmf)] == ["1", "2", "#"]


@pytest.mark.parametrize("way", WAYS)
async def test_the_caller_hangs_up_in_mid_word(line: Callable[..., Any], way: str) -> None:
    """The end is the caller's, at once; the session hears of it behind the sound, and nothing is left."""
    heard: list[Any] = []

    async def talk(call: Call) -> None:
        await play(call, 600, 30)

    async with line(talk) as it, trio.open_nursery() as listening:
        await it.call(way, f"leaves-{way}")
        call = await it.begun()
        listening.start_soon(hear, call, heard)  # outside the conversation, which ends with the call
        end = await it.over(call, 10)
        assert end.reason is EndReason.CALLER
        await it.empty()
        samples, rate = it.heard(f"leaves-{way}")
    assert isinstance(heard[-1], Hangup)
    assert 0.5 < sounding(samples, rate, 0) < 2.7


@pytest.mark.parametrize("way", WAYS)
async def test_we_hang_up(line: Callable[..., Any], way: str) -> None:
    """What was said before is heard to its end; then the caller's channel is gone, or the dialplan has gone on."""

    async def talk(call: Call) -> None:
        await play(call, 600, 1.0)
        await trio.sleep(0.1)
        call.hang_up()

    async with line(talk) as it:
        await it.call(way, f"quiet-hangup-{way}")
        end = await it.over(await it.begun())
        await it.empty()
        samples, rate = it.heard(f"quiet-hangup-{way}")
    assert end.reason is EndReason.BOT
    assert sounding(samples, rate, 0) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("way", WAYS)
async def test_two_calls_at_once_hear_each_their_own(line: Callable[..., Any], way: str) -> None:
    """Two callers with different tones, two answers with different tones: none is heard in the other's call."""
    heard: dict[str, list[Any]] = {}

    async def talk(call: Call) -> None:
        number = len(heard)
        items = heard.setdefault(str(number), [])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear, call, items)
            await play(call, (1500, 2000)[number], 2.0)
            nursery.cancel_scope.cancel()

    async with line(talk) as it:
        await it.call(way, f"tone-two-{way}")
        await it.begun()
        await it.call(way, f"other-two-{way}")
        for number in (1, 2):
            await it.over(await it.begun(number))
        await it.empty()
        recordings = [it.heard(f"{who}-two-{way}") for who in ("tone", "other")]
        rate = it.calls[0].source.produces.rate
    for (samples, recorded_at), own, other in zip(recordings, (3, 4), (4, 3), strict=True):
        assert sounding(samples, recorded_at, own) == pytest.approx(2.0, abs=0.2)
        assert sounding(samples, recorded_at, other) == 0
    for items, own, other in zip(heard.values(), (2, 1), (1, 2), strict=True):
        pcm = b"".join(item.pcm for item in items if isinstance(item, AudioFrame))
        assert sounding(pcm, rate, own) > 1.0
        assert sounding(pcm, rate, other) == 0


async def test_forty_seconds_in_which_nobody_speaks(line: Callable[..., Any]) -> None:
    """Over each way, a silent caller and a silent bot stay connected for 40 s, and then still hear each other."""

    async def talk(call: Call) -> None:
        await trio.sleep(40)
        assert call.end is None
        await play(call, 600, 1.0)

    async with line(talk) as it:
        for way in WAYS:
            await it.call(way, f"quiet-silence-{way}")
        for number in (1, 2, 3):
            end = await it.over(await it.begun(number), 60)
            assert end.reason is EndReason.BOT
        await it.empty()
        for way in WAYS:
            samples, rate = it.heard(f"quiet-silence-{way}")
            assert sounding(samples, rate, 0) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("way", ["slin", "slin16", "ulaw", "audiochannel"])
async def test_each_codec_is_itself(line: Callable[..., Any], way: str) -> None:
    """Tones in both directions come as tones, for the time that they lasted, in the codec that the dialplan names."""
    heard: list[Any] = []
    codecs = {"slin": "pcm16 8000", "slin16": "pcm16 16000", "ulaw": "mulaw 8000", "audiochannel": "pcm16 16000"}

    async def talk(call: Call) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear, call, heard)
            await play(call, 600, 1.5)
            nursery.cancel_scope.cancel()

    async with line(talk) as it:
        await it.call(way, f"tone-codec-{way}")
        call = await it.begun()
        await it.over(call)
        await it.empty()
        samples, rate = it.heard(f"tone-codec-{way}")
    form = call.source.produces
    assert str(form).startswith(codecs[way])
    assert sounding(samples, rate, 0) == pytest.approx(1.5, abs=0.15)
    pcm = b"".join(item.pcm for item in heard if isinstance(item, AudioFrame))
    pcm = convert(pcm, form, AudioFormat(form.rate))
    assert sounding(pcm, form.rate, 2) > 1.0
    assert not [item for item in heard if isinstance(item, Gap)]


@pytest.mark.parametrize("way", ["chan_websocket", "ari"])
async def test_a_hold_pauses_asterisk_and_loses_nothing(line: Callable[..., Any], way: str) -> None:
    """What Asterisk has queued waits: silence while it is held, then the rest of the tone, to the sample."""
    positions: list[int] = []

    async def talk(call: Call) -> None:
        form = call.sink.format
        async with call.sink.open() as speaker:
            for at in range(0, form.samples(0.4), form.samples(0.02)):
                await speaker.write(AudioFrame(tone(600, form.samples(0.02), form.rate, at), at, form))
            await trio.sleep(0.2)
            speaker.hold()
            await trio.sleep(0.1)
            positions.append(speaker.position)
            await trio.sleep(1.0)
            positions.append(speaker.position)
            speaker.release()
            await trio.sleep(0.5)
            positions.append(speaker.position)

    async with line(talk) as it:
        await it.call(way, f"tone-hold-{way}")
        await it.over(await it.begun())
        await it.empty()
        samples, rate = it.heard(f"tone-hold-{way}")
    held, still, done = (position / 16_000 for position in positions)
    assert held == still
    assert 0.1 < held < 0.4
    assert done == pytest.approx(0.4, abs=0.001)
    loud = [n for n, level in enumerate(loudness(samples, rate)) if level > 0.02]
    pauses = [(b - a) / 100 for a, b in pairwise(loud) if b - a > 20]
    assert len(pauses) == 1
    assert pauses[0] == pytest.approx(1.1, abs=0.15)
    first = next(n for n, (a, b) in enumerate(pairwise(loud)) if b - a > 20) + 1
    assert first / 100 == pytest.approx(held, abs=0.05), "the position while held is what was heard"


async def test_a_uuid_that_was_not_announced_is_refused(line: Callable[..., Any]) -> None:
    """AudioSocket's only proof is its UUID: a stranger's connection is ended, and no call begins."""

    async def talk(call: Call) -> None:
        raise AssertionError("no call may begin")

    async with line(talk) as it:
        await it.call("stranger", "quiet-stranger")
        await it.empty()
        assert it.calls == []


async def test_a_wrong_password_of_asterisk_is_refused(line: Callable[..., Any]) -> None:
    """An Asterisk without our password gets no call, and its dialplan goes on."""

    async def talk(call: Call) -> None:
        raise AssertionError("no call may begin")

    async with line(talk) as it:
        await it.call("wrong", "quiet-wrong")
        await it.until(lambda: "REFUSED" in it.pbx.log())
        await it.empty()
        assert it.calls == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_too_many_is_refused(line: Callable[..., Any], way: str) -> None:
    """With every place taken, the next caller is sent away by each way's own means; the one inside is undisturbed."""

    async def talk(call: Call) -> None:
        await trio.sleep_forever()

    async with line(talk, max_calls=1) as it:
        await it.call(way, f"quiet-inside-{way}")
        await it.begun()
        await it.call(way, f"quiet-outside-{way}")
        await it.until_asked(lambda: len([name for name in it.pbx.channels() if name.startswith("Local")]) <= 2)
        assert len(it.calls) == 1
        assert it.calls[0].end is None
        it.calls[0].hang_up()
        await it.empty()


async def test_keys_go_out(line: Callable[..., Any]) -> None:
    """Over ARI, keys that the bot presses are read by the caller's dialplan."""

    async def talk(call: Call) -> None:
        await trio.sleep(0.5)
        await call.send_digits("7#9")
        await trio.sleep(3)

    async with line(talk) as it:
        await it.call("ari", "reads-keys")
        await it.until(lambda: "KEYS 7#9" in it.pbx.log() or "KEYS 7" in it.pbx.log())
        await it.hang_up_all()
        await it.empty()
    assert "KEYS 7" in it.pbx.log()


async def test_dialling_out(line: Callable[..., Any]) -> None:
    """A channel that we dial holds a call once it answers; one that is busy or never answers says so."""
    infos: list[Any] = []

    async def talk(call: Call) -> None:
        infos.append(call.info)
        await play(call, 600, 1.0)

    async with line(talk) as it:
        reports: list[CallReport] = []
        it.site.watch(reports.append)
        await it.site.dial("Local/quiet-dialled@callers", over="ari")
        await it.over(await it.begun())
        await it.empty()
        dialled = [
            await it.site.dial("Local/busy@people", over="ari"),
            await it.site.dial("Local/silent@people", over="ari", ring=2),
        ]
        await it.until(lambda: len(reports) == 2)
        reasons = {report.call_id: report.end and report.end.reason for report in reports}
        assert [reasons[call] for call in dialled] == [EndReason.BUSY, EndReason.NO_ANSWER]
        with pytest.raises(ServiceError):
            await it.site.dial("Nowhere/at-all", over="ari")
        await it.empty()
        samples, rate = it.heard("quiet-dialled")
    assert [info.direction for info in infos] == ["outbound"]
    assert sounding(samples, rate, 0) == pytest.approx(1.0, abs=0.1)


async def test_one_call_out_and_one_that_is_given_up(
    pbx: Pbx, conversation: Callable[..., Any], asked: Callable[..., Any], heard_in: Callable[..., Any]
) -> None:
    """`voicekit call` over ARI: the end of a call that was answered, and nothing is left of one that we stop."""

    async def talk(call: Call) -> None:
        await play(call, 600, 0.5)
        call.hang_up()

    async def hold(call: Call) -> Any:
        return conversation(call, talk)

    transport = Ari(f"{pbx.ari}/voicekit", user=USER, password=PASSWORD)
    serving = {"port": pbx.server, "public_url": f"http://127.0.0.1:{pbx.server}"}
    end = await call_out(hold, transport, "Local/quiet-called@callers", **serving)
    assert end.reason is EndReason.BOT
    with trio.move_on_after(2):
        await call_out(hold, transport, "Local/silent@people", **serving)
    await asked(lambda: not pbx.channels(), 5)
    assert sounding(*heard_in(pbx, "quiet-called"), 0) == pytest.approx(0.5, abs=0.1)
