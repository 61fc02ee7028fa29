"""The wire log: every message of a session's connections, both ways, as lines of JSON, streamed to disk.

    async with open_wire_log("call.jsonl") as log:
        session = Session(stt=SonioxStt(wire_log=log), tts=SonioxTts(wire_log=log), ...)

    {"at": 0.213, "on": "transcribe-websocket", "way": "sent", "bytes": 640}
    {"at": 0.468, "on": "transcribe-websocket", "way": "received", "text": "{\\"tokens\\":[...],...}"}

`at` is the time in seconds since the log was opened. Audio is logged only as a length, even if it is encoded as text in
JSON. The log contains no key: the handshake is not logged, and keys are removed from all messages.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import trio

from voicekit.errors import ConfigError
from voicekit.flow.scribe import open_scribe, private, renew
from voicekit.flow.store import Full
from voicekit.flow.threads import in_thread

WireLog: TypeAlias = Callable[[str, str, str | bytes], None]
"""Called with the connection's name, "sent" or "received", and the message."""

WAITING: Final = 4 * 2**20
"""Characters that may wait for the disk: a minute of speech as base64. Messages that do not fit are counted."""

_Entry: TypeAlias = tuple[float, str, str, str | int]  # time, connection, direction, and text or length

_KEY: Final = re.compile(r'("api_key"\s*:\s*")[^"]*')
_SOUND: Final = re.compile(r'("audio"\s*:\s*")([^"]+)')


@asynccontextmanager
async def open_wire_log(path: str | Path, clock: Callable[[], float] | None = None) -> AsyncIterator[WireLog]:
    """Yields the function to pass as `wire_log=` to the stt and the tts, so that their messages are written to the file
    `path`.

    `clock` returns the time of a message in seconds; by default, seconds since the log was opened. Raises ConfigError
    if the file can't be written. If the disk is too slow for some messages, the last line of the log states how many
    characters are missing.
    """
    try:
        await in_thread(_begin, path)
    except OSError as error:
        raise ConfigError(f"wire log: can't write {str(path)!r}: {error.strerror}") from error
    write = partial(_write, path)
    async with open_scribe(write, WAITING, Full.DROP_NEWEST, weigh=_weight, name=f"wire log {path}") as out:
        start = trio.current_time()
        seconds = clock or (lambda: trio.current_time() - start)

        def log(connection: str, way: str, message: str | bytes) -> None:
            said = message if isinstance(message, str) else len(message)
            out.offer((seconds(), connection, way, said))

        yield log
        dropped = out.statistics().dropped
    if dropped:
        _append(path, [_line({"missing": f"{dropped} characters: the disk was too slow"})])


def _write(path: str | Path, entries: list[_Entry]) -> None:
    _append(path, map(_entry, entries))


def _begin(path: str | Path) -> None:
    """Create a new file in place of an old one. A device stays; a link, which may be another user's, is an error."""
    if not os.path.lexists(path) or stat.S_ISREG(os.lstat(path).st_mode):
        renew(path)
    _append(path, [])


def _append(path: str | Path, lines: Iterable[str]) -> None:
    """Append lines. The file is opened each time, so that a full disk is reported once, and not again when closing."""
    with open(path, "a", encoding="utf-8", errors="backslashreplace", opener=private) as file:
        file.writelines(lines)


def _entry(entry: _Entry) -> str:
    at, connection, way, said = entry
    line = {"at": round(at, 4), "on": connection, "way": way}
    return _line({**line, "bytes": said} if isinstance(said, int) else {**line, "text": _harmless(said)})


def _harmless(text: str) -> str:
    """`text` without keys, and with any audio in it replaced by its length."""
    text = _SOUND.sub(lambda found: f"{found[1]}{len(found[2])} characters", text)
    return _KEY.sub(r"\1[key]", text)


def _line(values: dict[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def _weight(entry: _Entry) -> int:
    said = entry[3]
    return 1 if isinstance(said, int) else len(said) + 1
