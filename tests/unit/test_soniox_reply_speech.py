"""One reply's speech against a connection that is played by hand: the order of sound, failures, and the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.errors import RemoteProtocolError, ServiceError, Unavailable
from voicekit.events import WordMark
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.soniox.api.errors import Failed, Retry, lost
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.api.word_times import SpokenWord
from voicekit.soniox.tts.live_stream import SoundEnded, StreamFailed, StreamSound
from voicekit.soniox.tts.planner import StreamPlanner
from voicekit.soniox.tts.reply_speech import PATIENCE_S, ReplySpeech
from voicekit.soniox.tts.stream import SpeechStream

GONE = lost("gone", service="s")
SECOND = PCM16K.rate


class HandMouth:
    """What a connection is told, and what it says when we want it to."""

    def __init__(self) -> None:
        self.has_room = True
        self.trouble: Any = None
        self.hopeless = False
        self.texts: dict[str, str] = {}
        self.cancelled: list[str] = []
        self.ended: list[str] = []
        self.waiter: Any = None
        self.streams: dict[str, SpeechStream] = {}

    def attend(self, waiter: Any) -> None:
        self.waiter = waiter

    def leave(self, waiter: Any) -> None:
        """Nothing is told any more."""

    def start(self, config: TtsConfig, stream: SpeechStream) -> None:
        stream.id = f"s{len(self.texts) + 1}"
        self.streams[stream.id] = stream
        self.texts[stream.id] = ""

    def send(self, stream: SpeechStream, text: str, *, end: bool) -> None:
        self.texts[stream.id] += text

    def cancel(self, stream: SpeechStream) -> None:
        if stream.id not in self.cancelled + self.ended:
            self.cancelled.append(stream.id)
            del self.streams[stream.id]

    def flush(self) -> None:
        """Nothing is kept back."""

    def sounds(self, stream: str, letter: str, seconds: float = 1.0) -> None:
        """`letter` sounds for so long, and is told as a word."""
        data = ord(letter).to_bytes(2, "little") * round(seconds * SECOND)
        self._tell(StreamSound(stream, data, seconds, (SpokenWord(letter, 0.0),), (letter, " ")))

    def ends(self, stream: str) -> None:
        self.ended.append(stream)
        self._tell(SoundEnded(stream))

    def fails(self, stream: str, failure: Failed = GONE) -> None:
        self.ended.append(stream)
        self._tell(StreamFailed(stream, failure))

    def _tell(self, event: Any) -> None:
        if event.stream in self.streams:
            self.streams[event.stream].hear(event, trio.current_time())
            self.waiter.look_again()


@dataclass
class Reply:
    """A reply that is being spoken, and what has come of it."""

    mouth: HandMouth
    utterance: ReplySpeech
    text: Outlet[Any]
    inlet: Inlet[Any]
    heard: str = ""
    marks: list[WordMark] = field(default_factory=list)
    said: int = 0
    error: Exception | None = None
    over: trio.Event = field(default_factory=trio.Event)

    async def say(self, text: str) -> None:
        await self.text.send(Text.raw(text, self.said))
        self.said += len(text)
        await settled()

    async def listen(self) -> None:
        async for item in self.inlet:
            if isinstance(item, AudioFrame):
                self.heard += chr(item.pcm[0]) * round(item.seconds)
            else:
                self.marks.append(item)


async def settled() -> None:
    """Everything that can happen without time has happened."""
    await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def reply(*, eager: bool = False) -> AsyncIterator[Reply]:
    """A reply under way; leaving it cancels it."""
    mouth: Any = HandMouth()
    utterance = ReplySpeech(mouth, TtsConfig(), PCM16K, StreamPlanner(eager=eager, roll=lambda: 0.0))
    text, inbox = open_link(400)
    outbox, inlet = open_link(2 * SECOND)
    made = Reply(mouth, utterance, text, inlet)

    async def run() -> None:
        try:
            await utterance.run(inbox, outbox)
        except* ServiceError as group:
            (made.error,) = group.exceptions
        made.over.set()

    with text, inbox, outbox, inlet:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            nursery.start_soon(made.listen)
            yield made
            await settled()
            nursery.cancel_scope.cancel()


async def two_streams(spoken: Reply) -> None:
    """One stream is ended for want of text, and the next has opened before its sound has come."""
    await spoken.say("a ")
    await trio.sleep(3.0)
    await spoken.say("b ")
    assert spoken.mouth.texts == {"s1": "a ", "s2": "b "}


async def test_sound_is_played_in_the_order_of_the_text(autojump_clock: object) -> None:
    """What a later stream sounds waits until the one before it has ended, and marks are placed behind it."""
    async with reply() as spoken:
        await two_streams(spoken)
        spoken.mouth.sounds("s2", "b")
        spoken.mouth.ends("s2")
        await settled()
        assert spoken.heard == ""
        spoken.mouth.sounds("s1", "a", 2.0)
        await settled()
        assert spoken.heard == "aa"
        spoken.mouth.ends("s1")
        spoken.text.close()
        await spoken.over.wait()
    assert spoken.heard == "aab"
    assert spoken.marks == [WordMark("a", 0, 1), WordMark("b", 2 * SECOND, 3)]
    assert spoken.error is None


async def test_nothing_is_played_of_a_stream_that_is_said_again(autojump_clock: object) -> None:
    """When a stream fails, the one behind it is cancelled with its sound, and both texts come in a new one."""
    async with reply() as spoken:
        await two_streams(spoken)
        spoken.mouth.sounds("s2", "b")
        spoken.mouth.fails("s1")
        await trio.sleep(1.0)
        assert spoken.heard == ""
        assert spoken.mouth.cancelled == ["s2"]
        assert spoken.mouth.texts["s3"] == "a b "
        spoken.mouth.sounds("s2", "b")
        spoken.mouth.sounds("s3", "a")
        spoken.mouth.sounds("s3", "b")
        await settled()
    assert spoken.heard == "ab"


async def test_a_stopped_reply_starts_nothing_more(autojump_clock: object) -> None:
    """After `stop`, its streams are cancelled, and text that still comes goes nowhere."""
    async with reply() as spoken:
        await spoken.say("a ")
        spoken.utterance.stop()
        await spoken.say("b ")
        await trio.sleep(10.0)
        assert spoken.mouth.cancelled == ["s1"]
        assert spoken.mouth.texts == {"s1": "a "}


async def test_a_cancelled_reply_cancels_its_streams(autojump_clock: object) -> None:
    """Whoever cancels the task that speaks leaves no stream behind."""
    async with reply() as spoken:
        await spoken.say("a ")
    assert spoken.mouth.cancelled == ["s1"]


async def test_a_reply_waits_for_a_connection_only_as_long_as_it_can_bear_silence(autojump_clock: object) -> None:
    """The patience of five seconds begins when everything was played, and ends in what the trouble was."""
    async with reply() as spoken:
        await spoken.say("a b c ")
        for letter in "ab":
            spoken.mouth.sounds("s1", letter, 3.0)
        spoken.mouth.has_room, spoken.mouth.trouble = False, GONE.error
        spoken.mouth.fails("s1")
        start = trio.current_time()
        await spoken.over.wait()
        assert trio.current_time() - start == pytest.approx(PATIENCE_S)
    assert spoken.heard == "aaabbb"
    assert spoken.error is GONE.error


async def test_a_connection_that_comes_back_in_time_is_used(autojump_clock: object) -> None:
    """Within its patience, a reply goes on where it was."""
    async with reply() as spoken:
        spoken.mouth.has_room, spoken.mouth.trouble = False, GONE.error
        await spoken.say("a b ")
        await trio.sleep(PATIENCE_S - 0.1)
        spoken.mouth.has_room, spoken.mouth.trouble = True, None
        spoken.utterance.look_again()
        spoken.mouth.sounds("s1", "a")
        await trio.sleep(PATIENCE_S)
        assert spoken.mouth.texts == {"s1": "a b "}
        assert spoken.error is None


async def test_without_hope_nothing_is_waited_for_and_without_words_nothing_is_wrong(autojump_clock: object) -> None:
    """A reply that has nothing to say yet does not mind that there is no connection."""
    async with reply() as spoken:
        spoken.mouth.has_room, spoken.mouth.trouble, spoken.mouth.hopeless = False, GONE.error, True
        spoken.utterance.look_again()
        await trio.sleep(60.0)
        assert spoken.error is None
        start = trio.current_time()
        await spoken.say("a ")
        await spoken.over.wait()
        assert trio.current_time() == start
    assert spoken.error is GONE.error


async def test_a_peer_that_breaks_the_protocol_fails_a_reply_as_a_service_does(autojump_clock: object) -> None:
    """Its error is Unavailable, so that it ends the reply and not the call."""
    async with reply() as spoken:
        await spoken.say("a ")
        spoken.mouth.fails("s1", Failed(RemoteProtocolError("nonsense"), Retry.NEVER))
        await spoken.over.wait()
    assert isinstance(spoken.error, Unavailable)
    assert "nonsense" in str(spoken.error)
