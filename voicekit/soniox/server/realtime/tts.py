"""One synthesis connection and its streams on the service's side, without a socket, a clock or a voice.

`receive` turns the client's messages into events. The engine passes its audio to `audio`, and calls `terminated` when a
stream has ended. `outgoing` returns the messages to send; if `closing` is set, close the socket after sending them. The
table `states.SERVED_TTS` defines which inputs are possible in which state of a stream.

A refusal that names a stream ends that stream: the client gets an error and the message "terminated". A refusal without
a stream ends the connection. Reports from the engine about a stream that has already ended are dropped, since the
engine may not know that it has ended.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from voicekit.errors import LocalProtocolError, RemoteProtocolError
from voicekit.soniox.api import limits
from voicekit.soniox.api.verdict import REFUSE, WRONG, Verdict
from voicekit.soniox.api.wire import Message, Timestamps, TtsRequest, TtsResponse, read_tts_request
from voicekit.soniox.server.account import Account, Service
from voicekit.soniox.server.checks import Offer, refuse_tts
from voicekit.soniox.server.realtime.role import REFUSE_S, KeptAlive, ServedConnection
from voicekit.soniox.server.realtime.states import SERVED_TTS, ServedTts
from voicekit.soniox.server.realtime.stream import (
    ServedStream,
    StreamEnded,
    StreamOver,
    StreamStarted,
    TextCame,
)
from voicekit.soniox.server.refusal import CLOSE_GOING_AWAY, CloseConnection, Refusal, invalid, timeout
from voicekit.soniox.tts.states import TtsInput

AUDIO_BYTES: Final = 256 * 1024
"""The maximum number of bytes of audio in one message: as base64, they are well below the 1 MiB that clients accept.
The service's limit is not known.
"""

TtsServerEvent: TypeAlias = StreamStarted | TextCame | StreamOver | KeptAlive | StreamEnded


class TtsServer(ServedConnection):
    """One synthesis connection; `key` is the key in its handshake, if there was one."""

    service = Service.TTS

    def __init__(self, account: Account, key: str | None, now: float, *, offer: Offer | None = None) -> None:
        super().__init__(account, key, now, offer=offer)
        self._streams: dict[str, ServedStream] = {}
        self._active_at = self._heard_at = now
        self._any_stream = self._over = False

    # --- from the client ---

    def receive(self, message: Message, now: float) -> list[TtsServerEvent]:
        """Take a message from the client, and return its requests as events."""
        if self._over:
            return []
        self._heard_at = now
        if self._refused is not None:
            return self.refuse(None, self._refused, now)
        if isinstance(message, bytes):
            return self.refuse(None, invalid("Only text messages are accepted."), now)
        try:
            request = read_tts_request(message)
        except RemoteProtocolError:
            return self.refuse(None, invalid("Request is malformed."), now)
        if request.keep_alive:
            if self._handshake_key is not None:  # if the key is in a message, a keepalive has no effect (measured)
                self._active_at = now
            return [KeptAlive()]
        if not request.stream_id:
            return self.refuse(None, invalid("Missing required field: stream_id"), now)
        return self._asked(request.stream_id, request, now)

    def closed(self) -> list[TtsServerEvent]:
        """Record that the socket is closed."""
        return [] if self._over else self._end(None)

    @property
    def due_at(self) -> float | None:
        """The time at which to call `tick`."""
        if self._over:
            return None
        if self._refused is not None:
            return self._opened_at + REFUSE_S
        return min((live.dies_at for live in self._streams.values()), default=self._idle_at())

    def tick(self, now: float) -> list[TtsServerEvent]:
        """End streams that have timed out, or a connection that has been idle for too long."""
        if self.due_at is None or now < self.due_at:
            return []
        if self._refused is not None:
            return self.refuse(None, self._refused, now)
        if not self._streams:
            return self._idle(now)
        dying = [stream for stream, live in self._streams.items() if now >= live.dies_at]
        return [event for stream in dying for event in self._judge(stream, now)]

    # --- from the engine ---

    def audio(
        self,
        stream: str,
        data: bytes,
        now: float,
        *,
        timestamps: Timestamps | None = None,
        seconds: float | None = None,
        end: bool = False,
    ) -> list[TtsServerEvent]:
        """Send more of a stream's audio; `end` marks the last piece. Raises LocalProtocolError for more audio than a
        message may contain.

        If the duration can't be calculated from the number of bytes, give `seconds`. A message that would exceed the
        limit for a stream's audio is not sent, and the stream ends with an error.
        """
        if len(data) > AUDIO_BYTES:
            raise LocalProtocolError(
                f"synthesis server: expected at most {AUDIO_BYTES} bytes of sound, got {len(data)}"
            )
        live = self._engine(stream, TtsInput.AUDIO_END if end else TtsInput.AUDIO)
        if live is None:
            return []
        live.speak(data, seconds)
        if live.sound > limits.TTS_STREAM_S:
            refusal = Refusal("max_audio_duration_reached", "The maximum audio duration of a stream was reached.")
            return self.refuse(stream, refusal, now)
        self._say(TtsResponse(stream_id=stream, audio=data, audio_end=end, timestamps=timestamps))
        return []

    def terminated(self, stream: str, now: float) -> None:
        """Tell the client that a stream has ended. Call this after its last audio has been sent."""
        if self._engine(stream, TtsInput.TERMINATED) is not None:
            self._drop(stream, now)

    def refuse(self, stream: str | None, refusal: Refusal, now: float) -> list[TtsServerEvent]:
        """End `stream`, or the connection if `stream` is None, with an error. Also called when an engine has
        failed."""
        if self._over:
            return []
        self._say(TtsResponse(stream_id=stream, **refusal.fields(self._account.request_id())))
        if stream is None:
            self.closing = CloseConnection()
            return self._end(refusal)
        if stream not in self._streams:
            return []
        self._drop(stream, now)
        return [StreamOver(stream, refusal)]

    # --- the client's requests ---

    def _asked(self, stream: str, request: TtsRequest, now: float) -> list[TtsServerEvent]:
        what = _what(request)
        live, state, cell = self._cell(stream, what)
        if request.cancel and (request.is_start or request.text is not None or request.text_end is not None):
            return self.refuse(stream, invalid("cancel must be sent alone."), now)
        if cell is REFUSE:
            return self.refuse(stream, Refusal("invalid_stream_state", _misuse(stream, state, what)), now)
        if live is None:
            return self._start(stream, request, now)
        if what is TtsInput.CANCEL:
            self._drop(stream, now)
            return [StreamOver(stream)]
        return self._text(stream, live, request, now)

    def _start(self, stream: str, request: TtsRequest, now: float) -> list[TtsServerEvent]:
        key = self._admit(request.api_key, lambda: self._refusal(stream, request), now)
        if isinstance(key, Refusal):
            self.refuse(stream, key, now)
            self._say(TtsResponse(stream_id=stream, terminated=True))
            return []
        self._streams[stream] = ServedStream(request, now, key.session_ends(now))
        self._any_stream = True
        return [StreamStarted(stream, request)]

    def _refusal(self, stream: str, request: TtsRequest) -> Refusal | None:
        refused = refuse_tts(stream, request, self._offer)
        if refused is None and len(self._streams) >= limits.TTS_STREAMS:
            most = f"At most {limits.TTS_STREAMS} streams can be active on a connection."
            return Refusal("max_concurrent_streams_reached", most)
        return refused

    def _text(self, stream: str, live: ServedStream, request: TtsRequest, now: float) -> list[TtsServerEvent]:
        text, end = request.text or "", bool(request.text_end)
        live.feed(text, now)
        if live.text_bytes > limits.TTS_TEXT_BYTES:
            return self.refuse(stream, invalid(f"input text too long (limit: {limits.TTS_TEXT_BYTES} bytes)"), now)
        live.state = ServedTts.DRAINING if end else live.state
        return [TextCame(stream, text, end)]

    # --- timers ---

    def _idle_at(self) -> float:
        if self._handshake_key is not None:
            return self._active_at + limits.TTS_IDLE_S
        return self._active_at + (limits.TTS_LEGACY_IDLE_S if self._any_stream else limits.START_WAIT_S)

    def _idle(self, now: float) -> list[TtsServerEvent]:
        if self._handshake_key is None:
            return self.refuse(None, timeout("Request timeout"), now)
        self.closing = CloseConnection(CLOSE_GOING_AWAY, "Timeout")
        return self._end(None)

    def _judge(self, stream: str, now: float) -> list[TtsServerEvent]:
        refusal = self._streams[stream].judge(now)
        return [] if refusal is None else self.refuse(stream, refusal, now)

    # --- internal ---

    def _engine(self, stream: str, what: TtsInput) -> ServedStream | None:
        """Change a stream's state for a report from the engine. Returns None if the stream's client is gone."""
        live, state, cell = self._cell(stream, what)
        if cell is WRONG:
            raise LocalProtocolError(
                f"synthesis server: {what.name} is not possible while stream {stream} is {state.name}"
            )
        if live is not None and isinstance(cell, ServedTts):
            live.state = cell
        return live

    def _cell(self, stream: str, what: TtsInput) -> tuple[ServedStream | None, ServedTts, ServedTts | Verdict]:
        live = self._streams.get(stream)
        state = ServedTts.ABSENT if live is None else live.state
        return live, state, SERVED_TTS[state][what]

    def _drop(self, stream: str, now: float) -> None:
        self._account.end(self._streams.pop(stream).used(now))
        self._active_at = now
        self._say(TtsResponse(stream_id=stream, terminated=True))

    def _end(self, refusal: Refusal | None) -> list[TtsServerEvent]:
        self._over = True
        for live in self._streams.values():
            self._account.end(live.used(self._heard_at))
        self._streams.clear()
        return [StreamEnded(refusal)]


def _what(request: TtsRequest) -> TtsInput:
    if request.cancel:
        return TtsInput.CANCEL
    if request.is_start:
        return TtsInput.START
    return TtsInput.END if request.text_end else TtsInput.TEXT


def _misuse(stream: str, state: ServedTts, what: TtsInput) -> str:
    if state is ServedTts.ABSENT:
        return f"Stream {stream} not found. Send a start message first."
    if what is TtsInput.START:
        return f"Stream {stream} is already active."
    return f"Stream {stream} has already ended its text."
