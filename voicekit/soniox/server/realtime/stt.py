"""One transcription connection on the service's side, without a socket, a clock or a recogniser.

`receive` turns the client's messages into events; `result` and `finish` take the engine's results. `outgoing` returns
the messages to send; if `closing` is set, close the socket after sending them. The table `states.SERVED_STT` defines
which inputs are possible in which state. A refusal is an error frame, after which the socket is closed with code 1000;
even after a successful upgrade, a key may be refused in this way.
"""

from __future__ import annotations

import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from voicekit.errors import LocalProtocolError, RemoteProtocolError
from voicekit.soniox.api import limits
from voicekit.soniox.api.verdict import IGNORE, WRONG
from voicekit.soniox.api.wire import (
    END_TOKEN,
    FIN_TOKEN,
    MESSAGE_BYTES,
    STT_END,
    Message,
    Number,
    SttConfig,
    SttResponse,
    Token,
    read_stt_control,
    read_stt_start,
)
from voicekit.soniox.server.account import Account, Service, StreamUse
from voicekit.soniox.server.checks import Offer, refuse_stt
from voicekit.soniox.server.realtime.role import REFUSE_S, KeptAlive, ServedConnection
from voicekit.soniox.server.realtime.states import SERVED_STT, ServedStt
from voicekit.soniox.server.refusal import CloseConnection, Refusal, invalid, timeout
from voicekit.soniox.stt.states import SttInput

END: Final = Token(text=END_TOKEN, is_final=True)
FIN: Final = Token(text=FIN_TOKEN, is_final=True)
HELD_S: Final = 40.0
"""The maximum number of seconds that a socket with a key in its handshake may take to send its configuration. The
service's own limit is not known; it closes unused speech connections after more than 40 s.
"""


@dataclass(frozen=True, slots=True)
class Configured:
    """Event: the session begins."""

    config: SttConfig


@dataclass(frozen=True, slots=True)
class AudioCame:
    """Event: audio in the configured format has arrived; its first byte is byte `at` of the session's audio."""

    data: bytes = field(repr=False)
    at: int


@dataclass(frozen=True, slots=True)
class FinalizeAsked:
    """Event: the client asks for final results for all audio before byte `at`, followed by a `<fin>`. According to the
    client, the audio ends with `trailing_silence_ms` of silence.
    """

    at: int
    trailing_silence_ms: Number | None = None


@dataclass(frozen=True, slots=True)
class EndAsked:
    """Event: the client has sent all its audio. The rest of the results should follow, and then a call to `finish`."""


@dataclass(frozen=True, slots=True)
class SttEnded:
    """Event: the connection has ended; `refusal` is the reason if the client made a mistake or exceeded a limit."""

    refusal: Refusal | None = None


SttServerEvent: TypeAlias = Configured | AudioCame | FinalizeAsked | KeptAlive | EndAsked | SttEnded


