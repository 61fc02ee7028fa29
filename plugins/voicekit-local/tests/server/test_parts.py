"""The parts of the server that decide without waiting: sound in, sound out, letters, lines; and the workers' order."""

from __future__ import annotations

import io
import struct
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import soundfile
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from voicekit.errors import ConfigError
from voicekit.soniox.api.limits import STT_RAW_FORMATS, TTS_BITRATES, TTS_RATES
from voicekit.soniox.api.wire import SttConfig, TtsConfig
from voicekit_local.engines.interface import SpokenWord
from voicekit_local.fakes import FakeTts, hum
from voicekit_local.heads import unreadable
from voicekit_local.intake import RawIntake
from voicekit_local.letters import letter_times, stamps
from voicekit_local.lines import CLAUSE_S, SENTENCE_S, Lines
from voicekit_local.loading import load_all
from voicekit_local.packing import Packing
from voicekit_local.server import Strangers, pages
from voicekit_local.workers import Pressure, Workers

WAVE = np.sin(np.arange(1_600) / 7) * 0.8
"""A tenth of a second at 16 kHz."""


@cache
def raw(name: str, channels: int) -> bytes:
    """WAVE in a raw format of the service, the same in each channel."""
    wave = np.repeat(WAVE, channels)
    if name in ("mulaw", "alaw"):
        file = io.BytesIO()
        subtype = {"mulaw": "ULAW", "alaw": "ALAW"}[name]
        soundfile.write(file, wave, 16_000, format="RAW", subtype=subtype)
        return file.getvalue()
    kind, bits, order = name[4], int(name[5:7].rstrip("lb")), ">" if name.endswith("be") else "<"
    if kind == "f":
        return wave.astype(f"{order}f{bits // 8}").tobytes()
    half = 1 << (bits - 1)
    values = np.clip(np.rint(wave * half), -half, half - 1).astype(np.int64) + (half if kind == "u" else 0)
    size = bits // 8
    little = b"".join(int(value).to_bytes(size, "little", signed=kind == "s") for value in values)
    if order == "<":
        return little
    return b"".join(little[place : place + size][::-1] for place in range(0, len(little), size))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", STT_RAW_FORMATS)
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=5))
def test_every_raw_format_is_understood(name: str, channels: int, cuts: list[int]) -> None:
    """Whatever the format, the channels and the cuts, what comes out is the wave that went in."""
    data = raw(name, channels)
    intake = RawIntake(SttConfig(audio_format=name, sample_rate=16_000, num_channels=channels))
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    heard = b"".join(intake.feed(data[start:end]) for start, end in pairwise(places))
    samples = np.frombuffer(heard + intake.finish(), "<i2") / 32_768
    coarse = 0.03 if name in ("mulaw", "alaw", "pcm_s8", "pcm_u8") else 0.0002
    assert len(samples) == len(WAVE)
    assert np.abs(samples - WAVE).max() < coarse


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_every_rate_is_brought_to_that_of_the_recogniser(rate: int) -> None:
    """The sound is as long as it was, to the sample."""
    intake = RawIntake(SttConfig(audio_format="pcm_s16le", sample_rate=rate, num_channels=1))
    message = bytes(2 * rate // 50)  # at 11,025 Hz, this ends within a sample
    heard = b"".join(intake.feed(message) for _ in range(50)) + intake.finish()
    assert len(heard) // 2 == 50 * len(message) // 2 * 16_000 // rate


def test_a_rate_that_is_none_is_refused() -> None:
    """A rate that no sound has is a ConfigError, not a crash."""
    with pytest.raises(ConfigError, match="sample rate"):
        RawIntake(SttConfig(audio_format="pcm_s16le", sample_rate=900_000, num_channels=1))


def test_noise_is_no_crash() -> None:
    """Floats that are no numbers, and such beyond all measure, are taken as silence and as loud."""
    wild = struct.pack("<4f", float("nan"), float("inf"), -1e30, 0.5)
    intake = RawIntake(SttConfig(audio_format="pcm_f32le", sample_rate=16_000, num_channels=1))
    assert struct.unpack("<4h", intake.feed(wild)) == (0, 32_767, -32_768, 16_384)


@given(st.lists(st.integers(0, 400), max_size=8))
def test_a_wav_has_one_header(cuts: list[int]) -> None:
    """However the sound is cut, it comes out as one WAV that says of itself that it is endless."""
    packing = Packing(TtsConfig(audio_format="wav", sample_rate=16_000), 16_000)
    sound = b"".join(packing.feed(bytes(2 * cut)) for cut in cuts) + packing.finish()
    assert sound[:4] == b"RIFF"
    assert sound.count(b"RIFF") == 1
    assert len(sound) == 44 + 2 * sum(cuts)


def test_an_unknown_format_is_refused() -> None:
    """What the protocol's checks let pass by mistake is a ConfigError here."""
    with pytest.raises(ConfigError, match="expected one of pcm_s16le"):
        Packing(TtsConfig(audio_format="aac"), 16_000)


GAPS = st.lists(st.text(" \n\t", min_size=1, max_size=3), min_size=7, max_size=7)
WORDS = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=6), max_size=6)


