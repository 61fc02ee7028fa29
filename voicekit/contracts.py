"""The contracts that rooms share, so that rooms need not know each other.

A source, a transcriber and a voice are stages (see `voicekit.flow.stage`) with a few more promises; a sink is not,
because sound is written to it from whichever reply is alive. Names follow the sound: source -> vad -> transcriber ->
handler -> voice -> sink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast, runtime_checkable

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Sound
from voicekit.events import CallNews, SessionEvent, Signal, SpeechMark, Transcript, WordMark
from voicekit.flow.stage import Stage

T = TypeVar("T")


@runtime_checkable
class Source(Stage[object, Sound | Signal | CallNews], Protocol):
    """A stage that ignores its inlet and emits sound: AudioFrames in `produces`, Gaps, and signals it may pass on.

    `live` sources (a microphone, a telephone) can't wait: links behind them drop the oldest sound when they are full.
    Others (a file) are paced by their consumer, and nothing is ever dropped. `run` returns when the sound ends.
    """

    @property
    def live(self) -> bool: ...
    @property
    def produces(self) -> AudioFormat: ...


class VadStream(Protocol):
    """Judges one stream, window by window.

    Optional attribute `trail`: samples, at least, for which it goes on saying yes after speech (a detector's own
    hangover); the gate takes them off.
    """

    @property
    def window(self) -> int:
        """Samples of PCM16 mono that `probability` wants, each time exactly."""
        ...

    def probability(self, pcm: bytes) -> float:
        """How likely it is, from 0 to 1, that this window is speech. Never waits."""
        ...


@runtime_checkable
class Vad(Protocol):
    """Makes a judge for a stream at one of `rates` (Hz); `start` raises ConfigError for any other rate."""

    @property
    def rates(self) -> Sequence[int]: ...
    def start(self, rate: int) -> VadStream: ...


@runtime_checkable
class Stt(Stage[Sound | SpeechMark, Transcript], Protocol):
    """A stage that takes frames, gaps and speech marks and emits transcripts, timed in samples of its sound.

    `negotiate` is asked once, before `open`, with the format on offer and returns the format it wants to be sent.
    `endpoints` is True if it emits Endpoint by itself, which then ends the caller's turn. An optional attribute
    `languages` has the codes of the languages that it expects, for words that come without one.

    Optional attribute `finalizes`: True for one with a method `finalize(at: int) -> None`, which asks for all sound up
    to sample `at` to be made final as soon as that has been heard, unless a SpeechStarted comes before. It is answered
    with Finalized, or not at all; it never waits or raises, and means nothing before and after `run`.

    Optional attribute `scores`, mostly a layer's: True for one with a method `score(at: int) -> None`, which asks how
    finished the sound before the pause at sample `at` is, and is answered with PauseScored. False forbids such layers.
    """

    @property
    def endpoints(self) -> bool: ...
    def negotiate(self, offered: AudioFormat) -> AudioFormat: ...


@runtime_checkable
class Tts(Stage["Text", AudioFrame | WordMark], Protocol):
    """A stage that takes Text and emits frames and WordMarks; one stream is one reply.

    `negotiate` is asked once, before `open`, with the sink's format and returns the format it will speak in.
    `cut` is called synchronously when a reply is cut, before its scope is cancelled: it stops anything that is still
    making sound for that reply, never waits, and may be called while there is no reply.

    Optional attribute `reads_tags`: True for a voice that understands speech tags such as `<break time="1s"/>`; from
    the text of any other they are dropped.
    """

    def negotiate(self, wanted: AudioFormat) -> AudioFormat: ...
    def cut(self) -> None: ...


class Speaker(Protocol):
    """An open sink. Only `write` waits; the rest act at once.

    Optional attribute `position_error`: seconds by which `position` may lag behind what the listener has heard, because
    it is an estimate; 0.0 if it is not stated. Such a position is a lower bound: it never counts what was not heard.
    """

    async def write(self, frame: AudioFrame) -> None:
        """Hand `frame` over to be played after what was written before; waits while the device can take no more.

        A cancelled write has taken nothing: the frame is taken in the write's last step, behind which it waits no more.
        """
        ...

    @property
    def position(self) -> int:
        """How many samples the listener has heard since `open`: rises, never falls, stands still while held."""
        ...

    def hold(self) -> None:
        """Stop sounding, keep what is unplayed. Only asked of a pausable sink; twice is once."""
        ...

    def release(self) -> None:
        """Go on after `hold`, from the same sample; without a hold, nothing happens."""
        ...

    def discard(self) -> None:
        """Drop everything that has not been heard, and end a hold."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Where replies are played. `pausable` is True if `hold` works; if not, playout does it by discard and rewind.

    Two optional attributes, in seconds, control how playout hands over sound. `lead` is how far ahead of the clock,
    0.1 if it is not stated and at most 0.4; a sink behind a network wants more, and a cut may leave that much in it.
    `packet` is the length of the packets that the sink sends, at most `lead`. Then no frame that playout writes reaches
    over the end of a packet, counted from the first sample of a reply; the sink joins frames, and pads the last packet.
    """

    @property
    def name(self) -> str: ...
    @property
    def format(self) -> AudioFormat: ...
    @property
    def pausable(self) -> bool: ...
    def open(self) -> AbstractAsyncContextManager[Speaker]: ...


class CallEnds(Protocol):
    """Both ends of one connection to a caller, and what can be asked of it: see `voicekit.call`.

    Optional method `join(session)`: called at the end of the session's construction, so that the call can watch it.
    """

    @property
    def source(self) -> Source: ...
    @property
    def sink(self) -> Sink: ...
    @property
    def can(self) -> frozenset[str]:
        """What it is able to do, of `transfer`, `digits`, `hang_up`."""
        ...

    def hang_up(self, why: str = "") -> None: ...
    async def transfer(self, to: str) -> None: ...
    async def send_digits(self, digits: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text on its way to the voice, which remembers what it was made from.

    `to[i]` is how many characters of the handler's own text count as heard once `text[i]` has begun to sound; it
    never falls. A transform that writes "five dollars" for "$5" gives each of those characters the end of "$5". A Text
    of no characters is a breath: a stage that holds text back lets it go and passes it on.
    """

    text: str
    to: tuple[int, ...]

    @classmethod
    def raw(cls, text: str, start: int) -> Text:
        """The handler's own words, which begin at its character `start`."""
        return cls(text, tuple(range(start + 1, start + 1 + len(text))))

    def part(self, start: int, end: int) -> Text:
        return Text(self.text[start:end], self.to[start:end])

    def __add__(self, other: Text) -> Text:
        return Text(self.text + other.text, self.to + other.to)

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn of the history: the caller's words, the handler's answer, and how much of it was heard."""

    turn: int
    user: str
    said: str
    heard: str
    cut: bool
    reason: str


class HistoryView(Protocol):
    """The conversation so far, oldest first, as handlers see it. Indexing and `len` work as on a list."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: int) -> Exchange: ...


