"""From roles to lines: what a session is made of, put together and checked before anything opens.

    listen line:  source -> (resample) -> detect -> (encode) => transcriber           => is a link, -> a call
    reply line:   handler -> text transforms => voice -> (resample) => playout

All positions of the listening side are samples at one rate, the ear rate: sound is brought to it directly behind the
source. The transcriber and the voice are asked what format suits them, so that mostly nothing needs converting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

import trio

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.contracts import Sink, Source, Stt, Tts, Vad
from voicekit.errors import ConfigError
from voicekit.events import Dtmf, End, Hangup, HeardSoFar, Interim, Signal, Typed
from voicekit.extend.parts import Role, misfit
from voicekit.extend.registry import Registry, Use
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.pipeline import LinkSpec, Pipeline
from voicekit.flow.sound import encode_as, resample
from voicekit.flow.stage import Stage, stage
from voicekit.flow.store import Full
from voicekit.flow.transform import Each, StreamContext, TransformPart
from voicekit.listen.detect import detect
from voicekit.reply.emoji import strip_emoji
from voicekit.reply.handler import CallView, as_handler
from voicekit.reply.markdown import strip_markdown
from voicekit.session.speculation import AfterCommit
from voicekit.turn.policy import Speculation

SIGNALS = 64
"""Waiting for the conductor, who only ever awaits them: full means a bug."""

EAR_SECONDS = 5.0
"""In front of the transcriber. Nothing may make detection wait: a stalled recogniser must not deafen us."""

TEXT_CHARACTERS = 400
"""Between handler and voice, about 30 s of speech: a model stops generating when nobody can hear it yet."""

VOICE_SECONDS = 2.0
"""Between voice and playout; the speaker drives."""


def open_signals() -> tuple[Outlet[Signal], Inlet[Signal]]:
    """The link to the conductor. Of signals of which only the latest matters, that replaces the queued one."""
    return open_link(SIGNALS, Full.FAIL, weigh=lambda signal: 1, name="signals", conflate=_superseded)


def _superseded(signal: Signal) -> type | None:
    return type(signal) if isinstance(signal, Interim | HeardSoFar) else None


@dataclass
class Parts:
    """The six roles of a session, resolved; a plugin's layers may still replace any of them."""

    source: Source
    vad: Vad | None
    stt: Stt | None
    handler: Any
    tts: Tts
    sink: Sink
    texts: tuple[TransformPart[Any, Any], ...] = ()

    async def warm(self, call: CallView) -> None:
        """Let a handler that has `warm(call)` connect to what it needs, before it is asked anything."""
        warm = getattr(self.handler, "warm", None)
        if warm is not None:
            await warm(call)

    def role_of(self, error: Exception) -> Role:
        """Which part `error` came from, by the note that a line has put on it."""
        named: dict[str, Role] = {
            "handler": "handler",
            self.tts.name: "tts",
            "playout": "sink",
            self.source.name: "source",
        }
        if self.stt is not None:
            named[self.stt.name] = "stt"
        notes = getattr(error, "__notes__", ())
        return next((role for name, role in named.items() if f"in stage {name!r}" in notes), "stage")

    def wrapped(self, wrap: Callable[[Any, Role], Any]) -> Parts:
        """The parts in whatever layers `wrap` puts around them."""
        return replace(
            self,
            source=wrap(self.source, "source"),
            vad=None if self.vad is None else wrap(self.vad, "vad"),
            stt=None if self.stt is None else wrap(self.stt, "stt"),
            handler=wrap(self.handler, "handler"),
            tts=wrap(self.tts, "tts"),
            sink=wrap(self.sink, "sink"),
        )


@dataclass(frozen=True, slots=True)
class Entered:
    """What a plugin wants entered around the conversation, opened and closed in bounded time like everything else."""

    context: AbstractAsyncContextManager[object]
    name: str = "a plugin's session context"

    def open(self) -> AbstractAsyncContextManager[object]:
        return self.context


