"""The parts that decide and count, by literals: no clock, no thread, no device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit import AudioFormat, AudioFrame, ConfigError, DeviceError, Gap
from voicekit_device.cards import choose, device_format
from voicekit_device.fitting import Fitting
from voicekit_device.handover import Block
from voicekit_device.ledger import KEPT, Entry, Ledger
from voicekit_device.listing import listing
from voicekit_device.room import check_echo
from voicekit_device.track import Track

KHZ = AudioFormat(1_000)  # a sample is a millisecond
PCM16K = AudioFormat(16_000)


def block(count: int, came: float, *, torn: bool = False) -> Block:
    """20 samples of the device, the first of them number `count`."""
    return Block(bytes(40), count, came, torn)


@pytest.mark.parametrize("wanted", ["Headset", "headset", "head", None])
def test_a_device_is_chosen_by_name_or_part_of_it_or_by_the_system(cards, wanted: str | None) -> None:
    """Case does not matter, and without a name the system's choice is taken."""
    assert choose(cards, wanted, "speaker").name == "Headset"


def test_a_name_that_is_part_of_another_is_still_a_name(cards) -> None:
    """The whole name wins over devices that only contain it."""
    cards.names = ("HDMI", "HDMI out")
    assert choose(cards, "hdmi", "speaker").index == 0


@pytest.mark.parametrize(
    ("wanted", "direction", "message"),
    [
        ("radio", "speaker", "speaker: expected a device's name, .* no name contains 'radio': 'Headset', 'HDMI out'"),
        ("h", "speaker", "several names contain 'h': 'Headset', 'HDMI out'"),
        ("hdmi", "microphone", "no name contains 'hdmi': 'Headset'"),
    ],
)
def test_a_name_that_fits_no_device_or_several_lists_what_there_is(cards, wanted, direction, message) -> None:
    """The error says what was asked for and names the devices of that direction."""
    with pytest.raises(DeviceError, match=message):
        choose(cards, wanted, direction)


def test_no_device_at_all_is_said_so(cards) -> None:
    """Without any microphone the error says that there is none."""
    cards.plugged = False
    with pytest.raises(DeviceError, match="there is no microphone on this computer"):
        choose(cards, None, "microphone")


def test_a_device_is_opened_in_the_nearest_format_that_it_takes(cards, stubborn_cards) -> None:
    """Our own format where it is taken, else the device's own rate, and stereo where it wants that."""
    device = choose(cards, None, "speaker")
    assert device_format(cards, device, "speaker", PCM16K) == PCM16K
    assert device_format(cards, device, "speaker", AudioFormat(11_025)) == AudioFormat(48_000)
    assert device_format(stubborn_cards, device, "speaker", PCM16K) == AudioFormat(48_000, channels=2)
    stubborn_cards.rates = ()
    with pytest.raises(DeviceError, match="accepts neither pcm16 16000 Hz mono nor its default rate of 48000 Hz"):
        device_format(stubborn_cards, device, "speaker", PCM16K)


def test_the_listing_has_a_line_for_each_device(cards) -> None:
    """Names, directions, the system's choices and rates are in columns."""
    assert listing(cards) == ["Headset   microphone*  speaker*  48000 Hz", "HDMI out  speaker   48000 Hz"]


def test_sound_without_a_break_is_frames_without_a_gap() -> None:
    """Blocks that follow on each other are frames that do, however unsteadily they came."""
    track = Track(KHZ, 100, now=7.0)
    said = [
        sound for number, came in enumerate([7.5, 7.51, 7.6]) for sound in track.heard(block(100 + 20 * number, came))
    ]
    assert [(type(sound), sound.at, sound.samples) for sound in said] == [(AudioFrame, at, 20) for at in (0, 20, 40)]


def test_what_the_ring_dropped_is_a_gap_of_that_many_samples() -> None:
    """The device's own count says how much is missing, in front of the first block too."""
    track = Track(KHZ, 0, now=0.0)
    assert track.heard(block(40, 0.06))[0] == Gap(40, 0)
    assert track.heard(block(120, 0.14))[0] == Gap(60, 60)


def test_what_the_device_lost_is_measured_by_the_clock() -> None:
    """A torn block has a gap as long as the time since the last one, without its own length."""
    track = Track(KHZ, 0, now=0.0)
    track.heard(block(0, 0.02))
    assert track.heard(block(20, 0.1, torn=True))[0] == Gap(60, 20)
    assert len(track.heard(block(40, 0.11, torn=True))) == 1  # too early rather than too late, so no sound is missing


def test_time_goes_on_while_the_device_is_away() -> None:
    """Gaps follow the clock without overlap, and the first block afterwards closes up to them."""
    track = Track(KHZ, 0, now=0.0)
    track.heard(block(0, 0.02))
    assert track.away(0.12) == [Gap(100, 20)]
    assert track.away(0.12) == []
    assert track.away(0.2) == [Gap(80, 120)]
    gap, frame = track.heard(block(20, 0.25, torn=True))
    assert gap == Gap(30, 200)
    assert (frame.at, frame.end) == (230, 250)


