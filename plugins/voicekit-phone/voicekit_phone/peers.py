"""The events that simulated carriers read from our messages; they are the same for all carriers."""

from voicekit.call.peer import PeerCleared, PeerDigits, PeerEvent, PeerHungUp, PeerMark, PeerOther, PeerSound

__all__ = ["PeerCleared", "PeerDigits", "PeerEvent", "PeerHungUp", "PeerMark", "PeerOther", "PeerSound"]
