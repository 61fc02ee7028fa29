"""Heard = history: whenever and however a reply is cut, the history says what the caller's ear says.

The voice here speaks each character for 10 ms, and the value of its samples is the number of the character in what
was *spoken*. So the samples that the recording sink has kept tell how far the reply was heard, whatever marks and
spans claim; and the table of what is written and how that is spoken tells which words of the handler these were.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import accumulate, product
from random import Random
from typing import Any

import pytest
import trio

from tests.counts import count
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.events import Decided, TurnEnded, WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.transform import Pipeable
from voicekit.play.sink import RecordingSink
from voicekit.reply import Aligner, spoken_forms
from voicekit.session import Session
from voicekit.testing import Script, hold_call

pytestmark = pytest.mark.slow

SINK = AudioFormat(8_000)
PER_CHARACTER = 0.01
FIRST_SOUND = 0.137
STEP = 64
"""Between the values of two characters: more than a resampler's ringing, and 500 characters fit into 16 bits."""

WRITTEN_AND_SPOKEN = [
    ("It", "It"),
    ("costs", "costs"),
    ("$5", "five dollars"),
    ("for", "for"),
    ("**everybody**,", "everybody,"),
    ("at", "at"),
    ("3:05", "three oh five"),
    ("_or_", "or"),
    ("[later](https://example.com/a_b)", "later"),
    ("than", "than"),
    ("$1,200.50.", "one thousand two hundred dollars and fifty cents."),
    ("`That`", "That"),
    ("was", "was"),
    ("25%", "twenty-five percent"),
    ("of", "of"),
    ("10 km", "ten kilometers"),
    ("on", "on"),
    ("2024-05-01,", "May first, twenty twenty-four,"),
    ("\N{WAVING HAND SIGN} friend!", "friend!"),
    ("Don't", "Don't"),
    ("~~ever~~", "ever"),
    ("***really***", "really"),
    ("go.", "go."),
]

DEVICES: dict[str, dict[str, Any]] = {
    "no buffer": {"latency": 0.0},
    "20 ms": {"latency": 0.02},
    "200 ms": {"latency": 0.2},
    "can't pause": {"latency": 0.0, "pausable": False},
    "can't pause, 200 ms": {"latency": 0.2, "pausable": False},
}


@dataclass(frozen=True)
class Answer:
    """One reply as it is written and as it is spoken, word by word."""

    words: tuple[tuple[str, str], ...]

    @property
    def written(self) -> str:
        return " ".join(written for written, _ in self.words)

    @property
    def spoken(self) -> str:
        return " ".join(spoken for _, spoken in self.words)

    def words_written_in(self, characters: int) -> int:
        """How many words have begun in the first `characters` of what is written."""
        return bisect_left(_starts(written for written, _ in self.words), characters)

    def words_spoken_in(self, characters: int) -> int:
        return bisect_left(_starts(spoken for _, spoken in self.words), characters)


def _starts(words: Iterable[str]) -> list[int]:
    return list(accumulate((len(word) + 1 for word in words), initial=0))[:-1]


def answer(turn: int) -> Answer:
    """What is said in reply `turn`: some 150 spoken characters, in another order each time."""
    words = WRITTEN_AND_SPOKEN[:]
    Random(turn).shuffle(words)
    return Answer(tuple(words[:17]))


async def token_by_token(turn, say) -> None:
    """Says the answer as a model writes: in pieces of a few characters, cut anywhere."""
    text, random = answer(turn.number).written, Random(-turn.number)
    while text:
        end = random.randint(1, 9)
        await say(text[:end])
        text = text[end:]


