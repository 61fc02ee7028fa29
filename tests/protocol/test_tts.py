"""A synthesis connection as the client sees it: messages out, events in, one cell of the table after the other."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError, LocalProtocolError, RemoteProtocolError, Unavailable
from voicekit.soniox.api.config import tts_config
from voicekit.soniox.api.errors import Failed, Retry
from voicekit.soniox.api.verdict import IGNORE, WRONG, assert_total
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.api.word_times import SpokenWord
from voicekit.soniox.tts.connection import KEEPALIVE_S, TtsConnection
from voicekit.soniox.tts.live_stream import LINGER_S, STALL_S, SoundEnded, StreamFailed, StreamGone, StreamSound
from voicekit.soniox.tts.states import TTS_TABLE, TtsInput, TtsState

CONFIG = tts_config(TtsConfig(voice="Maya", return_timestamps=True), AudioFormat(24_000))
START = {
    "model": "tts-rt-v2",
    "language": "en",
    "voice": "Maya",
    "audio_format": "pcm_s16le",
    "sample_rate": 24_000,
    "return_timestamps": True,
    "stream_id": "s1",
}


def sent(connection: TtsConnection) -> list[Any]:
    return [json.loads(message) for message in connection.outgoing()]


def sound(stream: str, data: bytes, **more: Any) -> str:
    return json.dumps({"stream_id": stream, "audio": base64.b64encode(data).decode(), **more})


def error(stream: str | None, error_type: str = "internal_error", code: int = 500, **more: Any) -> str:
    return json.dumps({"stream_id": stream, "error_type": error_type, "error_code": code, "error_message": "m", **more})


def started(state: TtsState) -> TtsConnection:
    """A connection whose stream s1 is in `state`."""
    connection = TtsConnection(0.0)
    connection.start(CONFIG, 0.0)
    if state in (TtsState.DRAINING, TtsState.ENDED):
        connection.end("s1", 0.0)
    if state is TtsState.ENDED:
        connection.receive('{"stream_id":"s1","audio_end":true}', 0.0)
    if state is TtsState.CANCELLING:
        connection.cancel("s1", 0.0)
    if state is TtsState.FAILED:
        connection.receive(error("s1"), 0.0)
    if state is TtsState.ABSENT:
        connection.cancel("s1", 0.0)
        connection.receive('{"stream_id":"s1","terminated":true}', 0.0)
    assert connection.state("s1") is state
    connection.outgoing()
    return connection


def test_the_table_is_total() -> None:
    """Every state has a cell for everything that can happen."""
    assert_total(TTS_TABLE, TtsState, TtsInput)


ACTS = {
    TtsInput.TEXT: lambda connection: connection.text("s1", "hi", 1.0),
    TtsInput.END: lambda connection: connection.end("s1", 1.0),
    TtsInput.CANCEL: lambda connection: connection.cancel("s1", 1.0),
}
ANSWERS = {
    TtsInput.AUDIO: sound("s1", b"ab"),
    TtsInput.AUDIO_END: '{"stream_id":"s1","audio":"","audio_end":true}',
    TtsInput.ERROR: error("s1"),
    TtsInput.TERMINATED: '{"stream_id":"s1","terminated":true}',
}


@pytest.mark.parametrize("state", TtsState)
@pytest.mark.parametrize("what", ACTS)
def test_what_we_do_follows_the_table(state: TtsState, what: TtsInput) -> None:
    """What the table allows is sent and moves the stream, what it ignores is not sent, the rest is our mistake."""
    connection, cell = started(state), TTS_TABLE[state][what]
    if cell is WRONG:
        with pytest.raises(LocalProtocolError, match=f"{what.name} is not possible while stream s1 is {state.name}"):
            ACTS[what](connection)
    else:
        ACTS[what](connection)
    assert bool(sent(connection)) is isinstance(cell, TtsState)
    assert connection.state("s1") is (cell if isinstance(cell, TtsState) else state)


@pytest.mark.parametrize("state", TtsState)
@pytest.mark.parametrize("what", ANSWERS)
def test_what_the_service_does_follows_the_table(state: TtsState, what: TtsInput) -> None:
    """What the table allows is told and moves the stream, what it ignores is silent, the rest fails the stream."""
    connection, cell = started(state), TTS_TABLE[state][what]
    events = connection.receive(ANSWERS[what], 1.0)
    if cell is IGNORE:
        assert events == []
        assert connection.state("s1") is state
    elif cell is WRONG:
        assert isinstance(events[0], StreamFailed)
        assert isinstance(events[0].failure.error, RemoteProtocolError)
        assert sent(connection) == [{"stream_id": "s1", "cancel": True}]
        assert connection.state("s1") is TtsState.CANCELLING
    else:
        assert len(events) >= 1
        assert connection.state("s1") is cell
    assert connection.failure is None


def test_a_stream_from_start_to_end() -> None:
    """Configuration, text, end; sound with words; the end of the sound, and of the stream."""
    connection = TtsConnection(0.0)
    stream = connection.start(CONFIG, 0.0)
    connection.text(stream, "Good mor", 0.1)
    connection.text(stream, "ning", 0.2, end=True)
    assert sent(connection) == [
        START,
        {"stream_id": "s1", "text": "Good mor", "text_end": False},
        {"stream_id": "s1", "text": "ning", "text_end": True},
    ]
    stamps = {"characters": list("Good morn"), "character_start_times_seconds": [n / 10 for n in range(9)]}
    assert connection.receive(sound("s1", b"\0" * 4_800, audio_end=False, timestamps=stamps), 0.5) == [
        StreamSound("s1", b"\0" * 4_800, 0.1, (SpokenWord("Good", 0.0),), tuple("Good morn"))
    ]
    stamps = {"characters": list("ing"), "character_start_times_seconds": [0.9, 1.0, 1.1]}
    assert connection.receive(sound("s1", b"\1" * 2, audio_end=True, timestamps=stamps), 0.6) == [
        StreamSound("s1", b"\1" * 2, 1 / 24_000, (), tuple("ing")),
        SoundEnded("s1", (SpokenWord("morning", 0.5),)),
    ]
    assert connection.receive('{"stream_id":"s1","terminated":true}', 0.7) == [StreamGone("s1")]
    assert connection.has_room


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.sampled_from(["pcm_s16le", "pcm_f32le", "pcm_mulaw"]))
def test_samples_are_whole_however_they_are_cut(cuts: list[int], name: str) -> None:
    """A sample that is torn over two messages is told when it is whole, and nothing is lost or doubled."""
    width = {"pcm_s16le": 2, "pcm_f32le": 4, "pcm_mulaw": 1}[name]
    connection = TtsConnection(0.0)
    config = TtsConfig(model="m", language="en", voice="v", audio_format=name, sample_rate=8_000)
    stream = connection.start(config, 0.0)
    data = bytes(range(sum(cuts)))
    told, samples, place = b"", 0, 0
    for cut in cuts:
        for event in connection.receive(sound(stream, data[place : place + cut]), 0.0):
            assert isinstance(event, StreamSound)
            assert len(event.data) == round(event.seconds * 8_000) * width
            told += event.data
            samples += round(event.seconds * 8_000)
        place += cut
    assert told == data[: samples * width]
    assert samples == len(data) // width


def test_sound_in_a_container_passes_as_it_is() -> None:
    """Compressed sound has no samples to count; its bytes are told as they came."""
    connection = TtsConnection(0.0)
    config = TtsConfig(model="m", language="en", voice="v", audio_format="mp3", bitrate=64_000)
    stream = connection.start(config, 0.0)
    assert connection.receive(sound(stream, b"abc"), 0.0) == [StreamSound(stream, b"abc", 0)]


def test_streams_are_told_apart() -> None:
    """Messages of several streams may interleave; each has its own words and its own halves of samples."""
    connection = TtsConnection(0.0)
    one, two = connection.start(CONFIG, 0.0), connection.start(CONFIG, 0.0)
    assert (one, two) == ("s1", "s2")
    told = []
    for stream, data in ((one, b"\1\1\1"), (two, b"\2"), (one, b"\1"), (two, b"\2")):
        told += connection.receive(sound(stream, data), 0.0)
    assert [(event.stream, event.data) for event in told if isinstance(event, StreamSound)] == [
        (one, b"\1\1"),
        (two, b""),
        (one, b"\1\1"),
        (two, b"\2\2"),
    ]


def test_no_more_streams_than_allowed() -> None:
    """A stream keeps its place until the service says that it is gone, and a start without room is our mistake."""
    connection = TtsConnection(0.0, streams=2)
    one = connection.start(CONFIG, 0.0)
    connection.start(CONFIG, 0.0)
    assert not connection.has_room
    with pytest.raises(LocalProtocolError, match="2 open streams"):
        connection.start(CONFIG, 0.0)
    connection.cancel(one, 0.0)
    assert not connection.has_room
    connection.receive('{"stream_id":"s1","terminated":true}', 0.0)
    assert connection.start(CONFIG, 0.0) == "s3"


def test_a_late_refusal_of_a_cancelled_stream_means_nothing() -> None:
    """Cancels cross terminations on the wire: "stream not found" for one that is over is no failure of anything."""
    connection = started(TtsState.DRAINING)
    connection.receive('{"stream_id":"s1","audio":"","audio_end":true}', 0.0)
    connection.receive('{"stream_id":"s1","terminated":true}', 0.0)
    late = error("s1", "invalid_stream_state", 400)
    assert connection.receive(late, 0.0) == []
    assert connection.failure is None
    assert connection.has_room
    connection = started(TtsState.CANCELLING)
    assert connection.receive(late, 0.0) == []
    assert connection.receive('{"stream_id":"s1","terminated":true}', 0.0) == [StreamGone("s1")]


def test_an_error_of_a_stream_leaves_the_others_alone() -> None:
    """The stream fails with the service's error; another goes on; the place is free at `terminated`."""
    connection = TtsConnection(0.0)
    connection.start(CONFIG, 0.0)
    connection.start(CONFIG, 0.0)
    (failed,) = connection.receive(error("s1", "request_timeout", 408), 0.0)
    assert isinstance(failed, StreamFailed)
    assert failed.failure.retry is Retry.BACKOFF
    assert isinstance(failed.failure.error, Unavailable)
    assert connection.receive('{"stream_id":"s1","terminated":true}', 0.0) == [StreamGone("s1")]
    assert connection.state("s2") is TtsState.OPEN


