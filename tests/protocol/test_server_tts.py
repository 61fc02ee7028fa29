"""A synthesis connection as the service sees it: its tables, its refusals, its limits and timers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import LocalProtocolError
from voicekit.soniox.api import limits
from voicekit.soniox.api.verdict import IGNORE, REFUSE, WRONG, assert_total
from voicekit.soniox.api.wire import Timestamps
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.realtime.role import KeptAlive
from voicekit.soniox.server.realtime.states import SERVED_TTS, ServedTts
from voicekit.soniox.server.realtime.stream import StreamEnded, StreamOver, StreamStarted, TextCame
from voicekit.soniox.server.realtime.tts import AUDIO_BYTES, TtsServer
from voicekit.soniox.server.refusal import CloseConnection, Refusal
from voicekit.soniox.tts.states import TtsInput

START = {
    "stream_id": "a",
    "model": "tts-rt-v2",
    "language": "en",
    "voice": "Maya",
    "audio_format": "pcm_s16le",
    "sample_rate": 8_000,
}
SECOND = bytes(16_000)


def said(server: TtsServer) -> list[Any]:
    return [json.loads(message) for message in server.outgoing()]


def tell(server: TtsServer, now: float = 0.0, **message: Any) -> list[Any]:
    return list(server.receive(json.dumps(message), now))


def server(state: ServedTts = ServedTts.OPEN, account: Account | None = None) -> TtsServer:
    """A connection whose stream "a" is in `state`."""
    made = TtsServer(account or Account(), "key", 0.0)
    if state is not ServedTts.ABSENT:
        tell(made, **START)
    if state in (ServedTts.DRAINING, ServedTts.ENDED):
        tell(made, stream_id="a", text="hi", text_end=True)
    if state is ServedTts.ENDED:
        made.audio("a", b"", 0.0, end=True)
    said(made)
    return made


def refused(core: TtsServer, events: list[Any], *, terminated: bool = True) -> Refusal:
    """The refusal of stream "a" alone: an error frame, `terminated` where it was alive, and the connection goes on."""
    error, *rest = said(core)
    assert rest == ([{"stream_id": "a", "terminated": True}] if terminated else [])
    assert error["stream_id"] == "a"
    assert core.closing is None
    refusal = Refusal(error["error_type"], error["error_message"])
    assert events in ([], [StreamOver("a", refusal)])
    return refusal


def test_the_table_is_total() -> None:
    """Every state has a cell for everything that can happen."""
    assert_total(SERVED_TTS, ServedTts, TtsInput)


CLIENT: dict[TtsInput, dict[str, Any]] = {
    TtsInput.START: START,
    TtsInput.TEXT: {"stream_id": "a", "text": "hi"},
    TtsInput.END: {"stream_id": "a", "text_end": True},
    TtsInput.CANCEL: {"stream_id": "a", "cancel": True},
}
ENGINE = {
    TtsInput.AUDIO: lambda core: core.audio("a", b"\0\0", 0.0),
    TtsInput.AUDIO_END: lambda core: core.audio("a", b"", 0.0, end=True),
    TtsInput.TERMINATED: lambda core: core.terminated("a", 0.0),
}


@pytest.mark.parametrize("state", ServedTts)
@pytest.mark.parametrize("what", CLIENT)
def test_what_the_client_says_follows_the_table(state: ServedTts, what: TtsInput) -> None:
    """What the table allows is told and moves the stream; the rest is refused, which ends a stream that lives."""
    core, cell = server(state), SERVED_TTS[state][what]
    events = tell(core, **CLIENT[what])
    if cell is REFUSE:
        refusal = refused(core, events, terminated=state is not ServedTts.ABSENT)
        assert refusal.error_type == "invalid_stream_state"
        return
    assert len(events) == 1
    assert said(core) == ([{"stream_id": "a", "terminated": True}] if what is TtsInput.CANCEL else [])
    assert _state(core) is cell


@pytest.mark.parametrize("state", ServedTts)
@pytest.mark.parametrize("what", ENGINE)
def test_what_the_engine_says_follows_the_table(state: ServedTts, what: TtsInput) -> None:
    """What the table allows is sent and moves the stream; the rest is the engine's mistake, or came too late."""
    core, cell = server(state), SERVED_TTS[state][what]
    if cell is WRONG:
        with pytest.raises(LocalProtocolError, match=f"{what.name} is not possible while stream a is {state.name}"):
            ENGINE[what](core)
        return
    ENGINE[what](core)
    assert bool(said(core)) is (cell is not IGNORE)
    assert _state(core) is (state if cell is IGNORE else cell)


