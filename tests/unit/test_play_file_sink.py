"""A sound file as a sink."""

from __future__ import annotations

from array import array

import pytest
import soundfile
import trio

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError
from voicekit.flow.threads import inline
from voicekit.play.file_sink import FileSink

FORMAT = AudioFormat(8_000)


@pytest.fixture(autouse=True)
def _inline_threads():
    inline.set(True)


def frame(first: int, samples: int) -> AudioFrame:
    return AudioFrame(array("h", range(first, first + samples)).tobytes(), first, FORMAT)


async def test_each_sample_lies_in_the_file_where_it_was_heard(autojump_clock, tmp_path):
    """Silence before and between the sounds is written too, to the sample."""
    sink = FileSink(tmp_path / "bot.wav", FORMAT)
    async with sink.open() as speaker:
        await trio.sleep(0.5)
        await speaker.write(frame(1, 800))
        await trio.sleep(1.0)
        await speaker.write(frame(801, 800))
        await trio.sleep(1.0)
    sound, rate = soundfile.read(sink.path, dtype="int16")
    assert rate == 8_000
    assert sound.tolist() == [0] * 4_000 + list(range(1, 801)) + [0] * 7_200 + list(range(801, 1_601))


async def test_what_was_discarded_is_not_in_the_file(autojump_clock, tmp_path):
    """The file holds what would have been heard, not what was written."""
    sink = FileSink(tmp_path / "bot.wav", FORMAT)
    async with sink.open() as speaker:
        await speaker.write(frame(1, 1_600))
        await trio.sleep(0.1)
        speaker.discard()
        await trio.sleep(0.1)
    sound, _ = soundfile.read(sink.path, dtype="int16")
    assert sound.tolist() == list(range(1, 801))


async def test_a_cancelled_call_leaves_a_playable_file(autojump_clock, tmp_path):
    """What was heard before the cancellation is in the file."""
    sink = FileSink(tmp_path / "bot.flac", FORMAT)
    with trio.move_on_after(0.3):
        async with sink.open() as speaker:
            await speaker.write(frame(1, 800))
            await trio.sleep_forever()
    sound, _ = soundfile.read(sink.path, dtype="int16")
    assert sound.tolist() == list(range(1, 801))


async def test_a_file_that_cannot_be_written_is_refused_before_any_sound(autojump_clock, tmp_path):
    """Opening in a folder that is not there raises ConfigError naming the file."""
    with pytest.raises(ConfigError, match=r"bot\.wav"):
        async with FileSink(tmp_path / "missing" / "bot.wav").open():
            pytest.fail("it opened")
