"""The receiving end of webhooks: who called, about what, and whether that is done already. Pure.

    receiver = WebhookReceiver.find()              the header and secret that were given when the work was asked for
    call = receiver.receive(headers, body)         Unauthenticated for anybody else
    if not call.again:                             the service calls several times until it is answered with a 2xx
        work(call)                                 if this fails, answer a 500, and the next call is another chance
        receiver.done(call)

Fits any web framework: hand in its headers and the raw body, and answer 204 once the work is done, or is written down
where it will not be lost.
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
from voicekit.soniox.rest.http.rest_errors import SERVICE

HEADER_VARIABLE: Final = "SONIOX_API_WEBHOOK_HEADER"
SECRET_VARIABLE: Final = "SONIOX_API_WEBHOOK_SECRET"
HEADER: Final = "X-Soniox-Webhook-Secret"
"""The names that the vendor's own client reads and sends."""

BODY_BYTES: Final = 64 * 1024
REMEMBERED: Final = 10_000
"""Calls that are remembered as done, for their retries, which come within minutes: more than a busy day brings."""


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A transcription is done: its id, "completed" or "error", and whether `done` was said to that call before."""

    id: str
    status: str
    again: bool


class _Body(Struct, frozen=True):
    id: str
    status: str


class WebhookReceiver:
    """Reads the service's calls, and remembers those that are done.

    What it remembers is in memory: after a restart a retry counts as new. So does one that comes while the first call
    is still being worked on; where that may take longer than the service waits, put the work in a queue.
    ConfigError without a secret: an address that believes anybody is a way in.
    """

    def __init__(self, secret: str, header: str = HEADER) -> None:
        if not secret or not header:
            raise ConfigError("webhook: expected the name of a header, and a secret")
        try:
            self._secret = secret.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                "webhook: expected a text as the secret, got one with half a character (a lone surrogate)"
            ) from None
        self.header = header
        self._done: OrderedDict[tuple[str, str], None] = OrderedDict()

    @classmethod
    def find(
        cls, secret: str | None = None, header: str | None = None, environ: Mapping[str, str] = os.environ
    ) -> WebhookReceiver:
        """With what is given, or else with SONIOX_API_WEBHOOK_SECRET and SONIOX_API_WEBHOOK_HEADER."""
        secret = secret or environ.get(SECRET_VARIABLE)
        if not secret:
            raise ConfigError(f"no webhook secret: set {SECRET_VARIABLE}, or pass one as an argument")
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
            raise RemoteProtocolError(f"webhook: expected the status completed or error, got {said.status[:80]!r}")
        return WebhookCall(said.id, said.status, (said.id, said.status) in self._done)

    def done(self, call: WebhookCall) -> None:
        """What `call` is about has been done: from now on it comes with `again`."""
        key = (call.id, call.status)
        self._done[key] = None
        self._done.move_to_end(key)
        if len(self._done) > REMEMBERED:
            self._done.popitem(last=False)

    def _verify(self, headers: Iterable[tuple[str, str]]) -> None:
        """Compared in constant time, so that the secret can't be found out letter by letter."""
        given = [_bytes(value) for name, value in headers if name.lower() == self.header.lower()]
        if len(given) != 1 or not hmac.compare_digest(given[0], self._secret):
            raise Unauthenticated(
                f"webhook: expected the secret in the header {self.header}, which is "
                f"{'missing' if not given else 'another one' if len(given) == 1 else 'there more than once'}",
                service=SERVICE,
            )


def _bytes(value: str) -> bytes:
    """As they came; none, which is no secret, for half a character, which can't have come."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b""
