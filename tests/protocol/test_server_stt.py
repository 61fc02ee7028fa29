"""A transcription connection as the service sees it: its tables, its refusals, its timers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import LocalProtocolError
from voicekit.soniox.api import limits
from voicekit.soniox.api.verdict import IGNORE, REFUSE, WRONG, assert_total
from voicekit.soniox.api.wire import MESSAGE_BYTES, Token
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.realtime import stt
from voicekit.soniox.server.realtime.role import KeptAlive
from voicekit.soniox.server.realtime.states import SERVED_STT, ServedStt
from voicekit.soniox.server.realtime.stt import (
    END,
    FIN,
    AudioCame,
    Configured,
    EndAsked,
    FinalizeAsked,
    SttEnded,
)
from voicekit.soniox.server.realtime.stt import SttServer as Server
from voicekit.soniox.server.refusal import CloseConnection, Refusal
from voicekit.soniox.stt.states import SttInput

CONFIG = '{"model":"stt-rt-v5","audio_format":"pcm_s16le","sample_rate":16000,"num_channels":1}'
ENDPOINTS = CONFIG[:-1] + ',"enable_endpoint_detection":true}'
WORD = Token(text=" a", start_ms=0, end_ms=60, is_final=True, confidence=0.9)
TAIL = Token(text=" b", start_ms=60, end_ms=90, is_final=False)


def said(server: Server) -> list[Any]:
    return [json.loads(message) for message in server.outgoing()]


def server(state: ServedStt = ServedStt.LISTENING, account: Account | None = None, config: str = CONFIG) -> Server:
    made = Server(account or Account(), "key", 0.0)
    if state is not ServedStt.STARTING:
        made.receive(config, 0.0)
        made.receive(b"\0\0", 0.0)
    if state is ServedStt.ENDING:
        made.receive("", 0.0)
    if state is ServedStt.CLOSED:
        made.closed()
    assert made.state is state
    return made


def refused(core: Server, events: list[Any]) -> Refusal:
    """The refusal among `events`, which must have closed the connection with one error frame."""
    (error,) = said(core)
    assert events == [SttEnded(Refusal(error["error_type"], error["error_message"]))]
    assert error["tokens"] == []
    assert error["more_info"].endswith("#" + error["error_type"].replace("_", "-"))
    assert core.closing == CloseConnection(1000)
    assert core.state is ServedStt.CLOSED
    assert isinstance(events[0].refusal, Refusal)
    return events[0].refusal


def test_the_table_is_total() -> None:
    """Every state has a cell for everything that can happen."""
    assert_total(SERVED_STT, ServedStt, SttInput)


CLIENT = {
    SttInput.START: CONFIG,
    SttInput.AUDIO: b"\1\1",
    SttInput.FINALIZE: '{"type":"finalize"}',
    SttInput.END: "",
}
ENGINE = {
    SttInput.RESULT: lambda core: core.result([WORD], 60, 60),
    SttInput.FINISHED: lambda core: core.finish(60, 60),
    SttInput.ERROR: lambda core: core.refuse(Refusal("internal_error", "No.")),
    SttInput.CLOSED: lambda core: core.closed(),
}


@pytest.mark.parametrize("state", ServedStt)
@pytest.mark.parametrize("what", CLIENT)
def test_what_the_client_says_follows_the_table(state: ServedStt, what: SttInput) -> None:
    """What the table allows is told and moves the connection; the rest is refused, or came too late to matter."""
    core, cell = server(state), SERVED_STT[state][what]
    events = core.receive(CLIENT[what], 1.0)
    if cell is REFUSE:
        assert refused(core, events).error_type == "invalid_request"
    elif cell is IGNORE:
        assert (events, said(core), core.state) == ([], [], state)
    else:
        assert len(events) == 1
        assert core.state is cell


@pytest.mark.parametrize("state", ServedStt)
@pytest.mark.parametrize("what", ENGINE)
def test_what_the_engine_says_follows_the_table(state: ServedStt, what: SttInput) -> None:
    """What the table allows is sent and moves the connection; the rest is the engine's mistake, or came too late."""
    core, cell = server(state), SERVED_STT[state][what]
    if cell is WRONG:
        with pytest.raises(LocalProtocolError, match=f"{what.name} is not possible in the state {state.name}"):
            ENGINE[what](core)
        return
    ENGINE[what](core)
    assert bool(said(core)) is (cell is not IGNORE and what is not SttInput.CLOSED)
    assert core.state is (state if cell is IGNORE else cell)


