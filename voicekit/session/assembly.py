"""Assembles the parts of a session into pipelines, and checks the parts before any of them is opened.

    listen line:  source -> (resample) -> detect -> (encode) => transcriber           => is a link, -> a call
    reply line:   handler -> text transforms => voice -> (resample) => playout

The listening side counts all positions in samples at one rate, the listening rate; audio is converted to this rate
directly after the source. The transcriber and the voice choose their formats so that usually no conversion is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any, TypeAlias, TypeVar, cast

import trio
from msgspec import Struct

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Sound
from voicekit.contracts import Sink, Source, Stt, Text, Tts, Vad, tell
from voicekit.errors import ConfigError
from voicekit.events import (
    AnsweredBy,
    AnswerExpected,
    CallerHeld,
    CallNews,
    Dtmf,
    End,
    Hangup,
    HeardSoFar,
    Interim,
    Progress,
    Prompt,
    SessionEvent,
    Signal,
    Transcript,
    Transferred,
    Trouble,
    Typed,
    WordMark,
)
from voicekit.extend import Plugins
from voicekit.extend.parts import Part, Role, misfit
from voicekit.extend.registry import Registry, Use
from voicekit.extend.view import SessionView
from voicekit.flow.fallback import Fallback
from voicekit.flow.groups import stages_of
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.pipeline import LinkSpec, Pipeline
from voicekit.flow.sound import encode_as, resample
from voicekit.flow.stage import Stage, stage
from voicekit.flow.store import Full, count, latest_of
from voicekit.flow.transform import Each, StreamContext, TransformPart
from voicekit.listen.detect import detect
from voicekit.listen.fallback_stt import FallbackStt
from voicekit.listen.loudness import Loudness
from voicekit.play.playout import Playout
from voicekit.reply.fallback_tts import FallbackTts
from voicekit.reply.handler import HANDLER, Answer, CallView, Handler, Turn, as_handler
from voicekit.reply.tags import default_texts
from voicekit.session.bot import asked_for
from voicekit.session.speculation import AfterCommit
from voicekit.turn.policy import Speculation

P = TypeVar("P", bound=Part)

Speaks: TypeAlias = Tts | Use | str
SpokenBy: TypeAlias = Speaks | Fallback[Speaks] | Sequence[TransformPart[Text, Text] | Speaks | Fallback[Speaks]]
"""The type of the option `tts`: a voice, or text transforms followed by a voice."""

SIGNALS = 128
"""The maximum number of signals that may wait for the conductor, which never waits for anything else: a full link means
a bug."""

LATEST = latest_of(Interim, Progress, HeardSoFar, AnswerExpected)

EAR_SECONDS = 5.0
"""The maximum amount of sound that may wait for the transcriber. Detection must never wait: a stalled recogniser must
not make the session deaf."""

TEXT_CHARACTERS = 400
"""The maximum amount of text between handler and voice, about 30 s of speech: a model stops generating when it is far
ahead of the sound."""

VOICE_SECONDS = 2.0
"""The maximum amount of sound between voice and playout; the speaker sets the pace."""


def open_signals() -> tuple[Outlet[Signal], Inlet[Signal]]:
    """Open the link to the conductor. Where only the latest signal of a type matters, a new signal replaces the one
    that is queued."""
    return open_link(SIGNALS, Full.FAIL, weigh=count, name="signals", conflate=LATEST)


@dataclass
class Parts:
    """The parts that play the six roles in a session; a plugin's layers may still replace any of them."""

    source: Source
    vad: Vad | None
    stt: Stt | None
    handler: Handler
    tts: Tts
    sink: Sink
    texts: tuple[TransformPart[Text, Text], ...] = ()
    vad_name: str = ""
    """The vad's name in the registry, if it was given by name or is the default."""

    async def warm(self, call: CallView, report: Callable[[SessionEvent], None] | None) -> None:
        """If the handler has a method `warm(call)`, let it connect to its services before it has to answer.

        An error is passed to `report`, since the first answer will show whether it matters. Without `report`, it is
        raised.
        """
        try:
            if (warm := getattr(self.handler, "warm", None)) is not None:
                await warm(call)
        except Exception as error:
            if report is None:
                raise
            report(Trouble("handler", error))

    def role_of(self, error: Exception) -> Role | None:
        """The role of the part that raised `error`, according to the stage that is noted in the error; None if no part
        raised it."""
        named: dict[str, Role] = {
            HANDLER: "handler",
            self.tts.name: "tts",
            Playout.name: "sink",
            self.source.name: "source",
        }
        if self.stt is not None:
            named[self.stt.name] = "stt"
        return next((named[stage] for stage in stages_of(error) if stage in named), None)

    def wrapped(self, plugins: Plugins, session: SessionView) -> Parts:
        """The parts, wrapped in the layers that plugins add."""

        def wrap(part: P, role: Role) -> P:
            return plugins.wrap(part, role, session)

        return replace(
            self,
            source=wrap(self.source, "source"),
            vad=None if self.vad is None else wrap(self.vad, "vad"),
            stt=None if self.stt is None else wrap(self.stt, "stt"),
            handler=wrap(self.handler, "handler"),
            tts=wrap(self.tts, "tts"),
            sink=wrap(self.sink, "sink"),
        )


