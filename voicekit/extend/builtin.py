"""voicekit's own plugins, which are loaded like all others, and can be blocked like them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicekit.extend.hookspecs import hookimpl

if TYPE_CHECKING:
    from voicekit.extend.registry import Registry


class _Listen:
    """The parts that listen: sources and voice activity detectors."""

    @hookimpl(trylast=True)
    def voicekit_register(self, registry: Registry) -> None:
        registry.source("file", "voicekit.listen.file_source:FileSource")
        registry.source("silence", "voicekit.listen.source:SilenceSource")
        registry.source("tone", "voicekit.listen.source:ToneSource")
        registry.vad("webrtc", "voicekit.listen.vad:WebRtcVad", default=True)
        registry.vad("energy", "voicekit.listen.vad:EnergyVad")


class _Speakers:
    """The parts that speak and play."""

    @hookimpl(trylast=True)
    def voicekit_register(self, registry: Registry) -> None:
        registry.tts("quiet", "voicekit.reply.quiet:QuietTts")
        registry.sink("null", "voicekit.play.sink:NullSink")
        registry.sink("file", "voicekit.play.file_sink:FileSink")


BUILT_IN: dict[str, object] = {
    "voicekit-listen": _Listen(),
    "voicekit-soniox": "voicekit.soniox.plugin",
    "voicekit-speakers": _Speakers(),
}
"""voicekit's own plugins by name; a string is the plugin's module. Each asks to be called last, so that every other
plugin comes first.
"""
