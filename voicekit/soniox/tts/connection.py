"""A speech-synthesis connection and its streams on the client's side, without a socket or a clock.

Method calls queue messages, which `outgoing` returns; `receive`, `closed` and `tick` return events. The table
`states.TTS_TABLE` defines which inputs are possible in which state of a stream. If the service ends a stream without
being asked to, the stream has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from voicekit.errors import LocalProtocolError, RemoteProtocolError
from voicekit.soniox.api import limits
from voicekit.soniox.api.config import check_tts
from voicekit.soniox.api.errors import Failed, Retry, as_said, lost, refused
from voicekit.soniox.api.verdict import IGNORE, WRONG, Verdict
from voicekit.soniox.api.wire import (
    TTS_KEEPALIVE,
    Message,
    StreamCancel,
    StreamStart,
    StreamText,
    TtsConfig,
    TtsResponse,
    encode,
    read_tts_response,
)
from voicekit.soniox.tts.live_stream import (
    LONGEST_S,
    STALL_S,
    LiveStream,
    SoundEnded,
    StreamFailed,
    StreamGone,
    StreamSound,
)
from voicekit.soniox.tts.states import TTS_TABLE, TtsInput, TtsState

SERVICE: Final = "Soniox text-to-speech"
KEEPALIVE_S: Final = 15.0
"""Seconds without a message from our side after which a keepalive is sent: the documentation asks for one every 20 to
30 s.
"""

TtsEvent: TypeAlias = StreamSound | SoundEnded | StreamFailed | StreamGone | Failed


class TtsConnection:
    """A connection for up to `streams` concurrent streams. It can be used immediately, since the key is sent in the
    handshake.

    `redact` removes keys from the service's error messages.
    """

    def __init__(
        self,
        now: float,
        *,
        streams: int = min(limits.TTS_STREAMS, limits.TTS_ACCOUNT_STREAMS),
        redact: Callable[[str], str] = as_said,
    ) -> None:
        self._limit = streams
        self._redact = redact
        self._streams: dict[str, LiveStream] = {}
        self._made = 0
        self._outgoing: list[Message] = []
        self._sent_at = now
        self.failure: Failed | None = None

    # --- our actions ---

    @property
    def has_room(self) -> bool:
        """Whether another stream may start."""
        return self.failure is None and len(self._streams) < self._limit

    def state(self, stream: str) -> TtsState:
        known = self._streams.get(stream)
        return TtsState.ABSENT if known is None else known.state

    def start(self, config: TtsConfig, now: float, *, stall_s: float = STALL_S) -> str:
        """Start a stream and return its id, which is unique on this connection.

        Text should follow within a few seconds. When the text is complete, the stream fails if no audio arrives for
        `stall_s` seconds. Raises ConfigError for an invalid `config`, and LocalProtocolError if there is no room.
        """
        check_tts(config)
        if not self.has_room:
            raise LocalProtocolError(f"{SERVICE}: no room for another stream: {self._why_full()}")
        self._made += 1
        stream = f"s{self._made}"
        self._streams[stream] = LiveStream(config, now, stall_s)
        self._send(encode(StreamStart(stream_id=stream, **msgspec.structs.asdict(config))), now)
        return stream

    def text(self, stream: str, text: str, now: float, *, end: bool = False) -> None:
        """Send more text; `end` marks the last piece. Raises LocalProtocolError for more text than a stream may
        have."""
        size = len(text.encode())
        alive = self._streams.get(stream)
        if alive is not None and alive.text_bytes + size > limits.TTS_TEXT_BYTES:
            raise LocalProtocolError(
                f"{SERVICE}: expected at most {limits.TTS_TEXT_BYTES} bytes of text in stream {stream}"
            )
        known = self._ours(stream, TtsInput.END if end else TtsInput.TEXT, now)
        if known is not None:
            known.text_bytes += size
            self._send(encode(StreamText(stream_id=stream, text=text, text_end=end)), now)

    def end(self, stream: str, now: float) -> None:
        """End a stream's text; the text already sent is still spoken."""
        self.text(stream, "", now, end=True)

    def cancel(self, stream: str, now: float) -> None:
        """Stop a stream; its only event after this call is StreamGone."""
        if self._ours(stream, TtsInput.CANCEL, now) is not None:
            self._send(encode(StreamCancel(stream_id=stream)), now)

    def outgoing(self) -> list[Message]:
        """Return the messages to send now; each is returned only once."""
        messages, self._outgoing = self._outgoing, []
        return messages

    # --- the service's messages ---

    def receive(self, message: Message, now: float) -> list[TtsEvent]:
        """Take an incoming message and return its events. After a failure, messages have no effect."""
        if self.failure is not None:
            return []
        try:
            answer = read_tts_response(message, self._redact)
        except RemoteProtocolError as error:
            garbage = RemoteProtocolError(f"{SERVICE}: {error}")
            return self._fail(Failed(garbage, Retry.BACKOFF))
        if answer.stream_id is not None:
            return self._hear(answer.stream_id, answer, now)
        if answer.is_error:
            return self._fail(refused(answer, service=SERVICE, redact=self._redact))
        return []

    def closed(self, why: str = "the connection was closed") -> list[TtsEvent]:
        """Record that one side has closed the socket; unfinished streams fail."""
        return [] if self.failure is not None else self._fail(lost(why, service=SERVICE))

    @property
    def due_at(self) -> float | None:
        """The time at which to call `tick`; None if the connection has failed."""
        if self.failure is not None:
            return None
        return min([self._sent_at + KEEPALIVE_S, *(known.expires_at for known in self._streams.values())])

    def tick(self, now: float) -> list[TtsEvent]:
        """Send a keepalive if one is due. Streams that have received nothing for too long fail."""
        if self.failure is not None:
            return []
        events: list[TtsEvent] = []
        for stream, known in list(self._streams.items()):
            if now < known.expires_at:
                continue
            if known.state is TtsState.DRAINING:
                failure = lost(f"nothing of stream {stream} came for {known.stall_s:g} s", service=SERVICE)
                events.extend(self._break_off(stream, failure, now))
            else:
                events.extend(self._forget(stream))
        if now >= self._sent_at + KEEPALIVE_S:
            self._send(TTS_KEEPALIVE, now)
        return events

    # --- transitions ---

    def _ours(self, stream: str, what: TtsInput, now: float) -> LiveStream | None:
        """Change a stream's state for our action. Returns None if the action has no effect any more."""
        known = self._streams.get(stream)
        if known is None and not self._was_made(stream):
            raise LocalProtocolError(f"{SERVICE}: expected a stream of this connection, got {stream!r}")
        state = TtsState.ABSENT if known is None else known.state
        cell = TTS_TABLE[state][what]
        if cell is WRONG:
            raise LocalProtocolError(f"{SERVICE}: {what.name} is not possible while stream {stream} is {state.name}")
        if known is None or isinstance(cell, Verdict):
            return None
        known.state, known.moved_at = cell, now
        return known

    def _hear(self, stream: str, answer: TtsResponse, now: float) -> list[TtsEvent]:
        events: list[TtsEvent] = []
        for what in _inputs(answer):
            known = self._streams.get(stream)
            cell = TTS_TABLE[TtsState.ABSENT if known is None else known.state][what]
            if known is None or cell is IGNORE:
                continue
            if isinstance(cell, Verdict):
                wrong = RemoteProtocolError(f"{SERVICE}: {what.name} came while stream {stream} was {known.state.name}")
                events.extend(self._break_off(stream, Failed(wrong, Retry.BACKOFF), now))
                continue
            before, known.state, known.moved_at = known.state, cell, now
            events.extend(self._told(stream, known, what, before, answer))
            if self.failure is not None:
                break
            if known.is_too_long and known.state in (TtsState.OPEN, TtsState.DRAINING):
                wrong = RemoteProtocolError(f"{SERVICE}: got more than {LONGEST_S:g} s of sound for stream {stream}")
                events.extend(self._break_off(stream, Failed(wrong, Retry.BACKOFF), now))
        return events

    def _told(
        self, stream: str, known: LiveStream, what: TtsInput, before: TtsState, answer: TtsResponse
    ) -> list[TtsEvent]:
        if what is TtsInput.AUDIO:
            return [known.sound(stream, answer)]
        if what is TtsInput.AUDIO_END:
            return [known.sound_ended(stream)]
        if what is TtsInput.ERROR:
            failure = refused(answer, service=SERVICE, redact=self._redact)
            # The key was sent in the handshake: if it is refused for one stream, it will not work for the next one
            # either.
            rest = self._fail(failure) if failure.retry is Retry.NEW_KEY else []
            return [StreamFailed(stream, failure), *rest]
        if before in (TtsState.OPEN, TtsState.DRAINING):
            failure = lost(f"stream {stream} was terminated before its sound had ended", service=SERVICE)
            return [StreamFailed(stream, failure), *self._forget(stream)]
        return self._forget(stream)

    def _break_off(self, stream: str, failure: Failed, now: float) -> list[TtsEvent]:
        known = self._streams[stream]
        known.state, known.moved_at = TtsState.CANCELLING, now
        self._send(encode(StreamCancel(stream_id=stream)), now)
        return [StreamFailed(stream, failure)]

    def _forget(self, stream: str) -> list[TtsEvent]:
        del self._streams[stream]
        return [StreamGone(stream)]

    def _fail(self, failure: Failed) -> list[TtsEvent]:
        self.failure = failure
        alive = [stream for stream, known in self._streams.items() if known.state in (TtsState.OPEN, TtsState.DRAINING)]
        self._streams.clear()
        self._outgoing.clear()
        return [*(StreamFailed(stream, failure) for stream in alive), failure]

    def _send(self, message: str, now: float) -> None:
        self._sent_at = now
        self._outgoing.append(message)

    def _was_made(self, stream: str) -> bool:
        number = stream.removeprefix("s")
        return stream.startswith("s") and number.isdecimal() and 0 < int(number) <= self._made

    def _why_full(self) -> str:
        return "a failed connection" if self.failure is not None else f"{len(self._streams)} open streams"


def _inputs(answer: TtsResponse) -> list[TtsInput]:
    """The inputs in a message, in the order in which they happened."""
    inputs = [TtsInput.AUDIO] if answer.audio or answer.timestamps else []
    if answer.audio_end:
        inputs.append(TtsInput.AUDIO_END)
    if answer.is_error:
        inputs.append(TtsInput.ERROR)
    if answer.terminated:
        inputs.append(TtsInput.TERMINATED)
    return inputs
