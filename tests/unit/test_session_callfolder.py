"""A call in a folder: both sides of the sound where they were heard, beside the event log."""

from __future__ import annotations

import json
import os
import stat
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
import trio
from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Sink
from voicekit.errors import ConfigError, DeviceError
from voicekit.events import SessionStarted, TurnCommitted
from voicekit.flow.link import open_link
from voicekit.flow.threads import inline
from voicekit.listen.source import ToneSource
from voicekit.play.sink import NullSink, RecordingSink
from voicekit.session.callfolder import EVENTS, SOUND, WIRE, open_call_folder
from voicekit.session.eventlog import log_lines
from voicekit.session.recording_taps import OverheardSink, overheard_source
from voicekit.session.session import Session
from voicekit.session.stereo import TwoTrackFile
from voicekit.testing import (
    FakeTts,
    Script,
    ScriptedSource,
    ScriptedStt,
    ScriptedVad,
    check_sink,
    check_source,
)
from voicekit.testing.positions import SOUNDING


@pytest.fixture(autouse=True)
def _inline_threads():
    inline.set(True)


def caller() -> Script:
    """Asks, coughs while the bot speaks, which holds it, and interrupts it."""
    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    script.coughs(at=4.0)
    script.says("stop please", at=6.0, for_=0.8)
    return script


async def answer(turn: Any, say: Any) -> None:
    await say(f"I heard: {turn.text}. Is there anything else that I can do for you?")


def since_now() -> Callable[[], float]:
    start = trio.current_time()
    return lambda: trio.current_time() - start


def session(script: Script, sink: Sink, **parts: Any) -> Session:
    ears = {"source": ScriptedSource(script), "vad": ScriptedVad(), "stt": ScriptedStt(script)}
    return Session(handler=answer, sink=sink, tts=FakeTts(), **{**ears, **parts})


def tracks(folder: Path) -> tuple[list[int], list[int], int]:
    sound, rate = soundfile.read(folder / SOUND, dtype="int16")
    return sound[:, 0].tolist(), sound[:, 1].tolist(), rate


@pytest.mark.slow
@pytest.mark.parametrize(
    "sink",
    [
        RecordingSink(),
        RecordingSink(pausable=False),
        RecordingSink(latency=0.2),
        RecordingSink(latency=0.2, pausable=False),
    ],
    ids=["pausable", "not pausable", "late", "late and not pausable"],
)
async def test_both_sides_are_where_they_were_heard(autojump_clock, tmp_path, sink):
    """Through a hold and an interruption, each sample of either side lies where it sounded."""
    start = trio.current_time()
    async with open_call_folder(tmp_path / "call") as folder:
        call = session(caller(), sink)
        folder.record(call)
        await call.run()
    left, right, rate = tracks(tmp_path / "call")
    said = array("h", caller().pcm(0, round(caller().until * rate), rate)).tolist()
    assert left == said + [0] * (len(left) - len(said))
    assert any(right)
    assert right == array("h", sink.track(start, len(right) / rate)).tolist()
    assert [exchange.cut for exchange in call.history] == [True, False]


async def test_the_events_are_beside_the_sound(autojump_clock, tmp_path):
    """The log holds the whole call, and what `voicekit trace` draws it from."""
    async with open_call_folder(tmp_path / "call") as folder:
        call = session(caller(), NullSink())
        folder.record(call)
        await call.run()
    lines = "\n".join(log_lines(tmp_path / "call" / EVENTS))
    assert "cut 1 (stop-word 'stop')" in lines
    assert "reply 1 trace: air" in lines
    assert (tmp_path / "call" / WIRE).exists()


