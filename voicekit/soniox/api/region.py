"""The addresses of the service, and the key for it.

    Endpoints.find("eu")                       the hosts of the European region
    Endpoints.find(stt="ws://127.0.0.1:9/...") any other host, such as a local server
    ApiKey.find()                              from SONIOX_API_KEY

A key belongs to a project, and a project to a region; a host in another region refuses the key as unknown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from voicekit.errors import ConfigError, redacted

REGIONS: dict[str, str] = {"us": "", "eu": ".eu", "jp": ".jp"}
"""The part of a host's name that shows its region: `stt-rt.soniox.com`, `stt-rt.eu.soniox.com`."""

KEY_VARIABLE = "SONIOX_API_KEY"
REGION_VARIABLE = "SONIOX_REGION"
URL_VARIABLES: dict[str, str] = {
    "rest": "SONIOX_API_BASE_URL",
    "stt": "SONIOX_WS_URL",
    "tts": "SONIOX_TTS_WS_URL",
    "tts_rest": "SONIOX_TTS_API_URL",
}
"""Environment variables for the addresses. The vendor's own client uses the same names, so one setting works for both
clients."""

KEY_SUBPROTOCOL = "soniox-api-key"
_HTTP_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The service's four addresses: `stt` and `tts` are complete websocket URLs, while `rest` and `tts_rest` are URLs
    without a path."""

    rest: str
    stt: str
    tts: str
    tts_rest: str

    @classmethod
    def find(
        cls,
        region: str | None = None,
        *,
        rest: str | None = None,
        stt: str | None = None,
        tts: str | None = None,
        tts_rest: str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Endpoints:
        """Return the endpoints of `region` ("us", "eu" or "jp"). Each address can be replaced by the argument of the
        same name, or else by an environment variable.

        By default, `region` is the value of SONIOX_REGION, or "us" if that is not set. Raises ConfigError for an
        unknown region, or an address with the wrong scheme.
        """
        infix = _infix(region or environ.get(REGION_VARIABLE) or "us")
        own = {"rest": rest, "stt": stt, "tts": tts, "tts_rest": tts_rest}
        usual = {
            "rest": f"https://api{infix}.soniox.com",
            "stt": f"wss://stt-rt{infix}.soniox.com/transcribe-websocket",
            "tts": f"wss://tts-rt{infix}.soniox.com/tts-websocket",
            "tts_rest": f"https://tts-rt{infix}.soniox.com",
        }
        return cls(**{name: _url(name, own[name] or environ.get(URL_VARIABLES[name]) or usual[name]) for name in usual})

    def __repr__(self) -> str:
        return redacted(
            f"Endpoints(rest={self.rest!r}, stt={self.stt!r}, tts={self.tts!r}, tts_rest={self.tts_rest!r})"
        )


def region_of(url: str) -> str | None:
    """The region to which the host in `url` belongs: "us", "eu" or "jp"; None for any other host, such as a local
    server.
    """
    _, _, domain = (urlsplit(url).hostname or "").partition(".")
    return {f"{infix}.soniox.com".removeprefix("."): name for name, infix in REGIONS.items()}.get(domain)


class ApiKey:
    """A key that is never shown: only `headers`, `subprotocols` and `redact` use its text."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        if not _HEADER_VALUE.fullmatch(secret):
            raise ConfigError(
                f"Soniox key: expected printable characters without spaces, got {len(secret)} characters, some of "
                "which are not allowed (did you also copy a line break or a quotation mark?)"
            )
        self._secret = secret

    @classmethod
    def find(cls, key: str | None = None, environ: Mapping[str, str] = os.environ) -> ApiKey:
        """Return the given key, or else the key in SONIOX_API_KEY. Raises ConfigError if there is no key."""
        secret = key or environ.get(KEY_VARIABLE)
        if not secret:
            raise ConfigError(
                f"no Soniox key: set {KEY_VARIABLE}, pass `key=`, or set the variables that `voicekit local-server` "
                "(voicekit-local) prints; voicekit.run and `voicekit run` start such a server by themselves"
            )
        return cls(secret)

    def headers(self) -> list[tuple[str, str]]:
        """The header that carries the key in the handshake, for all clients except browsers. Never use it together with
        `subprotocols`."""
        return [("Authorization", f"Bearer {self._secret}")]

    def subprotocols(self) -> list[str]:
        """The two subprotocols that carry the key in the handshake, for browsers; the server answers with the first
        one. Raises ConfigError for a key that can't be a subprotocol.
        """
        if not _HTTP_TOKEN.fullmatch(self._secret):
            raise ConfigError(
                "Soniox key: a key that is sent as a subprotocol may contain only letters, digits and "
                "!#$%&'*+.^_`|~-; send temporary keys in the old form (with a colon) in the header"
            )
        return [KEY_SUBPROTOCOL, self._secret]

    def redact(self, text: str) -> str:
        """`text` with the key replaced wherever it occurs, in any encoding."""
        return redacted(text, self._secret)

    def __repr__(self) -> str:
        return "ApiKey(...)"


def _infix(region: str) -> str:
    infix = REGIONS.get(region.strip().lower())
    if infix is None:
        raise ConfigError(f"Soniox region: expected one of {', '.join(REGIONS)}, got {region!r}")
    return infix


def _url(name: str, url: str) -> str:
    schemes = ("ws://", "wss://") if name in ("stt", "tts") else ("http://", "https://")
    try:
        where = urlsplit(url)
        complete = bool(where.hostname) and where.port != 0
    except ValueError:  # the error's message quotes the address, including the password
        complete = False
    if not complete or not url.startswith(schemes):
        raise ConfigError(f"Soniox address {name!r}: expected {' or '.join(schemes)}..., got {redacted(url)!r}")
    return url if name in ("stt", "tts") else url.rstrip("/").removesuffix("/v1")