@given(st.lists(st.tuples(st.sampled_from(["block", "torn", "drop", "away"]), st.integers(1, 90))))
def test_positions_never_have_a_hole_and_follow_the_clock(steps: list[tuple[str, int]]) -> None:
    """Whatever is lost in whatever way, each sound begins where the one before it ended, near the time that passed."""
    track, now, count, at = Track(KHZ, 0, now=0.0), 0, 0, 0
    for step, ms in steps:
        now += 20 if step == "block" else ms
        if step == "away":
            said = track.away(now / 1_000)
        else:
            dropped = 0 if step in ("block", "torn") else ms
            count += dropped
            said = track.heard(block(count, now / 1_000, torn=step == "torn"))
            count += 20
        for sound in said:
            assert sound.at == at
            assert sound.samples > 0
            at = sound.end


def test_a_piece_is_heard_from_its_start_to_its_end() -> None:
    """The position is the samples that have sounded: none before the start, all after the end, in between in step."""
    ledger = Ledger()
    assert ledger.position(5.0) == 0
    ledger.enter(Entry(100, 200, starts=1.0, ends=1.1))
    ledger.enter(Entry(200, 300, starts=1.1, ends=1.2))
    times = (0.9, 1.0, 1.05, 1.0999, 1.1, 1.15, 1.2, 9.0)
    assert [ledger.position(time) for time in times] == [0, 100, 150, 199, 200, 250, 300, 300]


def test_the_ledger_knows_when_something_sounds() -> None:
    """An interval sounds when any piece lies in it, and not when it only touches one."""
    ledger = Ledger()
    ledger.enter(Entry(0, 100, starts=1.0, ends=1.1))
    spans = [(0.5, 1.0), (0.5, 1.01), (1.02, 1.03), (1.09, 5.0), (1.1, 5.0)]
    assert [ledger.sounds(*span) for span in spans] == [False, True, True, True, False]


def test_the_ledger_stays_small() -> None:
    """An hour of sound leaves no more than the last few seconds of entries, and the position right."""
    ledger = Ledger()
    for n in range(3 * KEPT):
        ledger.enter(Entry(n, n + 1, n * 0.005, (n + 1) * 0.005))
    assert ledger.position(1e6) == 3 * KEPT
    assert not ledger.sounds(0.0, KEPT * 0.005)


@pytest.mark.parametrize("target", [PCM16K, AudioFormat(48_000, channels=2), AudioFormat(11_025), AudioFormat(8_000)])
@given(sizes=st.lists(st.integers(1, 900), min_size=1, max_size=8))
def test_pieces_are_short_and_add_up_to_what_was_written(target: AudioFormat, sizes: list[int]) -> None:
    """Whatever is written, its pieces join on, last at most 5 ms, and after `finish` stand for every sample."""
    fitting, at, pieces = Fitting(PCM16K, target), 0, []
    for samples in sizes:
        pieces += fitting.feed(AudioFrame(bytes(2 * samples), at, PCM16K))
        at += samples
    pieces += fitting.finish()
    assert not fitting.holding
    assert [piece.first for piece in pieces] == [0, *(piece.last for piece in pieces[:-1])]
    assert pieces[-1].last == fitting.made_to == at
    assert all(target.count(piece.pcm) <= target.samples(0.005) for piece in pieces)
    length = sum(target.count(piece.pcm) for piece in pieces)
    assert length == pytest.approx(at * target.rate / PCM16K.rate, abs=1)


def test_what_is_discarded_leaves_nothing_in_the_resampler() -> None:
    """After a restart the pieces begin at the new position, with nothing of the old sound."""
    fitting = Fitting(PCM16K, AudioFormat(48_000))
    fitting.feed(AudioFrame(b"\x00\x40" * 480, 0, PCM16K))
    assert fitting.holding
    fitting.restart(100)
    assert not fitting.holding
    pieces = [*fitting.feed(AudioFrame(bytes(960), 100, PCM16K)), *fitting.finish()]
    assert (pieces[0].first, pieces[-1].last) == (100, 580)
    assert not any(any(piece.pcm) for piece in pieces)


@pytest.mark.parametrize(("echo", "tail"), [("speakerphone", 0.2), ("half-duplex", -0.1), ("headphones", 2.0)])
def test_a_guard_that_there_is_not_is_refused(echo: str, tail: float) -> None:
    """An unknown word, and a tail below 0 or longer than is remembered, are ConfigErrors."""
    with pytest.raises(ConfigError, match=r"(echo: expected 'half-duplex' or 'headphones'|tail: expected 0 to 1 s)"):
        check_echo(echo, tail)