def test_an_error_and_an_end_in_one_message_are_both_heard() -> None:
    """An error may come together with `terminated`: the stream fails, and its place is free at once."""
    connection = started(TtsState.OPEN)
    events = connection.receive(error("s1", terminated=True), 0.0)
    assert [type(event) for event in events] == [StreamFailed, StreamGone]
    assert connection.state("s1") is TtsState.ABSENT


@pytest.mark.parametrize("state", [TtsState.OPEN, TtsState.DRAINING])
def test_a_stream_that_is_terminated_too_early_has_failed(state: TtsState) -> None:
    """Without `audio_end` some of its sound is missing, and it may be tried again."""
    connection = started(state)
    events = connection.receive('{"stream_id":"s1","terminated":true}', 0.0)
    assert [type(event) for event in events] == [StreamFailed, StreamGone]


def test_an_error_of_the_connection_fails_every_stream() -> None:
    """Each unfinished stream fails, then the connection; after that nothing means anything and nothing is sent."""
    connection = TtsConnection(0.0)
    connection.start(CONFIG, 0.0)
    connection.start(CONFIG, 0.0)
    connection.cancel("s2", 0.0)
    connection.outgoing()
    events = connection.receive(error(None, "unauthenticated", 401), 0.0)
    assert [type(event) for event in events] == [StreamFailed, Failed]
    assert connection.failure is events[-1]
    assert connection.receive(sound("s1", b"ab"), 0.0) == []
    connection.text("s1", "too late", 0.0)
    connection.cancel("s1", 0.0)
    assert connection.outgoing() == []
    assert not connection.has_room
    assert connection.due_at is None
    assert connection.closed() == []
    assert connection.tick(99.0) == []


