"""The state that the connections of one account share: its keys, and its limits for requests per minute and for
concurrent requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from itertools import count
from typing import Final

from voicekit.soniox.api import limits
from voicekit.soniox.api.region import KEY_SUBPROTOCOL
from voicekit.soniox.server.refusal import Refusal, invalid

_MINUTE_S: Final = 60.0
AGAIN: Final = "Please try again later."
TEMPORARY: Final = "snx_temp_"  # the prefix of temporary keys


class Service(Enum):
    """A realtime service; the value is the usage type of temporary keys for it."""

    STT = "transcribe_websocket"
    TTS = "tts_rt"

    @property
    def spoken(self) -> str:
        return "speech-to-text" if self is Service.STT else "text-to-speech"


@dataclass(slots=True)
class Key:
    """A key and its rights. A key without `usage` is a main key, which is valid for everything, forever."""

    secret: str = field(repr=False)
    usage: Service | None = None
    expires_at: float | None = None
    single_use: bool = False
    session_s: float | None = None
    used: bool = False

    def session_ends(self, started_at: float) -> float:
        """The time at which a session that began at `started_at` must end; inf means never."""
        return float("inf") if self.session_s is None else started_at + self.session_s


@dataclass(frozen=True, slots=True)
class StreamUse:
    """The usage of a session or a stream: how much text and audio it had, and when it began and ended."""

    service: Service
    model: str
    reference: str
    began: float
    ended: float
    text: int
    sound_s: float


class Account:
    """The keys and limits of an account. If there are no keys, every key is accepted.

    `legacy` allows the deprecated key in a message. `twice` tolerates the same key in a message and in the handshake;
    it is off by default, because it is not known whether the service allows this, and a client must not rely on it.
    While `refusing` is set, it is the answer to every request, so that a script can simulate an exhausted budget or an
    overloaded service. `full` may refuse another session or stream even below the limit, so that an overloaded machine
    can protect its calls.

    When a session or a stream begins, `begun` is called with the time; when it ends, `used` is called with its usage.
    """

    def __init__(
        self,
        keys: Iterable[str] = (),
        *,
        legacy: bool = False,
        twice: bool = False,
        sessions: int = limits.STT_SESSIONS,
        streams: int = limits.TTS_ACCOUNT_STREAMS,
        requests_per_minute: int = limits.REQUESTS_PER_MINUTE,
    ) -> None:
        self._keys = {secret: Key(secret) for secret in keys}
        self._open = not self._keys
        self._expiring: list[tuple[float, str]] = []
        self.legacy = legacy
        self.twice = twice
        self.refusing: Refusal | None = None
        self.full: Callable[[Service, float], bool] = lambda service, now: False
        self.begun: Callable[[float], None] = lambda now: None
        self.used: Callable[[StreamUse], None] = lambda use: None
        self.at_once: Mapping[Service, int] = {Service.STT: sessions, Service.TTS: streams}
        self._per_minute = requests_per_minute
        self.running = dict.fromkeys(Service, 0)  # the number of running sessions, and of running streams
        self._recent: dict[Service, deque[float]] = {service: deque() for service in Service}
        self._requests = count(1)

    def add(self, key: Key) -> None:
        """Add a key, such as a temporary key."""
        self._keys[key.secret] = key
        # An expired temporary key can be forgotten, since its prefix still shows what it was.
        if key.expires_at is not None and key.secret.startswith(TEMPORARY):
            heappush(self._expiring, (key.expires_at, key.secret))

    def request_id(self) -> str:
        """A new id in the service's format; ids are numbered in order, so runs are reproducible."""
        return f"00000000-0000-4000-8000-{next(self._requests):012x}"

    def authenticate(self, secret: str | None, service: Service, now: float) -> Key | Refusal:
        """Return the key for `secret`, or the reason why it is not valid for `service`."""
        if secret is None:
            return Refusal("unauthenticated", "Missing API key. Provide it as an Authorization header.")
        key = self._keys.get(secret) or (Key(secret) if self._open else None)
        while self._expiring and self._expiring[0][0] <= now:
            self._keys.pop(heappop(self._expiring)[1], None)
        if key is None and not secret.startswith(TEMPORARY):
            return Refusal("unauthenticated", "Incorrect API key provided.")
        expired = key is None or (key.expires_at is not None and now >= key.expires_at)
        if key is None or expired or key.usage not in (None, service):
            return Refusal("unauthenticated", "Invalid or expired temporary API key.")
        return key

    def one_key(self, handshake: str | None, message: str | None) -> str | Refusal | None:
        """The key for a request, from the handshake or, if allowed, from a message."""
        if message is None:
            return handshake
        if handshake is not None:
            same = self.twice and message == handshake
            return handshake if same else invalid("API key was given in the handshake and in the message.")
        if self.legacy:
            return message
        return Refusal("unauthenticated", "An API key in a message is no longer accepted. Use an Authorization header.")

    def begin(self, key: Key, service: Service, now: float) -> Refusal | None:
        """Begin a session or a stream. Returns the reason if this is refused; otherwise returns None, and `end` must be
        called later."""
        recent = self._recent[service]
        while recent and recent[0] <= now - _MINUTE_S:
            recent.popleft()
        refusal = self.refusing or self._over_limit(key, service, now)
        if refusal is None:
            key.used = True
            recent.append(now)
            self.running[service] += 1
            self.begun(now)
        return refusal

    def end(self, use: StreamUse) -> None:
        """End a session or a stream that has begun, and report its usage."""
        self.running[use.service] -= 1
        self.used(use)

    def _over_limit(self, key: Key, service: Service, now: float) -> Refusal | None:
        if key.single_use and key.used:
            return Refusal("unauthenticated", "Invalid or expired temporary API key.")
        what = f"limit for {service.spoken} has been exceeded for your project."
        if len(self._recent[service]) >= self._per_minute:
            return Refusal("limit_exceeded", f"Requests per minute {what}")
        if self.running[service] >= self.at_once[service]:
            run = f"{self.running[service]} of {self.at_once[service]} run."
            return Refusal("limit_exceeded", f"Concurrent requests {what} {run}")
        if self.full(service, now):
            return Refusal("limit_exceeded", f"This machine is too busy to begin more {service.spoken}. {AGAIN}")
        return None


def handshake_key(authorization: str | None, subprotocols: Sequence[str] = ()) -> str | None:
    """The key in a websocket's handshake: its Authorization header, or the subprotocol after "soniox-api-key"."""
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    if len(subprotocols) == 2 and subprotocols[0] == KEY_SUBPROTOCOL:
        return subprotocols[1]
    return None
