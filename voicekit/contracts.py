"""The interfaces that voicekit's packages ("rooms") share, so that they need not import each other.

A source, a transcriber and a voice are stages (see `voicekit.flow.stage`) that make a few more promises. A sink is not
a stage: whichever reply is live writes its audio to the sink. Audio and words pass through the parts in this order:
source -> vad -> transcriber -> handler -> voice -> sink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast, runtime_checkable

from msgspec import Struct

from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Sound
from voicekit.events import CallNews, SessionEvent, Signal, SpeechMark, Transcript, WordMark
from voicekit.flow.stage import Stage

T = TypeVar("T")


@runtime_checkable
class Source(Stage[object, Sound | Signal | CallNews], Protocol):
    """A stage that ignores its inlet. It emits AudioFrames in the format `produces`, Gaps, and signals that later
    stages pass on.

    `live` sources (a microphone, a telephone) can't wait: if the links after them are full, the links drop the oldest
    audio. Other sources (a file) are paced by their consumer, and none of their audio is dropped. `run` returns when
    the audio ends.
    """

    @property
    def live(self) -> bool: ...
    @property
    def produces(self) -> AudioFormat: ...


class VadStream(Protocol):
    """Judges, window by window, whether one stream of audio contains speech.

    Optional attribute `trail`: the detector's own hangover, in samples. The detector reports speech for at least this
    long after the speech has ended, so the gate moves the end of the speech back by this time.
    """

    @property
    def window(self) -> int:
        """How many samples of mono PCM16 `probability` takes per call."""
        ...

    def probability(self, pcm: bytes) -> float:
        """The probability, from 0 to 1, that this window is speech. Never waits."""
        ...


@runtime_checkable
class Vad(Protocol):
    """Creates a VadStream for audio at one of the sample rates in `rates` (Hz). `start` raises ConfigError for any
    other rate."""

    @property
    def rates(self) -> Sequence[int]: ...
    def start(self, rate: int) -> VadStream: ...


@runtime_checkable
class Stt(Stage[Sound | SpeechMark, Transcript], Protocol):
    """A stage that takes audio (frames and gaps) and speech marks, and emits transcripts, with times counted in samples
    of that audio.

    `negotiate` is called once, before `open`, with the format that is available, and returns the format that the stage
    wants. `endpoints` is True if the stage emits Endpoint, which then ends the caller's turn. The optional attribute
    `languages` lists the codes of the expected languages; a word that arrives without a language is assumed to be in
    one of them.

    Optional attribute `finalizes`: True if there is a method `finalize(at: int) -> None`, which requests that the words
    up to sample `at` become final as soon as the audio has been processed up to there, unless a SpeechStarted comes
    first. The stage may answer with Finalized, or not at all. The method never waits or raises, and has no effect
    before or after `run`.

    Optional attribute `scores`, usually set by a layer: True if there is a method `score(at: int) -> None`. The method
    asks how likely it is that the caller had finished before the pause at sample `at`; the answer is PauseScored. An
    stt with `scores = False` prevents layers from adding the method.
    """

    @property
    def endpoints(self) -> bool: ...
    def negotiate(self, offered: AudioFormat) -> AudioFormat: ...


@runtime_checkable
class Tts(Stage["Text", AudioFrame | WordMark], Protocol):
    """A stage that takes Text and emits frames and WordMarks; each stream of Text is one reply.

    `negotiate` is called once, before `open`, with the sink's format, and returns the format in which the stage will
    speak. `cut` is called synchronously when a reply is cut, before the reply's scope is cancelled. `cut` stops
    everything that still produces audio for that reply. It never waits, and may be called when there is no reply.

    Optional attribute `reads_tags`: True if the voice understands speech tags such as `<break time="1s"/>`; otherwise
    they are removed from the text.
    """

    def negotiate(self, wanted: AudioFormat) -> AudioFormat: ...
    def cut(self) -> None: ...


class Speaker(Protocol):
    """An open sink. Only `write` waits; the other members act immediately.

    Optional attribute `position_error`: if `position` is an estimate, how many seconds it may lag behind what the
    listener has heard (default 0.0). An estimate must be a lower bound: it never counts audio that was not heard.
    """

    async def write(self, frame: AudioFrame) -> None:
        """Queue `frame` to be played after everything that was written before it; if the device's buffer is full, wait.

        `write` takes the frame as its last step and never waits after that, so a cancelled `write` has not taken the
        frame.
        """
        ...

    @property
    def position(self) -> int:
        """How many samples the listener has heard since `open`. It never decreases, and stands still during a hold."""
        ...

    def hold(self) -> None:
        """Stop playing, and keep the unplayed audio. This is called only on a pausable sink; a second call has no
        effect."""
        ...

    def release(self) -> None:
        """Resume after `hold` at the same sample; without a hold, this has no effect."""
        ...

    def discard(self) -> None:
        """Drop all audio that has not been heard, and end any hold."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Where replies are played. `pausable` is True if `hold` works; otherwise, to hold a reply, playout discards its
    unheard audio, and writes it again later.

    Two optional attributes, in seconds, control how playout writes audio. `lead` is how far ahead of the clock playout
    writes (default 0.1, at most 0.4). A sink across a network needs a longer lead, but then up to `lead` seconds of
    audio may remain in the sink after a cut. `packet` is the length of the sink's packets, at most `lead`. If it is
    set, no frame from playout crosses the end of a packet, counted from the first sample of a reply; the sink joins
    frames, and pads the last packet.
    """

    @property
    def name(self) -> str: ...
    @property
    def format(self) -> AudioFormat: ...
    @property
    def pausable(self) -> bool: ...
    def open(self) -> AbstractAsyncContextManager[Speaker]: ...


class CallEnds(Protocol):
    """The source and the sink of one caller's connection, and the actions that it supports: see `voicekit.call`.

    Optional method `join(session)`: called when the session has been constructed, so that the call can watch it.
    """

    @property
    def source(self) -> Source: ...
    @property
    def sink(self) -> Sink: ...
    @property
    def can(self) -> frozenset[str]:
        """Which of the actions `transfer`, `digits` and `hang_up` the call supports."""
        ...

    def hang_up(self, why: str = "") -> None: ...
    async def transfer(self, to: str) -> None: ...
    async def send_digits(self, digits: str) -> None: ...


class Text(Struct, frozen=True):
    """Text on its way to the voice, and a record of the handler's words from which it was made.

    `to[i]` is how many characters of the handler's own text count as heard when the sound of `text[i]` has begun; `to`
    never decreases. A transform that writes "five dollars" for "$5" maps each character of "five dollars" to the end of
    "$5". An empty Text is a breath: a stage that holds text back releases that text, and then passes the breath on.
    """

    text: str
    to: tuple[int, ...]

    @classmethod
    def raw(cls, text: str, start: int) -> Text:
        """Make a Text from the handler's own words; `text` begins at character `start` of the whole answer."""
        return cls(text, tuple(range(start + 1, start + 1 + len(text))))

    def part(self, start: int, end: int) -> Text:
        if start == 0 and end >= len(self.text):
            return self  # the usual case: the whole text is passed on
        return Text(self.text[start:end], self.to[start:end])

    def __add__(self, other: Text) -> Text:
        return Text(self.text + other.text, self.to + other.to) if self.text else other

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
    """The conversation so far, oldest first, as handlers see it. Indexing and `len` work as they do for a list."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: int) -> Exchange: ...


class Stash:
    """A plugin's private data about one session, stored by type, so that plugins can't overwrite each other's data.

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
            wanted, got = kind.__name__, type(value).__name__
            raise TypeError(f"stash[{wanted}]: expected an instance of {wanted}, got {got}")
        self._kept[kind] = value

    def __getitem__(self, kind: type[T]) -> T:
        """The value stored under `kind`. Raises KeyError if there is none."""
        return cast("T", self._kept[kind])

    def get(self, kind: type[T]) -> T | None:
        return cast("T | None", self._kept.get(kind))

    def __contains__(self, kind: type) -> bool:
        return kind in self._kept


