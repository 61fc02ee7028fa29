"""The event log: writes the events of a session to disk during the call, as lines of JSON, and describes them in words.

The first line names the format and its version. Every other line is one event: `time` (in seconds since the session
started), `event` (the name of its class) and the fields of that class. Progress and HeardSoFar, which repeat many times
a second, are left out.

Events wait in a bounded link. A separate thread encodes and writes them, so a slow disk affects the log but not the
call. Events that do not fit into the link are dropped, and the last line says how many. The caller's keys are written
as "?", since they may be a PIN, unless the log is opened with `digits=True`. Spoken and typed words are written
unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import trio
from msgspec import Struct
from msgspec.structs import replace

from voicekit import events
from voicekit.errors import ConfigError, VoicekitError
from voicekit.events import SessionEvent
from voicekit.flow.scribe import open_scribe, private, renew
from voicekit.flow.store import Full, count
from voicekit.flow.threads import in_thread

EVENTS = "events.jsonl"
"""The name of the log in a call's folder."""

VERSION = 1
HEADER = f'{{"format": "voicekit events", "version": {VERSION}}}'

LINES = 4_096
"""The maximum number of events that may wait for the disk: a busy minute."""

MilestoneKind: TypeAlias = Literal["user", "begun", "word", "text", "sound", "silence", "air"]


class Milestone(Struct, frozen=True):
    """An event: reply `turn` of a traced session (see `voicekit.session.trace`) has reached the milestone `what`.

    The milestones are: "user": the turn is complete, and the caller's last audible sample is `seconds` old. "begun":
    the handler has been called. "word": the handler has sent its first word. "text": text has reached the tts. "sound":
    the tts has produced its first frame. "silence": the first `seconds` of the tts's audio are inaudible. "air": the
    first sample of the reply was heard `seconds` ago.
    """

    turn: int
    what: MilestoneKind
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"reply {self.turn} trace: {self.what} {self.seconds:.4f}"


class CallClock:
    """A clock that shows the seconds since a session started; 0 before the start."""

    def __init__(self) -> None:
        self._start: float | None = None

    def note(self, event: object) -> None:
        """Take note of an event in the session."""
        if isinstance(event, events.SessionStarted):
            self._start = trio.current_time()

    def __call__(self) -> float:
        return 0.0 if self._start is None else trio.current_time() - self._start


LoggedEvent: TypeAlias = SessionEvent | Milestone

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(LoggedEvent)}
_KEY = re.compile(r"(?<!\S)[0-9*#A-D](?!\S)")
_UNLOGGED = (events.Progress, events.HeardSoFar)


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _answered(event: events.ModelAnswered) -> str:
    begun = "without a token" if event.first_token is None else f"first token after {event.first_token:.3f} s"
    return f"{event.model} answered: {begun}, {event.stop} after {event.seconds:.3f} s"


def _expected(answer: events.ExpectedAnswer) -> str:
    return answer.replace("_", " or ") if isinstance(answer, str) else f"an answer that {answer:g} s of silence end"


_WORDS: dict[type, Callable[[Any], str | None]] = {
    events.SessionStarted: lambda event: "session started" + (f", vad {event.vad}" if event.vad else ""),
    events.SpeechStarted: lambda event: "user sounds",
    events.SpeechStopped: lambda event: "user is quiet",
    events.Interim: lambda event: f'interim "{event.text}"' if event.words else None,
    events.Final: lambda event: f'final "{event.text}"',
    events.Endpoint: lambda event: "endpoint",
    events.Finalized: lambda event: "finalized",
    events.Typed: lambda event: f'user types "{event.text}"',
    events.Dtmf: lambda event: f"user presses {event.digit}",
    events.CallerHeld: lambda event: "the far side holds the call" if event.held else "the far side is back",
    events.CollectKeys: lambda event: f"up to {event.most} keys are collected",
    events.AnsweredBy: lambda event: f"answered by {event.who}" + (", its greeting is over" if event.greeted else ""),
    events.Transferred: lambda event: (
        "the caller was handed over" if event.error is None else f"the transfer failed: {_named(event.error)}"
    ),
    events.Decided: str,
    events.TurnCommitted: lambda event: (
        f"reply {event.turn} " + (f'to "{event.text}"' if event.text else f"({event.reason})")
    ),
    events.Audible: lambda event: f"reply {event.turn} is audible",
    events.TurnEnded: lambda event: f'reply {event.turn} was {"cut" if event.cut else "played"}, heard "{event.heard}"',
    events.SttDown: lambda event: f"stt down: {event.why}",
    events.SttUp: lambda event: "stt up",
    events.Overrun: lambda event: f"overrun: {event.samples} samples dropped from {event.link!r}",
    events.Underrun: lambda event: f"underrun: reply {event.turn} was {event.samples} samples late",
    events.ReplyFailed: lambda event: f"reply {event.turn} failed: {_named(event.error)}",
    events.Trouble: lambda event: f"trouble in {event.where}: {_named(event.error)}",
    events.Switched: lambda event: (
        f"{event.role}: {event.taken} stands in for {event.left}: {_named(event.error)}"
        + (f"; warning: {event.crosses}, another region's voices" if event.crosses else "")
    ),
    events.Blocked: lambda event: f"{event.where} blocked the event loop for {event.seconds:.3f} s",
    events.ModelAnswered: _answered,
    events.AnswerExpected: lambda event: f"reply {event.turn} expects {_expected(event.answer)}",
    events.PauseScored: lambda event: f"pause scored: {100 * event.probability:.0f} % finished",
    events.ToolRan: lambda event: f"tool {event.name!r}: {event.outcome} after {event.seconds:.3f} s",
    events.Prompt: lambda event: f"prompt: {event.reason}",
    events.End: lambda event: f"end {'gracefully' if event.graceful else 'at once'}: {event.why}",
    events.SourceEnded: lambda event: "source ended",
    events.Hangup: lambda event: "user hangs up",
    events.SessionEnded: lambda event: (
        f"session ended: {event.why}" + (f": {_named(event.error)}" if event.error else "")
    ),
    Milestone: str,
}


