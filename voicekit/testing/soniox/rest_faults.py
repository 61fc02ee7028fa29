"""Faults of the REST double, and the requests that they affect.

    RestPeer(faults=[CutUpload("POST", "/v1/files", after=1000), Instead("GET", status=502, body=b"<html>")])

A fault affects the first `times` requests that have its `method` and a path that begins with its `path`. Only the bytes
of the body are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RestFault:
    """A fault, and the requests that it affects: an empty `method` or `path` matches any request."""

    method: str = ""
    path: str = ""
    times: int = field(default=1, kw_only=True)

    def fits(self, method: str, path: str) -> bool:
        return self.method in ("", method) and path.startswith(self.path)


@dataclass(frozen=True, slots=True)
class CutUpload(RestFault):
    """The connection is lost when `after` bytes of the request's body have arrived."""

    after: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class CutAnswer(RestFault):
    """The connection is lost after `after` bytes of the answer's body or, if `after` is None, before the headers."""

    after: int | None = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class Instead(RestFault):
    """The given answer is sent instead of the right one, and the request has no effect."""

    status: int = field(default=200, kw_only=True)
    headers: tuple[tuple[str, str], ...] = field(default=(("content-type", "text/html"),), kw_only=True)
    body: bytes = field(default=b"", kw_only=True)


@dataclass(frozen=True, slots=True)
class RefusedRequest(RestFault):
    """The service does not do what is requested, and answers with an error whose type is in
    `voicekit.soniox.server.rest.refusal.REST_CODES`."""

    error_type: str = field(default="internal_error", kw_only=True)
    message: str = field(default="The server had an error processing your request.", kw_only=True)
    headers: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class Trickle(RestFault):
    """The answer's body arrives in pieces of `piece` bytes, with a pause of `every` seconds before each."""

    every: float = field(default=1.0, kw_only=True)
    piece: int = field(default=1, kw_only=True)


@dataclass(frozen=True, slots=True)
class Unframed(RestFault):
    """The answer does not declare its length, so the client must take the end of the connection as the end of the
    answer. If `after` is given, the connection ends early, after that many bytes."""

    after: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Silence(RestFault):
    """The request is read, but not answered."""


@dataclass(frozen=True, slots=True)
class StopReadingRest(RestFault):
    """Only the request's headers are read, so the client soon can't send anything more."""
