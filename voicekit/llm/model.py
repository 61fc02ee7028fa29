"""What a vendor's plugin brings: how a request is written, and how the events of its answer are read. It waits nowhere.

class Mine:
    service, name, url = "mine", "large-1", "https://api.example.com/v1/answer"
    def request(self, ask): return Request(self.url, {"authorization": ...}, json_of(ask))
    def parse(self, event): yield Delta(text_in(event.data))
    def redact(self, text): return text.replace(self._key, "[key]")
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from voicekit.errors import ConfigError
from voicekit.llm.messages import Ask, Piece
from voicekit.llm.sse import ServerSentEvent

_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")
_URL = re.compile(r"https?://[^/\s]+(?:/\S*)?")


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. The repr shows neither headers, which hold the key, nor the conversation."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Model(Protocol):
    """One model of one service. One object serves any number of calls at once: it keeps nothing about any of them."""

    @property
    def service(self) -> str:
        """The service, as errors and events call it."""
        ...

    @property
    def name(self) -> str:
        """The model, as the service calls it."""
        ...

    @property
    def url(self) -> str:
        """Where requests go."""
        ...

    def request(self, ask: Ask) -> Request: ...

    def parse(self, event: ServerSentEvent) -> Iterable[Piece]:
        """What `event` says; nothing for a kind that doesn't matter.

        What it can't read is RemoteProtocolError, or msgspec's DecodeError.
        """
        ...

    def redact(self, text: str) -> str:
        """`text` without the key, wherever it occurs in it."""
        ...


class Secret:
    """A key that never shows itself: only `value` and `redact` tell. ConfigError for one that no header can carry."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str, service: str) -> None:
        if not isinstance(secret, str) or not _HEADER_VALUE.fullmatch(secret):
            raise ConfigError(f"{service} key: expected printable characters without spaces, got something else")
        self._secret = secret

    @classmethod
    def find(cls, key: str | None, variable: str, environ: Mapping[str, str], service: str) -> Secret:
        """The key given, or else the one in the environment's `variable`; ConfigError when there is none."""
        secret = key or environ.get(variable)
        if not secret:
            raise ConfigError(f"no {service} key: set {variable}, or give api_key")
        return cls(secret, service)

    @property
    def value(self) -> str:
        return self._secret

    def redact(self, text: str) -> str:
        return text.replace(self._secret, "[key]")

    def __repr__(self) -> str:
        return "Secret(...)"


def checked_url(url: str, service: str) -> str:
    """`url` without a slash at its end; ConfigError where it is none."""
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise ConfigError(f"{service} base_url: expected http://... or https://..., got {url!r}")
    return url.rstrip("/")