def describe(event: LoggedEvent) -> str | None:
    """`event` in a few words, on one line; None for events that only programs need, such as Progress."""
    words = next((_WORDS[kind] for kind in type(event).__mro__ if kind in _WORDS), None)
    line = None if words is None else words(event)
    return None if line is None else " ".join(line.splitlines())


class Troubles:
    """A function to be called with each event of a call. If the event is an error that the user should see, the
    function describes it in a few words.

    If a Trouble and a ReplyFailed report the same error, it is described only once.
    """

    def __init__(self) -> None:
        self._shown: Exception | None = None

    def __call__(self, event: SessionEvent) -> str | None:
        kinds = events.SttDown | events.SttUp | events.ReplyFailed | events.Trouble | events.Overrun | events.Switched
        if not isinstance(event, kinds) and not getattr(event, "failed", False):
            return None
        if isinstance(event, events.ReplyFailed | events.Trouble):
            again, self._shown = event.error is self._shown, event.error
            if again:
                return None
        return describe(event)


@asynccontextmanager
async def open_event_log(
    path: str | Path, clock: CallClock | None = None, *, digits: bool = False
) -> AsyncIterator[Callable[[LoggedEvent], None]]:
    """Yield a watcher, to be passed to `Session.watch`; it writes each event to the new file `path`.

    Times come from `clock`; by default they are seconds since the session started. The watcher also accepts the
    milestones of a traced session. Only the owner can read the file; an existing file at `path` is replaced. Raises
    ConfigError if the file can't be written. When the log is closed, it takes up to half a second to write the events
    that are still waiting; the rest are counted as dropped.
    """
    try:
        await in_thread(renew, path)
    except OSError as error:
        raise ConfigError(f"event log: can't write {str(path)!r}: {error.strerror}") from error
    write = partial(_write, path, [f"{HEADER}\n"])
    async with open_scribe(write, LINES, Full.DROP_NEWEST, weigh=count, name=f"event log {path}") as outlet:
        clock = clock or CallClock()

        def note(event: LoggedEvent) -> None:
            clock.note(event)
            if not isinstance(event, _UNLOGGED):
                outlet.offer((clock(), event if digits else without_digits(event)))

        yield note
        dropped = outlet.statistics().dropped
    if dropped:
        missing = VoicekitError(f"{dropped} events are missing: the disk was too slow")
        write([(clock(), events.Trouble("the event log", missing))])


def without_digits(event: LoggedEvent) -> LoggedEvent:
    """`event` with "?" in place of each key that the caller pressed."""
    match event:
        case events.Dtmf():
            return events.Dtmf("?")
        case events.TurnCommitted(reason="dtmf" | "keys"):
            return replace(event, text=_KEY.sub("?", event.text))
    return event


def read_events(path: Path) -> list[tuple[float, LoggedEvent]]:
    """Read the events in the log `path`, with their times; events that this version of voicekit does not know are
    skipped.

    A logged error becomes an exception with the same name and text. Raises ConfigError for a file that is not an event
    log, or that has another format version. The last line may be incomplete, since the program may have been killed.
    """
    header, *lines = path.read_text(encoding="utf-8").split("\n")
    if header != HEADER:
        raise ConfigError(
            f"{path}: expected an event log of version {VERSION}, got a file that begins with {header:.60}"
        )
    found = []
    for number, line in enumerate(lines[:-1], start=2):
        try:
            values = json.loads(line)
            kind = _KINDS.get(values["event"])
            if kind is not None:
                given = {name: values[name] for name in kind.__struct_fields__ if name in values}
                found.append((values["time"], kind(**{name: _revived(name, value) for name, value in given.items()})))
        except (ValueError, LookupError, TypeError) as error:
            raise ConfigError(f"{path}:{number}: expected an event, got {line:.80}") from error
    return found


def log_lines(path: Path) -> list[str]:
    """The log `path` in a form for people to read: one line, with the time in seconds, for each event that has a
    description."""
    described = ((at, describe(event)) for at, event in read_events(path))
    return [f"{at:9.3f} {words}" for at, words in described if words is not None]


def _write(path: str | Path, pending: list[str], entries: Iterable[tuple[float, LoggedEvent]]) -> None:
    """Write the lines in `pending`, if any are left, and then `entries`.

    The file is opened for each call to this function, so that a full disk is reported once, and not again when the log
    closes.
    """
    with open(path, "a", encoding="utf-8", errors="backslashreplace", opener=private) as file:
        while pending:
            file.write(pending.pop())
        for at, event in entries:
            if type(event).__name__ in _KINDS:
                file.write(_line({"time": round(at, 4), "event": type(event).__name__, **_shown(event)}))


def _line(values: dict[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, default=_shown) + "\n"


def _shown(value: Any) -> Any:
    """How to write a value that JSON can't express: an error by name and text, an enum by its value, an event by its
    fields."""
    if isinstance(value, BaseException):
        return {"type": type(value).__name__, "text": str(value)}
    if isinstance(value, Enum):
        return value.value
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _revived(name: str, value: Any) -> Any:
    match name:
        case "words":
            return tuple(events.Word(**word) for word in value)
        case "act":
            return events.TurnAct(value)
        case "error" if value is not None:
            return type(value["type"], (Exception,), {})(value["text"])
    return value
