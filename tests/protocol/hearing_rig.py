"""A call's transcription in virtual time over both roles of the protocol, with connections that can be cut.

What is said is in the samples: a word is a run of one value other than 0, and its text names that value and how many
samples the recogniser received of it. So sound that is lost, doubled or torn shows in the transcript.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.events import Endpoint, Final, Word
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.wire import Message, SttConfig, Token
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.realtime.stt import END, FIN, AudioCame, EndAsked, FinalizeAsked, SttServer
from voicekit.soniox.stt.replay import ReplayRing
from voicekit.soniox.stt.session import Finished, SttEvent, SttSession

CONFIG = SttConfig(enable_endpoint_detection=True)
RATE = PCM16K.rate
FRAME = 320
SURE = RATE // 10  # samples behind a word before the recogniser calls it final
PAUSE = RATE * 2 // 5  # samples of silence that end an utterance
EVERY = RATE * 3 // 50  # samples between two results


def speech(words: Iterable[tuple[int, int]]) -> array[int]:
    """Samples of words, each given as milliseconds of silence before it and of its own; the values count up."""
    samples = array("h")
    for value, (silence, length) in enumerate(words, 1):
        samples.extend([0] * (16 * silence))
        samples.extend([value] * (16 * length))
    samples.extend([0] * RATE)
    return samples


class Recogniser:
    """Hears one session and answers through its server."""

    def __init__(self, server: SttServer) -> None:
        self._server = server
        self._heard = array("h")
        self._final = 0  # how many samples are final
        self._answered = 0
        self._open_utterance = False

    def hear(self, data: bytes) -> None:
        self._heard.frombytes(data)
        if len(self._heard) - self._answered >= EVERY:
            self.answer(SURE)

    def answer(self, sure: int, marker: Token | None = None) -> None:
        """Say what is new; words that ended `sure` samples ago are final."""
        self._answered = len(self._heard)
        tokens: list[Token] = []
        tail: list[Token] = []
        place = self._final
        for value, run in groupby(self._heard[self._final :]):
            start, place = place, place + len(list(run))
            if not value:
                continue
            final = place + sure <= len(self._heard) and not tail
            text = (f" w{value}", f"x{place - start}")
            middle = (start + place) / 32
            pieces = [
                Token(text=text[0], start_ms=start / 16, end_ms=middle, is_final=final),
                Token(text=text[1], start_ms=middle, end_ms=place / 16, is_final=final),
            ]
            (tokens if final else tail).extend(pieces)
            if final:
                self._final = place
        if tokens:
            self._open_utterance = True
        if not tail:
            self._final = max(self._final, len(self._heard) - sure)
        ends = self._open_utterance and not tail and not any(self._heard[-PAUSE:]) and len(self._heard) >= PAUSE
        if ends:
            self._open_utterance = False
            tokens.append(END)
        if marker is not None:
            tokens.append(marker)
        self._server.result([*tokens, *tail], self._final / 16, len(self._heard) / 16)

    def finish(self) -> None:
        self.answer(0)
        self._server.finish(len(self._heard) / 16, len(self._heard) / 16)


@dataclass
class Wire:
    """One direction of a connection: messages arrive `delay` after they were sent, or never once it is cut."""

    delay: float = 0.05
    _queue: deque[tuple[float, Message]] = field(default_factory=deque)

    def send(self, messages: Iterable[Message], now: float) -> None:
        self._queue.extend((now + self.delay, message) for message in messages)

    def arrived(self, now: float) -> list[Message]:
        arrived = []
        while self._queue and self._queue[0][0] <= now + 1e-9:
            arrived.append(self._queue.popleft()[1])
        return arrived


class Call:
    """Hears `samples` at real pace; the connection is cut at each time in `cuts` and comes back after `outage`."""

    def __init__(self, samples: array[int], cuts: Iterable[float] = (), outage: float = 0.3) -> None:
        self._samples = samples
        self._cuts = deque(sorted(cuts))
        self._outage = outage
        self._account = Account()
        self.ring = ReplayRing(PCM16K)
        self.now = 0.0
        self.events: list[SttEvent] = []
        self.overrun = 0
        self.sessions = 0
        self._heard = 0
        self._back_at = 0.0
        self._base = 0
        self._session: SttSession | None = None

    @property
    def words(self) -> list[Word]:
        return [word for event in self.events if isinstance(event, Final) for word in event.words]

    @property
    def endpoints(self) -> int:
        return sum(isinstance(event, Endpoint) for event in self.events)

    def run(self) -> Call:
        """Until the service has said that it is finished."""
        while not any(isinstance(event, Finished) for event in self.events):
            assert self.now < 1_000, "the call does not end"
            self._hear()
            if self._session is None and self.now >= self._back_at:
                self._connect()
            if self._session is not None:
                self._exchange(self._session)
            if self._cuts and self._cuts[0] <= self.now:
                self._cuts.popleft()
                self._lose()
            self.now = round(self.now + 0.02, 6)
        return self

    def _hear(self) -> None:
        if self._heard < len(self._samples):
            pcm = self._samples[self._heard : self._heard + FRAME].tobytes()
            self.ring.add(AudioFrame(pcm, self._heard, PCM16K))
            self._heard += len(pcm) // 2

    def _connect(self) -> None:
        self.sessions += 1
        self._up, self._down = Wire(), Wire()
        self._server = SttServer(self._account, "key", self.now)
        self._recogniser = Recogniser(self._server)
        self._session = SttSession(CONFIG, PCM16K, base=self._base)
        self._session.start(self.now)
        self._ended = False

    def _exchange(self, session: SttSession) -> None:
        for item in self.ring.take(self.now):
            session.hear(item, self.now)
        over = self._heard == len(self._samples) and self.ring.due_at is None
        if over and not self._ended:
            session.end(self.now)
            self._ended = True
        told = session.tick(self.now)
        self._up.send(session.outgoing(), self.now)
        for message in self._up.arrived(self.now):
            self._serve(message)
        self._down.send(self._server.outgoing(), self.now)
        for message in self._down.arrived(self.now):
            told += session.receive(message, self.now)
        assert not any(isinstance(event, Failed) for event in told), told
        self.events += told
        self.ring.forget(session.replay_from)

    def _serve(self, message: Message) -> None:
        for event in self._server.receive(message, self.now):
            match event:
                case AudioCame(data):
                    self._recogniser.hear(data)
                case FinalizeAsked():
                    self._recogniser.answer(0, FIN)
                case EndAsked():
                    self._recogniser.finish()

    def _lose(self) -> None:
        if self._session is not None:
            self._session.closed("cut in the test")
            self._server.closed()
            self._base = self._session.replay_from
            self.ring.rewind(self._base)
            self._session = None
        self._back_at = self.now + self._outage
        self.overrun += self.ring.overrun()

    def lost(self) -> int:
        return self.overrun + self.ring.overrun()