def test_a_session_from_start_to_end() -> None:
    """Every kind of message is told in its order, and answered in the service's shape."""
    core = Server(Account(), "key", 0.0)
    (configured,) = core.receive(ENDPOINTS, 0.0)
    assert isinstance(configured, Configured)
    assert configured.config.sample_rate == 16_000
    assert core.receive(b"\1\2", 0.1) == [AudioCame(b"\1\2", 0)]
    assert core.receive(base64.b64encode(b"\3\4").decode(), 0.2) == [AudioCame(b"\3\4", 2)]
    assert core.receive(b"", 0.2) == []
    assert core.receive('{"type":"keepalive"}', 0.3) == [KeptAlive()]
    assert core.receive(' {"type":"finalize","trailing_silence_ms":300}', 0.4) == [FinalizeAsked(4, 300)]
    core.result([WORD, END, FIN, TAIL], 60, 90)
    assert core.receive("", 0.5) == [EndAsked()]
    assert core.finish(90, 90) == [SttEnded()]
    first, last = said(core)
    assert [token["text"] for token in first["tokens"]] == [" a", "<end>", "<fin>", " b"]
    assert first["tokens"][0] == {"text": " a", "start_ms": 0, "end_ms": 60, "confidence": 0.9, "is_final": True}
    assert (first["final_audio_proc_ms"], first["total_audio_proc_ms"]) == (60, 90)
    assert last == {"tokens": [], "final_audio_proc_ms": 90, "total_audio_proc_ms": 90, "finished": True}
    assert core.closing == CloseConnection(1000)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (b"\1\2", "Start request must be a text message."),
        ("", "Start request is malformed."),
        ("hello", "Start request is malformed."),
        ('{"model":5}', "Start request is malformed."),
        ('{"type":"keepalive"}', "Start request is malformed."),
        ('{"model":"stt-rt-v5"}', "Missing audio format."),
        (CONFIG.replace("stt-rt-v5", "whisper"), "Invalid model specified."),
        ("x" * (MESSAGE_BYTES + 1), "Message is too long."),
    ],
)
def test_a_bad_first_message_is_refused(first: str | bytes, message: str) -> None:
    """In the service's own words, and the connection is closed."""
    core = server(ServedStt.STARTING)
    assert refused(core, core.receive(first, 0.0)).message == message


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ('{"type":"dance"}', "Control request invalid type."),
        ('{"type":5}', "Control request is malformed."),
        ("{", "Control request is malformed."),
        ("not base64", "Invalid base64."),
        ("é", "Invalid base64."),
        (b"x" * (MESSAGE_BYTES + 1), "Message is too long."),
    ],
)
def test_a_bad_later_message_is_refused(later: str | bytes, message: str) -> None:
    """In the service's own words, and the connection is closed."""
    core = server()
    assert refused(core, core.receive(later, 0.0)).message == message


def test_an_end_without_sound_is_refused() -> None:
    """The service does not finish a session that had no sound."""
    core = server(ServedStt.STARTING)
    core.receive(CONFIG, 0.0)
    assert refused(core, core.receive("", 0.0)).message == "No audio received."


