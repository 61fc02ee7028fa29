"""The records that a scripted peer keeps of its connections, for tests to assert on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from voicekit.soniox.api.wire import Message, SttConfig, TtsConfig
from voicekit.soniox.server.account import Service
from voicekit.soniox.server.refusal import Refusal
from voicekit.testing.soniox.peer_stt import SoundRun

KEPT: Final = 50_000
"""How many messages are remembered per connection and direction: a quarter of an hour of sound in pieces of 20 ms."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message's text, or only the length (`data_bytes`) if it is binary, and its time by trio's clock."""

    at: float
    text: str
    data_bytes: int = 0
    is_text: bool = True

    @classmethod
    def of(cls, message: Message, at: float) -> KeptMessage:
        return cls(at, message) if isinstance(message, str) else cls(at, "", len(message), is_text=False)


@dataclass
class SpokenStream:
    """A stream of speech that was started. Times are None until the events have happened."""

    stream: str
    config: TtsConfig
    started_at: float
    text: str = ""
    text_ended_at: float | None = None
    first_sound_at: float | None = None
    seconds: float = 0.0  # the length of the generated audio, in seconds
    sound_ended_at: float | None = None
    cancelled_at: float | None = None
    over_at: float | None = None
    refusal: Refusal | None = None


@dataclass
class ConnectionRecord:
    """One connection; `number` is its number, counted from 1, among the connections to the same service. The repr shows
    no key.

    For speech to text, `config` is the client's configuration, `transcript` holds the final words, and `runs` holds the
    stretches of the script's audio that arrived. `most_ahead` is the maximum number of seconds by which the received
    audio was ahead of real time. For text to speech, `streams` holds the streams of speech.
    """

    service: Service
    number: int
    opened_at: float
    header_key: str | None = field(default=None, repr=False)
    subprotocol_key: str | None = field(default=None, repr=False)
    message_keys: list[str] = field(default_factory=list, repr=False)
    accepted_at: float | None = None
    closed_at: float | None = None
    refusal: Refusal | None = None
    received: deque[KeptMessage] = field(default_factory=lambda: deque(maxlen=KEPT), repr=False)
    sent: deque[KeptMessage] = field(default_factory=lambda: deque(maxlen=KEPT), repr=False)
    received_count: int = 0
    sent_count: int = 0
    config: SttConfig | None = None
    transcript: str = ""
    runs: list[SoundRun] = field(default_factory=list, repr=False)
    most_ahead: float = 0.0
    streams: list[SpokenStream] = field(default_factory=list, repr=False)

    def took(self, message: Message, now: float) -> None:
        self.received.append(KeptMessage.of(message, now))
        self.received_count += 1

    def said(self, message: Message, now: float) -> None:
        self.sent.append(KeptMessage.of(message, now))
        self.sent_count += 1

    @property
    def key_places(self) -> list[str]:
        """Where the API key was sent: "header", "subprotocol" or "message", with one entry for each time it was
        sent."""
        places = [("header", self.header_key), ("subprotocol", self.subprotocol_key)]
        return [place for place, key in places if key is not None] + ["message"] * len(self.message_keys)

    def texts(self) -> list[str]:
        """The text messages received."""
        return [kept.text for kept in self.received if kept.is_text]
