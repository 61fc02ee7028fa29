"""Code that never waits is called, not scheduled: the Transform contract, and how transforms are fused.

A hop over a trio channel costs 8 to 10 us, a plain call 0.05 us (benchmarks/README.md). So code that only computes is a
transform: for each item it yields any number of items, and it keeps its state to itself. Neighbouring transforms in a
pipeline are fused into one and attached to the outlet of the stage before them (or to the inlet of the first stage). A
new transform is made for each stream, so no state leaks from one reply into the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from msgspec import Struct

from voicekit.audio.format import AudioFormat

In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Transform(Protocol[In_contra, Out_co]):
    """Turns each item into any number of items immediately. `feed` and `finish` never wait and take well under a
    millisecond.
    """

    def feed(self, item: In_contra) -> Iterable[Out_co]:
        """The output for `item`; items of an unknown type pass unchanged."""
        ...

    def finish(self) -> Iterable[Out_co]:
        """End the stream, and return what is still inside. Nothing is fed afterwards."""
        ...


def _unheard(signal: object) -> None:
    """Discards signals that have no receiver."""


class StreamContext(Struct, frozen=True):
    """What a transform may know about its stream: the format of the audio, and how to signal the conductor."""

    format: AudioFormat | None = None
    signal: Callable[[Any], None] = _unheard


class Pipeable:
    """Lets parts of a pipeline be joined with `|`: `a | b | c` is `pipeline(a, b, c)`."""

    __slots__ = ()

    joined: ClassVar[Callable[..., Any]]
    """Makes a pipeline from parts; set by `voicekit.flow.pipeline`, which imports this module."""

    def __or__(self, other: object) -> Any:
        return type(self).joined(self, other)

    def __ror__(self, other: object) -> Any:
        return type(self).joined(other, self)


@dataclass(frozen=True, slots=True)
class TransformPart(Pipeable, Generic[In, Out]):
    """A transform's place in a pipeline: `start` makes a new transform for each stream.

    `accepts` is the one input format that it takes (None: any). `produces` is its output format (None: the input
    format). `loads` names slow modules that `start` imports; whoever opens the pipeline imports them beforehand, in a
    thread.
    """

    name: str
    start: Callable[[StreamContext], Transform[In, Out]]
    accepts: AudioFormat | None = None
    produces: AudioFormat | None = None
    loads: tuple[str, ...] = ()


class Fused:
    """Several transforms as one: each item runs through all of them in a single call."""

    __slots__ = ("_feeds", "_transforms")

    def __init__(self, transforms: Sequence[Transform[Any, Any]]) -> None:
        self._transforms = tuple(_joined(transforms))
        self._feeds = tuple(transform.feed for transform in self._transforms)

    def feed(self, item: Any) -> Iterable[Any]:
        return _through(self._feeds, (item,))

    def finish(self) -> Iterable[Any]:
        out: list[Any] = []
        for place, transform in enumerate(self._transforms):
            out.extend(_through(self._feeds[place + 1 :], transform.finish()))
        return out


def _joined(transforms: Sequence[Transform[Any, Any]]) -> list[Transform[Any, Any]]:
    """The same transforms, with neighbouring functions joined: a further function then costs only its call."""
    joined: list[Transform[Any, Any]] = []
    for transform in transforms:
        last = joined[-1] if joined else None
        if type(transform) is Each and type(last) is Each:
            joined[-1] = Each(*last.functions, *transform.functions)
        else:
            joined.append(transform)
    return joined


def _through(feeds: Sequence[Callable[[Any], Iterable[Any]]], items: Iterable[Any]) -> Iterable[Any]:
    """The output for `items`. A single item in a tuple, the usual case, passes without a new list."""
    for feed in feeds:
        if type(items) is tuple and len(items) == 1:
            items = feed(items[0])
        else:
            items = [made for item in items for made in feed(item)]
    return items if type(items) is tuple else list(items)


class Each:
    """A transform made from plain functions that are called one after the other. Each function turns one item into
    another, or returns None to drop it.
    """

    __slots__ = ("functions",)

    def __init__(self, *functions: Callable[[Any], Any]) -> None:
        self.functions = functions

    def feed(self, item: Any) -> Iterable[Any]:
        for function in self.functions:
            item = function(item)
            if item is None:
                return ()
        return (item,)

    def finish(self) -> Iterable[Any]:
        return ()


class Tap:
    """A transform that shows every item to `look` and passes it on."""

    __slots__ = ("_look",)

    def __init__(self, look: Callable[[Any], object]) -> None:
        self._look = look

    def feed(self, item: Any) -> Iterable[Any]:
        self._look(item)
        return (item,)

    def finish(self) -> Iterable[Any]:
        return ()


def each(function: Callable[[In], Out | None]) -> TransformPart[In, Out]:
    """A transform that calls `function` on every item; if it returns None, the item is dropped."""
    return TransformPart(getattr(function, "__name__", "each"), lambda context: Each(function))


def tap(look: Callable[[In], object]) -> TransformPart[In, In]:
    """A transform that shows every item to `look` and passes it on."""
    return TransformPart(getattr(look, "__name__", "tap"), lambda context: Tap(look))