class Reply:
    """The state of one reply while it is live: the handler appends to `said`, and playout increases `heard_to`.

    If `script` is set, it is the whole text, and no handler is called.
    """

    __slots__ = ("cut", "first_word", "heard_to", "reason", "said", "script", "text", "turn")

    def __init__(self, turn: int, text: str, reason: str, script: str | None = None) -> None:
        self.turn = turn
        self.text = text
        self.reason = reason
        self.script = script
        self.said = ""
        self.first_word: float | None = None  # the time of the handler's first word
        self.heard_to = 0
        self.cut = False

    @property
    def heard(self) -> str:
        return self.said[: self.heard_to]


class ReplyLease(Protocol):
    """Permission to play one reply. Only `write` and `finish` wait; the other members act immediately."""

    tell: Callable[[Signal], None]
    """Called with Audible as soon as the first sample has been heard, and with HeardSoFar for each word."""

    @property
    def over(self) -> bool:
        """Whether the permission has been revoked; after that, nothing more of the reply is played."""
        ...

    def mark(self, mark: WordMark) -> None:
        """Note where a word begins; call this before any audio of that word is written."""
        ...

    def listen(self) -> None:
        """Update the reply's `heard_to`, and report the words heard since `listen` was last called."""
        ...

    def next_moment(self) -> float:
        """The time at which to call `listen` again; infinity if no audio is in transit."""
        ...

    async def write(self, frame: AudioFrame) -> None: ...
    async def finish(self) -> None: ...
    def hold(self) -> None: ...
    def release(self) -> None: ...


class ReplyCommitment(Protocol):
    """Whether the caller's turn is definitely over, so that the reply to it may be played."""

    async def wait_made(self) -> None:
        """Wait until the turn is committed; if the reply is not a guess, return immediately."""
        ...


class ReplyScope(Struct, frozen=True):
    """What the tasks of one reply share: the reply, its permission to be played, and whether its turn is committed."""

    reply: Reply
    lease: ReplyLease
    commitment: ReplyCommitment


this_reply: ContextVar[ReplyScope] = ContextVar("voicekit.this_reply")
"""The scope of the current task; set before the reply pipeline runs, and inherited by the tasks that it starts."""


def _told_to_nobody(event: SessionEvent) -> None:
    """Discards the reports of stages that run outside of any session."""


tell: ContextVar[Callable[[SessionEvent], None]] = ContextVar("voicekit.tell", default=_told_to_nobody)
"""`tell.get()(event)` reports an event, such as Trouble, from any stage or plugin to the running session.

Call `get` in `open` or `run`; the call never waits. News for the turn machine goes through the outlet instead.
"""
