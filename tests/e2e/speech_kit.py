"""Whole calls with a scripted peer's voice and a caller who only types: for tests of text to speech."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import accumulate, count, groupby
from typing import Any

import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.events import HeardSoFar, SessionEvent, Trouble, TurnEnded, WordMark
from voicekit.flow.layers import Layer
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.play.sink import RecordingSink
from voicekit.session import Session
from voicekit.soniox.tts.soniox_tts import SonioxTts
from voicekit.testing import HeldCall, Script, hold_call
from voicekit.testing.soniox import Change, SonioxPeer, spoken

KEY = "a-key-for-tests"
ENGLISH = "The quick brown fox jumps over the lazy dog, and then it rests. "


class Typist(Pipeable):
    """A source of no sound at all: the caller is there, and only types."""

    name = "typist"
    accepts = None
    produces = PCM16K
    live = True

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        await trio.sleep_forever()


class Marked(Layer):
    """Keeps the word marks of a voice."""

    def __init__(self, stage: Any) -> None:
        super().__init__(stage)
        self.marks: list[WordMark] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        async with self.stage.open() as run:

            async def noting(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
                await run(inbox, _Noting(outbox, self.marks))

            yield noting


class _Noting(Outlet[Any]):
    def __init__(self, outlet: Outlet[Any], marks: list[WordMark]) -> None:
        super().__init__(outlet._link)
        self._outlet = outlet
        self._marks = marks

    async def send(self, item: Any) -> None:
        if isinstance(item, WordMark):
            self._marks.append(item)
        await self._outlet.send(item)

    def __del__(self) -> None:
        """The outlet behind it warns for itself."""


@dataclass
class Talk:
    """How a call went, and what its sink and its voice have to say about that."""

    call: HeldCall
    peer: SonioxPeer
    sink: RecordingSink
    marks: list[WordMark]
    pace: float
    started: float

    @property
    def heard(self) -> str:
        """What the listener heard, by the samples alone."""
        return spoken(self.sink.pcm, self.sink.format.rate, self.pace)

    @property
    def roughly(self) -> str:
        """The same where letters may be torn: those of which half was heard."""
        runs = ((chr(value), len(list(run))) for value, run in groupby(array("h", self.sink.pcm)))
        return "".join(letter * round(count / self.letter) for letter, count in runs)

    @property
    def letter(self) -> int:
        """Samples of each character."""
        return round(self.pace * self.sink.format.rate)

    def letters(self) -> list[float]:
        """When each character that is no white space began to sound."""
        ends = list(accumulate(self.sink.format.count(piece.pcm) for piece in self.sink.heard))
        times = []
        for place, value in enumerate(array("h", self.sink.pcm)[:: self.letter]):
            if not chr(value).isspace():
                piece = bisect_right(ends, place * self.letter)
                into = place * self.letter - (ends[piece - 1] if piece else 0)
                times.append(self.sink.heard[piece].start + into / self.sink.format.rate)
        return times

    def of(self, kind: type) -> list[Any]:
        return [event for _, event in self.call.events if isinstance(event, kind)]

    def times(self, kind: type) -> list[float]:
        return [at for at, event in self.call.events if isinstance(event, kind)]

    @property
    def trouble(self) -> list[Exception]:
        return [event.error for event in self.of(Trouble)]

    @property
    def silences(self) -> list[float]:
        """The pauses in what was heard, in seconds."""
        rate = self.sink.format.rate
        ends = [piece.start + self.sink.format.count(piece.pcm) / rate for piece in self.sink.heard]
        gaps = [piece.start - end for piece, end in zip(self.sink.heard[1:], ends, strict=False)]
        return [gap for gap in gaps if gap > 1 / rate]


def voice(peer: SonioxPeer, config: Any = None, **more: Any) -> SonioxTts:
    return SonioxTts(
        config, **{"key": KEY, "endpoints": peer.endpoints, "transport": peer.transport, "roll": lambda: 0.5, **more}
    )


def talk(
    handler: Any,
    peer: SonioxPeer,
    *,
    turns: int = 1,
    during: Callable[[Session], Any] | None = None,
    texts: Sequence[Any] = (),
    sound: AudioFormat = PCM16K,
    tts: SonioxTts | None = None,
    pace: float = 0.06,
    keep: float = 4_000.0,
) -> Talk:
    """Hold a call in virtual time: `during` steers it, or else the caller types `turns` times and hears each answer."""
    sink = RecordingSink(sound, keep=keep)
    marked = Marked(tts or voice(peer))
    parts: dict[str, Any] = {"source": Typist(), "vad": None, "stt": None, "tts": [*texts, marked]}

    started: list[float] = []

    async def take_turns(session: Session) -> None:
        for turn in range(turns):
            await answered(session, f"question {turn + 1}")

    async def whole(session: Session) -> None:
        started.append(trio.current_time())
        await (during or take_turns)(session)
        session.end(graceful=False)

    call = hold_call(handler, Script(), sink=sink, during=whole, **parts)
    return Talk(call, peer, sink, marked.marks, pace, started[0])


async def answered(session: Session, text: str) -> None:
    """Type `text` and wait until its answer is over."""
    async with until(session, TurnEnded):
        session.type(text)


@asynccontextmanager
async def until(session: Session, kind: type[SessionEvent] | tuple[type[SessionEvent], ...]) -> AsyncIterator[None]:
    """Waits, at the end of the body, for an event that comes after its beginning."""
    came = trio.Event()
    session.watch(lambda event: came.set() if isinstance(event, kind) else None)
    yield
    await came.wait()


def bare(text: str) -> str:
    """Without the white space, which a seam may swallow."""
    return "".join(text.split())


def without_stamps(lost: Callable[[int], bool] = lambda number: True) -> Change:
    """Timestamps are missing on the messages with sound whose numbers are `lost`."""
    number = count(1)

    def change(message: Any) -> str:
        told = json.loads(message)
        if "audio" in told and lost(next(number)):
            told.pop("timestamps", None)
        return json.dumps(told)

    return Change(connection=None, change=change)


def words_off(call: Talk, text: str) -> list[int]:
    """By how many words the history was ahead of the listener (below 0: behind), every 50 ms of one reply."""
    begins = [0, *(place for place in range(1, len(text)) if text[place - 1].isspace() and not text[place].isspace())]
    visible = [place for place, character in enumerate(text) if not character.isspace()]
    sounded = list(zip(call.letters(), visible, strict=True))  # when each visible character begins to sound
    told = [(call.started + at, event.said_to) for at, event in call.call.events if isinstance(event, HeardSoFar)]
    off = []
    for step in range(1, int((sounded[-1][0] - sounded[0][0]) / 0.05)):
        now = sounded[0][0] + 0.05 * step
        true = sounded[bisect_right(sounded, (now, len(text))) - 1][1]
        place = bisect_right(told, (now, len(text))) - 1
        heard = told[place][1] if place >= 0 else 0
        off.append(bisect_right(begins, heard - 1) - bisect_right(begins, true))
    return off


def said_whole(heard: str, text: str) -> bool:
    """Whether `heard` is `text`, but for beginnings of words that were begun again."""
    heard, place = bare(heard), 0
    for word in text.split():
        begun = [n for n in range(len(word)) if heard.startswith(word[:n] + word, place)]
        if not begun:
            return False
        place += begun[-1] + len(word)
    return place == len(heard)
