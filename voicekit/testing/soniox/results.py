"""Makes the scripted peer's messages from pieces of words, and times them by the samples received. Pure.

While a piece is being spoken, it is sent as a non-final token, with the letters spoken so far. Later messages replace
the token until a final one is sent. Endpoints, speakers, languages and translations are added if they are configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voicekit.soniox.api import limits
from voicekit.soniox.api.wire import SttConfig, Token
from voicekit.soniox.server.realtime.stt import END, FIN
from voicekit.testing.scripted import Script
from voicekit.testing.soniox.peer_stt import PeerStt, SoundingPiece, until

SURE: Final = 0.98
UNSURE: Final = 0.7
LANGUAGE: Final = "en"
"""The assumed language of every script."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How quickly a peer recognises speech: delays in seconds of audio, and the `latency` of each message.

    A letter is shown `interim` seconds after it has been spoken, with at most one message every `cadence` seconds. A
    piece becomes final `final` seconds after its end. A silence that lasts `endpoint` seconds, or the configured delay
    if that is shorter, ends an utterance. A message is sent at least every `progress` seconds.
    """

    interim: float = 0.12
    cadence: float = 0.1
    final: float = 0.26
    endpoint: float = 0.7
    progress: float = 0.24
    latency: float = 0.0


@dataclass(frozen=True, slots=True)
class PeerResult:
    """One message. Words are final up to `final_ms`, and audio has been processed up to `total_ms`."""

    tokens: tuple[Token, ...]
    final_ms: int
    total_ms: int


class Recogniser:
    """A peer's recogniser for one session, which understands only `script`."""

    def __init__(self, script: Script, config: SttConfig, hearing: Hearing) -> None:
        self.config = config
        self.said = ""
        self._rate = config.sample_rate or 16_000
        self._understands = config.audio_format == "pcm_s16le" and config.num_channels == 1
        self._sample_bytes = limits.STT_RAW_FORMATS.get(config.audio_format or "", 2) * (config.num_channels or 1)
        self._bytes = 0
        self.ears = PeerStt(script, self._rate)
        delay = min(hearing.endpoint, (config.max_endpoint_delay_ms or 3_000) / 1000)
        self._interim, self._final = round(hearing.interim * self._rate), round(hearing.final * self._rate)
        self._cadence, self._progress = round(hearing.cadence * self._rate), round(hearing.progress * self._rate)
        self._endpoint = round(delay * self._rate)
        self._heard: list[SoundingPiece] = []  # pieces that are not final
        self._tail: tuple[Token, ...] = ()
        self._utterance_to: int | None = None  # the end of the current utterance so far; None between utterances
        self._sent_to = 0
        self._final_to = 0

    def hear(self, data: bytes) -> PeerResult | None:
        """Take `data`, and return the message to send, if any."""
        self._listen(data)
        total = self.ears.total
        final = self._settled(total - self._final)
        if self._over():
            final.append(END)
            self._utterance_to = None
        tail = self._unsettled(total)
        if not final and total - self._sent_to < (self._progress if tail == self._tail else self._cadence):
            return None
        return self._result(final, tail, min([total - self._final, *(piece.start for piece in self._unfinished())]))

    @property
    def seconds(self) -> float:
        """How many seconds of audio have arrived."""
        return self.ears.total / self._rate

    def finalize(self) -> PeerResult:
        """Make all tokens final, followed by <fin>."""
        return self._result([*self._rest(), FIN], (), self.ears.total)

    def finish(self) -> PeerResult:
        """Make all tokens final, since the audio has ended."""
        return self._result(self._rest(), (), self.ears.total)

    def _listen(self, data: bytes) -> None:
        if self._understands:
            self.ears.hear(data)
        else:
            self._bytes += len(data)
            self.ears.skip(self._bytes // self._sample_bytes - self.ears.total)
        if self.ears.said:
            self._heard += self.ears.said
            self.ears.said.clear()

    def _over(self) -> bool:
        """Whether an utterance ends now."""
        if not self.config.enable_endpoint_detection or self._utterance_to is None or self._unfinished():
            return False
        return self.ears.total >= self._utterance_to + self._endpoint

    def _unfinished(self) -> list[SoundingPiece]:
        begun = self.ears.begun()
        return [*self._heard, begun] if begun is not None else self._heard

    def _settled(self, to: int) -> list[Token]:
        """The tokens that become final, because they ended before `to`."""
        count = sum(piece.end <= to for piece in self._heard)
        pieces, self._heard = self._heard[:count], self._heard[count:]
        tokens = []
        for piece in pieces:
            tokens.append(self._token(piece, is_final=True, first=not self.said))
            self.said += tokens[-1].text or ""
            self._utterance_to = piece.end
        return [*tokens, *self._translated(tokens)]

    def _rest(self) -> list[Token]:
        self.ears.pause()
        self._listen(b"")
        return self._settled(self.ears.total)

    def _unsettled(self, total: int) -> tuple[Token, ...]:
        to = total - self._interim
        shown = [until(piece, to) for piece in self._unfinished() if piece.start < to]
        tokens = [self._token(piece, is_final=False, first=not self.said and not n) for n, piece in enumerate(shown)]
        return (*tokens, *self._translated(tokens))

    def _result(self, final: list[Token], tail: tuple[Token, ...], final_to: int) -> PeerResult:
        self._tail, self._sent_to = tail, self.ears.total
        self._final_to = max(self._final_to, final_to)
        return PeerResult((*final, *tail), self._final_to * 1000 // self._rate, self._ms(self.ears.total))

    def _token(self, piece: SoundingPiece, *, is_final: bool, first: bool) -> Token:
        return Token(
            text=piece.text.lstrip() if first else piece.text,
            start_ms=self._ms(piece.start),
            end_ms=self._ms(piece.end),
            confidence=SURE if is_final else UNSURE,
            is_final=is_final,
            speaker="1" if self.config.enable_speaker_diarization else None,
            language=LANGUAGE if self.config.enable_language_identification else None,
            translation_status="original" if self.config.translation is not None else None,
        )

    def _translated(self, tokens: list[Token]) -> list[Token]:
        """The translation of `tokens`: the same text in capitals, without times."""
        wanted = self.config.translation
        if wanted is None:
            return []
        languages = [wanted.target_language, wanted.language_a, wanted.language_b]
        return [
            Token(
                text=(token.text or "").upper(),
                confidence=token.confidence,
                is_final=token.is_final,
                speaker=token.speaker,
                language=next(language for language in languages if language not in (None, LANGUAGE)),
                source_language=LANGUAGE,
                translation_status="translation",
            )
            for token in tokens
        ]

    def _ms(self, samples: int) -> int:
        return round(samples * 1000 / self._rate)