@pytest.mark.parametrize("garbage", ["", "hello", "[]", '{"audio":"!"}', b"\xff", '{"stream_id":5}'])
def test_garbage_fails_the_connection(garbage: str | bytes) -> None:
    """What can't be read is the peer's fault, and a new connection is worth trying."""
    connection = started(TtsState.OPEN)
    events = connection.receive(garbage, 0.0)
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, RemoteProtocolError)
    assert events[-1].retry is Retry.BACKOFF


def test_a_message_without_meaning_is_skipped() -> None:
    """An empty object, or one of fields from the future, is no reason to stop."""
    connection = started(TtsState.OPEN)
    assert connection.receive("{}", 0.0) == []
    assert connection.receive('{"weather":"fine"}', 0.0) == []
    assert connection.receive('{"stream_id":"s1","audio":null,"terminated":null,"error_code":null}', 0.0) == []
    assert connection.receive(sound("never made", b"ab"), 0.0) == []


def test_a_lost_connection_fails_what_was_under_way() -> None:
    """The reason that the socket gave is in the error."""
    connection = started(TtsState.OPEN)
    events = connection.closed("it broke")
    assert [type(event) for event in events] == [StreamFailed, Failed]
    assert "it broke" in str(connection.failure.error if connection.failure else "")


def test_keepalives_go_out_when_nothing_else_does() -> None:
    """Every 15 s of silence one keepalive, and none while text goes out."""
    connection = TtsConnection(0.0)
    assert connection.due_at == KEEPALIVE_S
    connection.tick(KEEPALIVE_S - 0.1)
    assert connection.outgoing() == []
    connection.tick(KEEPALIVE_S)
    assert sent(connection) == [{"keep_alive": True}]
    assert connection.due_at == 2 * KEEPALIVE_S
    connection.start(CONFIG, 20.0)
    assert connection.due_at == 20.0 + KEEPALIVE_S