def resolve(role: Role, thing: Any, registry: Registry) -> Any:
    """`thing` itself, or what the registry has under its name. ConfigError for what can't play `role`.

    A handler may be anything that `as_handler` takes; there a text is no name but what is said.
    """
    if isinstance(thing, str) and role != "handler":
        thing = Use(thing)
    if isinstance(thing, Use):
        thing = thing.build(registry, role)
    if role == "handler":
        return as_handler(thing)
    why = misfit(role, thing)
    if why is not None:
        raise ConfigError(f"{role}: {why}; or a name, or Use(name, ...)")
    return thing


def resolve_tts(thing: Any, registry: Registry) -> tuple[tuple[TransformPart[Any, Any], ...], Tts]:
    """The voice, and the text transforms in front of it where a sequence of both was given."""
    if not isinstance(thing, Sequence) or isinstance(thing, str):
        return (), resolve("tts", thing, registry)
    *texts, last = thing
    for text in texts:
        if not isinstance(text, TransformPart):
            raise ConfigError(f"tts: expected text transforms and then a voice, got {text!r} among the transforms")
    return tuple(texts), resolve("tts", last, registry)


def divert() -> TransformPart[Any, Any]:
    """Takes what a source says that is no sound (keys, typed lines, a hang-up) out of the line, as signals."""

    def start(context: StreamContext) -> Each:
        return Each(lambda item: context.signal(item) if isinstance(item, Typed | Dtmf | Hangup | End) else item)

    return TransformPart("divert", start)


@stage(name="deaf")
async def deaf(inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
    """In the transcriber's place where there is none: takes the sound and says nothing."""
    while True:
        try:
            await inbox.receive_all()
        except trio.EndOfChannel:
            return


def listen_pipeline(
    parts: Parts, on_drop: Callable[[str], Callable[[int], None]], open_timeout: float
) -> tuple[Pipeline, AudioFormat]:
    """The ears, and the format whose rate all positions of the listening side are counted in."""
    source = parts.source
    given = source.produces
    offered = _offer(given, parts.vad)
    wanted = parts.stt.negotiate(offered) if parts.stt is not None else offered
    ear = AudioFormat(wanted.rate)
    if parts.vad is not None and ear.rate not in parts.vad.rates:
        rates = ", ".join(map(str, parts.vad.rates))
        raise ConfigError(f"the stt wants {wanted}, but the vad can judge only {rates} Hz")
    between: list[Any] = [divert()]
    if given != ear:
        between.append(resample(ear))
    if parts.vad is not None:
        between.append(detect(parts.vad))
    if wanted != ear:
        between.append(encode_as(wanted))
    full = Full.DROP_OLDEST if source.live else Full.WAIT
    name = "sound to the stt"
    between.append(LinkSpec(wanted.samples(EAR_SECONDS), full, name, on_drop=on_drop(name)))
    ears: Stage[Any, Any] = parts.stt if parts.stt is not None else deaf
    return Pipeline(source, *between, ears, name="listen", open_timeout=open_timeout), ear


def reply_pipeline(
    handler: Stage[Any, Any],
    parts: Parts,
    playout: Stage[Any, Any],
    open_timeout: float,
    speculation: Speculation | None,
) -> Pipeline:
    """The mouth: takes one Turn, says what playout says. With `speculation`, a gate stands where that says."""
    wanted = parts.sink.format
    spoken = parts.tts.negotiate(wanted)
    text = LinkSpec(TEXT_CHARACTERS, name="text to the tts")
    sound = LinkSpec(wanted.samples(VOICE_SECONDS), name="sound to the sink")
    convert = () if spoken == wanted else (resample(wanted),)
    texts = (strip_markdown(), strip_emoji(), *parts.texts)
    voice: Stage[Any, Any] = parts.tts
    if speculation is not None and speculation.ahead == "text":
        voice = AfterCommit(voice)
    elif speculation is not None:
        playout = AfterCommit(playout)
    return Pipeline(handler, *texts, text, voice, *convert, sound, playout, name="reply", open_timeout=open_timeout)


def _offer(given: AudioFormat, vad: Vad | None) -> AudioFormat:
    """What the transcriber is offered: the source's rate where the VAD can judge it, else the nearest it can."""
    if vad is None:
        return AudioFormat(given.rate) if given.rate >= PCM16K.rate // 2 else PCM16K
    return AudioFormat(given.rate if given.rate in vad.rates else min(vad.rates, key=lambda rate: abs(rate - 16_000)))