class Speller(Pipeable):
    """Numbers what it speaks, character by character."""

    name = "speller"
    accepts = None

    def __init__(self) -> None:
        self.produces = SINK
        self.spoken = ""  # the text spoken in the last reply

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        return self.produces

    def cut(self) -> None:
        """It does nothing that outlives the reply's own tasks."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        yield self._run

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        self.spoken = ""
        await trio.sleep(FIRST_SOUND)
        at = 0
        async for text in inbox:
            for word in _words(text):
                await outbox.send(WordMark(word.text, at, word.to[len(word.text.rstrip()) - 1]))
                frame = self._sound(word.text, at)
                await outbox.send(frame)
                at = frame.end

    def _sound(self, word: str, at: int) -> AudioFrame:
        first, each = len(self.spoken) + 1, self.produces.samples(PER_CHARACTER)
        self.spoken += word
        pcm = b"".join(array("h", [STEP * number]).tobytes() * each for number in range(first, first + len(word)))
        return AudioFrame(pcm, at, self.produces)


class RotatingSpeller(Speller):
    """Speaks at 24 kHz in streams of some ten words, like a service: each tells its words' times from its own start.

    So it offsets them by what it has emitted before, and finds out by itself where in the text a word stands.
    """

    def __init__(self) -> None:
        super().__init__()
        self.produces = AudioFormat(24_000)

    async def _run(self, inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        self.spoken = ""
        await trio.sleep(FIRST_SOUND)
        aligner = Aligner()
        emitted = in_stream = stream_words = 0
        async for text in inbox:
            aligner.sent(text)
            for word in _words(text):
                if stream_words == 10:
                    emitted, in_stream, stream_words = emitted + in_stream, 0, 0
                seconds = round(in_stream / self.produces.rate, 3)
                at = emitted + self.produces.samples(seconds)
                await outbox.send(WordMark(word.text, at, aligner.mark(word.text)))
                frame = self._sound(word.text, emitted + in_stream)
                await outbox.send(frame)
                in_stream, stream_words = in_stream + frame.samples, stream_words + 1


def _words(text: Text) -> list[Text]:
    return [text.part(*word.span()) for word in re.finditer(r"\S+\s*|\s+", text.text)]


class Nobody(Pipeable):
    """A caller who never makes a sound, at no cost."""

    name = "nobody"
    accepts = None
    live = True
    produces = PCM16K

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        async def run(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
            await trio.sleep_forever()

        yield run


class Ear:
    """Listens beside the caller: how far each reply was heard by the recording alone, and what history makes of it."""

    def __init__(self, session: Session, voice: Speller, sink: RecordingSink) -> None:
        self.cut_at: list[int] = []  # how many samples of each cut reply were heard
        self.decisions = ""
        self.mistakes = 0  # by how many words the history was wrong, in all
        self._session = session
        self._voice = voice
        self._sink = sink
        self._pieces = 0

    def note(self, event: object) -> None:
        if isinstance(event, Decided):
            self.decisions += f"{event.what} ({event.why}), "
        elif isinstance(event, TurnEnded):
            pieces = self._sink.heard[self._pieces :]
            self._pieces += len(pieces)
            pcm = b"".join(piece.pcm for piece in pieces)
            if event.cut:
                self.cut_at.append(SINK.count(pcm))
            self._compare(event, characters=round(max(array("h", pcm), default=0) / STEP))

    def _compare(self, event: TurnEnded, characters: int) -> None:
        exchange, reply = self._session.history[-1], answer(event.turn)
        assert (exchange.turn, exchange.said, exchange.heard) == (event.turn, event.said, event.heard)
        assert reply.written.startswith(event.said), "what is in history was said"
        assert reply.spoken.startswith(self._voice.spoken), "the table tells how it is spoken"
        assert event.said.startswith(event.heard), "and the rest of it was never played"
        heard, truth = reply.words_written_in(len(event.heard)), reply.words_spoken_in(characters)
        assert abs(heard - truth) <= 1, f"{event.heard!r} is history, {reply.spoken[:characters]!r} was heard"
        self.mistakes += abs(heard - truth)


def hold(script: Script, voice: Speller, device: dict[str, Any], control: Any, **parts: Any) -> Ear:
    """Hold a call in which `control(session)` runs beside the script, with an ear at the sink."""
    sink = RecordingSink(SINK, keep=1_000_000, **device)
    ears = []

    async def during(session: Session) -> None:
        ears.append(Ear(session, voice, sink))
        session.watch(ears[0].note)
        await control(session)

    hold_call(token_by_token, script, sink=sink, tts=[spoken_forms(), voice], during=during, **parts)
    return ears[0]


PLACES = Random(1).sample(range(1, 8_000), count(2_000))
"""The samples at which replies are cut, each on one device and with one voice; no reply is shorter."""

DEVICES_AND_VOICES = list(product(DEVICES, [Speller, RotatingSpeller]))
CUTS = [
    pytest.param(DEVICES[device], voice, PLACES[number :: len(DEVICES_AND_VOICES)], id=f"{device}, {voice.__name__}")
    for number, (device, voice) in enumerate(DEVICES_AND_VOICES)
]


@pytest.mark.full_counts
@pytest.mark.parametrize(("device", "voice", "places"), CUTS)
def test_a_reply_cut_at_any_sample_was_heard_as_history_says(device, voice, places):
    """On each device and with each voice, wherever a reply is cut, it was heard as history says."""

    async def type_on(session: Session) -> None:
        for place in places:
            session.type("Go on.")
            await trio.sleep(FIRST_SOUND + device["latency"] + place / SINK.rate)
        session.end(graceful=False)

    ear = hold(Script(), voice(), device, type_on, source=Nobody(), vad=None, stt=None)
    assert ear.cut_at == pytest.approx(places, abs=1)
    assert len(set(ear.cut_at)) >= len(places) - 2
    assert ear.mistakes <= 2 * (voice is RotatingSpeller)  # resampling blurs the edges of words


@pytest.mark.parametrize("voice", [Speller, RotatingSpeller])
@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES.keys())
def test_a_reply_that_was_held_released_and_cut_was_heard_as_history_says(device, voice):
    """Stop-words, other words, coughs long and short and typed lines: whoever cuts, history ends where the ear did."""
    user, random = Script(), Random(7)
    cycles = 12
    for cycle in range(cycles):
        start = 5.0 * cycle
        match cycle % 3:
            case 0:
                user.says("stop", at=start + 1.0, for_=0.4)
            case 1:
                user.coughs(at=start + 1.0, for_=0.9)  # long, but the reply is released all the same
                user.says("tell me more", at=start + 2.4, for_=0.6)
            case 2:
                user.coughs(at=start + 1.0, for_=0.3)  # holds the reply, which is then released
                user.says("wait", at=start + 1.9, for_=0.4)
    user.stays(until=5.0 * cycles)

    async def type_on(session: Session) -> None:
        start = trio.current_time()
        for cycle in range(cycles):
            await trio.sleep_until(start + 5.0 * cycle + random.randrange(4_000) / SINK.rate)
            session.type("Go on.")

    ear = hold(user, voice(), device, type_on)
    assert len(ear.cut_at) >= len(set(ear.cut_at)) >= cycles
    assert all(how in ear.decisions for how in ("release", "stop-word", "2 words", "typed"))
    assert ear.mistakes == 0
