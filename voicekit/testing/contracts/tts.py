"""Checks a voice against its contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.contracts import Text
from voicekit.events import WordMark
from voicekit.reply.text import NOTHING
from voicekit.testing.contracts.opening import open_part
from voicekit.testing.contracts.promise import bench, call_now, check_members, negotiated, promise
from voicekit.testing.contracts.sound import check_sound
from voicekit.testing.contracts.stage import check_empty, check_streams, check_waits, run_once
from voicekit.testing.contracts.stream import CheckedStream, Plan, stream

FORMATS = (PCM16K, AudioFormat(8_000, "mulaw"), AudioFormat(48_000, channels=2))
"""Formats of typical sinks: a device, a telephone, a browser."""

A_LOT = 10_000
"""A number of characters (about 14 minutes of speech) that no voice may take while its sound is not read."""


async def check_tts(
    make: Callable[[], Any], text: str = "Hello there. How are you today?", *, within: float = 60.0
) -> None:
    """Check the voices that `make` returns. They get the words of `text` one by one, with an empty Text after the first
    word.

    In addition to the Stage contract, `negotiate` must return a format; `produces` must declare it, and all frames must
    use it. Positions must begin at 0 and have no gaps. Each WordMark must be at a position within the audio. From mark
    to mark, neither `at` nor `said_to` may decrease, and the last mark must reach the end of the text. `cut` must be a
    plain function that is harmless at any time. After a cut and a cancellation, no more audio may be emitted, and the
    next reply must be spoken completely. While its audio is not read, the voice must stop taking text.
    """
    part = make()
    async with bench(part):
        check_members("tts", part)
        for wanted in FORMATS:
            await _speaks(make(), text, wanted, within)

        def ready() -> Any:
            fresh = make()
            negotiated(fresh, PCM16K, "produces")
            return fresh

        plan = _plan(ready(), text, within)
        await _bears_cuts(ready(), plan)
        await check_streams(ready, plan, before_cancel=lambda voice: voice.cut())
        await check_empty(ready(), plan)
        await check_waits(ready(), _chunks(text * (A_LOT // len(text) + 1)))


def _plan(part: Any, text: str, within: float) -> Plan:
    return Plan(_said(text), within=within, room=part.produces.samples(2.0), judge=_Judge(len(text.rstrip())))


async def _speaks(part: Any, text: str, wanted: AudioFormat, within: float) -> None:
    negotiated(part, wanted, "produces")
    await run_once(part, _plan(part, text, within))


async def _bears_cuts(part: Any, plan: Plan) -> None:
    """Check that cuts without a reply have no effect: before opening, before and between replies, and after closing."""
    call_now(part, part.cut)
    async with open_part(part) as run:
        for _ in range(2):
            call_now(part, part.cut)
            async with stream(part, plan) as held:
                await held.run_through(run)
                plan.judge(held)
    call_now(part, part.cut)


class _Judge:
    """Judges a reply whose text has `end` characters."""

    def __init__(self, end: int) -> None:
        self._end = end

    def __call__(self, held: CheckedStream) -> None:
        part = held.part
        samples = check_sound(part, held.said, part.produces)
        promise(samples > 0, part, "emitted no sound")
        marks = [item for item in held.said if isinstance(item, WordMark)]
        promise(bool(marks), part, "emitted no WordMark: no word of the reply would ever count as heard")
        for mark, later in pairwise(marks):
            falls = later.at < mark.at or later.said_to < mark.said_to
            promise(not falls, part, f"must not go back with its marks, but emitted {later!r} after {mark!r}")
        for mark in marks:
            spoken = 0 <= mark.at < samples
            promise(
                spoken, part, f"emitted {mark!r}, but only {samples} samples of sound: that word would never be heard"
            )
        reached = marks[-1].said_to
        promise(reached == self._end, part, f"reached character {reached} of {self._end} with its last WordMark")


def _said(text: str) -> Sequence[Text]:
    """`text` as a handler would emit it, with an empty Text after the first chunk."""
    first, *rest = _chunks(text)
    return [first, NOTHING, *rest]


def _chunks(text: str) -> list[Text]:
    return [*_cut(text)]


def _cut(text: str) -> Iterator[Text]:
    """`text` word by word, each with the white space before it, as language models write."""
    whole, start = Text.raw(text, 0), 0
    for place in range(1, len(text)):
        if text[place].isspace() and not text[place - 1].isspace():
            yield whole.part(start, place)
            start = place
    yield whole.part(start, len(text))
