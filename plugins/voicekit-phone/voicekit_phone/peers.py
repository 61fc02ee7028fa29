"""What a carrier makes of our messages: the same few things on every wire."""

from voicekit.call.peer import PeerCleared, PeerDigits, PeerEvent, PeerHungUp, PeerMark, PeerOther, PeerSound

__all__ = ["PeerCleared", "PeerDigits", "PeerEvent", "PeerHungUp", "PeerMark", "PeerOther", "PeerSound"]
