"""The scripted peer's service on one connection: the protocol code, with a scripted engine behind it.

A service never waits: `due_at` is the time at which it has something to do next, and `tick` does everything that is
due.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from voicekit.soniox.api.wire import Message
from voicekit.soniox.server.account import Account, Service
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.realtime import stt, tts
from voicekit.soniox.server.realtime.stream import StreamEnded, StreamOver, StreamStarted, TextCame
from voicekit.soniox.server.refusal import CloseConnection, Refusal, invalid
from voicekit.testing.scripted import Script
from voicekit.testing.soniox.peer_tts import PeerTts, Speaking, can_speak
from voicekit.testing.soniox.record import ConnectionRecord, SpokenStream
from voicekit.testing.soniox.results import Hearing, PeerResult, Recogniser


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a peer answers on all its connections."""

    script: Script
    account: Account
    offer: Offer
    hearing: Hearing
    speaking: Speaking


class Answering(Protocol):
    """A service on one connection. `latency` is the delay of each of its messages, in seconds."""

    latency: float

    @property
    def closing(self) -> CloseConnection | None: ...
    @property
    def due_at(self) -> float: ...
    def receive(self, message: Message, now: float) -> None: ...
    def tick(self, now: float) -> None: ...
    def refuse(self, refusal: Refusal, stream: bool, now: float) -> None: ...
    def outgoing(self) -> list[Message]: ...
    def closed(self) -> None: ...


def answering(record: ConnectionRecord, key: str | None, how: Behaviour, now: float) -> Answering:
    """The service named by `record`, for one connection; `key` is the API key in the handshake, if any."""
    if key is not None:
        judged = how.account.authenticate(key, record.service, now)
        record.refusal = judged if isinstance(judged, Refusal) else None
    return (_Hearing if record.service is Service.STT else _Speaking)(record, key, how, now)


class _Hearing:
    """Speech to text on one connection."""

    def __init__(self, record: ConnectionRecord, key: str | None, how: Behaviour, now: float) -> None:
        self.latency = how.hearing.latency
        self._core = stt.SttServer(how.account, key, now, offer=how.offer)
        self._record = record
        self._how = how
        self._recogniser: Recogniser | None = None
        self._first_sound_at = math.inf

    @property
    def closing(self) -> CloseConnection | None:
        return self._core.closing

    @property
    def due_at(self) -> float:
        due = self._core.due_at
        return math.inf if due is None else due

    def receive(self, message: Message, now: float) -> None:
        self._answer(self._core.receive(message, now))
        if self._recogniser is not None and self._recogniser.seconds:
            self._first_sound_at = min(self._first_sound_at, now)
            ahead = self._recogniser.seconds - (now - self._first_sound_at)
            self._record.most_ahead = max(self._record.most_ahead, ahead)

    def tick(self, now: float) -> None:
        self._answer(self._core.tick(now))

    def refuse(self, refusal: Refusal, stream: bool, now: float) -> None:
        self._answer(self._core.refuse(refusal))

    def outgoing(self) -> list[Message]:
        return self._core.outgoing()

    def closed(self) -> None:
        self._answer(self._core.closed())

    def _answer(self, events: Iterable[stt.SttServerEvent]) -> None:
        for event in events:
            if isinstance(event, stt.Configured):
                self._recogniser = Recogniser(self._how.script, event.config, self._how.hearing)
                self._record.config = event.config
                self._record.runs = self._recogniser.ears.runs
            elif isinstance(event, stt.SttEnded):
                self._record.refusal = event.refusal
            elif self._recogniser is not None:
                self._recognise(event, self._recogniser)

    def _recognise(self, event: stt.SttServerEvent, recogniser: Recogniser) -> None:
        if isinstance(event, stt.AudioCame):
            self._say(recogniser.hear(event.data))
        elif isinstance(event, stt.FinalizeAsked):
            self._say(recogniser.finalize())
        elif isinstance(event, stt.EndAsked):
            last = recogniser.finish()
            self._say(last)
            self._answer(self._core.finish(last.final_ms, last.total_ms))
        self._record.transcript = recogniser.said

    def _say(self, result: PeerResult | None) -> None:
        if result is not None:
            self._core.result(result.tokens, result.final_ms, result.total_ms)


@dataclass(slots=True)
class _Stream:
    """A stream of speech, and when its next message may be sent."""

    mouth: PeerTts
    record: SpokenStream
    ready_at: float = math.inf

    @property
    def due_at(self) -> float:
        return self.ready_at if self.mouth.ready else math.inf


class _Speaking:
    """Text to speech on one connection."""

    def __init__(self, record: ConnectionRecord, key: str | None, how: Behaviour, now: float) -> None:
        self.latency = how.speaking.latency
        self._core = tts.TtsServer(how.account, key, now, offer=how.offer)
        self._record = record
        self._how = how.speaking
        self._streams: dict[str, _Stream] = {}

    @property
    def closing(self) -> CloseConnection | None:
        return self._core.closing

    @property
    def due_at(self) -> float:
        due = self._core.due_at
        return min([math.inf if due is None else due, *(stream.due_at for stream in self._streams.values())])

    def receive(self, message: Message, now: float) -> None:
        self._answer(self._core.receive(message, now), now)

    def tick(self, now: float) -> None:
        self._answer(self._core.tick(now), now)
        for name, stream in list(self._streams.items()):
            if stream.due_at <= now:
                self._speak(name, stream, now)

    def refuse(self, refusal: Refusal, stream: bool, now: float) -> None:
        newest = next(reversed(self._streams), None) if stream else None
        if newest is not None or not stream:
            self._answer(self._core.refuse(newest, refusal, now), now)

    def outgoing(self) -> list[Message]:
        return self._core.outgoing()

    def closed(self) -> None:
        self._core.closed()
        self._streams.clear()

    def _answer(self, events: Iterable[tts.TtsServerEvent], now: float) -> None:
        for event in events:
            match event:
                case StreamStarted(name, config):
                    spoken = SpokenStream(name, config, now)
                    self._record.streams.append(spoken)
                    self._streams[name] = _Stream(PeerTts(config, self._how), spoken)
                    if not can_speak(config):
                        refusal = invalid(f"This peer makes no {config.audio_format}.")
                        self._answer(self._core.refuse(name, refusal, now), now)
                case TextCame(name, text, end):
                    self._take(self._streams[name], text, end, now)
                case StreamOver(name, refusal):
                    record = self._streams.pop(name).record
                    record.over_at, record.refusal = now, refusal
                    record.cancelled_at = now if refusal is None else None
                case StreamEnded(refusal):
                    self._record.refusal = refusal
                    self._streams.clear()

    def _take(self, stream: _Stream, text: str, end: bool, now: float) -> None:
        if stream.ready_at == math.inf and (text or end):
            stream.ready_at = now + self._how.first_sound
        elif not stream.mouth.ready:
            stream.ready_at = max(now, stream.ready_at)
        stream.mouth.add(text, end)
        stream.record.text += text
        stream.record.text_ended_at = now if end else None

    def _speak(self, name: str, stream: _Stream, now: float) -> None:
        chunk, record = stream.mouth.next(), stream.record
        stream.ready_at += chunk.seconds / self._how.faster
        record.seconds += chunk.seconds
        if chunk.data and record.first_sound_at is None:
            record.first_sound_at = now
        self._answer(self._core.audio(name, chunk.data, now, timestamps=chunk.timestamps, end=chunk.end), now)
        if chunk.end and name in self._streams:
            self._core.terminated(name, now)
            record.sound_ended_at = record.over_at = now
            del self._streams[name]
