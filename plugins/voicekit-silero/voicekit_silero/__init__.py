"""Silero VAD as two detectors: "silero", and "confirmed", which asks Silero only about sound that passes webrtcvad.

"confirmed" is the default vad of a session.
"""

from __future__ import annotations

from voicekit import hookimpl
from voicekit.extend import Registry


@hookimpl
def voicekit_register(registry: Registry) -> None:
    registry.vad("silero", "voicekit_silero.vad:SileroVad")
    registry.vad("confirmed", "voicekit_silero.vad:confirmed", default=True)