def test_nulls_in_a_configuration_are_normal() -> None:
    """Real clients send null for every option that is not set."""
    core = server(ServedStt.STARTING)
    nulls = CONFIG[:-1] + ',"language_hints":null,"context":null,"translation":null,"max_endpoint_delay_ms":null}'
    assert isinstance(core.receive(nulls, 0.0)[0], Configured)


# --- the engine's mistakes ---


@pytest.mark.parametrize(
    ("tokens", "message"),
    [([TAIL, WORD], "final tokens before"), ([END], "without endpoint detection"), ([FIN], "without a request")],
)
def test_the_engine_can_not_send_what_a_service_never_would(tokens: list[Token], message: str) -> None:
    """Finals behind the tail, and markers that nobody asked for, would teach clients what is not true."""
    core = server()
    with pytest.raises(LocalProtocolError, match=message):
        core.result(tokens, 0, 0)
    assert said(core) == []


def test_each_fin_answers_one_request() -> None:
    """Two requests may have two answers, and no third."""
    core = server()
    core.receive('{"type":"finalize"}', 0.0)
    core.receive('{"type":"finalize"}', 0.0)
    core.result([FIN, FIN], 0, 0)
    with pytest.raises(LocalProtocolError, match="without a request"):
        core.result([FIN], 0, 0)


# --- keys, limits, time ---


@pytest.mark.parametrize(
    ("handshake", "message", "error"),
    [
        ("good", None, None),
        (None, None, "unauthenticated"),
        ("bad", None, "unauthenticated"),
        (None, "good", "unauthenticated"),
        ("good", "good", "invalid_request"),
        ("good", "other", "invalid_request"),
    ],
)
def test_a_key_comes_with_the_handshake(handshake: str | None, message: str | None, error: str | None) -> None:
    """The key in a message is deprecated and off, and one in both places is refused."""
    core = Server(Account(["good", "other"]), handshake, 0.0)
    events = core.receive(CONFIG if message is None else CONFIG[:-1] + f',"api_key":"{message}"}}', 0.0)
    answers = [answer["error_type"] for answer in said(core)]
    assert answers == ([] if error is None else [error])
    assert isinstance(events[0], Configured) if error is None else core.closing == CloseConnection(1000)


@pytest.mark.parametrize("key", ["bad", "snx_temp_old", "snx_temp_other"])
def test_a_bad_key_is_told_when_the_client_can_hear_it(key: str) -> None:
    """A wrong, an expired and another service's key are refused with the first message, or after 0.3 s without one."""
    account = Account(["good"])
    account.add(Key("snx_temp_old", Service.STT, expires_at=0.0))
    account.add(Key("snx_temp_other", Service.TTS))
    core = Server(account, key, 1.0)
    assert (said(core), core.closing, core.known) == ([], None, False)
    assert refused(core, core.receive(CONFIG, 1.1)).error_type == "unauthenticated"
    assert core.receive(CONFIG, 1.2) == []
    core = Server(account, key, 1.0)
    assert (core.due_at, core.tick(1.2)) == (1.3, [])
    assert refused(core, core.tick(1.3)).error_type == "unauthenticated"
    assert core.due_at is None


def test_the_old_way_and_a_tolerated_double_can_be_switched_on() -> None:
    """For clients that still send the key in the first message."""
    for account, handshake in ((Account(["k"], legacy=True), None), (Account(["k"], twice=True), "k")):
        core = Server(account, handshake, 0.0)
        assert isinstance(core.receive(CONFIG[:-1] + ',"api_key":"k"}', 0.0)[0], Configured)


def test_sessions_are_counted_and_given_back() -> None:
    """The eleventh at once is refused with 429, and a place is free again however a session ended."""
    account = Account()
    running = [server(account=account) for _ in range(limits.STT_SESSIONS)]
    core = server(ServedStt.STARTING, account)
    assert refused(core, core.receive(CONFIG, 0.0)).error_type == "limit_exceeded"
    assert account.running[Service.STT] == limits.STT_SESSIONS
    running[0].closed()
    running[0].closed()
    running[1].receive("", 0.0)
    running[1].finish(0, 0)
    running[2].receive("{", 0.0)
    assert account.running[Service.STT] == limits.STT_SESSIONS - 3