@pytest.mark.parametrize("late", [0.0, 7.5])
async def test_the_recording_begins_with_the_session(late, autojump_clock, tmp_path):
    """Whatever was waited for before the call, sample 0 and second 0 are its start, in all three files."""

    class Slow(ScriptedStt):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[Any]:
            folder.wire_log("stt", "sent", "{}")
            await trio.sleep(late)
            async with super().open() as run:
                yield run

    async with open_call_folder(tmp_path / "call") as folder:
        await trio.sleep(late)
        call = session(caller(), NullSink(), stt=Slow(caller()))
        folder.record(call)
        await trio.sleep(late)
        started: list[float] = []
        call.watch(lambda event: started.append(trio.current_time()) if isinstance(event, SessionStarted) else None)
        call.watch(lambda event: folder.wire_log("stt", "received", "{}") if isinstance(event, TurnCommitted) else None)
        await call.run()
    left, right, rate = tracks(tmp_path / "call")
    assert numpy.flatnonzero(numpy.array(left) >= SOUNDING)[0] == pytest.approx(1.0 * rate, abs=0.04 * rate)
    lines = log_lines(tmp_path / "call" / EVENTS)
    assert lines[0] == "    0.000 session started"
    committed = next(float(line.split()[0]) for line in lines if "reply 1 to" in line)
    assert committed == pytest.approx(2.7, abs=0.05)
    wire = [json.loads(line)["at"] for line in (tmp_path / "call" / WIRE).read_text(encoding="utf-8").splitlines()]
    assert wire[:2] == [0.0, pytest.approx(committed, abs=0.01)]
    audible = next(float(line.split()[0]) for line in lines if "is audible" in line)
    assert numpy.flatnonzero(numpy.array(right))[0] == pytest.approx(audible * rate, abs=0.02 * rate)


async def test_the_higher_rate_is_kept(autojump_clock, tmp_path):
    """A caller at 8 kHz and a bot at 24 kHz make a file at 24 kHz, in which both keep their time and their pitch."""
    async with open_call_folder(tmp_path / "call") as folder:
        source = ToneSource(500, AudioFormat(8_000), duration=2.0)
        call = Session(
            handler="x", source=source, vad=None, stt=None, tts=FakeTts(), sink=NullSink(AudioFormat(24_000))
        )
        folder.record(call)
        await call.run()
    left, _, rate = tracks(tmp_path / "call")
    assert rate == 24_000
    spectrum = abs(numpy.fft.rfft(left[:48_000]))
    assert spectrum.argmax() == 1_000  # cycles in two seconds


async def test_the_file_is_playable_while_it_grows(autojump_clock, tmp_path):
    """Whoever looks in the middle of a call, or finds what is left of a killed one, can play all but the last part."""
    async with open_call_folder(tmp_path / "call") as folder, trio.open_nursery() as nursery:
        call = session(caller(), NullSink())
        folder.record(call)
        nursery.start_soon(call.run)
        await trio.sleep(4.0)
        left, right, rate = tracks(tmp_path / "call")
        assert len(left) > 3.5 * rate
        assert any(right)
        nursery.cancel_scope.cancel()


async def test_a_cancelled_call_keeps_what_was_recorded(autojump_clock, tmp_path):
    """Cancelling everything at once loses no sample that was heard."""
    with trio.move_on_after(3.0):
        async with open_call_folder(tmp_path / "call") as folder:
            call = session(caller(), NullSink())
            folder.record(call)
            await call.run()
    left, _, rate = tracks(tmp_path / "call")
    assert left[: 3 * rate - 320] == array("h", caller().pcm(0, 3 * rate - 320, rate)).tolist()


async def test_a_source_that_begins_again_goes_on_where_it_is(autojump_clock):
    """After a restart of the listening side its sound is not laid over what was there, but where it is by then."""
    told: list[AudioFrame] = []
    source = overheard_source(ToneSource(duration=0.04), told.append, since_now())
    before, inbox = open_link(1)
    outbox, after = open_link(16_000)
    with before, inbox, outbox, after:
        for _ in range(2):
            async with source.open() as run:
                await run(inbox, outbox)
            await trio.sleep(1.0)
    assert [frame.at for frame in told] == [0, 320, 16_640, 16_960]


@pytest.mark.slow
@pytest.mark.parametrize("pausable", [True, False])
async def test_the_layers_keep_the_contracts(autojump_clock, pausable):
    """A source and a sink that are overheard promise what they promised before."""
    told: list[AudioFrame] = []
    await check_source(lambda: overheard_source(ToneSource(duration=0.5), told.append, trio.current_time))
    await check_sink(lambda: OverheardSink(NullSink(latency=0.1, pausable=pausable), told.append, trio.current_time))
    assert told


async def test_a_folder_with_a_call_is_left_alone(autojump_clock, tmp_path):
    """Nothing is written over: the message names what is there."""
    (tmp_path / "call").mkdir()
    (tmp_path / "call" / SOUND).write_bytes(b"an earlier call")
    with pytest.raises(ConfigError, match=SOUND):
        async with open_call_folder(tmp_path / "call"):
            pytest.fail("it opened")
    assert (tmp_path / "call" / SOUND).read_bytes() == b"an earlier call"


