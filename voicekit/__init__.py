"""voicekit: realtime voice agents on trio.

    async def hello(turn, say):
        await say(f"You said: {turn.text}")

    trio.run(voicekit.run, hello)

The names below are listed roughly in the order in which you will need them. `voicekit.events` defines the vocabulary of
a call, and `voicekit.testing`, imported separately, runs whole calls in virtual time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicekit import events
    from voicekit.audio.format import AudioFormat
    from voicekit.audio.frame import AudioFrame, Gap
    from voicekit.contracts import Sink, Source, Stt, Tts, Vad
    from voicekit.errors import ConfigError, DeviceError, PluginError, ServiceError, VoicekitError
    from voicekit.extend import Apologise, Restart, Use, hookimpl, load_plugins
    from voicekit.flow import (
        Full,
        Inlet,
        LinkSpec,
        Outlet,
        Pipeline,
        Stage,
        Transform,
        each,
        in_thread,
        open_link,
        pipeline,
        stage,
        tap,
    )
    from voicekit.flow.fallback import Fallback
    from voicekit.flow.sound import resample
    from voicekit.reply.handler import Handler, Turn, as_handler
    from voicekit.reply.say import Say
    from voicekit.reply.sentences import sentences
    from voicekit.reply.spoken import spoken_forms
    from voicekit.session import Bot, Session, open_event_log, run
    from voicekit.turn.policy import CallPolicy, InterruptPolicy, Policy, Speculation, TurnPolicy

__all__ = [
    # run a conversation
    "run",
    "Session",
    "Turn",
    "Say",
    "Handler",
    "as_handler",
    "Bot",
    # decide turns
    "Policy",
    "TurnPolicy",
    "Speculation",
    "InterruptPolicy",
    "CallPolicy",
    # the parts of a session
    "Source",
    "Vad",
    "Stt",
    "Tts",
    "Sink",
    # sound and text in transit
    "AudioFormat",
    "AudioFrame",
    "Gap",
    "resample",
    "sentences",
    "spoken_forms",
    # build your own stages
    "Stage",
    "stage",
    "Transform",
    "each",
    "tap",
    "Pipeline",
    "pipeline",
    "LinkSpec",
    "Full",
    "open_link",
    "Inlet",
    "Outlet",
    "in_thread",
    # plugins
    "hookimpl",
    "Use",
    "Fallback",
    "load_plugins",
    "Apologise",
    "Restart",
    # observe what happens
    "events",
    "open_event_log",
    # what can go wrong
    "VoicekitError",
    "ConfigError",
    "PluginError",
    "ServiceError",
    "DeviceError",
]

_HOMES = {
    "voicekit.audio.format": "AudioFormat",
    "voicekit.audio.frame": "AudioFrame Gap",
    "voicekit.contracts": "Sink Source Stt Tts Vad",
    "voicekit.errors": "ConfigError DeviceError PluginError ServiceError VoicekitError",
    "voicekit.extend": "Apologise Restart Use hookimpl load_plugins",
    "voicekit.flow": "Full Inlet LinkSpec Outlet Pipeline Stage Transform each in_thread open_link pipeline stage tap",
    "voicekit.flow.fallback": "Fallback",
    "voicekit.flow.sound": "resample",
    "voicekit.reply.handler": "Handler Turn as_handler",
    "voicekit.reply.say": "Say",
    "voicekit.reply.sentences": "sentences",
    "voicekit.reply.spoken": "spoken_forms",
    "voicekit.session": "Bot Session open_event_log run",
    "voicekit.turn.policy": "CallPolicy InterruptPolicy Policy Speculation TurnPolicy",
}
"""Where each public name is defined. `import voicekit` loads none of these modules; each is loaded when one of its
names is first used.
"""

_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}
_ROOMS = (
    "aio",
    "audio",
    "call",
    "contracts",
    "errors",
    "events",
    "extend",
    "flow",
    "listen",
    "llm",
    "play",
    "reply",
    "rules",
    "session",
    "soniox",
    "turn",
    "writing",
)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"voicekit.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'voicekit' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