def _state(core: TtsServer) -> ServedTts:
    """Found out from outside: what the stream still allows."""
    for state, engine in ((ServedTts.ENDED, TtsInput.TERMINATED), (ServedTts.DRAINING, TtsInput.AUDIO_END)):
        try:
            ENGINE[engine](core)
        except LocalProtocolError:
            continue
        return state if said(core) else ServedTts.ABSENT
    return ServedTts.OPEN


def test_two_streams_from_start_to_end() -> None:
    """Their messages may interleave, and each ends by itself."""
    core = TtsServer(Account(), "key", 0.0)
    (started,) = tell(core, **START)
    assert isinstance(started, StreamStarted)
    assert (started.stream, started.config.voice) == ("a", "Maya")
    tell(core, **{**START, "stream_id": "b"})
    assert tell(core, stream_id="a", text="Good ", text_end=False) == [TextCame("a", "Good ", False)]
    assert tell(core, stream_id="b", text="Bye.", text_end=True) == [TextCame("b", "Bye.", True)]
    assert tell(core, stream_id="a", text_end=True) == [TextCame("a", "", True)]
    assert tell(core, keep_alive=True) == [KeptAlive()]
    stamps = Timestamps(characters=("B",), character_start_times_seconds=(0.0,), character_end_times_seconds=(0.1,))
    core.audio("b", b"\1\2", 0.0, timestamps=stamps)
    core.audio("a", b"\3\4", 0.0)
    core.audio("b", b"", 0.0, end=True)
    core.terminated("b", 0.0)
    core.audio("a", b"", 0.0, end=True)
    core.terminated("a", 0.0)
    assert said(core) == [
        {
            "stream_id": "b",
            "audio": "AQI=",
            "audio_end": False,
            "timestamps": {
                "characters": ["B"],
                "character_start_times_seconds": [0.0],
                "character_end_times_seconds": [0.1],
            },
        },
        {"stream_id": "a", "audio": "AwQ=", "audio_end": False},
        {"stream_id": "b", "audio": "", "audio_end": True},
        {"stream_id": "b", "terminated": True},
        {"stream_id": "a", "audio": "", "audio_end": True},
        {"stream_id": "a", "terminated": True},
    ]


def test_an_unknown_stream_is_refused_in_the_services_words() -> None:
    """The very frame that was seen of the real service, but for its request id."""
    core = server(ServedTts.ABSENT)
    assert tell(core, stream_id="x", text="hi") == []
    (error,) = said(core)
    assert error.pop("request_id")
    assert error.pop("more_info").endswith(".com/docs/api-reference/errors#invalid-stream-state")
    assert error == {
        "stream_id": "x",
        "error_code": 400,
        "error_type": "invalid_stream_state",
        "error_message": "Stream x not found. Send a start message first.",
    }


@pytest.mark.parametrize("more", [{"text": "hi"}, {"text_end": False}, {"text": ""}, {"model": "tts-rt-v2"}])
def test_a_cancel_must_be_alone(more: dict[str, Any]) -> None:
    """With a text or an end in it, it is refused, and the stream ends with an error."""
    core = server()
    assert refused(core, tell(core, stream_id="a", cancel=True, **more)).error_type == "invalid_request"


def test_a_start_that_is_refused_is_terminated() -> None:
    """An error, then `terminated`, and the connection goes on."""
    core = server(ServedTts.ABSENT)
    events = tell(core, **{**START, "speed": 2.0})
    assert refused(core, events).message == "speed must be between 0.7 and 1.3."
    assert isinstance(tell(core, **START)[0], StreamStarted)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"{}", "Only text messages are accepted."),
        ("{", "Request is malformed."),
        ('{"stream_id":5}', "Request is malformed."),
        ('{"text":"hi"}', "Missing required field: stream_id"),
        ("{}", "Missing required field: stream_id"),
    ],
)
def test_what_names_no_stream_ends_the_connection(message: str | bytes, why: str) -> None:
    """With an error without stream id and a close with code 1000; the streams are gone."""
    account = Account()
    core = server(account=account)
    events = core.receive(message, 0.0)
    assert events == [StreamEnded(Refusal("invalid_request", why))]
    (error,) = said(core)
    assert "stream_id" not in error
    assert core.closing == CloseConnection(1000)
    assert account.running[Service.TTS] == 0
    assert core.receive(json.dumps(START), 0.0) == []
    assert core.due_at is None


# --- limits ---


