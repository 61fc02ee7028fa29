"""One call over ARI: its channels and its bridge, which are made for the call, and removed however the call ends.

    caller's channel --+
                       +-- bridge        our side: the media channel's websocket, and ARI's events about the caller
    media channel   ---+

`AriLegs` is the call's `CallControl`: it does everything that the call needs, except carrying its media.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import inf

import trio

from voicekit.call.info import CallEnd
from voicekit.call.wire import MessageStream, StreamClosed, WireMessage
from voicekit.errors import ServiceError, Unavailable
from voicekit.flow.groups import alone
from voicekit_asterisk import ari
from voicekit_asterisk.ari import AriEvent, AriNames
from voicekit_asterisk.ari_client import ASK_S, SERVICE, AriClient

SETUP_S = 5.0
"""Seconds Asterisk has to make the channel and the bridge."""

CLEAN_UP_S = 5.0

JOIN_S = 30
"""Seconds for which another telephone rings."""

EVENTS = 1_000
"""The maximum number of events about one call that can wait; Asterisk sends about ten. Any more are dropped."""


class MergedStream:
    """`MessageStream`: the messages of the media websocket and ARI's events about this call, in the order they
    arrive.
    """

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[WireMessage | StreamClosed](EVENTS)
        self._media: MessageStream | None = None
        self._closed: StreamClosed | None = None

    def deliver(self, message: str) -> None:
        """Add an event from ARI to this stream."""
        try:
            self._send.send_nowait(message)
        except trio.WouldBlock:
            return

    def lose(self) -> None:
        """End this stream, because ARI's events are lost and nothing else would report that the caller has gone."""
        try:
            self._send.send_nowait(StreamClosed(None))
        except trio.WouldBlock:
            return

    async def read(self, media: MessageStream) -> None:
        """Pass on the messages of `media` until it ends."""
        self._media = media
        try:
            while True:
                await self._send.send(await media.receive())
        except StreamClosed as closed:
            await self._send.send(closed)

    async def receive(self) -> WireMessage:
        if self._closed is None:
            message = await self._receive.receive()
            if not isinstance(message, StreamClosed):
                return message
            self._closed = message
        raise self._closed

    async def send(self, message: WireMessage) -> None:
        if self._closed is not None or self._media is None:
            raise self._closed or StreamClosed(None)
        await self._media.send(message)

    async def close(self, code: int = 1000) -> None:
        self._closed = self._closed or StreamClosed(code)
        if self._media is not None:
            await self._media.close(code)


