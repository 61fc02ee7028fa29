"""Soniox over HTTP: files, transcriptions, models, voices, keys, usage, and speech in one go.

    async with SonioxClient() as soniox:
        transcript = await soniox.transcriptions.of(Path("interview.mp3"))

`types` holds what the service answers, `requests` what it is asked, `limits` how large that may be; these know no
network and serve both roles. The names below are loaded when they are asked for, as in `voicekit.soniox`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicekit.soniox.rest.client import SonioxClient
    from voicekit.soniox.rest.http.retry import Patience
    from voicekit.soniox.rest.schema.answers import File, Transcription, TranscriptText, TranscriptToken
    from voicekit.soniox.rest.schema.requests import KeyRequest, SpeechRequest, TranscriptionRequest
    from voicekit.soniox.rest.temporary_keys import KeyDesk
    from voicekit.soniox.rest.webhook import WebhookReceiver

__all__ = [
    "SonioxClient",
    "Patience",
    "TranscriptionRequest",
    "SpeechRequest",
    "KeyRequest",
    "File",
    "Transcription",
    "TranscriptText",
    "TranscriptToken",
    "WebhookReceiver",
    "KeyDesk",
]

_HOME = {
    "SonioxClient": "client",
    "Patience": "patience",
    "TranscriptionRequest": "requests",
    "SpeechRequest": "requests",
    "KeyRequest": "requests",
    "WebhookReceiver": "webhook",
    "KeyDesk": "mint",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'types')}"), name)
