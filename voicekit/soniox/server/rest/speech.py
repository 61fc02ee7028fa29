"""Speech from complete text: the answer to a request is audio, or an error in the speech service's format."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.rest.schema.requests import SpeechRequest
from voicekit.soniox.server.account import Key, Service, StreamUse
from voicekit.soniox.server.checks import Offer, refuse_tts
from voicekit.soniox.server.rest.reading import read
from voicekit.soniox.server.rest.refusal import Problem
from voicekit.soniox.server.rest.shared import RestCall, RestDesk, RestRoute, Speak
from voicekit.soniox.server.rest.voices import ServedVoices

REQUIRED: Final = ("model", "language", "voice", "audio_format", "text")
CONTENT_TYPES: Final = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
}
"""The content types of the formats; all other formats are audio/pcm."""


class ServedSpeech:
    """Checks requests for speech; if `begin` admits one, `end` must be called later."""

    def __init__(self, desk: RestDesk, voices: ServedVoices, offer: Offer) -> None:
        self._desk, self._voices, self._offer = desk, voices, offer

    def routes(self) -> list[RestRoute]:
        return [RestRoute("POST", "/tts", self._speak, speech=True)]

    def begin(self, key: Key, now: float) -> None:
        """Record that speech begins. Raises Problem if the account does not allow this now."""
        refusal = self._desk.account.begin(key, Service.TTS, now)
        if refusal is not None:
            raise Problem.of(refusal)

    def end(self, request: SpeechRequest, began: float, now: float, seconds: float) -> None:
        """Record that the speech has ended, after `seconds` of audio."""
        reference = request.client_reference_id or ""
        self._desk.account.end(StreamUse(Service.TTS, request.model, reference, began, now, len(request.text), seconds))

    def _speak(self, call: RestCall) -> None:
        request = read(call, SpeechRequest, REQUIRED)
        named = ("model", "language", "voice", "audio_format", "sample_rate", "bitrate", "speed", "reduce_silence")
        config = TtsConfig(
            **{name: getattr(request, name) for name in named}, client_reference_id=request.client_reference_id
        )
        own = self._voices.knows(request.voice)
        offer = replace(self._offer, voices=None) if own else self._offer
        refusal = refuse_tts("", config, offer)
        if refusal is not None:
            raise Problem.of(refusal)
        if (unready := self._voices.refuse(request.voice, request.model)) is not None:
            raise unready
        call.effects.append(Speak(request))
