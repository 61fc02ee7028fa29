"""Handles one request to the REST API until it is answered: checks its address, key and body, and returns its
effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs, unquote

from voicekit.errors import LocalProtocolError, RemoteProtocolError
from voicekit.soniox.rest.schema.requests import SpeechRequest
from voicekit.soniox.server.account import Key, Service, handshake_key
from voicekit.soniox.server.refusal import Refusal
from voicekit.soniox.server.rest.form import PartBegun, ReceivedForm
from voicekit.soniox.server.rest.reading import answer, violation
from voicekit.soniox.server.rest.refusal import Problem, invalid
from voicekit.soniox.server.rest.shared import (
    Begun,
    Dropped,
    Effect,
    FileChunk,
    ReceivedUpload,
    RestAnswer,
    RestCall,
    RestDesk,
    RestRequest,
    RestRoute,
    Speak,
)
from voicekit.soniox.server.rest.speech import CONTENT_TYPES, ServedSpeech

# the maximum size of a body without an upload, in bytes: enough for a context of 10,000 characters
BODY_BYTES: Final = 2**20
PREFLIGHT: Final = (
    ("access-control-allow-methods", "GET, POST, DELETE"),
    ("access-control-allow-headers", "authorization, content-type, x-request-id"),
    ("access-control-max-age", "600"),
)
# the maximum number of bytes in a form, not counting its file: fields, headers, boundaries
FIELD_BYTES: Final = 64 * 1024


class RestExchange:
    """Handles one request until it is answered."""

    def __init__(
        self,
        desk: RestDesk,
        routes: Sequence[RestRoute],
        speech: ServedSpeech,
        request: RestRequest,
        now: float,
        origins: Callable[[str], bool] | None = None,
    ) -> None:
        self._desk = desk
        self._routes = routes
        self._speech = speech
        self._began = now
        self.request_id = request.headers.get("x-request-id") or desk.account.request_id()
        self.answer: RestAnswer | None = None
        self._path, _, query = request.target.partition("?")
        self._call = RestCall(now, (), parse_qs(query, keep_blank_values=True), self.request_id)
        self._in_speech_shape = self._path == "/tts"
        self._speaking: SpeechRequest | None = None
        self._form: ReceivedForm | None = None
        self._field = ""  # the name of the form field that is being received; a file's bytes are not kept
        self._fields: dict[str, bytearray] = {}
        self._body = bytearray()
        self._came = 0  # the number of bytes received so far
        self.known = False
        """Whether the client has sent a valid key."""
        self._page: tuple[tuple[str, str], ...] = ()  # CORS headers for the web page that made the request
        try:
            origin = request.headers.get("origin")
            if origin is not None and origins is not None and self._preflight(origin, origins, request):
                return
            self._route, self._call.ids = self._find(request)
            self._key = self._authenticate(request, now)
            self.known = True
            self._open(request)
        except Problem as problem:
            self._refuse(problem, close=True)

    @property
    def body(self) -> bytes:
        """The part of the body that has arrived; empty for an upload, which is never kept."""
        return bytes(self._body)

    @property
    def upload(self) -> ReceivedUpload | None:
        """The part of an upload's form that has arrived: its fields, and the name and size of its file."""
        return self._call.upload

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Take a piece of the body. If there is already an answer, the rest of the body has no effect."""
        if self.answer is not None:
            return []
        try:
            self._take(data)
        except Problem as problem:
            self._refuse(problem, close=True)
        return self._effects()

    def end(self, now: float) -> list[Effect]:
        """Record that the body is complete. After this call, there is either an answer or text to speak."""
        if self.answer is not None:
            return []
        self._call.now, self._call.body = now, self.body
        try:
            if self._form is not None and not self._form.finished:
                raise invalid([violation("body", "a complete form")])
            if self._call.upload is not None:
                said = {name: bytes(data).decode("utf-8", "replace") for name, data in self._fields.items()}
                self._call.upload.fields = said
            made = self._route.handle(self._call)
            if made is None:
                self._begin_speech(now)
            else:
                self.answer = self._to_page(made)
        except Problem as problem:
            self._refuse(problem)
        return self._effects()

    def lost(self, now: float) -> list[Effect]:
        """Record that the client is gone: a partial upload is dropped, and speech in progress ends."""
        if self.answer is None and self._speaking is None:
            self._forget()
        self.spoken(now, 0.0)
        return self._effects()

    # --- speech ---

    def speaking(self) -> RestAnswer:
        """Return the headers of the answer to a request for speech; the body will be audio of unknown length."""
        if self._speaking is None:
            raise LocalProtocolError("REST server: expected a speech in progress, found none")
        kind = CONTENT_TYPES.get(self._speaking.audio_format, "audio/pcm")
        self.answer = self._to_page(RestAnswer(200, (("content-type", kind), ("x-request-id", self.request_id))))
        return self.answer

    @property
    def ends_at(self) -> float:
        """The time at which a temporary key's limit ends the audio; inf if there is no limit."""
        return self._key.session_ends(self._began)

    def spoken(self, now: float, seconds: float) -> None:
        """Record that the speech has ended, whether complete or not, after `seconds` of audio. A second call has no
        effect."""
        if self._speaking is not None:
            self._speech.end(self._speaking, self._began, now, seconds)
            self._speaking = None

    def refuse(self, refusal: Refusal | Problem, now: float) -> RestAnswer:
        """Record that the engine can't speak after all, and return the answer that says so. Call this only before
        `speaking`."""
        self.spoken(now, 0.0)
        return self._refuse(Problem.of(refusal) if isinstance(refusal, Refusal) else refusal)

    # --- internal ---

    def _preflight(self, origin: str, origins: Callable[[str], bool], request: RestRequest) -> bool:
        """Whether the request only asks if a web page may make another request. Raises Problem for a page that may
        not."""
        if not origins(origin):
            raise Problem("permission_denied", f"Pages of {origin[:100]!r} may not use this server.")
        self._page = (("access-control-allow-origin", origin), ("vary", "Origin"))
        if request.method != "OPTIONS":
            return False
        self.answer = self._to_page(RestAnswer(204, PREFLIGHT, close=True))  # the rest of the request is not read
        return True

    def _to_page(self, made: RestAnswer) -> RestAnswer:
        return replace(made, headers=(*made.headers, *self._page))

    def _find(self, request: RestRequest) -> tuple[RestRoute, tuple[str, ...]]:
        path = self._path
        found = [(route, ids) for route in self._routes if (ids := _match(route.path, path)) is not None]
        found.sort(key=lambda one: len(one[1]))  # a fixed segment takes precedence: /count is not an id
        if not found:
            raise Problem("not_found", f"There is nothing at {path}.")
        fewest = len(found[0][1])
        for route, ids in found:
            if route.method == request.method and len(ids) == fewest:
                return route, ids
        raise Problem("method_not_allowed", f"{path} does not support {request.method}.")

    def _authenticate(self, request: RestRequest, now: float) -> Key:
        service = Service.TTS if self._route.speech else Service.STT
        key = self._desk.account.authenticate(handshake_key(request.headers.get("authorization")), service, now)
        if isinstance(key, Refusal):
            raise Problem.of(key)
        if key.usage is not None and not self._route.speech:
            raise Problem("unauthenticated", "A temporary API key cannot be used here.")
        if self._desk.account.refusing is not None:
            raise Problem.of(self._desk.account.refusing)
        return key

    def _open(self, request: RestRequest) -> None:
        if self._route.admit is not None:
            self._route.admit()
        if self._route.uploads is not None:
            self._call.upload = ReceivedUpload(self._desk.new_id())
            try:
                self._form = ReceivedForm(request.headers.get("content-type", ""))
            except RemoteProtocolError as error:
                raise invalid([violation("header.content-type", str(error))]) from None

    def _take(self, data: bytes) -> None:
        self._came += len(data)
        upload, most = self._call.upload, self._route.uploads
        if self._form is None or upload is None or most is None:
            self._body += data
            if self._came > BODY_BYTES:
                raise invalid([violation("body", f"at most {BODY_BYTES} bytes")])
            return
        try:
            events = self._form.feed(data)
        except RemoteProtocolError as error:
            raise invalid([violation("body", str(error))]) from None
        for event in events:
            if isinstance(event, PartBegun):
                self._begin_part(event, upload)
            elif self._field != "file":
                self._fields[self._field] += event
            else:
                upload.size += len(event)
                self._call.effects.append(FileChunk(upload.id, event))
        if upload.size > most:
            raise invalid([violation("body.file", f"at most {most} bytes")])
        if self._came - upload.size > FIELD_BYTES:
            raise invalid([violation("body", f"at most {FIELD_BYTES} bytes besides the file")])

    def _begin_part(self, part: PartBegun, upload: ReceivedUpload) -> None:
        self._field = part.name
        if part.name != "file":
            self._fields[part.name] = bytearray()
            return
        if upload.begun:
            raise invalid([violation("body.file", "one file")])
        upload.begun, upload.filename = True, part.filename or "file"
        self._call.effects.append(Begun(upload.id, upload.filename))

    def _begin_speech(self, now: float) -> None:
        spoken = next(effect for effect in self._call.effects if isinstance(effect, Speak))
        self._call.effects.clear()
        self._speech.begin(self._key, now)
        self._call.effects.append(spoken)
        self._speaking = spoken.request

    def _refuse(self, problem: Problem, close: bool = False) -> RestAnswer:
        body = problem.speech_body(self.request_id) if self._in_speech_shape else problem.body(self.request_id)
        self._forget()
        made = answer(problem.status, body)
        self.answer = self._to_page(RestAnswer(made.status, made.headers, made.body, close))
        return self.answer

    def _forget(self) -> None:
        """Drop the partial upload, if there is one."""
        upload = self._call.upload
        if upload is not None and upload.begun:
            self._call.effects.append(Dropped(upload.id))

    def _effects(self) -> list[Effect]:
        effects, self._call.effects = self._call.effects, []
        return effects


def _match(pattern: str, path: str) -> tuple[str, ...] | None:
    """The ids in `path`; None if it does not match."""
    wanted, said = pattern.split("/"), path.split("/")
    if len(wanted) != len(said):
        return None
    pairs = list(zip(wanted, said, strict=True))
    if not all(here == there or (here == "{id}" and there) for here, there in pairs):
        return None
    return tuple(unquote(there) for here, there in pairs if here == "{id}")