class Stash:
    """A plugin's private data about one session, kept by its type, so two plugins can't take each other's place.

    >>> class Notes(list): ...
    >>> stash = Stash()
    >>> stash[Notes] = Notes(["asked for Ann"])
    >>> stash[Notes]
    ['asked for Ann']
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[type, object] = {}

    def __setitem__(self, kind: type[T], value: T) -> None:
        if not isinstance(value, kind):
            raise TypeError(f"stash[{kind.__name__}]: expected a {kind.__name__}, got {type(value).__name__}")
        self._kept[kind] = value

    def __getitem__(self, kind: type[T]) -> T:
        """What was kept under `kind`; KeyError where nothing was."""
        return cast("T", self._kept[kind])

    def get(self, kind: type[T]) -> T | None:
        return cast("T | None", self._kept.get(kind))

    def __contains__(self, kind: type) -> bool:
        return kind in self._kept


class Reply:
    """What is known about one reply while it lives: the handler adds to `said`, playout raises `heard_to`.

    With `script`, that is the whole text, and no handler is called.
    """

    __slots__ = ("cut", "first_word", "heard_to", "reason", "said", "script", "text", "turn")

    def __init__(self, turn: int, text: str, reason: str, script: str | None = None) -> None:
        self.turn = turn
        self.text = text
        self.reason = reason
        self.script = script
        self.said = ""
        self.first_word: float | None = None  # time of the handler's first word
        self.heard_to = 0
        self.cut = False

    @property
    def heard(self) -> str:
        return self.said[: self.heard_to]


class ReplyLease(Protocol):
    """A reply's right to sound, as playout uses it. Only `write` and `finish` wait; the rest act at once."""

    tell: Callable[[Signal], None]
    """Called with Audible once the first sample has been heard, and with HeardSoFar for each word."""

    @property
    def over(self) -> bool:
        """Whether the right was taken away: nothing of the reply sounds any more."""
        ...

    def mark(self, mark: WordMark) -> None:
        """Note where a word begins, before the sound that it begins in is written."""
        ...

    def listen(self) -> None:
        """Bring the reply's `heard_to` up to date, and emit what is new."""
        ...

    def next_moment(self) -> float:
        """When `listen` should be called again; infinity if nothing is on its way."""
        ...

    async def write(self, frame: AudioFrame) -> None: ...
    async def finish(self) -> None: ...
    def hold(self) -> None: ...
    def release(self) -> None: ...


class ReplyCommitment(Protocol):
    """Whether the caller's turn that a reply answers is over for certain."""

    async def wait_made(self) -> None:
        """Return once it is; at once if the reply was not made on a guess."""
        ...


@dataclass(frozen=True, slots=True)
class ReplyScope:
    """What the tasks of one reply share: the reply, its right to sound, and the commitment of its turn."""

    reply: Reply
    lease: ReplyLease
    commitment: ReplyCommitment


this_reply: ContextVar[ReplyScope] = ContextVar("voicekit.this_reply")
"""The scope that the running task belongs to; set before the reply pipeline runs, inherited by the tasks it starts."""


def _told_to_nobody(event: SessionEvent) -> None:
    """Where a stage's reports go outside of any session."""


tell: ContextVar[Callable[[SessionEvent], None]] = ContextVar("voicekit.tell", default=_told_to_nobody)
"""`tell.get()(event)` reports an event of its own, such as Trouble, from any stage or plugin to the running session.

Take it in `open` or `run`; it never waits. What the turn machine must know goes through the outlet instead.
"""
