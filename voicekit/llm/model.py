"""What a vendor's plugin implements: how to write a request, and how to read an answer's events. Nothing here waits.

class Mine(HttpModel):
    service, path = "mine", "/v1/answer"
    def fields(self, query): return {"model": self.name, "prompt": query.system, ...}
    def parse(self, event): yield Delta(text_in(event.data))

bot = LanguageModel(Mine("large-1", ModelEndpoint("https://api.example.com", {"authorization": ...}, key), {}))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import msgspec

from voicekit.errors import ConfigError, redacted
from voicekit.llm.messages import ModelPiece, ModelQuery
from voicekit.llm.sse import ServerSentEvent

_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")
_URL = re.compile(r"https?://[^/\s]+(?:/\S*)?")


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A POST request. The repr hides the address, the headers (which may contain the key) and the conversation."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Model(Protocol):
    """One of a service's models. One object serves any number of calls at the same time, and stores nothing about them.

    `service` is the service's name in errors and events, `name` the service's name for the model, `url` the address of
    the requests.
    """

    service: str
    name: str
    url: str

    def request(self, query: ModelQuery) -> ModelRequest: ...

    def parse(self, event: ServerSentEvent) -> Iterable[ModelPiece]:
        """The pieces of the answer in `event`; none if events of its kind don't matter.

        Raises RemoteProtocolError, or msgspec's DecodeError, for an event that can't be read.
        """
        ...

    def redact(self, text: str) -> str:
        """`text` with every occurrence of the key removed."""
        ...


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """The address of a service, without a trailing slash, and its key. The repr shows neither."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str = field(default="", repr=False)

    @classmethod
    def find(
        cls, service: str, own: str, url: str | None, key: str | None, header: Callable[[str], Mapping[str, str]]
    ) -> ModelEndpoint:
        """The endpoint at `url` or, by default, at the service's own address, `own`. Only `own` requires a key.
        `header` turns a key into headers.

        Raises ConfigError for an invalid address, a key that no header can carry, and a missing key.
        """
        url = url or own
        if not isinstance(url, str) or not _URL.fullmatch(url):
            raise ConfigError(f"{service} base_url: expected http://... or https://..., got {redacted(repr(url))}")
        url = url.rstrip("/")
        if not key and url == own:
            name = service.upper()
            hint = f"your own server may need none: set {name}_BASE_URL"
            raise ConfigError(f"no {service} key: set {name}_API_KEY, or pass api_key; {hint}")
        if key and not (isinstance(key, str) and _HEADER_VALUE.fullmatch(key)):
            raise ConfigError(f"{service} key: expected printable characters without spaces, got something else")
        return cls(url, header(key) if key else {}, key or "")


class HttpModel(Model):
    """What models from all vendors share: an endpoint, and the program's `extra` fields for each request.

    A subclass defines `service`, the `path` of its requests, `fields(query)` and `parse(event)`. A field that is None,
    in `fields` or in `extra`, is left out.
    """

    path: ClassVar[str]

    def __init__(self, name: str, endpoint: ModelEndpoint, extra: Mapping[str, Any]) -> None:
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{self.service}: expected a model name, got {name!r}")
        self.name = name
        self.url = f"{endpoint.url}{self.path}"
        self._endpoint = endpoint
        self._extra = extra

    def fields(self, query: ModelQuery) -> Mapping[str, Any]:
        """The body of the request for `query`."""
        raise NotImplementedError

    def request(self, query: ModelQuery) -> ModelRequest:
        fields = {**self.fields(query), **self._extra}
        body = msgspec.json.encode({name: value for name, value in fields.items() if value is not None})
        return ModelRequest(self.url, self._endpoint.headers, body)

    def redact(self, text: str) -> str:
        return redacted(text, self._endpoint.key)
