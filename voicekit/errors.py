"""All exceptions that voicekit raises itself, as one tree.

    VoicekitError
    ├─ ConfigError              before anything opens: a bad option, an unknown name, an unreadable file
    │  └─ FormatMismatch        two neighbours in a pipeline disagree about the format of the audio
    ├─ PluginError              a plugin could not load, or broke a hook's contract
    ├─ LinkOverflow             a FAIL link was full: a bug, with the link's statistics in the message
    ├─ ProtocolError
    │  ├─ LocalProtocolError    we (or code that uses a protocol core) broke the rules
    │  └─ RemoteProtocolError   the peer did
    ├─ ServiceError             a service refused a request, or could not be reached
    │  ├─ Unauthenticated       the key is missing, wrong, expired or for another region
    │  ├─ QuotaExceeded         a budget is used up, or a rate or concurrency limit has been reached
    │  └─ Unavailable           no answer, a lost connection, an `open()` that took too long
    └─ DeviceError              a microphone, a speaker, or a file used instead of one, failed

trio's ClosedResourceError, BrokenResourceError and EndOfChannel pass through `voicekit.flow` unchanged and are
translated at the outer edges of voicekit. A message states what was expected, what was received, and where.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

SHORTEST_SECRET = 4
"""The minimum length, in characters, of a secret that is removed from texts. A shorter one protects nothing, and
removing it would garble every sentence.
"""

_URL_USER = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_URL_SECRET = re.compile(
    r"([?&;](?:api[-_]?key|key|(?:access[-_]?)?token|sig(?:nature)?|password|secret)=)[^&#;\s\"'<>]+", re.I
)


class VoicekitError(Exception):
    """The base class of everything that voicekit raises itself."""


class ConfigError(VoicekitError):
    """The configuration is wrong; raised before any audio flows."""


class FormatMismatch(ConfigError):
    """Two neighbours in a pipeline disagree about the format of the audio between them."""


class PluginError(VoicekitError):
    """A plugin could not be loaded or broke the contract of a hook; the message names the plugin."""


class LinkOverflow(VoicekitError):
    """A link whose policy is FAIL was full; this is always a bug, and never caused by load."""


class ProtocolError(VoicekitError):
    """A message broke the rules of a protocol."""


class LocalProtocolError(ProtocolError):
    """Our side tried to send something that the protocol forbids in this state."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the protocol forbids in this state."""


class FieldError(Struct, frozen=True):
    """One invalid field in a request: where it is, and the service's error type and message for it."""

    location: str
    error_type: str
    message: str


class ServiceError(VoicekitError):
    """A service refused a request, failed or could not be reached.

    `error_type` is the service's own stable name for the error, `code` its number, and `request_id` the id to quote to
    the service's support team. Each is None if the service did not send it. `retryable` states whether the same request
    may succeed later. `validation_errors` are the invalid fields in the request, and `more_info` is the address of a
    page with more information, if there is one.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str,
        error_type: str | None = None,
        code: int | None = None,
        retryable: bool = False,
        request_id: str | None = None,
        validation_errors: Sequence[FieldError] = (),
        more_info: str | None = None,
    ) -> None:
        super().__init__(message)
        self.service = service
        self.error_type = error_type
        self.code = code
        self.retryable = retryable
        self.request_id = request_id
        self.validation_errors = tuple(validation_errors)
        self.more_info = more_info


class Unauthenticated(ServiceError):
    """The key is missing, wrong or expired, or belongs to another region."""


class QuotaExceeded(ServiceError):
    """A budget is used up, or a rate limit or a concurrency limit has been reached."""


class Unavailable(ServiceError):
    """The service did not answer in time, or the connection to it was lost."""


class DeviceError(VoicekitError):
    """A microphone, a speaker, a sound card, or a file used in place of a device has failed or is missing."""


def redacted(text: str, *secrets: str) -> str:
    """Return `text` without `secrets` (even where they are encoded for URLs, JSON or HTML) and without the credentials
    in URLs.

    Every text from a peer passes through this function on its way into an error, an event or a log. Redact before you
    cut a text short, because half a secret can't be recognised.

        >>> redacted("moved to https://me:pw@example.com/?key=k-123&v=k-456", "k-456")
        'moved to https://[key]@example.com/?key=[key]&v=[key]'
    """
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            for spelled in {
                secret,
                quote(secret, safe=""),
                quote(secret),
                json.dumps(secret)[1:-1],
                html.escape(secret),
            }:
                text = text.replace(spelled, "[key]")
    return _URL_SECRET.sub(r"\1[key]", _URL_USER.sub("[key]@", text))
