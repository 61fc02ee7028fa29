"""Issues temporary keys to browsers and mobile apps, as part of your web server, under trio.

    desk = KeyDesk(soniox, KeyRequest(usage_type="transcribe_websocket", expires_in_seconds=60, single_use=True))
    reply = await desk.answer("POST", client="user-17")       reply.status, reply.headers, reply.body

The desk hands out only temporary keys, with the limits that you set; the main key never leaves your server. Before you
call the desk, check who is asking, because each key can spend your money until it expires. The desk uses the REST
client, so it must run under trio, as in Quart-Trio, or in a separate thread alongside asyncio.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import msgspec
import trio

from voicekit.errors import ConfigError, ProtocolError, ServiceError
from voicekit.soniox.rest.client import SonioxClient
from voicekit.soniox.rest.schema.requests import KeyRequest, check

PER_CLIENT: Final = 10
PER_S: Final = 60.0
"""The period, in seconds, for which a client's keys are counted."""
CLIENTS: Final = 10_000  # the maximum number of clients remembered at the same time

HEADERS: Final = (("content-type", "application/json"), ("cache-control", "no-store"))
"""The headers of an answer, which keep the key out of all caches."""


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """The answer to send: a status, headers and a JSON body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class KeyDesk:
    """Answers requests for keys. All keys get the limits in `request`. Raises ConfigError if `request` is out of
    bounds.

    The argument `client` of `answer` is your server's id for the requester, such as a user or a session. The requester
    must not be able to choose it: each client may have `per_minute` keys per minute. The usage logs record this id with
    each key.
    """

    def __init__(self, soniox: SonioxClient, request: KeyRequest, *, per_minute: int = PER_CLIENT) -> None:
        check(request)
        if per_minute < 1:
            raise ConfigError(f"key desk: expected at least one key per minute, got {per_minute}")
        self._soniox = soniox
        self._request = request
        self._most = per_minute
        self._asked: dict[str, deque[float]] = {}

    async def answer(self, method: str, *, client: str) -> KeyAnswer:
        """Return 201 with `api_key` and `expires_at`, 405 for a method other than POST, 429 for too many requests, and
        502 or 503 if the service refuses or can't be reached. The body of an error contains a single word, which names
        the reason.
        """
        if method != "POST":
            return _reply(405, {"error": "method_not_allowed"}, ("allow", "POST"))
        if not self._may(client, trio.current_time()):
            return _reply(429, {"error": "limit_exceeded"}, ("retry-after", str(round(PER_S))))
        request = msgspec.structs.replace(
            self._request, client_reference_id=self._request.client_reference_id or client
        )
        try:
            check(request)
            key = await self._soniox.keys.create(request)
        except ConfigError:
            return _reply(400, {"error": "invalid_client"})
        except ProtocolError:
            return _reply(502, {"error": "service_unavailable"})
        except ServiceError as error:
            return _reply(503 if error.retryable else 502, {"error": error.error_type or "service_unavailable"})
        return _reply(201, msgspec.to_builtins(key))

    def _may(self, client: str, now: float) -> bool:
        asked = self._asked.pop(client, deque())
        self._asked[client] = asked  # moves the most recent client to the end
        while asked and asked[0] <= now - PER_S:
            asked.popleft()
        while len(self._asked) > CLIENTS:
            del self._asked[next(iter(self._asked))]
        if len(asked) >= self._most:
            return False
        asked.append(now)
        return True


def _reply(status: int, body: object, *more: tuple[str, str]) -> KeyAnswer:
    return KeyAnswer(status, (*HEADERS, *more), msgspec.json.encode(body))
