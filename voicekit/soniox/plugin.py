"""The plugin "voicekit-soniox", which provides the default service. It is loaded like any other plugin."""

from __future__ import annotations

from typing import Final

from voicekit.extend import Needs, Registry, hookimpl
from voicekit.soniox.api.region import KEY_VARIABLE

NEEDS: Final = Needs(KEY_VARIABLE, stand_in="voicekit.soniox.local:options_of_local")


@hookimpl(trylast=True)
def voicekit_register(registry: Registry) -> None:
    registry.stt("soniox", "voicekit.soniox.parts:stt", default=True, needs=NEEDS)
    registry.tts("soniox", "voicekit.soniox.parts:tts", default=True, needs=NEEDS)