class Entered(Struct, frozen=True):
    """A plugin's context manager around the conversation. There is a time limit for opening it and for closing it, as
    there is for a part."""

    context: AbstractAsyncContextManager[object]
    name: str = "a plugin's session context"

    def open(self) -> AbstractAsyncContextManager[object]:
        return self.context


def assemble(
    registry: Registry,
    *,
    handler: Answer | Use,
    source: Source | Use | str,
    sink: Sink | Use | str,
    tts: SpokenBy | EllipsisType,
    stt: Stt | Use | str | Fallback[Stt | Use | str] | EllipsisType | None,
    vad: Vad | Use | str | EllipsisType | None,
) -> Parts:
    """Return the parts of a session; `registry` creates those that are given by name. Raises ConfigError for a part
    that can't play its role."""
    texts, voice = _split(tts)
    by_name = asked_for("vad", vad, registry)
    return Parts(
        source=_resolve("source", source, registry),
        vad=None if vad is None else _resolve("vad", vad, registry),
        stt=None if stt is None else _resolve("stt", stt, registry),
        handler=_resolve("handler", handler, registry),
        tts=_resolve("tts", voice, registry),
        sink=_resolve("sink", sink, registry),
        texts=texts,
        vad_name="" if by_name is None else registry.find("vad", by_name.name).name,
    )


def _resolve(role: Role, thing: object, registry: Registry) -> Any:
    """Return `thing` itself, or the part that the registry has under this name. Raises ConfigError if the part can't
    play `role`.

    A handler may be anything that `as_handler` takes; for a handler, a text is its answer and not a name. `...` is the
    default.
    """
    if isinstance(thing, Fallback):
        return _fallback(role, thing, registry)
    if thing is ...:
        thing = registry.default(role)
    if isinstance(thing, str) and role != "handler":
        thing = Use(thing)
    if isinstance(thing, Use):
        thing = thing.build(registry, role)
    if role == "handler":
        return as_handler(cast("Answer", thing))
    why = misfit(role, thing)
    if why is not None:
        raise ConfigError(f"{role}: {why}; a name or Use(name, ...) is also possible")
    return thing


def _fallback(role: Role, spec: Fallback[object], registry: Registry) -> Any:
    """A part that consists of several others; if one of them fails, the next replaces it."""
    if role not in ("stt", "tts"):
        raise ConfigError(f"{role}: a Fallback can only be an stt, a tts or the model of a LanguageModel")
    members = [_resolve(role, member, registry) for member in spec.members]
    return FallbackStt(spec, members) if role == "stt" else FallbackTts(spec, members)


def _split(tts: SpokenBy | EllipsisType) -> tuple[tuple[TransformPart[Text, Text], ...], object]:
    """Split `tts` into the text transforms and the voice after them."""
    *texts, voice = tts if isinstance(tts, Sequence) and not isinstance(tts, str) else [tts]
    for text in texts:
        if not isinstance(text, TransformPart):
            raise ConfigError(f"tts: expected text transforms followed by one voice, got {text!r} among the transforms")
    return tuple(cast("list[TransformPart[Text, Text]]", texts)), voice


