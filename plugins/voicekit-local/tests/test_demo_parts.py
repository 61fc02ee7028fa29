"""The parts of the demo, each on its own: the caller, the script's cues, the bot, and the line that can be cut."""

from __future__ import annotations

import io
import shutil
import sys
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from voicekit.audio.file import SoundFileWriter
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError, DeviceError
from voicekit.events import Audible, Blocked, SessionStarted, SttDown, SttUp, Trouble, TurnCommitted, TurnEnded
from voicekit.flow import open_link
from voicekit.flow.threads import inline
from voicekit.play.sink import NullSink
from voicekit.session.session import Session
from voicekit.testing import FakeTts, Script, ScriptedSource, ScriptedStt, hold_call
from voicekit_local.demo.bot import STORY, bot
from voicekit_local.demo.caller import PCM24K, Caller, recording
from voicekit_local.demo.playing import how_to_hear, play
from voicekit_local.demo.relay import open_relay
from voicekit_local.demo.script import PATIENCE_S, Line, Moments, lines, perform
from voicekit_local.demo.showing import DemoLive
from voicekit_local.wer import plain_words


async def test_the_caller_says_a_line_whole_and_is_silent_around_it(autojump_clock: object) -> None:
    """Every sample of a line comes once and in order, in frames that keep real time."""
    caller = Caller()
    line = array("h", range(1, 24_001)).tobytes()
    outlet, inlet = open_link(10**7, weigh=lambda frame: frame.samples)
    heard = bytearray()

    async def listen() -> None:
        async for frame in inlet:
            heard.extend(frame.pcm)

    with outlet, inlet:
        async with caller.open() as run, trio.open_nursery() as nursery:
            started = trio.current_time()
            nursery.start_soon(listen)
            nursery.start_soon(run, None, outlet)
            await trio.sleep(1.0)
            await caller.speak(line)
            spoken_at = trio.current_time() - started
            caller.hang_up()
            await trio.sleep(0.1)
            outlet.close()
    assert 1.97 <= spoken_at <= 2.07  # one frame more or less, depending on when the two tasks wake
    assert bytes(heard).strip(b"\0") == line.strip(b"\0")
    assert len(heard) == pytest.approx(2 * 24_000 * spoken_at, abs=4_000)


def test_every_line_is_recorded() -> None:
    """Each line of the script has its recording, in the caller's format and as long as its words need."""

    async def check() -> None:
        for line in lines():
            seconds = len(await recording(line.path, PCM24K)) / 48_000
            assert 0.1 * len(plain_words(line.text)) < seconds < 0.2 * len(line.text), line.name

    assert sum(line.aside for line in lines()) == 1
    trio.run(check)


async def test_a_recording_in_another_format_is_refused() -> None:
    """The caller has one format; what is wrong is told with the file's name."""
    with pytest.raises(ConfigError, match=r"question\.flac: expected .*8000 Hz.*, got .*24000 Hz"):
        await recording(lines()[0].path, AudioFormat(8_000))


class Heckler(Caller):
    """Notes when it would say something."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[float] = []

    async def speak(self, pcm: bytes) -> None:
        self.said.append(trio.current_time())
        await trio.sleep(1.0)


async def test_lines_are_said_at_their_cues(autojump_clock: object) -> None:
    """One after a reply, one into the next, one when certain words were said, and a missed cue holds nobody up."""
    name = lines()[0].name
    script = [
        Line(name, "", after=0.5),
        Line(name, "", into=2.0),
        Line(name, "", after=0.5, until="over"),
        Line(name, "", after=0.5),
    ]
    token = inline.set(True)
    caller, moments = Heckler(), Moments()
    said: list[Line] = []
    start = trio.current_time()

    async def bot_speaks() -> None:
        for at, event in [
            (1.0, Audible(1)),
            (3.0, TurnEnded(1, "hello", "hello", False)),
            (6.0, Audible(2)),
            (8.5, TurnEnded(2, "a story", "a", True)),
            (12.0, TurnEnded(3, "yes", "yes", False)),
            (15.0, TurnEnded(4, "it is over", "it is over", False)),
        ]:
            await trio.sleep_until(start + at)
            moments(event)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bot_speaks)
            await perform(script, caller, moments, None, said)
    finally:
        inline.reset(token)
    expected = [3.5, 8.0, 15.5, 16.5 + PATIENCE_S]
    assert [at - start for at in caller.said] == pytest.approx(expected, abs=0.01)
    assert said == script


def test_the_bot_has_an_answer_to_every_line() -> None:
    """In virtual time, with the words as they should be recognised, each line of the script is answered as meant."""
    user = Script()
    for number, line in enumerate(line for line in lines() if not line.aside):
        user.says(line.text, at=1.0 + 45.0 * number, for_=2.0)
    user.stays(until=240.0)
    answers = [exchange.said for exchange in hold_call(bot, user).history]
    assert answers[0] == "12 times 14 is 168."
    assert answers[1] == STORY.replace("\n", " ")
    assert answers[2:4] == ["All right, 12 seconds from now.", "Your 12 seconds are over."]
    assert answers[4] == "A table for four on Friday evening. It is yours."
    assert answers[5] == "Goodbye!"


async def test_a_line_can_be_cut() -> None:
    """A relay passes bytes both ways until it is cut; then both sides see the end, and new connections pass again."""

    async def echo(stream: trio.SocketStream) -> None:
        async for block in stream:
            await stream.send_all(block.upper())

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, echo, [listener])
        port = listener.socket.getsockname()[1]
        async with open_relay(f"ws://127.0.0.1:{port}/transcribe") as relay:
            assert relay.url.endswith("/transcribe")
            relayed = int(relay.url.split(":")[2].split("/")[0])
            for _ in range(2):
                with trio.fail_after(120):
                    async with await trio.open_tcp_stream("127.0.0.1", relayed) as client:
                        await client.send_all(b"hello")
                        assert await client.receive_some() == b"HELLO"
                        assert relay.cut() == 1
                        assert await client.receive_some() == b""
        nursery.cancel_scope.cancel()


def test_a_relay_wants_a_server_of_this_kind() -> None:
    """An address with a certificate behind it can't be relayed, which is said at once."""

    async def check() -> None:
        async with open_relay("wss://example.org/x"):
            """Not reached."""

    with pytest.raises(ConfigError, match=r"expected an address like ws://"):
        trio.run(check)