def test_the_sixth_stream_of_a_connection_is_refused() -> None:
    """With its own error type, and a place is free again after a cancel."""
    core = TtsServer(Account(streams=10), "key", 0.0)
    for number in range(limits.TTS_STREAMS):
        tell(core, **{**START, "stream_id": str(number)})
    tell(core, **START)
    error, over = said(core)
    assert error["error_type"] == "max_concurrent_streams_reached"
    assert over == {"stream_id": "a", "terminated": True}
    tell(core, stream_id="0", cancel=True)
    assert isinstance(tell(core, **START)[0], StreamStarted)


def test_the_streams_of_an_account_are_counted_over_its_connections() -> None:
    """The fourth at once is refused with 429, on whichever connection."""
    account = Account()
    one, two = TtsServer(account, "key", 0.0), TtsServer(account, "key", 0.0)
    tell(one, **START)
    tell(one, **{**START, "stream_id": "b"})
    tell(two, **START)
    tell(two, **{**START, "stream_id": "b"})
    assert said(two)[0]["error_type"] == "limit_exceeded"
    one.closed()
    assert account.running[Service.TTS] == 1
    assert isinstance(tell(two, **{**START, "stream_id": "b"})[0], StreamStarted)


def test_a_stream_takes_five_thousand_bytes() -> None:
    """Counted in UTF-8 over all its messages; one byte more ends it."""
    core = server()
    tell(core, stream_id="a", text="é" * 2_000)
    tell(core, stream_id="a", text="x" * 1_000)
    assert said(core) == []
    assert refused(core, tell(core, stream_id="a", text="x")).message == "input text too long (limit: 5000 bytes)"


def test_a_stream_has_two_minutes_of_sound() -> None:
    """The message that goes beyond is not sent, and the stream ends with 413."""
    core = server(ServedTts.DRAINING)
    for _ in range(120):
        assert core.audio("a", SECOND, 0.0) == []
    said(core)
    assert refused(core, core.audio("a", b"\0\0", 0.0)).error_type == "max_audio_duration_reached"
    core = server(ServedTts.DRAINING)
    assert refused(core, core.audio("a", b"mp3", 0.0, seconds=121.0)).error_type == "max_audio_duration_reached"


def test_no_message_is_longer_than_clients_read() -> None:
    """More sound at once than a message may hold is the engine's mistake."""
    core = server(ServedTts.DRAINING)
    with pytest.raises(LocalProtocolError, match="at most 262144 bytes"):
        core.audio("a", bytes(AUDIO_BYTES + 1), 0.0)
    core.audio("a", bytes(AUDIO_BYTES), 0.0)
    assert len(core.outgoing()[0]) < 2**20


# --- timers ---


def test_a_stream_without_text_dies() -> None:
    """After 5.2 s, though sound is still being made; an empty text puts it off, a keepalive does not."""
    core = server()
    tell(core, 4.0, stream_id="a", text="")
    tell(core, 5.0, keep_alive=True)
    core.audio("a", SECOND * 8, 5.0)
    said(core)
    assert core.due_at == pytest.approx(9.2)
    assert core.tick(9.1) == []
    assert refused(core, core.tick(9.3)).error_type == "request_timeout"


def test_a_stream_without_sound_dies() -> None:
    """After twelve seconds, whatever text it was given."""
    core = server(ServedTts.DRAINING)
    assert core.tick(11.9) == []
    assert refused(core, core.tick(12.0)).message == "Stream killed: no audio output within timeout"


@pytest.mark.parametrize(("seconds", "dies"), [(8, True), (9, False)])
def test_a_stream_whose_sound_is_slow_dies(seconds: int, dies: bool) -> None:
    """Below 0.8 times real time at eleven seconds; it is looked at once."""
    core = server(ServedTts.DRAINING)
    core.audio("a", SECOND * seconds, 1.0)
    said(core)
    assert core.due_at == 11.0
    events = core.tick(11.0)
    if dies:
        assert refused(core, events).message == "Stream killed: output audio rate below minimum"
    else:
        assert events == []
        assert core.due_at == float("inf")


@pytest.mark.parametrize(
    ("key", "at", "close"),
    [("key", 40.0, CloseConnection(1001, "Timeout")), (None, 10.0, CloseConnection(1000))],
    ids=["header", "legacy"],
)
def test_an_idle_connection_is_closed(key: str | None, at: float, close: CloseConnection) -> None:
    """A keyed connection after forty seconds, going away; one without a key after ten, with an error."""
    core = TtsServer(Account(legacy=True), key, 0.0)
    assert core.due_at == at
    assert core.tick(at - 0.1) == []
    assert len(core.tick(at)) == 1
    assert core.closing == close


