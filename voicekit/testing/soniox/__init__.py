"""A scripted peer that simulates the Soniox realtime services for tests of clients, with results and faults on demand.

    peer = SonioxPeer(script, faults=[Cut(At(received=20), where="inside")])
    async with peer.transport.connect(Address(peer.endpoints.stt, headers=...)) as socket: ...

The peer uses the same protocol code as voicekit's other servers, but has its own recogniser, voice and faults. In
memory, it works in virtual time; over loopback (`peer.serve()`), any client can connect.
"""

from voicekit.testing.soniox.faults import (
    BEFORE_ANSWER,
    BEFORE_REQUEST,
    At,
    Change,
    Close,
    Cut,
    Fault,
    HalfOpen,
    Refuse,
    Reject,
    SayMessage,
    Stall,
    StopReading,
    WireFault,
)
from voicekit.testing.soniox.messages import BINARY, GARBAGE, huge, nulled, out_of_order, with_unknown_fields
from voicekit.testing.soniox.peer import PeerInMemory, SonioxPeer
from voicekit.testing.soniox.peer_tts import Speaking, spoken
from voicekit.testing.soniox.record import ConnectionRecord, KeptMessage, SpokenStream
from voicekit.testing.soniox.results import Hearing

__all__ = [
    "SonioxPeer", "PeerInMemory", "Hearing", "Speaking", "spoken",
    "At", "BEFORE_REQUEST", "BEFORE_ANSWER",
    "Fault", "WireFault", "Cut", "HalfOpen", "StopReading", "Stall", "Reject", "Refuse", "SayMessage", "Change",
    "Close",
    "GARBAGE", "BINARY", "huge", "nulled", "with_unknown_fields", "out_of_order",
    "ConnectionRecord", "SpokenStream", "KeptMessage",
]  # fmt: skip
