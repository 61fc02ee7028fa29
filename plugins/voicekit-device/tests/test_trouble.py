"""Devices that go away and come back, or don't; in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from voicekit import AudioFormat, AudioFrame, DeviceError, Gap, open_link
from voicekit.contracts import tell
from voicekit.flow.threads import inline
from voicekit_device.microphone import Microphone
from voicekit_device.speaker import Speaker

PCM16K = AudioFormat(16_000)
PCM24K = AudioFormat(24_000)


@pytest.fixture
def on_the_spot() -> Any:
    """Threads do their work at once, so that virtual time does not pass meanwhile."""
    inline.set(True)


async def listen(part: Microphone, said: list[Any], seconds: float, meanwhile: Any = None) -> None:
    """What `part` says in so many seconds, while `meanwhile` is done."""
    idle, inbox = open_link(1)
    outbox, inlet = open_link(2_000_000)
    with idle, inbox, outbox, inlet:
        async with part.open() as run, trio.open_nursery() as nursery:
            nursery.start_soon(run, inbox, outbox)
            if meanwhile is not None:
                nursery.start_soon(meanwhile)
            try:
                await trio.sleep(seconds)
            finally:
                while inlet.statistics().items:
                    said.append(inlet.receive_nowait())
            nursery.cancel_scope.cancel()


async def write_for_ever(speaker: Any) -> None:
    while True:
        await speaker.write(AudioFrame(bytes(4_800), 0, PCM24K))


def span(said: list[Any]) -> int:
    """How many samples were said; they are checked to be without a hole."""
    at = 0
    for sound in said:
        assert sound.at == at
        at = sound.end
    return at


async def test_a_microphone_that_wants_another_format_is_resampled(autojump_clock, on_the_spot, stubborn_cards) -> None:
    """From 48 kHz in stereo come frames of 16 kHz in mono, without a hole and no later than the resampler must."""
    said: list[Any] = []
    await listen(Microphone(cards=stubborn_cards), said, 3.0)
    assert span(said) == pytest.approx(3 * 16_000, abs=0.05 * 16_000)
    assert {frame.format for frame in said} == {PCM16K}
    assert stubborn_cards.open[0].sound == AudioFormat(48_000, channels=2)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_microphone_that_comes_back_has_a_gap_for_the_time_between(
    autojump_clock, on_the_spot, cards, silent: bool
) -> None:
    """Whether it says that it ends or just stops calling, the missing time is a Gap and the sound goes on after it."""
    troubles: list[Any] = []
    tell.set(troubles.append)

    async def pull_out_and_back() -> None:
        await trio.sleep(2.0)
        if silent:
            cards.mute = True
        else:
            cards.pull_out()
        await trio.sleep(4.0)
        cards.mute, cards.plugged = False, True

    said: list[Any] = []
    await listen(Microphone(cards=cards), said, 12.0, pull_out_and_back)
    assert span(said) == pytest.approx(12 * 16_000, abs=0.1 * 16_000)
    lost = sum(sound.samples for sound in said if isinstance(sound, Gap))
    assert 3.9 * 16_000 <= lost <= 5.0 * 16_000
    assert isinstance(said[-1], AudioFrame)
    assert [trouble.where for trouble in troubles] == ["microphone"]
    assert not cards.living


@pytest.mark.parametrize("silent", [False, True])
async def test_a_microphone_that_stays_away_ends_the_run_with_its_error(
    autojump_clock, on_the_spot, cards, silent: bool
) -> None:
    """After its patience the source raises a DeviceError, also where the device can be opened and says nothing."""

    async def pull_out() -> None:
        await trio.sleep(1.0)
        if silent:
            cards.mute = True
        else:
            cards.pull_out()

    said: list[Any] = []
    start = trio.current_time()
    with pytest.raises(DeviceError, match="microphone: the device was lost and did not return"):
        await listen(Microphone(cards=cards, patience=4.0), said, 60.0, pull_out)
    assert 5.0 <= trio.current_time() - start <= 12.0
    assert cards.looked_anew >= 2
    assert not cards.living


async def test_a_speaker_stands_still_until_its_device_is_back(autojump_clock, on_the_spot, cards) -> None:
    """The position is frozen while the device is away, nothing that waited is lost, and all is heard in the end."""
    pcm = (b"\x01\x00" * 240) * 40  # 0.4 s
    async with Speaker(cards=cards).open() as speaker:
        await speaker.write(AudioFrame(pcm, 0, PCM24K))
        await trio.sleep(0.2)
        cards.pull_out()
        await trio.sleep(0.1)  # the device has played all that it had taken
        frozen = speaker.position
        assert 0 < frozen < 9_600
        await trio.sleep(2.0)
        assert speaker.position == frozen
        cards.plugged = True
        await trio.sleep(1.0)
        assert speaker.position == 9_600
    assert cards.pcm.count(b"\x01") >= 9_600 - 240  # sound that the device had taken may be lost
    assert not cards.living


async def test_a_speaker_that_stays_away_says_so_to_whoever_writes_or_asks(autojump_clock, on_the_spot, cards) -> None:
    """After its patience `write` and `position` raise a DeviceError; until then a full one makes its writer wait."""
    async with Speaker(cards=cards, patience=3.0).open() as speaker:
        cards.pull_out()
        start = trio.current_time()
        with pytest.raises(DeviceError, match="speaker: the device was lost and did not return"):
            await write_for_ever(speaker)
        assert 3.0 <= trio.current_time() - start <= 5.0
        with pytest.raises(DeviceError):
            _ = speaker.position
        speaker.discard()  # still does no harm


async def test_what_is_held_or_discarded_never_reaches_the_device(autojump_clock, on_the_spot, cards) -> None:
    """From a hold on, the device gets silence; what it got before is what the position says, to the sample."""
    pcm = b"\x01\x00" * 9_600
    async with Speaker(cards=cards).open() as speaker:
        await speaker.write(AudioFrame(pcm, 0, PCM24K))
        await trio.sleep(0.123)
        speaker.hold()
        held = speaker.position
        await trio.sleep(1.0)
        assert speaker.position == held == cards.pcm.count(b"\x01")
        speaker.release()
        await trio.sleep(0.1)
        speaker.discard()
        await trio.sleep(1.0)
        assert speaker.position == cards.pcm.count(b"\x01") < 9_600
        assert speaker.position > held


async def test_the_position_is_what_has_reached_the_ear(autojump_clock, on_the_spot, cards) -> None:
    """At any time it is within a block of what has left the device by its latency."""
    async with Speaker(cards=cards).open() as speaker, trio.open_nursery() as nursery:
        nursery.start_soon(speaker.write, AudioFrame(b"\x01\x00" * 9_600, 0, PCM24K))
        for _ in range(60):
            await trio.sleep(0.0071)
            now = trio.current_time()
            heard = b"".join(pcm for time, pcm in cards.heard if time <= now).count(b"\x01")
            assert heard - 240 <= speaker.position <= heard + 240


async def test_the_microphone_is_deaf_while_the_bot_is_audible(autojump_clock, on_the_spot, cards) -> None:
    """Half-duplex hears silence from the bot's first sound to a tail after its last; headphones hear everything."""
    guarded: list[Any] = []
    open_ears: list[Any] = []

    async def speak() -> None:
        async with Speaker(cards=cards).open() as speaker:
            await trio.sleep(1.0)
            await speaker.write(AudioFrame(b"\x01\x00" * 9_600, 0, PCM24K))
            await trio.sleep(3.0)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen, Microphone(cards=cards, tail=0.2), guarded, 4.0, speak)
        nursery.start_soon(listen, Microphone(cards=cards, echo="headphones"), open_ears, 4.0)
    deaf = [frame.at / 16_000 for frame in guarded if not any(frame.pcm)]
    assert deaf[0] == pytest.approx(1.05, abs=0.1)
    assert deaf[-1] == pytest.approx(1.05 + 0.4 + 0.2, abs=0.1)
    assert len(deaf) == pytest.approx((deaf[-1] - deaf[0]) / 0.02 + 1)  # without a gap in between
    assert all(any(frame.pcm) for frame in open_ears)


async def test_a_listener_that_is_too_slow_has_gaps_and_no_backlog(autojump_clock, on_the_spot, cards) -> None:
    """Sound that nobody takes for three seconds is a Gap, but for the last second."""
    idle, inbox = open_link(1)
    outbox, inlet = open_link(320)
    said: list[Any] = []
    with idle, inbox, outbox, inlet:
        async with Microphone(cards=cards).open() as run, trio.open_nursery() as nursery:
            nursery.start_soon(run, inbox, outbox)
            await trio.sleep(3.0)
            with trio.move_on_after(1.0):
                async for sound in inlet:
                    said.append(sound)
            nursery.cancel_scope.cancel()
    assert span(said) == pytest.approx(4 * 16_000, abs=1_000)
    [gap] = [sound for sound in said if isinstance(sound, Gap)]
    assert gap.samples == pytest.approx(2 * 16_000, abs=1_000)


def test_a_missing_library_is_an_error_that_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PortAudio on Linux, the error says which Debian package has it."""
    import sys

    from voicekit_device.portaudio import PortAudio

    class Broken:
        def find_spec(self, name: str, *rest: Any) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(DeviceError, match="PortAudio is missing: install the Debian package libportaudio2"):
        PortAudio().devices()