def test_keepalives_keep_a_keyed_connection_only() -> None:
    """Where the key came in a message, they did not help when it was measured."""
    core = TtsServer(Account(), "key", 0.0)
    tell(core, 30.0, keep_alive=True)
    assert core.due_at == 70.0
    legacy = TtsServer(Account(legacy=True), None, 0.0)
    tell(legacy, 1.0, **START, api_key="k")
    tell(legacy, 2.0, stream_id="a", cancel=True)
    tell(legacy, 3.0, keep_alive=True)
    assert legacy.due_at == pytest.approx(2.0 + limits.TTS_LEGACY_IDLE_S)


# --- keys ---


@pytest.mark.parametrize("key", ["bad", "snx_temp_old", "snx_temp_other"])
def test_a_bad_key_is_told_when_the_client_can_hear_it(key: str) -> None:
    """A wrong, an expired and another service's key are refused with the first message, or after 0.3 s without one."""
    account = Account(["good"])
    account.add(Key("snx_temp_old", Service.TTS, expires_at=0.0))
    account.add(Key("snx_temp_other", Service.STT))
    for due in (False, True):
        core = TtsServer(account, key, 1.0)
        assert (said(core), core.closing, core.due_at) == ([], None, 1.3)
        core.tick(1.3) if due else tell(core, 1.1, **START)
        (error,) = said(core)
        assert (error["error_code"], error["error_type"]) == (401, "unauthenticated")
        assert (core.closing, core.known, core.due_at) == (CloseConnection(1000), False, None)


def test_each_stream_brings_its_key_in_the_old_way() -> None:
    """Switched off it is refused, switched on it is checked, and beside a key in the handshake it is too much."""
    for account, handshake, error in (
        (Account(["k"]), None, "unauthenticated"),
        (Account(["k"], legacy=True), None, None),
        (Account(["x"], legacy=True), None, "unauthenticated"),
        (Account(["k"], legacy=True), "k", "invalid_request"),
    ):
        core = TtsServer(account, handshake, 0.0)
        tell(core, **START, api_key="k")
        assert [answer.get("error_type") for answer in said(core)][:1] == ([] if error is None else [error])


def test_a_temporary_key_ends_its_streams() -> None:
    """A stream lives no longer than its key allows a session to last, and the next one may begin."""
    account = Account()
    account.add(Key("brief", usage=Service.TTS, session_s=3.0))
    core = TtsServer(account, "brief", 0.0)
    tell(core, 1.0, **START)
    said(core)
    assert core.due_at == 4.0
    assert core.tick(3.9) == []
    assert refused(core, core.tick(4.0)).error_type == "temp_api_key_session_expired"
    tell(core, 5.0, **START)
    assert said(core) == []


def test_a_single_use_key_starts_one_stream() -> None:
    """A connection with such a key is good for one stream in all."""
    account = Account(["main"])
    account.add(Key("once", Service.TTS, expires_at=60.0, single_use=True))
    core = TtsServer(account, "once", 0.0)
    tell(core, **START)
    tell(core, stream_id="a", cancel=True)
    said(core)
    assert refused(core, tell(core, **START)).error_type == "unauthenticated"


@given(
    st.lists(
        st.one_of(
            st.sampled_from([*CLIENT.values(), {"keep_alive": True}, {**START, "stream_id": "b"}]).map(json.dumps),
            st.sampled_from(list(ENGINE.values())),
            st.text(max_size=10),
        ),
        max_size=20,
    )
)
def test_nothing_breaks_the_server(steps: list[Any]) -> None:
    """Whatever clients send and engines say, streams and the account's count of them stay in step."""
    account = Account(streams=10)
    core = TtsServer(account, "key", 0.0)
    alive: set[str] = set()
    for step in steps:
        events: list[Any] = []
        if isinstance(step, str):
            events = core.receive(step, 0.0)
        else:
            try:
                events = step(core) or []
            except LocalProtocolError:
                continue
        for event in events:
            if isinstance(event, StreamStarted):
                alive.add(event.stream)
            if isinstance(event, StreamOver):
                alive.remove(event.stream)
            if isinstance(event, StreamEnded):
                alive.clear()
        for message in said(core):
            if message.get("terminated") and message["stream_id"] in alive and not events:
                alive.remove(message["stream_id"])
        assert account.running[Service.TTS] == len(alive)
