"""Soniox: ears and a mouth over the vendor's realtime websockets.

The protocol lives in cores that know no socket and read no clock (`stt`, `tts`, `rotate`, `ring`, and `server` for the
other side); what waits stands around them. The names below are loaded when they are asked for, so that whoever wants
only a core gets no trio with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicekit.soniox.api.region import Endpoints
    from voicekit.soniox.api.wire import Context, SttConfig, Translation, TtsConfig
    from voicekit.soniox.connection.transport import TrioWebsocket
    from voicekit.soniox.connection.wire_log import open_wire_log
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
    "open_wire_log",
]

_HOME = {
    "SonioxStt": "transcriber",
    "SonioxTts": "voice",
    "Endpoints": "region",
    "TrioWebsocket": "transport",
    "open_wire_log": "wirelog",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'wire')}"), name)
