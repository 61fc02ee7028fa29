"""How a carrier reacts to our messages: the same few reactions on every wire."""

from voicekit.call.peer import PeerCleared, PeerDigits, PeerEvent, PeerHungUp, PeerMark, PeerOther, PeerSound

__all__ = ["PeerCleared", "PeerDigits", "PeerEvent", "PeerHungUp", "PeerMark", "PeerOther", "PeerSound"]
