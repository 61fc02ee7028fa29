"""The site: transports and a desk behind one public address, and the logs and metrics of calls."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import trio

from voicekit.call.connection import Call, open_call
from voicekit.call.control import CallControl, CallReport
from voicekit.call.desk import CallAnswer, CallRefused, Desk
from voicekit.call.info import CallInfo, EndReason
from voicekit.call.tokens import CallFacts, CallTokens
from voicekit.call.transport import Arrival, DialingTransport, Transport
from voicekit.call.wire import StreamClosed, Wire
from voicekit.errors import ConfigError, VoicekitError
from voicekit_serve import limits
from voicekit_serve.logs import carriers_id, numbered

log = logging.getLogger("voicekit.serve")
"""Logs a line at the start and at the end of each call: our own number, the transport and its id for the call, the
reason for the end, and the seconds. Logs no words or telephone numbers of callers, no keys and no tokens."""

UNCONNECTED = (EndReason.BUSY, EndReason.NO_ANSWER, EndReason.FAILED)
"""How an outgoing call can end that never reaches a desk; only the carrier reports these ends."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this computer can reach."""


class CallSite:
    """A `voicekit.call.transport.Site`. Carriers reach it at `public_url`, such as https://bot.example.

    `host` is the address on which the server listens, or "" if that is not known.
    """

    def __init__(
        self,
        answer: CallAnswer,
        transports: Sequence[Transport],
        *,
        public_url: str,
        max_calls: int = 20,
        secret: str | None = None,
        host: str = "",
        now: Callable[[], float] = time.time,
        more_metrics: Callable[[], str] = str,
    ) -> None:
        parts = urlsplit(public_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ConfigError("public_url: expected an address such as https://bot.example, got something else")
        self.transports = transports
        self.desk = Desk(answer, max_calls=max_calls, on_error=self._failed)
        self.tokens = CallTokens(secret)
        self.now = now
        self._more_metrics = more_metrics
        self.stopping = trio.Event()
        self.urls: tuple[str, ...] = ()
        """The addresses on which the server listens, as soon as it does."""
        self._public = f"{parts.netloc}{parts.path.rstrip('/')}"
        self._secure = parts.scheme == "https"
        self._numbers = itertools.count(1)
        self._calls: dict[tuple[str, str], Call] = {}
        self._watchers: list[Callable[[CallReport], None]] = []
        self._waiting = 0
        self.is_local = host in LOOPBACK and parts.hostname in LOOPBACK

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Use this as the lifespan of an application that mounts `build_app(site)`; all calls end with the lifespan."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.desk.measure)
            try:
                yield
            finally:
                with trio.CancelScope(shield=True):
                    await self.desk.drain(patience=0.0)
                nursery.cancel_scope.cancel()

    def stop(self) -> None:
        """Start draining, as after a signal."""
        self.stopping.set()

    @property
    def ready(self) -> bool:
        return self.desk.ready

    def address(self, path: str, *, scheme: str = "https") -> str:
        """The public address of `path`. If the public address has no TLS, https and wss become http and ws."""
        plain = {"https": "http", "wss": "ws"}
        return f"{scheme if self._secure else plain.get(scheme, scheme)}://{self._public}{path}"

    async def hold(
        self,
        arrival: Arrival,
        wire: Wire,
        facts: CallFacts | None = None,
        *,
        subprotocol: str | None = None,
        control: CallControl | None = None,
    ) -> None:
        if facts is not None and (wire.name, facts.call_id) in self._calls:
            log.warning("refused a second socket for a live call over %s", wire.name)
            await arrival.refuse(409)
            return
        if self._waiting >= limits.WAITING:
            await arrival.refuse(503)
            return
        try:
            await self.hold_call(wire.name, self._opened(arrival, wire, facts, subprotocol, control))
        except CallRefused:
            await arrival.refuse(503)

    async def hold_call(self, name: str, opening: AbstractAsyncContextManager[Call]) -> None:
        try:
            with self.desk.place():
                number = next(self._numbers)
                with numbered(number):
                    await self._hold_numbered(number, name, opening)
        except CallRefused as refused:
            log.info("refused a call over %s: %s", name, refused.reason)
            raise

    async def _hold_numbered(self, number: int, name: str, opening: AbstractAsyncContextManager[Call]) -> None:
        began = trio.current_time()
        try:
            async with opening as call:
                log.info("call %d begins over %s%s", number, name, carriers_id(call.info))
                with self._known(call):
                    end = await self.desk.hold(call)
                log.info("call %d ended: %s after %.1f s", number, end.reason, trio.current_time() - began)
            if call.trouble is not None:
                log.warning("call %d was not hung up: %s", number, type(call.trouble).__name__)
        except (VoicekitError, StreamClosed) as error:
            log.warning("call %d over %s did not start: %s", number, name, type(error).__name__)

    @asynccontextmanager
    async def _opened(
        self,
        arrival: Arrival,
        wire: Wire,
        facts: CallFacts | None,
        subprotocol: str | None,
        control: CallControl | None,
    ) -> AsyncIterator[Call]:
        """Open the call of a socket; until it has started, it counts as one of at most WAITING sockets."""
        self._waiting += 1
        waiting = True
        try:
            async with open_call(await arrival.accept(subprotocol), wire, facts, control=control) as call:
                self._waiting -= 1
                waiting = False
                yield call
        finally:
            self._waiting -= waiting

    @contextmanager
    def _known(self, call: Call) -> Iterator[None]:
        """Let the carrier's reports reach the call during the block, unless the call's id was only claimed."""
        key = call.info.transport, call.info.call_id.value
        if call.info.call_id.trust == "signed":
            self._calls[key] = call
        try:
            yield
        finally:
            self._calls.pop(key, None)

    def report(self, transport: str, report: CallReport) -> None:
        """Pass a report to the watchers and, if it says who answered, to the live call; count calls that failed."""
        if report.end is not None and report.end.reason in UNCONNECTED:
            self.desk.note_end(report.end.reason)
        call = self._calls.get((transport, report.call_id))
        if call is not None and report.answered_by is not None:
            call.note_answered(report.answered_by)
        for watcher in self._watchers:
            watcher(report)

    def watch(self, watcher: Callable[[CallReport], None]) -> None:
        """Call `watcher` with each report from a carrier; `watcher` must not wait."""
        self._watchers.append(watcher)

    async def dial(self, to: str, *, over: str | None = None, **how: Any) -> str:
        """Have a carrier call `to`, and return the call's id. Once somebody picks up, the bot handles the call
        like an incoming one.

        `over` names the transport, if there is more than one. `how` may contain `ring` and `limit` in seconds, the
        `keys` to press, and `detect_machine`. Raises ConfigError, before anything is sent, if the transport can't make
        such a call, and ServiceError if the carrier refuses.
        """
        able = [each for each in self.transports if over in (None, each.name)]
        if len(able) != 1:
            raise ConfigError(
                f"dial: expected one transport that can dial, got {len(able)} from {[t.name for t in self.transports]}"
            )
        if not isinstance(able[0], DialingTransport):
            raise ConfigError(f"dial: {able[0].name} can't place calls")
        return await able[0].dial(self, to, **how)

    def _failed(self, info: CallInfo, error: Exception) -> None:
        log.error("a call over %s failed: %s", info.transport, type(error).__name__)

    def metrics(self) -> str:
        """The calls' metrics, in Prometheus's text format."""
        counts = self.desk.counts
        lines = [
            "# TYPE voicekit_active_calls gauge",
            f"voicekit_active_calls {counts.active}",
            "# TYPE voicekit_draining gauge",
            f"voicekit_draining {int(self.desk.draining)}",
            "# TYPE voicekit_refused_total counter",
            *(f'voicekit_refused_total{{why="{why}"}} {number}' for why, number in sorted(counts.refused_why.items())),
            "# TYPE voicekit_loop_lateness_seconds gauge",
            f"voicekit_loop_lateness_seconds {self.desk.lateness:.4f}",
            "# TYPE voicekit_calls_total counter",
            *(f'voicekit_calls_total{{ended="{reason}"}} {number}' for reason, number in sorted(counts.ended.items())),
        ]
        return "\n".join(lines) + "\n" + self._more_metrics()
