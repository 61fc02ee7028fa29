"""Soniox: ears and a mouth over the vendor's realtime websockets.

The protocol lives in cores that know no socket and read no clock (`stt`, `tts`, `rotate`, `ring`, and `server` for the
other side); what waits stands around them. The names below are loaded when they are asked for, so that whoever wants
only a core gets no trio with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicekit.soniox.region import Endpoints
    from voicekit.soniox.transcriber import SonioxTranscriber
    from voicekit.soniox.transport import TrioWebsocket
    from voicekit.soniox.voice import SonioxVoice
    from voicekit.soniox.wire import Context, SttConfig, Translation, TtsConfig
    from voicekit.soniox.wirelog import open_wire_log

__all__ = [
    "SonioxTranscriber",
    "SttConfig",
    "Context",
    "Translation",
    "SonioxVoice",
    "TtsConfig",
    "Endpoints",
    "TrioWebsocket",
    "open_wire_log",
]

_HOME = {
    "SonioxTranscriber": "transcriber",
    "SonioxVoice": "voice",
    "Endpoints": "region",
    "TrioWebsocket": "transport",
    "open_wire_log": "wirelog",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'wire')}"), name)