def test_a_machine_that_is_full_refuses_what_begins() -> None:
    """A server that has too much to do lets nothing more begin, in the words of the limit; what goes on goes on."""
    account = Account()
    first = server(account=account)
    account.full = lambda service, now: service is Service.STT and now < 5.0
    second = Server(account, "key", 0.0)
    assert refused(second, second.receive(CONFIG, 1.0)).error_type == "limit_exceeded"
    assert first.receive(b"\0\0", 2.0) == [AudioCame(b"\0\0", 2)]
    third = Server(account, "key", 6.0)
    assert third.receive(CONFIG, 6.0) == [Configured(third.config)]


def test_a_script_may_refuse_everything() -> None:
    """An exhausted budget is the account's, and every session hears of it."""
    account = Account()
    account.refusing = Refusal("project_monthly_budget_exhausted", "Project monthly budget exhausted.")
    core = server(ServedStt.STARTING, account)
    assert refused(core, core.receive(CONFIG, 0.0)).error_type == "project_monthly_budget_exhausted"
    assert account.running[Service.STT] == 0


@pytest.mark.parametrize(("key", "wait"), [("key", stt.HELD_S), (None, limits.START_WAIT_S)])
def test_the_first_message_must_come_in_time(key: str | None, wait: float) -> None:
    """A socket with a key may be held open longer than one without."""
    core = Server(Account(), key, 5.0)
    assert core.due_at == 5.0 + wait
    assert core.tick(4.9 + wait) == []
    assert refused(core, core.tick(5.0 + wait)).message == "Start request timeout"


def test_silence_is_refused_after_twenty_seconds() -> None:
    """Sound and keepalives put it off; the message says whether there ever was any sound."""
    core = server()
    core.receive('{"type":"keepalive"}', 15.0)
    assert core.due_at == 35.0
    assert core.tick(34.9) == []
    assert refused(core, core.tick(35.0)).message == "Request timeout."
    core = server(ServedStt.STARTING)
    core.receive(CONFIG, 0.0)
    assert refused(core, core.tick(20.0)).message == "Timed out while waiting for the first audio chunk"


def test_a_session_has_three_hundred_minutes() -> None:
    """The sound beyond that is refused with 413."""
    core = server(ServedStt.STARTING)
    core.receive('{"model":"stt-rt-v5","audio_format":"pcm_s8","sample_rate":1,"num_channels":1}', 0.0)
    assert core.receive(bytes(18_000), 0.0) == [AudioCame(bytes(18_000), 0)]
    assert refused(core, core.receive(b"\0", 0.0)).error_type == "max_duration_reached"


def test_a_temporary_key_ends_its_session() -> None:
    """At the end of the time that it allows, with 403, which a new key mends."""
    account = Account(["main"])
    account.add(Key("tmp", Service.STT, expires_at=100.0, session_s=30.0))
    core = Server(account, "tmp", 10.0)
    core.receive(CONFIG, 10.0)
    core.receive(b"\0\0", 39.0)
    assert core.due_at == 40.0
    assert refused(core, core.tick(40.0)).error_type == "temp_api_key_session_expired"


@given(st.lists(st.one_of(st.text(max_size=20), st.binary(max_size=20), st.sampled_from([*CLIENT.values(), "{}"]))))
def test_no_message_breaks_the_server(messages: list[str | bytes]) -> None:
    """Whatever a client sends in whatever order, it is told, ignored or refused, and the account's count is right."""
    account = Account()
    core = Server(account, "key", 0.0)
    for message in messages:
        core.receive(message, 0.0)
        assert account.running[Service.STT] == (core.state in (ServedStt.LISTENING, ServedStt.ENDING))
    core.closed()
    assert account.running[Service.STT] == 0
