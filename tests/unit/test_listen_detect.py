"""The detecting transform: frames pass, marks stand behind the frame that decided them, and signals come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.contracts import VadStream
from voicekit.errors import ConfigError
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.flow.transform import StreamContext, Transform
from voicekit.listen.detect import detect
from voicekit.listen.gate import GatePolicy
from voicekit.listen.vad import WebRtcVad

WINDOW = 100
POLICY = GatePolicy(min_speech=0.0, hangover=300 / 16_000)  # 3 windows


@dataclass(frozen=True)
class Loud:
    """A VAD with windows of 100 samples, for which a window whose first sample isn't 0 is speech."""

    rates: Sequence[int] = (16_000,)

    def start(self, rate: int) -> VadStream:
        return LoudStream()


class LoudStream:
    window = WINDOW

    def probability(self, pcm: bytes) -> float:
        assert len(pcm) == 2 * WINDOW
        return float(pcm[0] != 0)


def sound(pattern: str, at: int = 0) -> AudioFrame:
    """A window per character, `#` loud and `.` silent, as one frame."""
    return AudioFrame(b"".join((b"\1\0" if drawn == "#" else b"\0\0") * WINDOW for drawn in pattern), at, PCM16K)


def cut(frame: AudioFrame, sizes: Sequence[int]) -> list[AudioFrame]:
    """The frame in frames of `sizes` samples, and what is left."""
    out, at = [], 0
    for size in [*sizes, frame.samples]:
        if at < frame.samples:
            out.append(AudioFrame(frame.pcm[2 * at : 2 * (at + size)], frame.at + at, frame.format))
            at += size
    return out


class Ears:
    """A started detector, and what it has signalled."""

    def __init__(self) -> None:
        self.signals: list[object] = []
        context = StreamContext(PCM16K, self.signals.append)
        self.transform: Transform[object, object] = detect(Loud(), POLICY).start(context)

    def feed(self, *items: object) -> list[object]:
        return [out for item in items for out in self.transform.feed(item)]


def test_marks_stand_behind_the_frame_that_decided_them() -> None:
    """The third loud window starts speech, the third silent one stops it; frames are passed as the same objects."""
    frames = cut(sound(".####...."), [100] * 8)
    out = Ears().feed(*frames)
    assert out == [*frames[:4], SpeechStarted(100), *frames[4:8], SpeechStopped(500), frames[8]]
    assert all(passed is frame for passed, frame in zip([*out[:4], *out[5:9], out[10]], frames, strict=True))


def test_each_mark_is_signalled_before_it_is_said() -> None:
    """By the time `feed` returns its marks, the conductor already has them, in the same order."""
    ears = Ears()
    frame = sound("###...###...")
    out = ears.feed(frame)
    assert ears.signals == out[1:]
    assert ears.signals == [SpeechStarted(0), SpeechStopped(300), SpeechStarted(600), SpeechStopped(900)]


@given(
    pattern=st.text("#.", max_size=30),
    sizes=st.lists(st.integers(1, 450), max_size=80),
    start=st.integers(0, 10**9),
)
def test_the_size_of_frames_changes_no_mark(pattern: str, sizes: list[int], start: int) -> None:
    """However the sound is cut, the same marks come, no frame is changed, and none overtakes a mark it decided."""
    whole, pieces = Ears(), Ears()
    whole.feed(sound(pattern, start))
    frames = cut(sound(pattern, start), sizes)
    out = pieces.feed(*frames)
    assert pieces.signals == whole.signals
    assert [item for item in out if isinstance(item, AudioFrame)] == frames
    behind = start
    for item in out:
        if isinstance(item, AudioFrame):
            behind = item.end
        else:
            assert isinstance(item, SpeechStarted | SpeechStopped)
            assert item.at <= behind


def test_a_gap_passes_and_counts_as_unvoiced() -> None:
    """A loss as long as the hangover stops speech; the mark comes behind the gap, and positions go on after it."""
    ears = Ears()
    before, after = sound("###"), sound("###", 700)
    out = ears.feed(before, Gap(400, 300), after)
    assert out == [before, SpeechStarted(0), Gap(400, 300), SpeechStopped(300), after, SpeechStarted(700)]


def test_a_short_gap_does_not_interrupt_speech() -> None:
    """Less than the hangover is missing, and who speaks before and after it has not stopped."""
    ears = Ears()
    ears.feed(sound("###"), Gap(200, 300), sound("###", 500))
    assert ears.signals == [SpeechStarted(0)]


def test_no_window_spans_a_gap() -> None:
    """What is left of a window in front of a gap is not judged together with what follows it."""
    ears = Ears()
    ears.feed(*cut(sound("##"), [200]), AudioFrame(b"\1\0" * 50, 200, PCM16K), Gap(10, 250), sound("###", 260))
    assert ears.signals == [SpeechStarted(260)]


def test_the_end_of_the_stream_stops_speech_that_is_going_on() -> None:
    """`finish` says and signals the stop; where nobody speaks it says nothing."""
    ears = Ears()
    ears.feed(sound("####."))
    assert list(ears.transform.finish()) == [SpeechStopped(400)]
    assert ears.signals == [SpeechStarted(0), SpeechStopped(400)]
    assert list(Ears().transform.finish()) == []


def test_what_is_no_sound_passes_unchanged() -> None:
    """Signals of a source, or anything else on the line, are none of the detector's business."""
    key = object()
    assert Ears().feed(key) == [key]


def test_each_stream_has_a_detector_of_its_own() -> None:
    """Speech of one stream does not leak into the next."""
    part = detect(Loud(), POLICY)
    first, second = (part.start(StreamContext(PCM16K)) for _ in range(2))
    assert list(first.feed(sound("###")))[1:] == [SpeechStarted(0)]
    assert list(second.finish()) == []


@pytest.mark.parametrize(
    "offered",
    [
        AudioFormat(24_000),
        AudioFormat(16_000, channels=2),
        AudioFormat(16_000, "float32"),
        AudioFormat(8_000, "mulaw"),
        None,
    ],
    ids=str,
)
def test_sound_that_the_vad_cannot_judge_is_refused(offered: AudioFormat | None) -> None:
    """Another rate, encoding or channel count raises ConfigError with what the VAD takes and what came."""
    got = "sound of an unknown format" if offered is None else str(offered)
    with pytest.raises(ConfigError) as caught:
        detect(WebRtcVad(mode=1)).start(StreamContext(offered))
    assert str(caught.value) == (
        f"detect: WebRtcVad(mode=1): expected pcm16 mono at one of 8000, 16000, 32000, 48000 Hz, got {got}"
    )