def a_session() -> Session:
    script = Script()
    return Session(handler=bot, source=ScriptedSource(script), sink=NullSink(), stt=ScriptedStt(script), tts=FakeTts())


async def shown(*events: Any) -> list[str]:
    """The lines of a call in which something happens every second."""
    out = io.StringIO()
    live = DemoLive(a_session(), out, terminal=False)
    for event in (SessionStarted(), *events):
        live.note(event)
        await trio.sleep(1)
    live.summary()
    return out.getvalue().splitlines()


async def test_lines_stand_in_the_order_of_their_times(autojump_clock: object) -> None:
    """A line that comes while the bot speaks waits for the bot's, which began earlier; what blocks is not shown."""
    lines = await shown(
        TurnCommitted(1, "tell me", "typed"), Audible(1), Blocked("Shell", 0.2), Trouble("x", ValueError("odd")),
        TurnEnded(1, "A story.", "A story.", False), TurnCommitted(2, "and now", "typed"),
    )  # fmt: skip
    assert [line.split()[1] for line in lines] == ["you", "bot", "!", "you"]
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times)
    assert not any("Shell" in line for line in lines)


async def test_a_line_is_not_lost_with_a_call_that_breaks_off(autojump_clock: object) -> None:
    """What waited for a reply that never ended is printed before the summary."""
    assert "odd" in (await shown(Audible(1), Trouble("x", ValueError("odd"))))[0]


async def test_a_cut_is_told_as_one_and_a_loss_as_a_loss(autojump_clock: object) -> None:
    """The demo's own cut names the server and the purpose; a connection that is lost otherwise is a fault as ever."""
    out = io.StringIO()
    live = DemoLive(a_session(), out, terminal=False)
    live.note(SessionStarted())
    live.cutting("ws://127.0.0.1:9/transcribe-websocket")
    for event in (SttDown("1006 (ABNORMAL_CLOSURE)"), SttUp(), SttDown("1006 (ABNORMAL_CLOSURE)")):
        live.note(event)
    cut, again, lost = out.getvalue().splitlines()
    assert "(ws://127.0.0.1:9/transcribe-websocket), on purpose" in cut
    assert "connected again" in again
    assert "1006" in lost
    assert "!" in lost


async def test_the_recording_can_be_heard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is played whole, both sides in one; without a speaker or its plugin there is a sentence and a command."""
    path = tmp_path / "call.wav"
    with SoundFileWriter(path, AudioFormat(24_000, channels=2)) as file:
        file.write(AudioFrame(array("h", [100, 300] * 12_000).tobytes(), 0, AudioFormat(24_000, channels=2)))
    heard = bytearray()

    class Played:
        position = 12_000

        def __init__(self, rate: int) -> None:
            assert rate == 24_000

        @asynccontextmanager
        async def open(self) -> AsyncIterator[Played]:
            yield self

        async def write(self, frame: AudioFrame) -> None:
            heard.extend(frame.pcm)

    class Absent(Played):
        async def write(self, frame: AudioFrame) -> None:
            raise DeviceError("no speaker: this machine has none")

    monkeypatch.setitem(sys.modules, "voicekit_device.speaker", SimpleNamespace(Speaker=Played))
    assert await play(path) is None
    assert heard == array("h", [200] * 12_000).tobytes()
    monkeypatch.setitem(sys.modules, "voicekit_device.speaker", SimpleNamespace(Speaker=Absent))
    assert await play(path) == "The call can't be played here: no speaker: this machine has none."
    monkeypatch.setitem(sys.modules, "voicekit_device.speaker", None)
    assert await play(path) == "--play needs the plugin voicekit-device."
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/aplay" if name == "aplay" else None)
    assert how_to_hear(path) == f"To hear it: aplay {path}"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert str(path) in how_to_hear(path)