def test_a_stream_that_stalls_is_given_up() -> None:
    """With its text complete and nothing coming for five seconds, it is cancelled and fails; sound puts that off."""
    connection = started(TtsState.DRAINING)
    assert connection.due_at == STALL_S
    connection.receive(sound("s1", b"ab"), 3.0)
    assert connection.tick(STALL_S) == []
    (failed,) = connection.tick(3.0 + STALL_S)
    assert isinstance(failed, StreamFailed)
    assert failed.failure.retry is Retry.BACKOFF
    assert sent(connection) == [{"stream_id": "s1", "cancel": True}]


@pytest.mark.parametrize("state", [TtsState.ENDED, TtsState.CANCELLING, TtsState.FAILED])
def test_a_stream_that_is_never_terminated_gives_up_its_place(state: TtsState) -> None:
    """A service that forgets `terminated` does not take a place away for ever."""
    connection = started(state)
    assert connection.due_at == LINGER_S
    assert connection.tick(LINGER_S) == [StreamGone("s1")]
    assert connection.has_room


def test_an_open_stream_waits_as_long_as_it_must() -> None:
    """While its text is not complete, silence of the service is no sign of death."""
    connection = started(TtsState.OPEN)
    assert connection.tick(14.0) == []
    assert connection.state("s1") is TtsState.OPEN


def test_our_mistakes_are_ours() -> None:
    """A stream that was never made, too much text, a configuration that can't be: errors before anything is sent."""
    connection = started(TtsState.OPEN)
    for never in ("s2", "x1", "s", "s0"):
        with pytest.raises(LocalProtocolError, match="expected a stream of this connection"):
            connection.text(never, "hi", 0.0)
    connection.text("s1", "x" * 5_000, 0.0)
    connection.outgoing()
    with pytest.raises(LocalProtocolError, match="at most 5000 bytes"):
        connection.text("s1", "é", 0.0, end=True)
    assert connection.state("s1") is TtsState.OPEN
    with pytest.raises(ConfigError):
        connection.start(TtsConfig(), 0.0)
    assert connection.outgoing() == []


