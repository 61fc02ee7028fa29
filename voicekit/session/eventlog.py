"""The event log: one line of text for each event of a session, with its time since the start, streamed to disk.

Lines wait in a bounded link and are written by one thread, so a slow disk costs the log and not the call: what does
not fit is counted and said at the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from voicekit.errors import ConfigError
from voicekit.events import (
    Audible,
    Blocked,
    Decided,
    Dtmf,
    End,
    Endpoint,
    Final,
    Finalized,
    Hangup,
    Interim,
    ModelAnswered,
    Overrun,
    Prompt,
    ReplyFailed,
    SessionEnded,
    SessionEvent,
    SessionStarted,
    SourceEnded,
    SpeechStarted,
    SpeechStopped,
    SttDown,
    SttUp,
    Trouble,
    TurnCommitted,
    TurnEnded,
    Typed,
    Underrun,
)
from voicekit.flow.scribe import open_scribe
from voicekit.flow.store import Full
from voicekit.flow.threads import in_thread
from voicekit.session.trace.milestone import Milestone

LINES = 4_096
"""Lines that may wait for the disk: a busy minute."""


def describe(event: SessionEvent) -> str | None:
    """`event` in a few words; None for what repeats itself many times a second (HeardSoFar, Progress, ReplyDone).

    So too for an interim without words.
    """
    match event:
        case SessionStarted():
            return "session started"
        case SpeechStarted():
            return "user sounds"
        case SpeechStopped():
            return "user is quiet"
        case Interim():
            return f'interim "{event.text}"' if event.text else None
        case Final():
            return f'final "{event.text}"'
        case Endpoint():
            return "endpoint"
        case Finalized():
            return "finalized"
        case Typed(text):
            return f'user types "{text}"'
        case Dtmf(digit):
            return f"user presses {digit}"
        case Decided(what, why):
            return f"{what} ({why})"
        case TurnCommitted(turn, text, reason):
            return f'reply {turn} to "{text}"' if text else f"reply {turn} ({reason})"
        case Audible(turn):
            return f"reply {turn} is audible"
        case TurnEnded(turn, _, heard, cut):
            return f'reply {turn} was {"cut" if cut else "played"}, heard "{heard}"'
        case _:
            return _describe_trouble(event)


def trouble(event: SessionEvent) -> str | None:
    """`event` in a few words if the user should see it while the call goes on, because something went wrong."""
    failed = isinstance(event, SttDown | SttUp | ReplyFailed | Trouble | Overrun) or getattr(event, "failed", False)
    return describe(event) if failed else None


def _describe_trouble(event: SessionEvent) -> str | None:
    match event:
        case SttDown(why):
            return f"ears down: {why}"
        case SttUp():
            return "ears up"
        case Overrun(link, samples):
            return f"overrun: {samples} samples dropped from {link!r}"
        case Underrun(turn, samples):
            return f"underrun: reply {turn} was {samples} samples late"
        case ReplyFailed(turn, error):
            return f"reply {turn} failed: {type(error).__name__}: {error}"
        case Trouble(where, error):
            return f"trouble in {where}: {type(error).__name__}: {error}"
        case Blocked(where, seconds):
            return f"{where} blocked the event loop for {seconds:.3f} s"
        case ModelAnswered(_, model, stop, first, seconds):
            begun = "without a token" if first is None else f"first token after {first:.3f} s"
            return f"{model} answered: {begun}, {stop} after {seconds:.3f} s"
        case Prompt(reason):
            return f"prompt: {reason}"
        case End(graceful, why):
            return f"end {'gracefully' if graceful else 'at once'}: {why}"
        case SourceEnded():
            return "source ended"
        case Hangup():
            return "user hangs up"
        case SessionEnded(why, error):
            return f"session ended: {why}" + (f": {type(error).__name__}: {error}" if error is not None else "")
        case _:
            return None


@asynccontextmanager
async def open_event_log(path: str | Path) -> AsyncIterator[Callable[[SessionEvent | Milestone], None]]:
    """A watcher for `Session.watch` that writes each event to the text file `path`, from the moment it is opened.

    It takes the milestones of a traced session as well (`voicekit.session.trace`). Each is one line, whatever white
    space is in it. Raises ConfigError when the file can't be written. Lines still waiting when the log closes are
    written within half a second, or counted.
    """
    try:
        await in_thread(_write, path, [], "w")
    except OSError as error:
        raise ConfigError(f"event log: can't write {str(path)!r}: {error.strerror}") from error
    write = partial(_write, path)
    async with open_scribe(write, LINES, Full.DROP_NEWEST, weigh=_one, name=f"event log {path}") as outlet:
        start = trio.current_time()

        def note(event: SessionEvent | Milestone) -> None:
            line = str(event) if isinstance(event, Milestone) else describe(event)
            if line is not None:
                line = " ".join(line.splitlines())
                outlet.offer(f"{trio.current_time() - start:9.3f} {line}\n")

        yield note
        dropped = outlet.statistics().dropped
    if dropped:
        write([f"{dropped} lines are missing: the disk was too slow\n"])


def _one(line: str) -> int:
    return 1


def _write(path: str | Path, lines: list[str], mode: str = "a") -> None:
    """The file is opened each time, so that a disk that has filled up is told of once, and not when closing again."""
    with open(path, mode, encoding="utf-8") as file:
        file.writelines(lines)
