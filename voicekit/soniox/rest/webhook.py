"""Receives webhooks: verifies the sender, and finds out which transcription has ended and whether the same call was
handled before. Pure.

    receiver = WebhookReceiver.find()              the same header and secret as in the request for the transcription
    call = receiver.receive(headers, body)         raises Unauthenticated for anybody else
    if not call.again:                             the service repeats its call until it is answered with a 2xx
        work(call)                                 if this fails, answer with a 500, and the service calls again
        receiver.done(call)

The receiver works with any web framework: pass the headers and the raw body to it. Answer 204 as soon as the work is
done, or is stored safely.
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
"""The default header, and the environment variables for the header and the secret; the vendor's own client uses the
same names."""

BODY_BYTES: Final = 64 * 1024
REMEMBERED: Final = 10_000
"""How many finished calls are remembered to recognise repeated calls, which come within minutes: more than a busy day
brings."""


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """The service's message that a transcription has ended: the transcription's id, the status "completed" or "error",
    and whether the same message was handled before (see `WebhookReceiver.done`)."""

    id: str
    status: str
    again: bool


class _Body(Struct, frozen=True):
    id: str
    status: str


class WebhookReceiver:
    """Reads the service's webhook requests, and remembers those that are marked as done.

    They are remembered only in memory, so a request that is repeated after a restart counts as new. So does a request
    that is repeated while the first one is still being processed; if your work may take longer than the service waits,
    put it into a queue. Raises ConfigError if there is no secret, because then anyone could send such a request.
    """

    def __init__(self, secret: str, header: str = HEADER) -> None:
        if not secret or not header:
            raise ConfigError("webhook: expected a header's name and a secret")
        try:
            self._secret = secret.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                "webhook: the secret must be valid text, but it contains a lone surrogate (half a character)"
            ) from None
        self.header = header
        self._done: OrderedDict[tuple[str, str], None] = OrderedDict()

    @classmethod
    def find(
        cls, secret: str | None = None, header: str | None = None, environ: Mapping[str, str] = os.environ
    ) -> WebhookReceiver:
        """Make a receiver with the given values, or else with those in SONIOX_API_WEBHOOK_SECRET and
        SONIOX_API_WEBHOOK_HEADER."""
        secret = secret or environ.get(SECRET_VARIABLE)
        if not secret:
            raise ConfigError(f"no webhook secret: set {SECRET_VARIABLE}, or pass one as an argument")
        return cls(secret, header or environ.get(HEADER_VARIABLE) or HEADER)

    def receive(self, headers: Mapping[str, str] | Iterable[tuple[str, str]], body: bytes) -> WebhookCall:
        """Verify and read a call. Raises Unauthenticated if the header is missing or wrong, and RemoteProtocolError for
        an invalid body."""
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
        """Record that the work for `call` is done. If the service repeats this call, the repetition has `again` set."""
        key = (call.id, call.status)
        self._done[key] = None
        self._done.move_to_end(key)
        if len(self._done) > REMEMBERED:
            self._done.popitem(last=False)

    def _verify(self, headers: Iterable[tuple[str, str]]) -> None:
        """Compare the secret in constant time, so that it can't be guessed letter by letter."""
        given = [_bytes(value) for name, value in headers if name.lower() == self.header.lower()]
        if len(given) != 1 or not hmac.compare_digest(given[0], self._secret):
            raise Unauthenticated(
                f"webhook: expected the secret in the header {self.header}, got "
                f"{'no such header' if not given else 'another secret' if len(given) == 1 else 'several such headers'}",
                service=SERVICE,
            )


def _bytes(value: str) -> bytes:
    """The value's bytes. A value with a lone surrogate can't have been sent; it becomes empty bytes, which never
    match."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b""
