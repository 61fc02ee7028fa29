"""Soniox: realtime transcription and speech over the vendor's websockets, and its REST API.

The packages, from the lowest layer to the highest; each imports only from packages earlier in this list:

    api                 the realtime services' messages, options, limits, errors and addresses; pure
    connection          the only websocket code: the transport, keys, and the tasks that read and write
    stt, tts            each the client side of one protocol: pure code, and the stage that drives it
    rest                the REST API over HTTP
    server              the service's side of stt, tts and rest; pure, used by the scripted peer and the local server

The names below are loaded when they are first used, so importing only pure code does not load trio.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicekit.flow.wire_log import open_wire_log
    from voicekit.soniox.api.region import Endpoints
    from voicekit.soniox.api.wire import Context, SttConfig, Translation, TtsConfig
    from voicekit.soniox.connection.direct import DirectWebsocket
    from voicekit.soniox.connection.transport import TrioWebsocket
    from voicekit.soniox.stt.soniox_stt import SonioxStt
    from voicekit.soniox.tts.soniox_tts import SonioxTts

__all__ = [
    "SonioxStt",
    "SttConfig",
    "Context",
    "Translation",
    "SonioxTts",
    "TtsConfig",
    "Endpoints",
    "TrioWebsocket",
    "DirectWebsocket",
    "open_wire_log",
]

_HOME = {
    "SonioxStt": "stt.soniox_stt",
    "SonioxTts": "tts.soniox_tts",
    "Endpoints": "api.region",
    "TrioWebsocket": "connection.transport",
    "DirectWebsocket": "connection.direct",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "open_wire_log":
        return import_module("voicekit.flow.wire_log").open_wire_log
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'api.wire')}"), name)