def divert() -> TransformPart[Sound | Signal, Sound]:
    """A transform that passes on only the audio from a source. Keys, typed lines, hang-ups and the like are emitted as
    signals, or reported as events."""

    def start(context: StreamContext) -> Each:
        report = tell.get()

        def take(item: Sound | Signal | CallNews) -> Sound | Signal | None:
            match item:
                case Typed() | Dtmf() | Hangup() | End() | CallerHeld():
                    context.signal(item)
                case AnsweredBy() | Transferred():
                    report(item)
                    if item == AnsweredBy("machine", greeted=True):
                        context.signal(Prompt("machine"))
                case _:
                    return item
            return None

        return Each(take)

    return TransformPart("divert", start)


@stage(name="deaf")
async def deaf(inbox: Inlet[object], outbox: Outlet[Transcript]) -> None:
    """A stage that replaces a missing transcriber: it takes the audio and emits nothing."""
    while True:
        try:
            await inbox.receive_all()
        except trio.EndOfChannel:
            return


def listen_pipeline(
    parts: Parts, on_drop: Callable[[str], Callable[[int], None]], open_timeout: float, loudness: Loudness | None = None
) -> tuple[Pipeline, AudioFormat]:
    """The listening pipeline, and the audio format in which it counts positions.

    `loudness` measures the level of the audio that the vad judges to be speech.
    """
    source = parts.source
    given = source.produces
    offered = _offer(given, parts.vad)
    wanted = parts.stt.negotiate(offered) if parts.stt is not None else offered
    ear = AudioFormat(wanted.rate)
    if parts.vad is not None and ear.rate not in parts.vad.rates:
        rates = ", ".join(map(str, parts.vad.rates))
        raise ConfigError(f"the stt takes {wanted}, but the vad takes only {rates} Hz")
    between: list[Any] = [divert()]
    if given != ear:
        between.append(resample(ear))
    if parts.vad is not None:
        between.append(detect(parts.vad, loudness=loudness))
    if wanted != ear:
        between.append(encode_as(wanted))
    full = Full.DROP_OLDEST if source.live else Full.WAIT
    name = "sound to the stt"
    between.append(LinkSpec(wanted.samples(EAR_SECONDS), full, name, on_drop=on_drop(name)))
    between.append(parts.stt if parts.stt is not None else deaf)
    return Pipeline(source, *between, name="listen", open_timeout=open_timeout), ear


def reply_pipeline(
    handler: Stage[Turn, Text],
    parts: Parts,
    playout: Stage[AudioFrame | WordMark, Signal],
    open_timeout: float,
    speculation: Speculation | None,
) -> Pipeline:
    """The reply pipeline, which takes one Turn and emits playout's signals. If `speculation` is given, the pipeline has
    a gate that holds back guessed replies."""
    wanted = parts.sink.format
    spoken = parts.tts.negotiate(wanted)
    text = LinkSpec(TEXT_CHARACTERS, name="text to the tts")
    sound = LinkSpec(wanted.samples(VOICE_SECONDS), name="sound to the sink")
    convert = () if spoken == wanted else (resample(wanted),)
    texts = (*default_texts(reads_tags=getattr(parts.tts, "reads_tags", False) is True), *parts.texts)
    voice: Stage[Text, AudioFrame | WordMark] = parts.tts
    if speculation is not None and speculation.ahead == "text":
        voice = AfterCommit(voice)
    elif speculation is not None:
        playout = AfterCommit(playout)
    return Pipeline(handler, *texts, text, voice, *convert, sound, playout, name="reply", open_timeout=open_timeout)


def _offer(given: AudioFormat, vad: Vad | None) -> AudioFormat:
    """The format offered to the transcriber: with the source's rate if the VAD supports it, else with the nearest rate
    that the VAD supports.
    """
    if vad is None:
        return AudioFormat(given.rate) if given.rate >= PCM16K.rate // 2 else PCM16K
    return AudioFormat(given.rate if given.rate in vad.rates else min(vad.rates, key=lambda rate: abs(rate - 16_000)))