@given(st.data())
def test_interleaving_and_cutting_change_nothing(data: st.DataObject) -> None:
    """However the service spreads each stream's sound over messages, and in whatever order those of different
    streams arrive, each stream's sound and words are the same."""
    texts = data.draw(st.lists(st.text(alphabet="ab c", min_size=1, max_size=12), min_size=1, max_size=3))
    connection = TtsConnection(0.0)
    queues = []
    for text in texts:
        stream = connection.start(CONFIG, 0.0)
        connection.text(stream, text, 0.0, end=True)
        queues.append([(stream, text, place) for place in _spread(data, stream, text)])
    heard: dict[str, bytes] = {}
    words: dict[str, list[str]] = {}
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        stream, _, message = queue.pop(0)
        for event in connection.receive(message, 0.0):
            assert not isinstance(event, (StreamFailed, Failed))
            if isinstance(event, StreamSound):
                heard[stream] = heard.get(stream, b"") + event.data
            if isinstance(event, (StreamSound, SoundEnded)):
                words[stream] = words.get(stream, []) + [word.text for word in event.words]
    for number, text in enumerate(texts, 1):
        assert heard.get(f"s{number}", b"") == _spoken(text)
        assert words.get(f"s{number}", []) == text.split()
        assert connection.state(f"s{number}") is TtsState.ABSENT


def _spoken(text: str) -> bytes:
    return array("H", [ord(letter) for letter in text for _ in range(3)]).tobytes()


def _spread(data: st.DataObject, stream: str, text: str) -> list[str]:
    """One stream's messages: its bytes and its characters cut anywhere, the ends apart or together."""
    pcm = _spoken(text)
    messages: list[dict[str, Any]] = []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pcm)), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(pcm)], strict=True):
        first, last = (-(-place // 6) for place in (start, end))
        stamps = {
            "characters": list(text[first:last]),
            "character_start_times_seconds": [n / 10 for n in range(first, last)],
        }
        messages.append({"audio": base64.b64encode(pcm[start:end]).decode(), "timestamps": stamps})
    if data.draw(st.booleans()):
        messages.append({"audio": ""})
    messages[-1]["audio_end"] = True
    if data.draw(st.booleans()):
        messages.append({})
    messages[-1]["terminated"] = True
    return [json.dumps({"stream_id": stream, **message}) for message in messages]


@pytest.mark.parametrize("kind", ["unauthenticated", "temp_api_key_session_expired"])
def test_a_key_refused_for_one_stream_is_refused_for_the_connection(kind: str) -> None:
    """The key went with the handshake, so every stream fails, and a new connection is needed."""
    connection = TtsConnection(0.0)
    first, second = connection.start(CONFIG, 0.0), connection.start(CONFIG, 0.0)
    events = connection.receive(error(second, kind, 401), 1.0)
    assert [type(event) for event in events] == [StreamFailed, StreamFailed, Failed]
    assert {event.stream for event in events if isinstance(event, StreamFailed)} == {first, second}
    assert connection.failure is not None
    assert connection.failure.retry is Retry.NEW_KEY


def test_a_stream_with_too_much_sound_is_broken_off() -> None:
    """Where the service does not end a stream in time, we do, so that no peer can fill the memory."""
    connection = TtsConnection(0.0)
    stream = connection.start(CONFIG, 0.0)
    connection.outgoing()
    much = b"\0" * (2 * 24_000 * 5)
    for second in range(26):
        assert [type(event) for event in connection.receive(sound(stream, much), float(second))] == [StreamSound]
    events = connection.receive(sound(stream, much), 27.0)
    assert [type(event) for event in events] == [StreamSound, StreamFailed]
    assert isinstance(events[1].failure.error, RemoteProtocolError)
    assert sent(connection) == [{"stream_id": stream, "cancel": True}]
    assert connection.receive(sound(stream, much), 28.0) == []


def test_garbage_is_quoted_without_a_key() -> None:
    """What came is in the error, and a key in it is not."""
    connection = TtsConnection(0.0, redact=lambda text: text.replace("hunter2", "..."))
    (event,) = connection.receive("what is hunter2?", 1.0)
    assert isinstance(event, Failed)
    assert "what is" in str(event.error)
    assert "hunter2" not in str(event.error)