class AriLegs:
    """The channels of one call: a `voicekit.call.control.CallControl` with additional functions that only Asterisk has.

    ARI's events are passed to `happened`, which sets `ready`, `gone` and the other trio events. `context` is the
    dialplan context in which extensions are looked up, or "" for the context that the caller came from.
    """

    can = frozenset({"hang_up", "transfer", "digits"})

    def __init__(self, client: AriClient, names: AriNames, channel: str, *, context: str = "") -> None:
        self.names = names
        self.channel = channel
        self.stream = MergedStream()
        self.ready = trio.Event()
        """Set when the channel has entered our app; for a channel that we dialled, when somebody answered."""
        self.gone = trio.Event()
        """Set when the channel has ended, or has left our app."""
        self.media_ready = trio.Event()
        self.partner_ready = trio.Event()
        self.partner_gone = trio.Event()
        self._has_partner = False
        self._is_joined = False
        self._client = client
        self._context = context
        self._cause = 0
        self._status = ""  # the status in the last Dial event

    def happened(self, event: AriEvent, message: str) -> None:
        """Process an event about one of the channels; `message` is the event's complete text. Never waits."""
        started, over = event.kind == "StasisStart", event.kind in ("StasisEnd", "ChannelDestroyed")
        if event.channel == self.channel:
            self._cause = event.cause or self._cause
            self._status = str(event.message.get("dialstatus") or self._status)
            if started:
                self.ready.set()
            elif over:
                self.gone.set()
            self.stream.deliver(message)
        elif event.channel == self.names.media and started:
            self.media_ready.set()
        elif event.channel == self.names.partner and (started or over):
            (self.partner_ready if started else self.partner_gone).set()

    def lose(self) -> None:
        """Record that ARI's events have ended, so the state of the channels is unknown from now on."""
        self.stream.lose()
        self.gone.set()
        self.partner_gone.set()

    async def answered(self) -> CallEnd | None:
        """Wait until somebody answers the dialled channel, and return None; if nobody does, return the reason."""
        await self._until_one_of(self.ready, self.gone)
        return None if self.ready.is_set() else ari.end_of_dialling(self._status, self._cause)

    # CallControl

    async def hang_up(self) -> None:
        await self._client.ask_again(ari.hang_up(self.channel))

    async def transfer(self, to: str) -> None:
        """Send the caller to `to`: a SIP address, to which the caller's telephone is redirected; an endpoint such as
        PJSIP/200, which is called and connected; or an extension, at which the dialplan continues.
        """
        if to.startswith(("sip:", "sips:")):
            await self._redirect(to)
        elif "/" in to:
            await self._join_with_music(to)
        else:
            await self._client.ask(ari.carry_on(self.channel, self._context, to))

    async def send_digits(self, digits: str) -> None:
        await self._client.ask(ari.send_keys(self.channel, digits))

    # Functions that no other transport has.

    async def music(self, on: bool) -> None:
        """Start or stop the caller's music on hold. While it plays, the caller is outside the bridge, so caller and bot
        don't hear each other.
        """
        if on:
            await self._client.ask(ari.part(self.names, self.channel))
            await self._client.ask(ari.music(self.channel, True))
        else:
            await self._client.ask_again(ari.music(self.channel, False))
            await self._client.ask(ari.join(self.names, self.channel))

    async def join(self, endpoint: str, *, timeout: int = JOIN_S) -> None:
        """Call `endpoint`, such as PJSIP/200, and connect the caller to whoever answers, without the bot.

        The caller and the bot can go on talking while the endpoint rings. When someone answers, our call ends as
        `transferred`, and the bridge stays until one of the two people hangs up. Raises ServiceError if the endpoint
        can't be called, and Unavailable if it does not answer within `timeout` seconds; in both cases, the call
        continues.
        """
        self.partner_ready, self.partner_gone = trio.Event(), trio.Event()
        self._has_partner = True
        await self._client.ask(ari.dial(self.names, endpoint, timeout=timeout, name=self.names.partner))
        with trio.move_on_after(timeout):
            await self._until_one_of(self.partner_ready, self.partner_gone)
        if not self.partner_ready.is_set() or self.partner_gone.is_set():
            await self._part_from_partner()
            raise Unavailable("ari: the other side did not answer", service=SERVICE)
        await self._client.ask(ari.join(self.names, self.names.partner))
        self._is_joined = True
        self.stream.deliver(ari.sent_on(self.channel))

    async def _part_from_partner(self) -> None:
        """Hang up on the partner and wait for the end of its channel: its events must not be taken for those of the
        next partner.
        """
        with trio.move_on_after(ASK_S):
            await self._client.ask_again(ari.hang_up(self.names.partner))
            await self.partner_gone.wait()

    async def _join_with_music(self, endpoint: str) -> None:
        try:
            await self.music(True)
            await self.join(endpoint)
        finally:
            # the music must also stop if the call to `endpoint` fails; this request fails if the caller has hung up
            with trio.move_on_after(ASK_S, shield=True), suppress(ServiceError):
                await self.music(False)

    async def _redirect(self, address: str) -> None:
        """Have the caller's own telephone call `address`. Returns once the telephone has reacted, or after ASK_S.

        ARI does not report this reaction. But a channel outside the bridge handles one request after another, so we
        send a second request that does nothing: its answer comes after the telephone's reaction.
        """
        await self._client.ask(ari.part(self.names, self.channel))
        try:
            await self._client.ask(ari.redirect(self.channel, f"PJSIP/{address}"))
        except ServiceError:
            await self._client.ask_again(ari.join(self.names, self.channel))
            raise
        await self._client.ask_again(ari.answer(self.channel))

    async def _until_parted(self) -> None:
        """If the caller was connected to a partner, wait until one of the two has hung up."""
        if self._is_joined:
            await self._client.ask_again(ari.hang_up(self.names.media))
            await self._until_one_of(self.gone, self.partner_gone)

    async def _until_one_of(self, *events: trio.Event) -> None:
        async with trio.open_nursery() as nursery:

            async def wait(event: trio.Event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel()

            for event in events:
                nursery.start_soon(wait, event)

    @asynccontextmanager
    async def opened(self, codec: str) -> AsyncIterator[MergedStream]:
        """Answer the call and put the caller and our media into one bridge; at the end, remove whatever is left."""
        try:
            with alone():
                async with trio.open_nursery() as nursery, self._media(codec) as media:
                    nursery.start_soon(self.stream.read, media)
                    yield self.stream
                    await self._until_parted()
                    nursery.cancel_scope.cancel()
        finally:
            with trio.move_on_after(CLEAN_UP_S, shield=True):
                await self._clean_up()

    @asynccontextmanager
    async def _media(self, codec: str) -> AsyncIterator[MessageStream]:
        with trio.move_on_after(SETUP_S) as setup:
            await self._client.ask(ari.answer(self.channel))
            made = await self._client.ask(ari.open_media(self.names, codec))
            connection_id = (made.get("channelvars") or {}).get("MEDIA_WEBSOCKET_CONNECTION_ID", "")
            async with self._client.media(str(connection_id)) as media:
                await self.media_ready.wait()
                await self._client.ask(ari.make_bridge(self.names))
                await self._client.ask(ari.join(self.names, self.channel, self.names.media))
                setup.deadline = inf
                yield media
        if setup.cancelled_caught:
            raise Unavailable(f"ari: expected the call's channels within {SETUP_S:g} s", service=SERVICE)

    async def _clean_up(self) -> None:
        for request in (ari.remove_bridge(self.names.bridge), ari.hang_up(self.names.media)):
            await self._client.ask_again(request)
        if self._has_partner and not self.partner_gone.is_set():
            await self._client.ask_again(ari.hang_up(self.names.partner))
        if not self.gone.is_set():
            await self._client.ask_again(ari.hang_up(self.channel))
