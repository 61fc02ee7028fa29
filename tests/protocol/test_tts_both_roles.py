"""Both roles of the synthesis protocol against each other, with messages that cross on the wire."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.format import AudioFormat
from voicekit.soniox.api.config import tts_config
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.wire import Message, TtsConfig
from voicekit.soniox.server.account import Account, Service
from voicekit.soniox.server.realtime.stream import StreamOver, StreamStarted, TextCame
from voicekit.soniox.server.realtime.tts import TtsServer
from voicekit.soniox.tts.connection import TtsConnection
from voicekit.soniox.tts.live_stream import SoundEnded, StreamFailed, StreamSound
from voicekit.soniox.tts.states import TtsState

CONFIG = tts_config(TtsConfig(), AudioFormat(8_000))


class Talk:
    """A connection whose messages arrive when the test says so; the voice says each text's bytes back."""

    def __init__(self) -> None:
        self.account = Account()
        self.client = TtsConnection(0.0)
        self.server = TtsServer(self.account, "key", 0.0)
        self.up: deque[Message] = deque()
        self.down: deque[Message] = deque()
        self.texts: dict[str, str] = {}
        self.ended: set[str] = set()
        self.sent: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.heard: dict[str, bytes] = {}
        self.complete: set[str] = set()

    def post(self) -> None:
        self.up.extend(self.client.outgoing())
        self.down.extend(self.server.outgoing())

    def arrive_up(self) -> None:
        for event in self.server.receive(self.up.popleft(), 0.0) if self.up else ():
            if isinstance(event, StreamStarted):
                self.texts[event.stream] = ""
            if isinstance(event, TextCame):
                self.texts[event.stream] += event.text
                self.ended |= {event.stream} if event.end else set()
            if isinstance(event, StreamOver):
                assert event.refusal is None
                self.texts.pop(event.stream)

    def arrive_down(self) -> None:
        for event in self.client.receive(self.down.popleft(), 0.0) if self.down else ():
            assert not isinstance(event, (StreamFailed, Failed)), event
            if isinstance(event, StreamSound):
                assert event.stream not in self.cancelled, "sound of a cancelled stream"
                self.heard[event.stream] = self.heard.get(event.stream, b"") + event.data
            if isinstance(event, SoundEnded):
                self.complete.add(event.stream)

    def speak(self) -> None:
        for stream, text in list(self.texts.items()):
            if text:
                self.server.audio(stream, text.encode("utf-16-le"), 0.0)
                self.texts[stream] = ""
            elif stream in self.ended:
                self.server.audio(stream, b"", 0.0, end=True)
                self.server.terminated(stream, 0.0)
                del self.texts[stream]

    def say(self, act: str, text: str, number: int) -> None:
        streams = sorted(self.sent)
        stream = streams[number % len(streams)] if streams else ""
        state = self.client.state(stream)
        if act == "start" and self.client.has_room:
            self.sent[self.client.start(CONFIG, 0.0)] = ""
        elif act in ("text", "end") and state is TtsState.OPEN:
            self.client.text(stream, text, 0.0, end=act == "end")
            self.sent[stream] += text
        elif act == "cancel" and stream:
            if stream not in self.complete:
                self.cancelled.add(stream)
            self.client.cancel(stream, 0.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "text", "end", "cancel", "up", "down", "up", "down", "speak"]),
        st.text(alphabet="abc ", max_size=6),
        st.integers(0, 5),
    ),
    max_size=80,
)


@given(STEPS)
def test_whatever_crosses_on_the_wire_no_stream_fails(steps: list[tuple[str, str, int]]) -> None:
    """Starts, texts, ends and cancels in any order, delivered at any time: late answers mean nothing, a cancelled
    stream is silent from that moment on, and the others are spoken whole."""
    talk = Talk()
    acts: dict[str, Any] = {"up": talk.arrive_up, "down": talk.arrive_down, "speak": talk.speak}
    for act, text, number in steps:
        talk.post()
        if act in acts:
            acts[act]()
        else:
            talk.say(act, text, number)
    for stream in talk.sent:
        if talk.client.state(stream) is TtsState.OPEN:
            talk.client.end(stream, 0.0)
    talk.post()
    while talk.texts or talk.up or talk.down:
        talk.arrive_up()
        talk.speak()
        talk.arrive_down()
        talk.post()
    assert talk.account.running[Service.TTS] == 0
    assert talk.client.failure is None
    for stream, text in talk.sent.items():
        assert talk.client.state(stream) is TtsState.ABSENT
        if stream not in talk.cancelled:
            assert talk.heard.get(stream, b"").decode("utf-16-le") == text
            assert stream in talk.complete
