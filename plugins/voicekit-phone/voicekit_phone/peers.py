"""How a carrier reacts to our messages: a few reactions that all wires share."""

from voicekit.call.peer import PeerCleared, PeerDigits, PeerEvent, PeerHungUp, PeerMark, PeerOther, PeerSound

__all__ = ["PeerCleared", "PeerDigits", "PeerEvent", "PeerHungUp", "PeerMark", "PeerOther", "PeerSound"]
