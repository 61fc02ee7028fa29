"""Soniox over HTTP: files, transcriptions, models, voices, keys, usage, and speech from complete text.

    async with SonioxClient() as soniox:
        transcript = await soniox.transcriptions.of(Path("interview.mp3"))

`schema` defines the requests and answers, for clients and servers; it uses no network. `http` is the HTTP layer;
`subtitles` is independent of both. The names below are loaded when they are first used, as in `voicekit.soniox`.
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
    "Patience": "http.retry",
    "TranscriptionRequest": "schema.requests",
    "SpeechRequest": "schema.requests",
    "KeyRequest": "schema.requests",
    "WebhookReceiver": "webhook",
    "KeyDesk": "temporary_keys",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'schema.answers')}"), name)