@pytest.mark.parametrize("name", [SOUND, EVENTS, WIRE])
async def test_a_link_that_leads_nowhere_is_an_earlier_call(name, autojump_clock, tmp_path):
    """A dangling link under the name of a file of ours is refused: writing would make the file that it names."""
    folder = tmp_path / "call"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="expected no files from an earlier call"):
        async with open_call_folder(folder):
            pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.name == "nt", reason="there are no such permissions")
async def test_only_the_owner_can_read_what_a_caller_said(autojump_clock, tmp_path):
    """The folder is 0700 and each file in it 0600, whatever the umask."""
    before = os.umask(0)
    try:
        async with open_call_folder(tmp_path / "call") as folder:
            call = session(caller(), NullSink())
            folder.record(call)
            folder.wire_log("stt", "sent", "{}")
            await call.run()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "call").stat().st_mode) == 0o700
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (tmp_path / "call").iterdir()}
    assert modes == dict.fromkeys((SOUND, EVENTS, WIRE), "0o600")


@pytest.mark.skipif(os.name == "nt", reason="there are no such links")
async def test_a_link_put_in_a_recordings_place_is_not_followed(autojump_clock, tmp_path):
    """If a file of a running call is exchanged for a link, the call's sound does not go where the link leads."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")

    async def hold() -> None:
        async with open_call_folder(tmp_path / "call") as folder:
            call = session(caller(), NullSink())
            folder.record(call)
            (tmp_path / "call" / SOUND).unlink()
            (tmp_path / "call" / SOUND).symlink_to(precious)
            await call.run()

    with pytest.raises(DeviceError):
        await hold()
    assert precious.read_bytes() == b"mine"


async def test_a_call_that_did_not_come_about_leaves_nothing(autojump_clock, tmp_path):
    """Where nothing was written, the next try finds the place as it was: a folder that was there stays."""
    (tmp_path / "there").mkdir()
    for name in ("there", "new"):
        async with open_call_folder(tmp_path / name):
            pass
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


async def test_a_place_that_cannot_be_written_is_refused(autojump_clock, tmp_path):
    """A file in the folder's place is a ConfigError that names the folder."""
    (tmp_path / "call").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigError, match="call folder"):
        async with open_call_folder(tmp_path / "call"):
            pytest.fail("it opened")


async def test_a_disk_that_fails_ends_the_call_with_one_error(autojump_clock, tmp_path, monkeypatch):
    """All three files fail at once; what is raised is one DeviceError, and the sound that was written plays."""

    async def fill_up() -> None:
        await trio.sleep(3.0)
        monkeypatch.setattr("voicekit.session.stereo.FileIO", _full)
        monkeypatch.setattr("builtins.open", _full)

    async def hold_call_on_a_full_disk() -> None:
        async with open_call_folder(tmp_path / "call") as folder, trio.open_nursery() as nursery:
            call = session(caller(), NullSink())
            folder.record(call)
            nursery.start_soon(fill_up)
            await call.run()

    with pytest.raises(DeviceError, match="disk full"):
        await hold_call_on_a_full_disk()
    monkeypatch.undo()
    left, _, rate = tracks(tmp_path / "call")
    assert 2.7 < len(left) / rate <= 3.0


def _full(*_: object, **__: object) -> Any:
    raise OSError(28, "No space left on device")


@given(
    pieces=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 60), st.lists(st.integers(-9, 9), min_size=1, max_size=30))
    )
)
def test_pieces_may_come_in_any_order(tmp_path_factory, pieces):
    """Each piece lies where it belongs, on its own track, whatever was written before; the rest is silence."""
    path = tmp_path_factory.mktemp("tracks") / "two.wav"
    file = TwoTrackFile(path, 8_000)
    expected = numpy.zeros((max((at + len(pcm) for _, at, pcm in pieces), default=0), 2), "int16")
    for track, at, pcm in pieces:
        expected[at : at + len(pcm), track] = pcm
        file.write([(track, at, array("h", pcm).tobytes())])
    sound, rate = soundfile.read(path, dtype="int16")
    assert rate == 8_000
    assert sound.reshape(-1, 2).tolist() == expected.tolist()


def test_a_wav_that_is_full_says_so(tmp_path):
    """More sound than the format can count is refused, and what is there plays."""
    file = TwoTrackFile(tmp_path / "two.wav", 8_000)
    with pytest.raises(DeviceError, match="can't hold more"):
        file.write([(0, 0, b"\1\0"), (0, 2**29, b"\1\0")])
    sound, _ = soundfile.read(tmp_path / "two.wav", dtype="int16")
    assert sound.tolist() == [[1, 0]]
