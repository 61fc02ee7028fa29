"""A call over ARI as one wire: the messages of its media websocket, and Asterisk's events about its channels (pure).

The wire gets both as messages: media messages have an `event` field, ARI's events a `type` field. The wire learns from
ARI's events that the call has ended, because the media websocket stays open after the caller's channel has ended.

    ChannelHangupRequest{cause}, then StasisEnd      the caller hung up
    StasisEnd alone                                  the channel left our app: it was transferred
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voicekit.call.info import CallEnd, CallInfo, EndReason, Known
from voicekit.call.wire import (
    CallStarted,
    FarHold,
    WireDigit,
    WireEnded,
    WireEvent,
    WireMessage,
    WireNotice,
)
from voicekit_asterisk.ari import AriEvent, AriNames, end_of, read_ari
from voicekit_asterisk.chan_websocket import ChanWebsocketWire


class AriWire(ChanWebsocketWire):
    """Our side of one call: `channel` is the caller's channel or one that we dialled; `facts` come from ARI."""

    name = "ari"
    can = frozenset({"mark", "clear", "hang_up"})

    def __init__(
        self, names: AriNames, channel: str, facts: Mapping[str, str] | None = None, *, outbound: bool = False
    ) -> None:
        super().__init__(facts, trust="signed")
        self._names = names
        self._channel = channel
        self._outbound = outbound

    def receive(self, message: WireMessage) -> Sequence[WireEvent]:
        if isinstance(message, str) and '"type"' in message and '"event"' not in message[:20]:
            return self._happened(read_ari(message))
        return [self._told(event) for event in super().receive(message)]

    def closed(self, code: int | None) -> WireEnded:
        """A closed websocket counts as a lost call: if the caller's channel had ended, ARI's events would have reported
        that first.
        """
        return WireEnded(CallEnd(EndReason.LOST, "" if code is None else str(code)))

    def _told(self, event: WireEvent) -> WireEvent:
        if isinstance(event, WireDigit):  # ARI reports the digit too, so it must not count twice
            return WireNotice("a digit of the media channel passed over")
        if not isinstance(event, CallStarted):
            return event
        info = CallInfo(
            self.name,
            Known(self._channel, "signed"),
            stream_id=self._names.media,
            direction="outbound" if self._outbound else "inbound",
            caller=event.info.caller,
            called=event.info.called,
            parameters={name: known for name, known in event.info.parameters.items() if known.trust == "signed"},
        )
        return CallStarted(info, event.heard, event.spoken)

    def _happened(self, event: AriEvent) -> Sequence[WireEvent]:
        if event.channel != self._channel:
            return [WireNotice(f"{event.kind} of another channel passed over")]
        match event.kind:
            case "ChannelHangupRequest" | "ChannelDestroyed":
                return [WireEnded(end_of(event.cause))]
            case "StasisEnd":
                return [WireEnded(CallEnd(EndReason.TRANSFERRED))]
            case "ChannelDtmfReceived":
                digit = str(event.message.get("digit", ""))
                return [WireDigit(digit)] if len(digit) == 1 and digit in "0123456789*#ABCD" else []
            case "ChannelHold" | "ChannelUnhold":
                return [FarHold(event.kind == "ChannelHold")]
            case kind:
                return [WireNotice(f"{kind[:40]} passed over")]
