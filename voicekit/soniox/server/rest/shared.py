"""The definitions that all parts of the REST server share: requests and answers, effects, routes, ids and dates."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from voicekit.soniox.rest.schema.requests import SpeechRequest, TranscriptionRequest
from voicekit.soniox.server.account import Account

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The default date of the time 0.0, so that dates in tests are always the same."""


# --- HTTP requests and answers ---


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request: its method, its `target` including the query, and its headers, with their names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """A whole response. If `close` is set, the rest of the request's body is not needed."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    close: bool = False


# --- requested actions ---


@dataclass(frozen=True, slots=True)
class Begun:
    """A file has begun to arrive; its bytes are to be kept under `id`."""

    id: str
    filename: str


@dataclass(frozen=True, slots=True)
class FileChunk:
    """More bytes of the file that is arriving."""

    id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class FileKept:
    """The file is complete, and is to be kept."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """The bytes under `id` are no longer needed: the object was deleted, or the file was refused before it was
    complete."""

    id: str


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe the file `request.file_id`, or the audio at `request.audio_url`, and report the progress to
    `server.jobs`.
    """

    id: str
    request: TranscriptionRequest


@dataclass(frozen=True, slots=True)
class PrepareVoice:
    """Make a voice for `model` from the bytes stored under `id`; then report that it is ready, or that it failed."""

    id: str
    model: str


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesise speech: call `speaking`, send the audio, and call `spoken`. If there is no audio, call `refuse`
    instead."""

    request: SpeechRequest


@dataclass(frozen=True, slots=True)
class Notify:
    """Post `body` to a webhook; then report the status of its answer with `notified`."""

    id: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


Effect = Begun | FileChunk | FileKept | Dropped | Transcribe | PrepareVoice | Speak | Notify


# --- internal ---


@dataclass(slots=True)
class ReceivedUpload:
    """A file that is uploaded in a form; part of it may not have arrived yet."""

    id: str
    filename: str = ""
    size: int = 0
    begun: bool = False
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RestCall:
    """One request as a handler sees it: the ids in its path, its query, its body, and the effects so far."""

    now: float
    ids: tuple[str, ...]
    query: Mapping[str, list[str]]
    request_id: str
    body: bytes = b""
    upload: ReceivedUpload | None = None
    effects: list[Effect] = field(default_factory=list)


RestHandler = Callable[[RestCall], RestAnswer | None]


@dataclass(frozen=True, slots=True)
class RestRoute:
    """A method and a path, in which "{id}" stands for one segment, and its handler. `uploads` is the maximum size of an
    upload."""

    method: str
    path: str
    handle: RestHandler
    uploads: int | None = None
    admit: Callable[[], None] | None = None  # a function that may refuse the request before its body is read
    speech: bool = False


class RestDesk:
    """What all routes share: the account, the dates, and new ids, whose fixed order makes runs reproducible."""

    def __init__(
        self, account: Account, epoch: datetime = EPOCH, mint: Callable[[], str] = secrets.token_urlsafe
    ) -> None:
        self.account = account
        self.mint = mint
        self._epoch = epoch
        self._ids = count(1)

    def date(self, now: float) -> datetime:
        return self._epoch + timedelta(milliseconds=round(now * 1000))

    def new_id(self) -> str:
        return f"00000000-0000-4000-9000-{next(self._ids):012x}"
