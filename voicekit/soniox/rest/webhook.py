"""The receiving end of webhooks: who called, about what, and whether it is a retry. Pure.

    receiver = WebhookReceiver.find()              the header and secret that were given when the work was asked for
    call = receiver.receive(headers, body)         Unauthenticated for anybody else
    if not call.again: ...                         the service calls several times until it is answered with a 2xx

Fits any web framework: hand in its headers and the raw body, answer 204, and do the work afterwards.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

from voicekit.errors import ConfigError, RemoteProtocolError, Unauthenticated
from voicekit.soniox.rest.errors import SERVICE

HEADER_VARIABLE: Final = "SONIOX_API_WEBHOOK_HEADER"
SECRET_VARIABLE: Final = "SONIOX_API_WEBHOOK_SECRET"
HEADER: Final = "X-Soniox-Webhook-Secret"
"""The names that the vendor's own client reads and sends."""

BODY_BYTES: Final = 64 * 1024
REMEMBERED: Final = 10_000
"""Calls that are remembered to tell retries apart, which come within minutes: more than a busy day brings."""


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A transcription is done: its id, "completed" or "error", and whether we have been told before."""

    id: str
    status: str
    again: bool


class _Body(Struct, frozen=True):
    id: str
    status: str


class WebhookReceiver:
    """Reads the service's calls. What it remembers is in memory: after a restart a retry counts as new.

    ConfigError without a secret: an address that believes anybody is a way in.
    """

    def __init__(self, secret: str, header: str = HEADER) -> None:
        if not secret or not header:
            raise ConfigError("webhook: expected the name of a header and a secret for it")
        self._secret = secret.encode()
        self.header = header
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    @classmethod
    def find(
        cls, secret: str | None = None, header: str | None = None, environ: Mapping[str, str] = os.environ
    ) -> WebhookReceiver:
        """With what is given, or else with SONIOX_API_WEBHOOK_SECRET and SONIOX_API_WEBHOOK_HEADER."""
        secret = secret or environ.get(SECRET_VARIABLE)
        if not secret:
            raise ConfigError(f"no webhook secret: set {SECRET_VARIABLE}, or give one as an argument")
        return cls(secret, header or environ.get(HEADER_VARIABLE) or HEADER)

    def receive(self, headers: Mapping[str, str] | Iterable[tuple[str, str]], body: bytes) -> WebhookCall:
        """The call. Unauthenticated where the header is missing or wrong, RemoteProtocolError for another body."""
        self._verify(headers.items() if isinstance(headers, Mapping) else headers)
        if len(body) > BODY_BYTES:
            raise RemoteProtocolError(f"webhook: expected at most {BODY_BYTES} bytes, got {len(body)}")
        try:
            said = msgspec.json.decode(body, type=_Body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise RemoteProtocolError(f"webhook: expected an id and a status as JSON: {error}") from error
        if said.status not in ("completed", "error") or not said.id:
            raise RemoteProtocolError(f"webhook: expected an id, and completed or error, got {said.status[:80]!r}")
        return WebhookCall(said.id, said.status, self._remember(said))

    def _verify(self, headers: Iterable[tuple[str, str]]) -> None:
        """Compared in constant time, so that the secret can't be found out letter by letter."""
        given = [value for name, value in headers if name.lower() == self.header.lower()]
        if len(given) != 1 or not hmac.compare_digest(given[0].encode("utf-8", "surrogateescape"), self._secret):
            raise Unauthenticated(
                f"webhook: expected the secret in the header {self.header}, which is "
                f"{'missing' if not given else 'another one' if len(given) == 1 else 'there more than once'}",
                service=SERVICE,
            )

    def _remember(self, said: _Body) -> bool:
        key = (said.id, said.status)
        again = key in self._known
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return again