class SttServer(ServedConnection):
    """One transcription connection; `key` is the key in its handshake, if there was one."""

    service = Service.STT

    def __init__(self, account: Account, key: str | None, now: float, *, offer: Offer | None = None) -> None:
        super().__init__(account, key, now, offer=offer)
        self.state = ServedStt.STARTING
        self.config = SttConfig()
        self._heard_at = now
        self._began = False
        self._ends_at = self._most_bytes = math.inf
        self._bytes = 0
        self._fins = 0  # the number of requests to finalize that have not been answered
        self._per_second = 0  # bytes of audio per second, if the format is raw
        self._finals, self._total_ms = 0, 0.0  # the number of final tokens, and the milliseconds of audio processed

    # --- from the client ---

    def receive(self, message: Message, now: float) -> list[SttServerEvent]:
        """Take a message from the client, and return its requests as events."""
        self._heard_at = now
        if len(message) > MESSAGE_BYTES:
            return self.refuse(invalid("Message is too long."))
        if self.state is ServedStt.STARTING:
            return self._start(message, now) if self._refused is None else self.refuse(self._refused)
        if isinstance(message, bytes):
            return self._audio(message)
        if message == STT_END:
            return self._end()
        if message.lstrip().startswith("{"):
            return self._control(message)
        try:
            # The documentation does not state how the service distinguishes text that carries audio from control
            # messages. Audio is base64, which never begins with a brace, and a control message is a JSON object.
            return self._audio(binascii.a2b_base64(message.encode(), strict_mode=True))
        except (binascii.Error, UnicodeError):
            return self.refuse(invalid("Invalid base64."))

    def closed(self) -> list[SttServerEvent]:
        """Record that the socket is closed."""
        return self._over(None)

    @property
    def due_at(self) -> float | None:
        """The time at which to call `tick`."""
        if self.state is ServedStt.CLOSED:
            return None
        if self._refused is not None:
            return self._opened_at + REFUSE_S
        if self.state is ServedStt.STARTING:
            return self._opened_at + (limits.START_WAIT_S if self._handshake_key is None else HELD_S)
        idle_at = self._heard_at + limits.STT_IDLE_S if self.state is ServedStt.LISTENING else math.inf
        return min(idle_at, self._ends_at)

    def tick(self, now: float) -> list[SttServerEvent]:
        """Refuse a client that has sent nothing for too long, or that has reached the time limit of its session."""
        if self.due_at is None or now < self.due_at:
            return []
        if self._refused is not None:
            return self.refuse(self._refused)
        if self.state is ServedStt.STARTING:
            return self.refuse(timeout("Start request timeout"))
        if now >= self._ends_at:
            return self.refuse(Refusal("temp_api_key_session_expired", "The session duration limit was exceeded."))
        if not self._bytes:
            return self.refuse(timeout("Timed out while waiting for the first audio chunk"))
        return self.refuse(timeout("Request timeout."))

    # --- from the engine ---

    def result(self, tokens: Sequence[Token], final_ms: Number, total_ms: Number) -> None:
        """Send results: new final tokens, then all tokens that may still change. Raises LocalProtocolError for results
        that the service would never send.

        Such results include markers that were not requested: END without endpoint detection, and FIN without a request.
        """
        if self._do(SttInput.RESULT):
            self._check(tokens)
            self._total_ms = total_ms
            self._say(SttResponse(tokens=tuple(tokens), final_audio_proc_ms=final_ms, total_audio_proc_ms=total_ms))

    def finish(self, final_ms: Number, total_ms: Number) -> list[SttServerEvent]:
        """Send the last message and close. Call this when all results have been sent."""
        if not self._do(SttInput.FINISHED):
            return []
        self._say(SttResponse(tokens=(), final_audio_proc_ms=final_ms, total_audio_proc_ms=total_ms, finished=True))
        return self._over(None, CloseConnection())

    def refuse(self, refusal: Refusal) -> list[SttServerEvent]:
        """Send an error and close. Also called when an engine has failed."""
        if self.state is ServedStt.CLOSED:
            return []
        self._say(SttResponse(tokens=(), **refusal.fields(self._account.request_id())))
        return self._over(refusal, CloseConnection())

    # --- internal ---

    def _start(self, message: Message, now: float) -> list[SttServerEvent]:
        if isinstance(message, bytes):
            return self.refuse(invalid("Start request must be a text message."))
        try:
            start = read_stt_start(message)
        except RemoteProtocolError:
            return self.refuse(invalid("Start request is malformed."))
        if start.model is None and start.audio_format is None:
            return self.refuse(invalid("Start request is malformed."))
        key = self._admit(start.api_key, lambda: refuse_stt(start, self._offer), now)
        if isinstance(key, Refusal):
            return self.refuse(key)
        self.state, self.config, self._began = ServedStt.LISTENING, start, True
        self._ends_at = key.session_ends(now)
        self._opened_at = now
        width = limits.STT_RAW_FORMATS.get(start.audio_format or "", 0)
        if width:
            self._per_second = width * (start.sample_rate or 1) * (start.num_channels or 1)
            self._most_bytes = limits.STT_SESSION_S * self._per_second
        return [Configured(start)]

    def _audio(self, data: bytes) -> list[SttServerEvent]:
        if not self._asked(SttInput.AUDIO) or not data:
            return []
        at, self._bytes = self._bytes, self._bytes + len(data)
        if self._bytes > self._most_bytes:
            return self.refuse(Refusal("max_duration_reached", "The maximum duration of a session was reached."))
        return [AudioCame(data, at)]

    def _control(self, message: str) -> list[SttServerEvent]:
        try:
            control = read_stt_control(message)
        except RemoteProtocolError:
            return self.refuse(invalid("Control request is malformed."))
        if control.type == "keepalive":
            return [KeptAlive()] if self._asked(SttInput.AUDIO) else []
        if control.type != "finalize":  # a second configuration is also refused, since it has no type
            return self.refuse(invalid("Control request invalid type."))
        if not self._asked(SttInput.FINALIZE):
            return []
        self._fins += 1
        return [FinalizeAsked(self._bytes, control.trailing_silence_ms)]

    def _end(self) -> list[SttServerEvent]:
        if self.state is ServedStt.LISTENING and not self._bytes:
            return self.refuse(invalid("No audio received."))
        return [EndAsked()] if self._asked(SttInput.END) else []

    def _asked(self, what: SttInput) -> bool:
        """Change the state for a message from the client. Returns False if the message has no effect any more."""
        cell = SERVED_STT[self.state][what]
        if isinstance(cell, ServedStt):
            self.state = cell
        return cell is not IGNORE

    def _do(self, what: SttInput) -> bool:
        """Check that the engine may do `what` now. Returns False if the connection is over."""
        cell = SERVED_STT[self.state][what]
        if cell is WRONG:
            raise LocalProtocolError(
                f"transcription server: {what.name} is not possible in the state {self.state.name}"
            )
        return cell is not IGNORE

    def _check(self, tokens: Sequence[Token]) -> None:
        final = [bool(token.is_final) for token in tokens]
        self._finals += sum(final)
        if final != sorted(final, reverse=True):
            raise LocalProtocolError("transcription server: expected final tokens before interim ones")
        if END in tokens and not self.config.enable_endpoint_detection:
            raise LocalProtocolError("transcription server: got <end> without endpoint detection")
        self._fins -= list(tokens).count(FIN)
        if self._fins < 0:
            raise LocalProtocolError("transcription server: got <fin> without a request to finalize")

    def _over(self, refusal: Refusal | None, closing: CloseConnection | None = None) -> list[SttServerEvent]:
        if self.state is ServedStt.CLOSED:
            return []
        self.state, self.closing = ServedStt.CLOSED, closing
        if self._began:
            self._account.end(self._used)
        return [SttEnded(refusal)]

    @property
    def _used(self) -> StreamUse:
        model, reference = self.config.model or "", self.config.client_reference_id or ""
        heard_s = self._bytes / self._per_second if self._per_second else self._total_ms / 1000
        return StreamUse(Service.STT, model, reference, self._opened_at, self._heard_at, self._finals, heard_s)
