"""A pipeline of stages and transforms is itself a stage: it opens its stages, fuses its transforms, and runs everything
in one nursery.

Each stage gets a task (the first uses the pipeline's own), and two neighbouring stages are joined by a link. Transforms
are fused, and called when the stage before them sends. Their signals go directly to the pipeline's own outlet, ahead of
everything else. Stages open from the last to the first, so that each receiver is ready before its sender.

How a pipeline ends:

- If a stage returns, its ends are closed immediately, so the stages after it drain and return too. If a neighbour then
  fails because that link is closed, its error is ignored: it has done all it could.
- If a stage raises, its ends stay open until the nursery has cancelled the others. Closing them earlier would make the
  neighbours fail as well, and bury the one error that matters.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import trio
from msgspec import Struct

from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError, FormatMismatch
from voicekit.flow.fused import FusedInlet, FusedOutlet
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.opened import OPEN_TIMEOUT, opened
from voicekit.flow.stage import Run, Stage
from voicekit.flow.store import Full, LinkStatistics, check_rule
from voicekit.flow.threads import in_thread
from voicekit.flow.transform import Fused, Pipeable, StreamContext, TransformPart

DEFAULT_SECONDS = 2.0
"""The capacity of a link between two stages without a LinkSpec, in seconds of sound."""

DEFAULT_WEIGHT = 400
"""The capacity of a link without a LinkSpec if the format is not known, in characters or items: about 30 s of
speech.
"""


@dataclass(frozen=True, slots=True)
class LinkSpec(Pipeable):
    """The settings for the link between two stages: `source | LinkSpec(80_000, Full.DROP_OLDEST) | ear`."""

    capacity: int
    full: Full = Full.WAIT
    name: str | None = None
    conflate: Callable[[Any], Hashable | None] | None = None
    on_drop: Callable[[int], None] | None = None

    def __post_init__(self) -> None:
        check_rule(self.name or "of a line", self.capacity, self.full)


class _Segment(Struct, frozen=True):
    """A stage, the transforms after it, their input format, and the link to the next stage (if there is one)."""

    stage: Stage[Any, Any]
    task_name: str
    format: AudioFormat | None
    transforms: tuple[TransformPart[Any, Any], ...]
    via: LinkSpec | None


class Pipeline(Pipeable):
    """Several parts as one stage. Raises FormatMismatch, naming both parts, if the audio formats of neighbouring parts
    differ.

    `given` is the format of the input, if it is known. `open_timeout` limits each stage's `open`.
    """

    def __init__(
        self,
        *parts: Any,
        name: str = "line",
        given: AudioFormat | None = None,
        open_timeout: float = OPEN_TIMEOUT,
    ) -> None:
        self.name = name
        self.parts: tuple[Any, ...] = _flat(parts)
        self._open_timeout = open_timeout
        self._given = given
        formats = _formats(self.parts, given)
        self.produces = formats[-1]
        self.accepts: AudioFormat | None = getattr(self.parts[0], "accepts", None) if self.parts else None
        self._head = tuple(_leading_transforms(self.parts))
        self._segments = _segments(self.parts, formats)
        self._outlets: list[Outlet[Any]] = []  # the outlets of the links in the most recent stream

    @property
    def stages(self) -> list[Stage[Any, Any]]:
        """The stages in the order in which they open."""
        if self._segments and self._segments[-1].via is not None:
            raise ConfigError(
                f"{self!r} ends with a LinkSpec; expected a stage after it, because a LinkSpec "
                "describes the link between two stages"
            )
        return [segment.stage for segment in reversed(self._segments)]

    def bind(self, runs: Sequence[Run[Any, Any]]) -> Run[Any, Any]:
        """The `run` of the whole pipeline; `runs` are the results of opening `stages`, in order.

        For code that opens the stages of several pipelines together; otherwise use `open`.
        """
        return partial(self._run, list(reversed(runs)))

    async def load(self) -> None:
        """Import what the transforms need, in a thread. Otherwise, the imports would block the event loop for 0.1 s
        when the transforms start.
        """
        wanted = {module for part in self.parts if isinstance(part, TransformPart) for module in part.loads}
        for module in sorted(wanted - sys.modules.keys()):
            await in_thread(import_module, module)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        await self.load()
        async with opened(*self.stages, timeout=self._open_timeout) as runs:
            yield self.bind(runs)

    async def _run(self, runs: Sequence[Run[Any, Any]], inbox: Inlet[Any], outbox: Outlet[Any]) -> None:
        first = _fuse_inlet(inbox, self._head, StreamContext(self._given, outbox.offer))
        if not runs:
            async for item in first:
                await outbox.send(item)
            return
        links = [_link(segment, self.name) for segment in self._segments[:-1]]
        self._outlets = [outlet for outlet, _ in links]
        try:
            inlet: Any = first
            own_inlet: Inlet[Any] | None = None
            drives = []
            ends = [*links, (None, None)]
            for segment, run, (own_outlet, next_inlet) in zip(self._segments, runs, ends, strict=True):
                outlet = _fuse_outlet(outbox if own_outlet is None else own_outlet, segment, outbox)
                drives.append((segment.stage.name, run, inlet, outlet, own_inlet, own_outlet))
                inlet = own_inlet = next_inlet
            with alone():
                async with trio.open_nursery() as nursery:
                    for segment, drive in zip(self._segments[1:], drives[1:], strict=True):
                        nursery.start_soon(_drive, *drive, name=segment.task_name)
                    # the old name is not restored, since the watchdog reads the name only at the end of the stage's
                    # last step
                    trio.lowlevel.current_task().name = self._segments[0].task_name
                    await _drive(*drives[0])
        finally:
            for outlet, inlet in links:
                outlet.close()
                inlet.close()

    def statistics(self) -> tuple[LinkStatistics, ...]:
        """The current or final state of the links between the stages, in the most recent stream."""
        return tuple(outlet.statistics() for outlet in self._outlets)

    def __repr__(self) -> str:
        return f"<Line {self.name!r}: {' | '.join(_name(part) for part in self.parts)}>"


def pipeline(*parts: Any, name: str = "line") -> Pipeline:
    """`parts` one after the other, as one stage; pipelines among them are split into their parts."""
    return Pipeline(*parts, name=name)


Pipeable.joined = staticmethod(pipeline)


async def _drive(
    name: str,
    run: Run[Any, Any],
    inlet: Inlet[Any],
    outlet: Outlet[Any],
    own_inlet: Inlet[Any] | None,
    own_outlet: Outlet[Any] | None,
) -> None:
    """Run one stage to its end and close its link ends; `own_inlet` and `own_outlet` are ends inside the pipeline."""
    with alone(stage=name):
        try:
            await run(inlet, outlet)
            if isinstance(outlet, FusedOutlet):
                await outlet.finish()
        except* trio.BrokenResourceError:  # raised alone, or in a group if the stage has its own nursery
            if own_outlet is None or not own_outlet.broken:
                raise
    if own_outlet is not None:
        own_outlet.close()
    if own_inlet is not None:
        own_inlet.close()


def _flat(parts: Sequence[Any]) -> tuple[Any, ...]:
    flat: list[Any] = []
    for part in parts:
        if isinstance(part, Pipeline):
            flat.extend(part.parts)
        elif isinstance(part, TransformPart | LinkSpec) or (hasattr(part, "open") and hasattr(part, "name")):
            flat.append(part)
        else:
            raise ConfigError(
                f"a pipeline takes stages (with `name` and `open()`), transforms and LinkSpecs; got {part!r}"
            )
    return tuple(flat)


def _formats(parts: Sequence[Any], given: AudioFormat | None) -> list[AudioFormat | None]:
    """The format before each part, and after the last part."""
    formats = [given]
    speaker = "what comes in"
    for part in parts:
        current = formats[-1]
        accepts = getattr(part, "accepts", None)
        if accepts is not None and current is not None and accepts != current:
            raise FormatMismatch(
                f"{_name(part)!r} takes {accepts}, but {speaker!r} before it produces {current}; put "
                "resample() between them"
            )
        produces = getattr(part, "produces", None)
        if produces is not None or not isinstance(part, TransformPart | LinkSpec):
            speaker = _name(part)
        if produces is None and isinstance(part, TransformPart | LinkSpec):
            produces = current
        formats.append(produces)
    return formats


def _leading_transforms(parts: Sequence[Any]) -> list[TransformPart[Any, Any]]:
    leading = []
    for part in parts:
        if not isinstance(part, TransformPart):
            break
        leading.append(part)
    return leading


def _segments(parts: Sequence[Any], formats: Sequence[AudioFormat | None]) -> list[_Segment]:
    segments: list[_Segment] = []
    place = len(_leading_transforms(parts))
    if place < len(parts) and isinstance(parts[place], LinkSpec):
        raise ConfigError("a LinkSpec describes the link between two stages; this pipeline has no stage before it")
    while place < len(parts):
        start, stage = place, parts[place]
        place += 1
        transforms: list[TransformPart[Any, Any]] = []
        via: LinkSpec | None = None
        while place < len(parts) and isinstance(parts[place], TransformPart | LinkSpec):
            if isinstance(parts[place], LinkSpec):
                if via is not None:
                    raise ConfigError(f"expected one LinkSpec after {_name(stage)!r}, got two")
                via = parts[place]
            else:
                transforms.append(parts[place])
            place += 1
        if place < len(parts):
            via = via or _default_via(formats[place])
        segments.append(_Segment(stage, f"stage {stage.name!r}", formats[start + 1], tuple(transforms), via))
    return segments


def _default_via(format: AudioFormat | None) -> LinkSpec:  # noqa: A002  # the field's word
    return LinkSpec(format.samples(DEFAULT_SECONDS) if format else DEFAULT_WEIGHT)


def _link(segment: _Segment, line: str) -> tuple[Outlet[Any], Inlet[Any]]:
    via = segment.via
    assert via is not None, "only the last stage of a line has no link behind it"
    name = via.name or f"{line}: behind {segment.stage.name}"
    return open_link(via.capacity, via.full, name=name, conflate=via.conflate, on_drop=via.on_drop)


def _started(transforms: Sequence[TransformPart[Any, Any]], context: StreamContext) -> Fused:
    made = []
    for part in transforms:
        made.append(part.start(context))
        if part.produces is not None:
            context = StreamContext(part.produces, context.signal)
    return Fused(made)


def _fuse_inlet(inlet: Inlet[Any], head: Sequence[TransformPart[Any, Any]], context: StreamContext) -> Inlet[Any]:
    return FusedInlet(inlet, _started(head, context)) if head else inlet


def _fuse_outlet(outlet: Outlet[Any], segment: _Segment, outbox: Outlet[Any]) -> Outlet[Any]:
    if not segment.transforms:
        return outlet
    return FusedOutlet(outlet, _started(segment.transforms, StreamContext(segment.format, outbox.offer)))


def _name(part: Any) -> str:
    name: str = getattr(part, "name", None) or type(part).__name__
    return name
