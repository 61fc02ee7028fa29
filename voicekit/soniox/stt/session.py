"""One transcription session on the client's side, without a socket or a clock.

Method calls queue messages, which `outgoing` returns; `receive`, `closed` and `tick` return events. The table
`states.STT_TABLE` defines which inputs are possible in which state. A session can be neither configured a second time
nor resumed: if it fails, a new session must get the audio again from `replay_from` on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import LocalProtocolError, RemoteProtocolError
from voicekit.events import SpeechStarted
from voicekit.soniox.api.config import check_stt, stt_config
from voicekit.soniox.api.errors import Failed, Retry, as_said, lost, refused
from voicekit.soniox.api.verdict import IGNORE, Verdict
from voicekit.soniox.api.wire import (
    END_TOKEN,
    FIN_TOKEN,
    STT_END,
    STT_FINALIZE,
    STT_KEEPALIVE,
    Message,
    SttConfig,
    SttResponse,
    encode,
    read_stt_response,
)
from voicekit.soniox.stt.replay import SILENCE_S, RingItem
from voicekit.soniox.stt.states import STT_TABLE, SttInput, SttState
from voicekit.soniox.stt.timers import DEAF_S, Finalizing, Liveness
from voicekit.soniox.stt.tokens import TokenEvent, Tokens

SERVICE: Final = "Soniox speech-to-text"
RATE: Final = 16_000
"""The samples per second in which times are counted if the audio is in a container, so that its own rate is unknown."""
KEEPALIVE_S: Final = 5.0
"""Seconds without audio after which a keepalive is sent: the service asks for 5 to 10 s, and ends the session after
20."""
FINISH_S: Final = 3.0
"""The maximum number of seconds that the last results may take after the end of the audio."""
ROLL_OVER_S: Final = 290 * 60.0
ROLL_OVER_AT_LAST_S: Final = 298 * 60.0
"""The ages at which another session should take over: in a pause (ROLL_OVER_S), and at the latest. A session may last
300 minutes.
"""
MARKERS: Final = 16
"""The maximum number of endpoint markers in one message: each causes several events, and a link holds some dozens."""
PIECE_S: Final = 0.5
"""The maximum number of seconds of silence in one of the messages that replace a Gap."""


class Finished(Struct, frozen=True):
    """Event: the results for all audio have arrived, and the socket may be closed."""


class RollOver(Struct, frozen=True):
    """Event: the session will soon reach its maximum age. Another one should take over, from `replay_from` on."""


SttEvent: TypeAlias = TokenEvent | Finished | RollOver | Failed


class SttSession:
    """A session on one open socket, for audio in the format `sound`. The session begins with sample `base` of the
    caller's audio.

    `config` is filled in to match `sound`. If `sound` is None, `config` must be complete; pass bytes in its format to
    `audio`, and times are in samples at its rate. With `finalize_on_pause`, a request to finalize is sent whenever
    speech stops. `redact` removes keys from the service's messages. Raises ConfigError for an invalid configuration.
    """

    def __init__(
        self,
        config: SttConfig,
        sound: AudioFormat | None,
        *,
        base: int = 0,
        finalize_on_pause: bool = False,
        redact: Callable[[str], str] = as_said,
    ) -> None:
        self.config = config if sound is None else stt_config(config, sound)
        check_stt(self.config)
        self.state = SttState.NEW
        self._sound = sound
        self._finalize_on_pause = finalize_on_pause
        self._redact = redact
        rate = self.config.sample_rate or RATE
        self._tokens = Tokens(rate, base)
        self._finalizing = Finalizing(rate)
        self._outgoing: list[Message] = []
        self._samples = 0  # the number of samples sent so far
        self._any_audio = False
        self._started_at = 0.0
        self._sent_at = 0.0
        self._answers = Liveness()
        self._ended_at = math.inf
        self._rolled_over = False

    # --- our actions ---

    @property
    def sent_to(self) -> int:
        """The position in the caller's audio, in samples, just after the last sample that was sent."""
        return self._tokens.ear(self._samples)

    @property
    def replay_from(self) -> int:
        """The position in the caller's audio at which a new session must begin so that no word is lost or repeated."""
        return self._tokens.replay_from

    def start(self, now: float) -> None:
        """Send the configuration; audio may follow immediately."""
        if self._do(SttInput.START):
            self._started_at = now
            self._send(encode(self.config), now)

    def hear(self, item: RingItem, now: float) -> None:
        """Send the next piece of audio. A Gap is sent as at most a few seconds of silence; a Gap before the first audio
        only moves the start of the session.

        Raises LocalProtocolError for audio that does not directly follow the audio sent so far, or has another format.
        """
        if self.state is SttState.FAILED:
            return
        if isinstance(item, AudioFrame):
            self._check(item)
            self.audio(item.pcm, now)
        elif isinstance(item, Gap):
            self._skip(item, now)
        elif isinstance(item, SpeechStarted):
            self._finalizing.speech_started()
        elif self._finalize_on_pause:
            self._finalizing.speech_stopped(item.at)
            self._finalize_if_due(now)

    def audio(self, data: bytes, now: float) -> None:
        """Send audio in the configured format; an empty piece is not sent."""
        if not data or not self._do(SttInput.AUDIO):
            return
        self._samples += 0 if self._sound is None else self._sound.count(data)
        self._any_audio = True
        self._answers.asked(now)
        self._send(data, now)
        self._finalize_if_due(now)

    def finalize(self, now: float) -> None:
        """Request final words for all audio sent so far: now, or when the previous request has been answered."""
        if self._do(SttInput.FINALIZE):
            self._finalizing.want(self.sent_to)
            self._finalize_if_due(now)

    def finalize_pause(self, at: int, now: float) -> None:
        """Request final words for all audio up to sample `at`. The request is sent when this sample has been sent,
        unless speech starts before that.

        This has no effect in a session that is not listening.
        """
        if self.state is SttState.LISTENING:
            self._finalizing.want(at, in_pause=True)
            self._finalize_if_due(now)

    def end(self, now: float) -> None:
        """End the audio; the event Finished follows. If there was no audio, nothing is sent, and the session ends
        immediately.
        """
        if not self._do(SttInput.END):
            return
        if self._any_audio:
            self._ended_at = now
            self._send(STT_END, now)
        else:
            self.state = SttState.DONE  # the service would refuse to end a session without audio

    def outgoing(self) -> list[Message]:
        """Return the messages to send now; each is returned only once."""
        messages, self._outgoing = self._outgoing, []
        return messages

    # --- the service's messages ---

    def receive(self, message: Message, now: float) -> list[SttEvent]:
        """Take an incoming message and return its events. After the session has ended, messages have no effect."""
        if self.state in (SttState.DONE, SttState.FAILED):
            return []
        try:
            answer = read_stt_response(message, self._redact)
            if sum(token.text in (END_TOKEN, FIN_TOKEN) for token in answer.tokens or ()) > MARKERS:
                raise RemoteProtocolError(f"expected at most {MARKERS} endpoint markers in one message")
        except RemoteProtocolError as error:
            return self._fail(Failed(RemoteProtocolError(f"{SERVICE}: {error}"), Retry.BACKOFF))
        self._answers.came()
        out: list[SttEvent] = []
        for what in _inputs(answer):
            out += self._answered(what, answer)
        self._finalize_if_due(now)
        return out

    def closed(self, why: str = "the connection was closed") -> list[SttEvent]:
        """Record that one side has closed the socket."""
        ignored = STT_TABLE[self.state][SttInput.CLOSED] is IGNORE
        return [] if ignored else self._fail(lost(why, service=SERVICE))

    @property
    def due_at(self) -> float | None:
        """The time at which to call `tick`; None if no call is needed."""
        if self.state is SttState.ENDING:
            return min(self._ended_at + FINISH_S, self._answers.dead_at)
        if self.state is not SttState.LISTENING:
            return None
        finalize_at = self._finalizing.due_at(self.sent_to)
        return min(self._sent_at + KEEPALIVE_S, self._answers.dead_at, finalize_at, self._roll_over_at())

    def tick(self, now: float) -> list[SttEvent]:
        """Do everything that is due: send a keepalive or a delayed request, or detect that the peer is dead or that the
        session will soon be too old."""
        if self.state not in (SttState.LISTENING, SttState.ENDING):
            return []
        if now >= self._answers.dead_at:
            return self._fail(lost(f"sound went out for {DEAF_S:g} s and nothing came back", service=SERVICE))
        if now >= self._ended_at + FINISH_S:
            return self._fail(lost(f"the last results did not come within {FINISH_S:g} s", service=SERVICE))
        if self.state is SttState.ENDING:
            return []
        self._finalize_if_due(now)
        if now >= self._sent_at + KEEPALIVE_S:
            self._send(STT_KEEPALIVE, now)
        if now < self._roll_over_at():
            return []
        self._rolled_over = True
        return [RollOver()]

    # --- internal ---

    def _do(self, what: SttInput) -> bool:
        """Change the state for our action. Returns False if the action has no effect any more."""
        cell = STT_TABLE[self.state][what]
        if isinstance(cell, SttState):
            self.state = cell
        elif cell is not IGNORE:
            raise LocalProtocolError(f"{SERVICE}: {what.name} is not possible while the session is {self.state.name}")
        return cell is not IGNORE

    def _check(self, frame: AudioFrame) -> None:
        if (frame.format is not self._sound and frame.format != self._sound) or frame.at != self.sent_to:
            raise LocalProtocolError(
                f"{SERVICE}: expected {self._sound} from sample {self.sent_to} on, got {frame.format} from "
                f"sample {frame.at}"
            )
        self._sound = frame.format  # an equal format: from now on, an identity check is enough

    def _skip(self, gap: Gap, now: float) -> None:
        if not self._any_audio:
            self._tokens.rebase(gap.end)
        elif self._sound is not None:
            missing = gap.end - self.sent_to
            silence = min(missing, self._sound.samples(SILENCE_S))
            for start in range(0, silence, self._sound.samples(PIECE_S)):
                self.audio(self._sound.silence(min(silence - start, self._sound.samples(PIECE_S))), now)
            if missing > silence:
                self._tokens.leave_out(self._samples, missing - silence)

    def _finalize_if_due(self, now: float) -> None:
        if self.state is SttState.LISTENING and self._finalizing.ask(self.sent_to, now):
            self._send(STT_FINALIZE, now)

    def _answered(self, what: SttInput, answer: SttResponse) -> list[SttEvent]:
        cell = STT_TABLE[self.state][what]
        if isinstance(cell, Verdict):
            wrong = RemoteProtocolError(f"{SERVICE}: {what.name} came while the session was {self.state.name}")
            return [] if cell is IGNORE else self._fail(Failed(wrong, Retry.BACKOFF))
        if what is SttInput.ERROR:
            return self._fail(refused(answer, service=SERVICE, redact=self._redact))
        if what is SttInput.RESULT:
            return [*self._read(answer)]
        ended = self._tokens.finish()
        if cell is SttState.FAILED:
            return [*ended, *self._fail(lost("the service ended the session", service=SERVICE, retry=Retry.NOW))]
        self.state = cell
        return [*ended, Finished()]

    def _read(self, answer: SttResponse) -> list[TokenEvent]:
        fin = any(token.text == FIN_TOKEN for token in answer.tokens or ())
        finalized_to = self._finalizing.answered() if fin else None
        return self._tokens.read(answer, None if self._sound is None else self.sent_to, finalized_to)

    def _fail(self, failure: Failed) -> list[SttEvent]:
        self.state = SttState.FAILED
        self._outgoing.clear()
        return [failure]

    def _roll_over_at(self) -> float:
        if self._rolled_over:
            return math.inf
        return self._started_at + (ROLL_OVER_AT_LAST_S if self._tokens.has_tail else ROLL_OVER_S)

    def _send(self, message: Message, now: float) -> None:
        self._sent_at = now
        self._outgoing.append(message)


def _inputs(answer: SttResponse) -> list[SttInput]:
    """The inputs in a message, in order; an error may come after tokens."""
    inputs = [] if answer.is_error and not answer.tokens else [SttInput.RESULT]
    if answer.is_error:
        inputs.append(SttInput.ERROR)
    elif answer.finished:
        inputs.append(SttInput.FINISHED)
    return inputs
