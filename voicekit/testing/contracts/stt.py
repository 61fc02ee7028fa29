"""Checks a transcriber against its contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.events import Endpoint, Final, Finalized, Interim, Progress, SpeechStarted, SpeechStopped, Transcript
from voicekit.flow.sound import resample
from voicekit.flow.transform import StreamContext
from voicekit.testing.contracts.promise import allocated, bench, check_flag, check_members, negotiated, promise
from voicekit.testing.contracts.sound import cut
from voicekit.testing.contracts.stage import check_empty, check_streams, run_once
from voicekit.testing.contracts.stream import CheckedStream, Plan

FRAME = 0.02
"""Seconds per frame; telephones and browsers send such frames."""

LONG_FRAME = 0.2
"""Seconds per frame for long audio."""

WARM_UP, LONG = 90.0, 240.0
"""Seconds of audio before and during the check of the transcriber's memory; after WARM_UP, its buffer for a lost
connection is full."""


async def check_stt(make: Callable[[], Any], speech: AudioFrame, *, within: float = 60.0) -> None:
    """Check the transcribers that `make` returns by sending them `speech`, which must contain words, in real time.

    In addition to the Stage contract, `negotiate` must return a format, and `accepts` must declare it. The transcriber
    must emit only transcripts, and all their words must be within the audio that was sent. Finals must be in order, and
    no word may be final twice. There must be no Endpoint unless `endpoints` is true. Marks and Gaps in the audio must
    do no harm. The transcriber must end within `within` seconds of the end of its inbox, and may store only a
    bounded part of a long call.
    """
    part = make()
    async with bench(part):
        check_members("stt", part)
        check_flag(part, "endpoints")
        sound = _converted(speech, negotiated(part, speech.format, "accepts"))

        def ready() -> Any:
            fresh = make()
            negotiated(fresh, speech.format, "accepts")
            return fresh

        frames = [*cut(sound, FRAME)]
        plan = Plan(_marked(frames), paced=True, within=within, judge=_understands)
        await check_streams(ready, plan)
        await check_empty(ready(), plan)
        await run_once(ready(), replace(plan, items=_holed(frames), judge=_judge))
        await _keeps_little(ready(), sound)


def _understands(held: CheckedStream) -> None:
    _judge(held)
    words = [word for item in held.said if isinstance(item, Final) for word in item.words]
    promise(bool(words), held.part, "emitted no final words for the sound that it was sent")


def _judge(held: CheckedStream) -> None:
    part = held.part
    sent = max(getattr(item, "end", 0) for item in held.plan.items)
    for item in held.said:
        promise(isinstance(item, Transcript), part, f"must emit only transcripts, but emitted {item!r}")
        silent = part.endpoints or not isinstance(item, Endpoint)
        promise(silent, part, "states that it has no `endpoints`, but emitted an Endpoint")
        for start, end in _spans(item):
            promise(0 <= start <= end <= sent, part, f"was sent {sent} samples, but emitted {item!r}")
    words = [word for item in held.said if isinstance(item, Final) for word in item.words]
    for word, later in pairwise(words):
        onwards = later.start >= word.start and later != word
        promise(onwards, part, f"must emit its finals once and in order, but emitted {later!r} after {word!r}")
    done = [item.final_to for item in held.said if isinstance(item, Progress)]
    promise(done == sorted(done), part, f"must never go back with its Progress, but emitted {done}")


def _spans(item: Any) -> list[tuple[int, int]]:
    """The ranges of sound to which the transcript refers."""
    match item:
        case Interim(words) | Final(words):
            return [(word.start, word.end) for word in words]
        case Endpoint(at) | Finalized(at) | Progress(at):
            return [(at, at)]
    return []


def _converted(speech: AudioFrame, wanted: AudioFormat) -> AudioFrame:
    """`speech`, counted from sample 0, as a pipeline would send it."""
    transform = resample(wanted).start(StreamContext(speech.format))
    pieces = [*transform.feed(AudioFrame(speech.pcm, 0, speech.format)), *transform.finish()]
    return AudioFrame(b"".join(piece.pcm for piece in pieces), 0, wanted)


def _marked(frames: list[AudioFrame]) -> list[Any]:
    """The frames, with marks as a detector would add them: each mark comes after the frame that decided it."""
    return [frames[0], SpeechStarted(0), *frames[1:], SpeechStopped(frames[-1].end)]


def _holed(frames: list[AudioFrame]) -> list[AudioFrame | Gap]:
    """The frames, with a Gap in the place of each fifth frame."""
    return [Gap(each.samples, each.at) if place % 5 == 4 else each for place, each in enumerate(frames)]


async def _keeps_little(part: Any, sound: AudioFrame) -> None:
    """Check that, in a long call, the transcriber's memory does not grow with the sound that it was sent."""
    looks: list[int] = []
    with allocated() as allocation:

        def long_call() -> Iterator[AudioFrame]:
            at = 0
            while at < sound.format.samples(WARM_UP + LONG):
                if at >= sound.format.samples(WARM_UP) and not looks:
                    looks.append(allocation())
                for frame in cut(sound, LONG_FRAME, at):
                    at = frame.end
                    yield frame
            looks.append(allocation())

        await run_once(part, Plan(long_call(), paced=True))
    kept = looks[-1] - looks[0]
    most = sound.format.samples(LONG / 4) * sound.format.sample_bytes
    promise(kept <= most, part, f"kept {kept:,} bytes of {LONG:g} s of sound")
