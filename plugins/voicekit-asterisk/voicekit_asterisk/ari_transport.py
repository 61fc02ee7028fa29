"""ARI as a transport of a server: answers calls that enter a Stasis app, and dials calls.

    extensions.conf    exten => 100,1,Stasis(voicekit)
    voicekit serve bot.py --transport ari:http://127.0.0.1:8088/voicekit

There is one connection for the app's events. If it is lost, the calls end, and voicekit tries to connect again until it
succeeds. Each time it connects, it first removes everything that an earlier process left in Asterisk.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import trio

from voicekit.call.control import CallControl, CallReport
from voicekit.call.transport import Route, Site
from voicekit.call.wire import StreamClosed
from voicekit.errors import ConfigError, RemoteProtocolError, ServiceError
from voicekit.flow.backoff import Backoff
from voicekit_asterisk import ari
from voicekit_asterisk.ari import AriEvent, AriNames
from voicekit_asterisk.ari_call import CLEAN_UP_S, AriLegs
from voicekit_asterisk.ari_client import PING_S, AriClient, MediaStream
from voicekit_asterisk.ari_wire import AriWire
from voicekit_asterisk.audiosocket_transport import Arrival
from voicekit_asterisk.chan_websocket import FORMATS

USER = "VOICEKIT_ARI_USER"
PASSWORD = "VOICEKIT_ARI_PASSWORD"
NUMBER = "VOICEKIT_ARI_NUMBER"

STEADY_S = 5.0
"""A connection that lasted this many seconds counts as good: after its loss, the next attempt comes soon."""

log = logging.getLogger("voicekit.asterisk")


class Ari:
    """The transport at `address`: Asterisk's HTTP server and the app's name, such as http://127.0.0.1:8088/voicekit.

    `user` and `password` are the ones in ari.conf; by default, they come from VOICEKIT_ARI_USER and
    VOICEKIT_ARI_PASSWORD. `context` is the dialplan context of the extensions to which a caller can be transferred.
    `trunk`, such as PJSIP/{}@provider, is the endpoint for telephone numbers. Calls that we make show `number` as the
    caller, by default VOICEKIT_ARI_NUMBER.
    """

    name = "ari"

    def __init__(
        self,
        address: str,
        *,
        user: str | None = None,
        password: str | None = None,
        codec: str = "slin16",
        context: str = "",
        trunk: str = "",
        number: str | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self.address, self.app = read_app(address)
        self._user = user or os.environ.get(USER) or "voicekit"
        found = password or os.environ.get(PASSWORD)
        if not found:
            raise ConfigError(f"transport ari: expected ARI's password in {PASSWORD}, got none")
        if codec not in FORMATS:
            raise ConfigError(f"transport ari: codec: expected one of {', '.join(FORMATS)}, got {codec!r}")
        self._password = found
        self._codec = codec
        self._context = context
        self._trunk = trunk
        self._number = number or os.environ.get(NUMBER) or ""
        self._roll = roll
        self.connected = False
        """Whether the connection for Asterisk's events is open."""
        self._legs: dict[str, AriLegs] = {}  # maps the names of all channels to their calls
        self._client: AriClient | None = None
        self._site: Site | None = None
        self._calls: trio.Nursery | None = None

    def routes(self, site: Site) -> Sequence[Route]:
        return []

    async def listen(self, site: Site, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve each channel that enters the app as a call, until cancelled. Raises ServiceError if Asterisk can't be
        reached at the start.
        """
        async with AriClient(self.address, self._user, self._password) as client, trio.open_nursery() as calls:
            self._client, self._site, self._calls = client, site, calls
            try:
                await calls.start(self._keep_connected, calls)
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._client = self._site = self._calls = None

    async def dial(
        self,
        site: Site,
        to: str,
        *,
        keys: str = "",
        ring: float = 30.0,
        limit: float | None = None,
        detect_machine: bool = False,
    ) -> str:
        """Call `to`, which is an endpoint such as PJSIP/200, or a number that `trunk` can call. Returns the call's id.

        Works only while `listen` runs. As soon as somebody answers, the call is passed to the site, and the digits in
        `keys` are sent. If nobody answers within `ring` seconds, the site gets a report. Raises ServiceError if
        Asterisk can't call `to`.
        """
        if self._client is None or self._calls is None:
            raise ConfigError("transport ari: expected listen() before dial()")
        if limit is not None or detect_machine:
            raise ConfigError(
                "transport ari: expected no limit and no detect_machine, because Asterisk supports neither"
            )
        if "/" not in to and not self._trunk:
            raise ConfigError("transport ari: expected an endpoint such as PJSIP/200, or trunk=PJSIP/{}@trunk")
        names = AriNames.new(self.app)
        legs = self._know(names, names.call)
        endpoint = to if "/" in to else self._trunk.replace("{}", to)
        try:
            await self._client.ask(ari.dial(names, endpoint, caller=self._number, timeout=round(ring)))
        except BaseException:
            self._forget(legs)
            raise
        self._calls.start_soon(self._dialled, site, legs, keys)
        return names.call

    def control(self, site: Site, call_id: str) -> CallControl | None:
        """The CallControl of a call in Asterisk; None if the call has ended or is not one of ours."""
        return self._legs.get(call_id)

    async def _dialled(self, site: Site, legs: AriLegs, keys: str) -> None:
        try:
            if (end := await legs.answered()) is not None:
                site.report(self.name, CallReport(legs.channel, end))
                return
            await self._hold(site, legs, AriWire(legs.names, legs.channel, {}, outbound=True), keys)
        finally:
            if not legs.ready.is_set() and not legs.gone.is_set():  # we are stopping while the call is still ringing
                with trio.move_on_after(CLEAN_UP_S, shield=True):
                    await legs.hang_up()
            self._forget(legs)

    async def _keep_connected(
        self, calls: trio.Nursery, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        backoff, connected = Backoff(self._roll, steady_s=STEADY_S), False
        while True:
            try:
                assert self._client is not None, "listen has made it"
                async with self._client.events(self.app) as stream:
                    await self._remove_leftovers()
                    if not connected:
                        task_status.started()
                    else:
                        log.warning("ari: connected again")
                    connected = True
                    backoff.works(trio.current_time())
                    self.connected = True
                    await self._read(stream, calls)
            except ServiceError as error:
                if not connected:
                    raise
                log.warning("ari: %s", type(error).__name__)
            self.connected = False
            for legs in set(self._legs.values()):
                legs.lose()
            again = backoff.failed(trio.current_time())
            assert again is not None, "this backoff never gives up"
            await trio.sleep_until(again)

    async def _read(self, stream: MediaStream, calls: trio.Nursery) -> None:
        """Read events until the connection closes."""
        async with trio.open_nursery() as nursery:

            async def ping() -> None:
                while True:
                    await trio.sleep(PING_S)
                    try:
                        await stream.ping()
                    except StreamClosed:
                        nursery.cancel_scope.cancel()

            nursery.start_soon(ping)
            while True:
                try:
                    message = await stream.receive()
                except StreamClosed:
                    nursery.cancel_scope.cancel()
                    return
                if isinstance(message, str):
                    self._happened(message, calls)

    def _happened(self, message: str, calls: trio.Nursery) -> None:
        """Pass an event on to its call; a new caller starts a new call. Never waits."""
        try:
            event = ari.read_ari(message)
        except RemoteProtocolError as error:
            log.warning("ari: %s", error)
            return
        legs = self._legs.get(event.channel)
        if legs is not None:
            legs.happened(event, message)
        elif event.kind == "StasisStart" and not ari.is_ours(self.app, event.channel):
            calls.start_soon(self._answer, event)

    async def _answer(self, event: AriEvent) -> None:
        assert self._client is not None, "listen has made it"
        assert self._site is not None, "listen has it"
        if not self._site.ready:
            await self._client.ask_again(ari.hang_up(event.channel, "busy"))
            return
        legs = self._know(AriNames.new(self.app), event.channel)
        arguments = {f"arg{n}": value for n, value in enumerate(event.args, 1)}
        try:
            wire = AriWire(legs.names, event.channel, {**ari.caller_of(event), **arguments})
            await self._hold(self._site, legs, wire)
        finally:
            self._forget(legs)

    async def _hold(self, site: Site, legs: AriLegs, wire: AriWire, keys: str = "") -> None:
        try:
            async with legs.opened(self._codec) as stream:
                if keys:
                    await legs.send_digits(keys)
                await site.hold(Arrival(stream, goodbye=None), wire, control=legs)
        except ServiceError as error:
            log.warning("a call over ari was not connected: %s", type(error).__name__)

    async def _remove_leftovers(self) -> None:
        assert self._client is not None, "listen has made it"
        bridges, channels = await self._client.ask(ari.list_bridges()), await self._client.ask(ari.list_channels())
        names = {name for legs in self._legs.values() for name in legs.names.all}
        requests = ari.leftovers(self.app, bridges, channels, names)
        for request in requests:
            await self._client.ask_again(request)
        if requests:
            log.warning("ari: removed %d channels and bridges that an earlier process left behind", len(requests))

    def _know(self, names: AriNames, channel: str) -> AriLegs:
        assert self._client is not None, "listen has made it"
        legs = AriLegs(self._client, names, channel, context=self._context)
        self._legs |= dict.fromkeys((channel, names.media, names.partner), legs)
        return legs

    def _forget(self, legs: AriLegs) -> None:
        for name in (legs.channel, legs.names.media, legs.names.partner):
            self._legs.pop(name, None)


def read_app(address: str) -> tuple[str, str]:
    """The server's address and the app's name in http://127.0.0.1:8088/app. Raises ConfigError for anything else."""
    parts = urlsplit(address)
    app = parts.path.rpartition("/")[2]
    if parts.scheme not in ("http", "https") or not parts.netloc or not ari.is_name(app):
        raise ConfigError("transport ari: expected an address and an app name, as in http://127.0.0.1:8088/voicekit")
    return address.removesuffix(f"/{app}"), app