@given(
    words=WORDS, gaps=st.lists(st.text(" \n\t", min_size=1, max_size=3), min_size=7, max_size=7), step=st.floats(0, 1)
)
def test_letters_have_rising_times(words: list[str], gaps: list[str], step: float) -> None:
    """Each character has a time, times rise without holes, and those of words are the aligner's."""
    text = gaps[0] + "".join(word + gap for word, gap in zip(words, gaps[1:], strict=False))
    spoken = [SpokenWord(word, place * step + 0.1, place * step + 0.4) for place, word in enumerate(words)]
    times = letter_times(text, spoken, len(words) * step + 0.5)
    assert len(times) == len(text)
    flat = [time for both in times for time in both]
    assert flat == sorted(flat)
    assert all(one[1] == other[0] for one, other in pairwise(times))


def test_letters_are_cut_by_time() -> None:
    """The pieces of a text's timestamps hold each character once."""
    text = "Good morning."
    times = letter_times(text, [SpokenWord("Good", 0.0, 0.4), SpokenWord("morning.", 0.5, 1.3)], 1.4)
    pieces = [stamps(text, times, 10.0, 10.0 + start, 10.0 + start + 0.5) for start in (0.0, 0.5, 1.0)]
    assert "".join("".join(piece.characters or ()) for piece in pieces if piece) == text
    assert pieces[0] is not None
    assert pieces[0].character_start_times_seconds == (10.0, 10.1, 10.2, 10.3, 10.4)
    assert stamps(text, times, 10.0, 0.0, 9.0) is None


