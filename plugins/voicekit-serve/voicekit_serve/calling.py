"""An outgoing call: runs a server while the call lasts, has the carrier dial, and reports how the call ended."""

from __future__ import annotations

from typing import Any

import trio

from voicekit.call.connection import Call
from voicekit.call.control import CallReport
from voicekit.call.desk import CallAnswer, Conversation
from voicekit.call.info import CallEnd, EndReason
from voicekit.call.transport import DialingTransport
from voicekit.errors import ConfigError, VoicekitError
from voicekit.flow.groups import alone
from voicekit_serve.server import serve
from voicekit_serve.site import CallSite

CONNECT_S = 15.0
"""Seconds that the carrier has after the ringing to ask our webhook and open the socket."""

PLACES = 3
"""Calls that the server lets in: the dialled one, and others that come in meanwhile and are refused one by one."""


async def call_out(
    answer: CallAnswer, transport: DialingTransport, to: str, *, ring: float = 30.0, dialing: Any = None, **serving: Any
) -> CallEnd:
    """Call `to` over `transport`, let `answer` conduct the conversation, and return how the call ended.

    `dialing` holds further options for `CallSite.dial`, and `serving` for `serve`. A call also ends if nobody answers,
    if the line is busy, or if no socket is opened; the carrier is then told to stop ringing. Raises ConfigError or
    ServiceError if dialling fails. If cancelled or stopped by a signal, hangs up.
    """
    outbound = OutboundCall(answer)
    with alone():
        async with trio.open_nursery() as nursery:

            async def serving_it(task_status: trio.TaskStatus[CallSite]) -> None:
                await serve(outbound.answer, transport, max_calls=PLACES, task_status=task_status, **serving)
                nursery.cancel_scope.cancel()  # a signal has ended the server

            site: CallSite = await nursery.start(serving_it)
            try:
                await outbound.run(site, to, ring, dialing or {})
            finally:
                await outbound.give_up(site, transport)
                site.stop()
    return outbound.end


class OutboundCall:
    """Keeps track of the call that was dialled, and refuses all other calls."""

    def __init__(self, answer: CallAnswer) -> None:
        self._answer = answer
        self._id = ""
        self._call: Call | None = None
        self._end: CallEnd | None = None
        self._early: dict[str, CallEnd] = {}  # reports that come before the answer to our request to dial
        self._dialled = trio.Event()
        self._news = trio.Event()  # set when the call has begun, or can no longer begin
        self._over = trio.Event()

    @property
    def end(self) -> CallEnd:
        """How the call ended; valid only after `run` has returned."""
        if self._call is not None and self._call.end is not None:
            return self._call.end
        return self._end or CallEnd(EndReason.NO_ANSWER)

    async def run(self, site: CallSite, to: str, ring: float, how: dict[str, Any]) -> None:
        """Dial, and wait until the call has ended."""
        site.watch(self._hear)
        self._id = await site.dial(to, ring=ring, **how)
        self._dialled.set()
        if self._id in self._early:
            self._hear(CallReport(self._id, self._early[self._id]))
        with trio.move_on_after(ring + CONNECT_S):
            await self._news.wait()
        if self._call is not None:
            await self._over.wait()

    async def answer(self, call: Call) -> Conversation | None:
        """The conversation for `call`, or None if it is not the call that we dialled. First waits for our call's id,
        because the socket may open before our request to dial is answered.
        """
        await self._dialled.wait()
        if call.info.call_id.value != self._id or self._call is not None:
            return None
        conversation = await self._answer(call)
        if conversation is None:
            self._news.set()
            return None
        self._call = call
        self._news.set()
        return _Followed(conversation, self._over)

    async def give_up(self, site: CallSite, transport: DialingTransport) -> None:
        """End a call that was dialled but never began. Takes a limited time."""
        if not self._id or self._call is not None or self._end is not None:
            return
        control = transport.control(site, self._id)
        if control is None or "hang_up" not in control.can:
            return
        with trio.move_on_after(2.0, shield=True):
            try:
                await control.hang_up()
            except VoicekitError:
                return  # the telephone then rings until the time limit in our request to dial

    def _hear(self, report: CallReport) -> None:
        if report.end is None or self._call is not None:
            return
        if not self._id:
            self._early[report.call_id] = report.end
        elif report.call_id == self._id:
            self._end = report.end
            self._news.set()


class _Followed:
    """A conversation that sets the event `over` when it ends."""

    def __init__(self, conversation: Conversation, over: trio.Event) -> None:
        self._conversation = conversation
        self._over = over

    async def run(self) -> object:
        try:
            return await self._conversation.run()
        finally:
            self._over.set()

    def end(self, *, why: str, farewell: str | None = None) -> None:
        self._conversation.end(why=why, farewell=farewell)


def dialing(transport: Any) -> DialingTransport:
    """`transport` itself. Raises ConfigError if it can't make calls."""
    if not isinstance(transport, DialingTransport):
        raise ConfigError(f"call: {transport.name} can't place calls")
    return transport
