"""One reply in virtual time over both roles of the synthesis protocol, with a voice that speaks letters.

The voice makes `letter_s` of sound for every character; each sample is the character's number, so that what the
listener heard can be read back. The rig does what a voice stage does, and holds the service to its limits.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from voicekit.audio.format import AudioFormat
from voicekit.soniox.api.config import tts_config
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.wire import Timestamps, TtsConfig
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.realtime.stream import StreamOver, StreamStarted, TextCame
from voicekit.soniox.server.realtime.tts import TtsServer
from voicekit.soniox.server.refusal import Refusal
from voicekit.soniox.tts.connection import TtsConnection, TtsEvent
from voicekit.soniox.tts.planner import Drop, Open, Send, StreamCommand, StreamPlanner
from voicekit.soniox.tts.stream import SpeechStream

RATE = 8_000
CONFIG = tts_config(TtsConfig(return_timestamps=True), AudioFormat(RATE))
STEP_S = 0.02


@dataclass
class Speaker:
    """What the engine knows of one stream."""

    text: str = ""
    spoken: int = 0
    ended: bool = False
    first_text_at: float | None = None


@dataclass
class Rig:
    """A reply whose handler says `script`: pieces of text, each at its time, and None for its end."""

    script: list[tuple[float, str | None]]
    holds: list[tuple[float, float]] = field(default_factory=list)
    faster: float = 5.0  # how many times faster than real time the voice speaks
    latency: float = 0.3
    timestamps: bool = True
    # "stream" or "connection", by the time at which it is killed.
    kill_at: dict[float, str] = field(default_factory=dict)
    letter_s: float = 0.08

    def __post_init__(self) -> None:
        self.letter = int(RATE * self.letter_s)
        self.now = 0.0
        self.account = Account()
        self.speaking = StreamPlanner()
        self.refusals: list[Refusal] = []
        self.heard: list[int] = []
        self.silent_s = 0.0  # seconds for which the listener waited after the first sound
        self.most_owed = 0.0
        self.streams = 0
        self._connect()

    def run(self, limit_s: float = 600.0) -> str:
        """Run until everything was heard; what was heard, as text."""
        said = deque(sorted(self.script, key=lambda line: line[0]))
        kills = deque(sorted(self.kill_at.items()))
        while not (self.speaking.done and not self.speaking.streams) and self.now < limit_s and self.error is None:
            while said and said[0][0] <= self.now and self.speaking.wants_text:
                text = said.popleft()[1]
                self.speaking.finish() if text is None else self.speaking.add(text)
            if kills and kills[0][0] <= self.now:
                self._kill(kills.popleft()[1])
            self._turn()
            self.now += STEP_S
        return self.spoken()

    @property
    def error(self) -> Exception | None:
        return self.speaking.error

    def spoken(self) -> str:
        assert len(self.heard) % self.letter == 0
        letters = [self.heard[place : place + self.letter] for place in range(0, len(self.heard), self.letter)]
        assert all(len(set(letter)) == 1 for letter in letters), "a letter was torn"
        return "".join(chr(letter[0]) for letter in letters)

    # --- one step ---

    def _turn(self) -> None:
        self._obey()
        self._pump()
        self._speak()
        self._pump()
        self._events(self.client.tick(self.now))
        self.server_events(self.server.tick(self.now))
        self._listen()
        self.most_owed = max(self.most_owed, self.speaking.owed())

    def _obey(self) -> None:
        for command in self.speaking.decide(self.now, room=self.client.has_room):
            match command:
                case Open(stream):
                    stream.id = self.client.start(CONFIG, self.now)
                    self.alive[stream.id] = stream
                    self.streams += 1
                case Send(stream, text, end):
                    assert self.speaking._text[stream.start : stream.end] == stream.voice.text
                    self.client.text(stream.id, text, self.now, end=end)
                case Drop(stream):
                    self.client.cancel(stream.id, self.now)
                    del self.alive[stream.id]

    def _pump(self) -> None:
        for message in self.client.outgoing():
            self.server_events(self.server.receive(message, self.now))
        for message in self.server.outgoing():
            self._events(self.client.receive(message, self.now))

    def server_events(self, events: Iterable[object]) -> None:
        for event in events:
            match event:
                case StreamStarted(stream):
                    self.speakers[stream] = Speaker()
                case TextCame(stream, text, end):
                    speaker = self.speakers[stream]
                    speaker.text += text
                    speaker.ended = end
                    if speaker.first_text_at is None:
                        speaker.first_text_at = self.now
                case StreamOver(stream, refusal):
                    self.speakers.pop(stream, None)
                    if refusal is not None:
                        self.refusals.append(refusal)

    def _speak(self) -> None:
        for stream, speaker in list(self.speakers.items()):
            if speaker.first_text_at is None or self.now < speaker.first_text_at + self.latency:
                continue
            age = self.now - speaker.first_text_at - self.latency
            upto = min(len(speaker.text), int(age * self.faster / self.letter_s) + 1)
            new = speaker.text[speaker.spoken : upto]
            at = speaker.spoken * self.letter_s
            speaker.spoken = upto
            end = speaker.ended and upto == len(speaker.text)
            if new or end:
                pcm = array("H", [ord(letter) & 0xFFFF for letter in new for _ in range(self.letter)]).tobytes()
                starts = tuple(at + self.letter_s * place for place in range(len(new)))
                stamps = Timestamps(characters=tuple(new), character_start_times_seconds=starts)
                over = self.server.audio(stream, pcm, self.now, end=end, timestamps=stamps if self.timestamps else None)
                self.server_events(over)
            if end:
                self.server.terminated(stream, self.now)
                self.speakers.pop(stream, None)

    def _events(self, events: Iterable[TtsEvent]) -> None:
        for event in events:
            if not isinstance(event, Failed) and event.stream in self.alive:
                self.alive[event.stream].hear(event, self.now)

    def _listen(self) -> None:
        """The listener takes as much sound as the step lasts, from the oldest stream first."""
        if any(start <= self.now < end for start, end in self.holds):
            return
        wanted = round(STEP_S * RATE)
        streams = self.speaking.streams
        while wanted and streams:
            stream = streams[0]
            if stream.pieces:
                piece = array("H", stream.pieces.popleft())
                self.heard += piece[:wanted]
                stream.queued -= min(wanted, len(piece)) / RATE
                if len(piece) > wanted:
                    stream.pieces.appendleft(piece[wanted:].tobytes())
                wanted -= min(wanted, len(piece))
            elif stream.over:
                streams.remove(stream)
            else:
                break
        if self.heard and not self.speaking.done:
            self.silent_s += wanted / RATE

    # --- faults ---

    def _kill(self, what: str) -> None:
        if what == "connection":
            self._events(self.client.closed("cut in the test"))
            self.server.closed()
            self._connect()
        elif self.speakers:
            stream = next(iter(self.speakers))
            self.server_events(self.server.refuse(stream, Refusal("internal_error", "Cut in the test."), self.now))
            self._pump()
            self.refusals.clear()

    def _connect(self) -> None:
        self.client = TtsConnection(self.now)
        self.server = TtsServer(self.account, "key", self.now)
        self.speakers: dict[str, Speaker] = {}
        self.alive: dict[str, SpeechStream] = {}  # the streams of this connection


def named(commands: Iterable[StreamCommand]) -> list[tuple[object, ...]]:
    """`commands` with the character that the stream begins with in place of the stream."""
    return [
        ("send", command.stream.start, command.text, *(["end"] if command.end else []))
        if isinstance(command, Send)
        else (type(command).__name__.lower(), command.stream.start)
        for command in commands
    ]


def tokens(text: str, every: float, size: int = 4) -> list[tuple[float, str | None]]:
    """`text` as a language model says it: `size` characters every `every` seconds."""
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    script: list[tuple[float, str | None]] = [(every * place, piece) for place, piece in enumerate(pieces)]
    return [*script, (every * len(pieces), None)]
