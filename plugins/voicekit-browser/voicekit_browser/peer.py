"""The page's side of `voicekit.v1` in Python (pure), for tests and for programs that talk to a voicekit server.

Like a page, it keeps its state when the socket changes: the caller's audio and entries (lines and key presses), which
the server may ask for again, and its position in the bot's audio.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from voicekit.call.json_object import read_object
from voicekit.call.wire import WireMessage
from voicekit_browser.reading import dumped, text, whole
from voicekit_browser.wire import HEARD_RATE, SUBPROTOCOL

KEPT_S = 15
"""Seconds of the caller's audio that can be sent again: more than the longest time without a socket."""


class PagePeer:
    """The page's side of one call. `receive` returns the server's message as a mapping, or the bot's audio as bytes."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.resume_token = ""
        self.spoken_rate = 0
        self.gen = 0
        self.got = 0
        self.played = 0
        self.events = 0
        self.said = 0  # the number of samples sent by the caller so far
        self._kept = bytearray()
        self._entries: deque[tuple[int, str]] = deque(maxlen=200)
        self._entered = 0

    def start(self) -> str:
        return dumped(type="start", token=self.token, client="voicekit-browser in Python")

    def resume(self) -> str:
        spot = {"gen": self.gen, "got": self.got, "played": self.played, "events": self.events}
        return dumped(type="resume", token=self.resume_token, **spot)

    def sound(self, pcm: bytes) -> bytes:
        self.said += len(pcm) // 2
        self._kept += pcm
        del self._kept[: max(0, len(self._kept) - KEPT_S * HEARD_RATE * 2)]
        return pcm

    def type(self, line: str) -> str:
        return self._enter(type="text", text=line)

    def press(self, digit: str) -> str:
        return self._enter(type="dtmf", digit=digit)

    def _enter(self, **fields: str) -> str:
        self._entered += 1
        message = dumped(n=self._entered, **fields)
        self._entries.append((self._entered, message))
        return message

    def report(self, *, playing: bool) -> str:
        return dumped(type="played", gen=self.gen, samples=self.played, playing=playing)

    def bye(self) -> str:
        return dumped(type="bye")

    def receive(self, message: WireMessage) -> Mapping[str, Any] | bytes:
        if isinstance(message, bytes):
            self.got += len(message) // 2
            return message
        value = read_object(message, SUBPROTOCOL)
        match text(value, "type", 40):
            case "welcome":
                self.resume_token, self.spoken_rate = text(value, "resume", 200), whole(value, "spoken")
            case "flush":
                self._generation(whole(value, "gen"))
            case "resumed" if whole(value, "gen") != self.gen:
                self._generation(whole(value, "gen"))
            case "event":
                self.events = whole(value, "n")
        return value

    def again(self, begun: Mapping[str, Any]) -> list[WireMessage]:
        """The messages to send after `welcome` or `resumed`: the audio and entries that have not reached the server."""
        is_new = begun["type"] == "welcome"
        missing = self.said - (0 if is_new else whole(begun, "heard"))
        there = min(missing, len(self._kept) // 2)
        messages: list[WireMessage] = []
        if missing > there:
            messages.append(dumped(type="skip", samples=missing - there))
        tail = bytes(self._kept[len(self._kept) - 2 * there :])
        messages += [tail[place : place + 32_000] for place in range(0, len(tail), 32_000)]
        entered = 0 if is_new else whole(begun, "entered")
        return messages + [message for n, message in self._entries if n > entered]

    def _generation(self, gen: int) -> None:
        self.gen, self.got, self.played = gen, 0, 0
