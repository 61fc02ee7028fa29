"""The events that a carrier finds in our messages; all wires share these events."""

from voicekit.call.peer import PeerCleared, PeerDigits, PeerEvent, PeerHungUp, PeerMark, PeerOther, PeerSound

__all__ = ["PeerCleared", "PeerDigits", "PeerEvent", "PeerHungUp", "PeerMark", "PeerOther", "PeerSound"]