def sentences(text: str) -> list[str]:
    """Cut behind full stops, as voices do."""
    parts = text.split(". ")
    return [part + ". " for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


@given(st.lists(st.text("ab. ", max_size=12), max_size=10), st.data())
def test_lines_lose_nothing(texts: list[str], data: st.DataObject) -> None:
    """However a text comes and is taken, the pieces together are the text, and it is over when all is taken."""
    lines, taken, now = Lines(sentences), "", 0.0
    for place, text in enumerate(texts):
        lines.add(text, place == len(texts) - 1, now)
        now += data.draw(st.sampled_from([0.0, 0.1, SENTENCE_S, CLAUSE_S]))
        while (piece := lines.take(now)) is not None:
            taken += piece
    assert taken == "".join(texts)
    assert lines.over == bool(texts)


def test_lines_wait_for_whole_words() -> None:
    """Behind a full stop the wait is short, in the middle of a sentence long, and a word is never torn."""
    lines = Lines(sentences)
    lines.add("One moment.", False, 0.0)
    assert (lines.take(0.0), lines.due_at) == (None, SENTENCE_S)
    assert lines.take(SENTENCE_S) == "One moment."
    lines.add(" Here it i", False, 1.0)
    assert (lines.take(1.5), lines.due_at) == (None, 1.0 + CLAUSE_S)
    assert lines.take(2.0) == " Here it "
    assert (lines.take(9.0), lines.due_at) == (None, float("inf"))
    lines.add("s", True, 9.0)
    assert lines.take(9.0) == "is"
    assert lines.over


async def test_the_urgent_get_the_next_slot(autojump_clock: Any) -> None:
    """Who has become urgent while waiting goes before those who came first; a cancelled one takes no slot with him."""
    workers, order = Workers(1), ""
    hurry = False

    async def want(name: str, urgent: Any) -> None:
        nonlocal order
        async with workers.slot(urgent):
            order += name
            await trio.sleep(1.0)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(want, "a", lambda: False)
        await trio.sleep(0.1)
        with trio.move_on_after(0.5):
            async with trio.open_nursery() as inner:
                inner.start_soon(want, "x", lambda: True)
                await trio.sleep(0.1)
                nursery.start_soon(want, "b", lambda: False)
                await trio.sleep(0.1)
                nursery.start_soon(want, "c", lambda: hurry)
        hurry = True
        assert workers.waiting == 2
    assert order == "acb"
    async with workers.slot(lambda: False):
        pass


async def test_the_most_urgent_goes_first(autojump_clock: Any) -> None:
    """Of those who are urgent, the highest level gets the next slot, and the first of equals."""
    workers, order = Workers(1), ""

    async def want(name: str, level: int) -> None:
        nonlocal order
        async with workers.slot(lambda: level):
            order += name
            await trio.sleep(1.0)

    async with trio.open_nursery() as nursery:
        for name, level in (("a", 0), ("b", 0), ("c", 1), ("d", 2), ("e", 1), ("f", 2)):
            nursery.start_soon(want, name, level)
            await trio.testing.wait_all_tasks_blocked()
    assert order == "adfceb"


async def test_only_work_that_may_have_waited_is_pressure(autojump_clock: Any) -> None:
    """Slow work that is urgent counts, but neither patient work nor that which goes before all other."""
    for level, pressed in ((0, False), (1, True), (2, False)):
        workers = Workers(1)
        for _ in range(5):
            async with workers.slot(lambda level=level: level):  # type: ignore[misc]  # mypy knows no defaults here
                await trio.sleep(3.0)
        assert workers.pressure.pressed(trio.current_time()) is pressed


async def test_the_last_slot_is_for_urgent_work(autojump_clock: Any) -> None:
    """Of two slots, patient work gets one; who becomes urgent gets the other at once when somebody looks again."""
    workers, order = Workers(2), ""
    hurry = False

    async def want(name: str, urgent: Any) -> None:
        nonlocal order
        async with workers.slot(urgent):
            order += name
            await trio.sleep(1.0)

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(want, name, lambda: False)
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(want, "d", lambda: hurry)
        await trio.testing.wait_all_tasks_blocked()
        assert (order, workers.waiting) == ("a", 3)
        nursery.start_soon(want, "u", lambda: True)
        await trio.testing.wait_all_tasks_blocked()
        assert order == "au"
        await trio.sleep(1.5)
        assert order == "aub"
        hurry = True
        workers.look_again()
        await trio.testing.wait_all_tasks_blocked()
        assert order == "aubd"
    assert order == "aubdc"
    assert workers.waiting == 0


def test_pressure_rises_with_slow_work_and_fades() -> None:
    """Work that is slow again and again is pressure, once is not, and a while later it is gone."""
    pressure = Pressure()
    pressure.note(3.0, 10.0)
    assert not pressure.pressed(10.0)
    for second in range(11, 16):
        pressure.note(3.0, float(second))
    assert pressure.pressed(15.0)
    assert not pressure.pressed(45.0)
    for second in range(50, 80):
        pressure.note(0.2, float(second))
    assert 0.1 < pressure.level(79.0) < 0.25


async def test_loading_is_told_when_it_takes_long() -> None:
    """Short loading is not talked about; long loading is told of in rising steps, and that it is over."""

    class Engine:
        def load(self, progress: Any) -> None:
            for done in (0.1, 0.1, 0.5, 0.9):
                progress("loading", done)
                trio.from_thread.run(trio.sleep, pause)

    told: list[tuple[str, float]] = []
    pause = 0.0
    await load_all([Engine(), Engine()], lambda doing, done: told.append((doing, done)))
    assert told == []
    pause = 0.6
    await load_all([Engine()], lambda doing, done: told.append((doing, done)))
    assert told[-2:] == [("loading", 0.9), ("loading", 1.0)]
    assert told == sorted(told)
    assert ("loading", 0.1) not in told[1:]  # nothing is reported twice


@pytest.mark.parametrize(
    ("pieces", "spoken"),
    [
        (["[warm] Hello. [slowly] I am fine."], "Hello. I am fine."),
        (["Well [wa", "rm and", " calm]", " done."], "Well done."),
        (["Good [", "softly", "] bye."], "Good bye."),
        (["One [1] and [Smith 2020] stay."], "One [1] and [Smith 2020] stay."),
        (["Left [open"], "Left [open"),
        (["[warm]"], ""),
        (["[très doux] Oui."], "Oui."),
        (["[" * 200 + "x]"], "[" * 199),
    ],
)
def test_directions_are_not_spoken(pieces: list[str], spoken: str) -> None:
    """Words in brackets say how to speak: however a text is cut, they are left out, and other brackets are read."""
    lines = Lines(FakeTts().pieces)
    for piece in pieces:
        lines.add(piece, False, 0.0)
    lines.add("", True, 0.0)
    said = ""
    while not lines.over:
        said += lines.take(9.0) or ""
    assert said == spoken


@pytest.mark.parametrize("rate", TTS_RATES)
@pytest.mark.parametrize("bitrate", TTS_BITRATES)
def test_an_mp3_has_the_bitrate_that_was_asked_for(rate: int, bitrate: int) -> None:
    """Within a third of it, or of the highest that MP3 has at the rate: 160 kbit/s below 32 kHz, 64 at 8 kHz."""
    most = 320_000 if rate >= 32_000 else 160_000 if rate >= 16_000 else 64_000
    packing = Packing(TtsConfig(audio_format="mp3", sample_rate=rate, bitrate=bitrate), rate)
    seconds = 3
    size = len(packing.feed(hum("a", seconds * rate, rate))) + len(packing.finish())
    assert 8 * size / seconds == pytest.approx(min(bitrate, most), rel=1 / 3)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x1a\x45\xdf\xa3", "WebM"),
        (b"\0\0\0\x20ftypM4A ", "MP4"),
        (b"\0\0\0\x08wide", "MP4"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"\xff\xf9\x50\x80", "AAC"),
        (b"ADIF", "AAC"),
        (b"#!AMR\n", "AMR"),
        (b"#!AMR-WB\n", "AMR"),
        (bytes.fromhex("3026b2758e66cf11a6d9"), "ASF"),
        (b"\xff\xfb\x90\x00", None),
        (b"\xff\xf3\x90\x00", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"OggS", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_containers_that_are_not_read_have_a_name(head: bytes, name: str | None) -> None:
    """The first bytes tell what a client sent by mistake, and take nothing that is read for it."""
    assert unreadable(head) == name


def test_strangers_share_their_places() -> None:
    """The oldest client without a key makes room for the next; one with a key stays."""

    async def main() -> list[int]:
        strangers, gone = Strangers(2), []

        async def wait(number: int) -> None:
            with strangers.place() as welcome:
                if number == 0:
                    welcome()
                try:
                    await trio.sleep_forever()
                finally:
                    gone.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(wait, number)
                await trio.testing.wait_all_tasks_blocked()
            before = list(gone)
            nursery.cancel_scope.cancel()
        return before

    assert trio.run(main) == [1, 2]


@pytest.mark.parametrize(
    ("origin", "may"),
    [
        ("http://localhost", True),
        ("https://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:80", True),
        ("https://app.example", True),
        ("http://app.example", False),
        ("http://localhost.evil.example", False),
        ("http://evil.example?localhost", False),
        ("http://[", False),
        ("null", False),
        ("", False),
    ],
)
def test_pages_of_this_machine_may_use_the_server(origin: str, may: bool) -> None:
    """Others may not, but for origins that were named."""
    assert pages(["https://app.example"])(origin) is may
