"""A transcription session as the client sees it: messages out, events in, one cell of the table after the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.errors import ConfigError, LocalProtocolError, RemoteProtocolError, Unauthenticated, Unavailable
from voicekit.events import Endpoint, Final, Finalized, Interim, Progress, SpeechStarted, SpeechStopped, Word
from voicekit.soniox.api.errors import Failed, Retry
from voicekit.soniox.api.verdict import IGNORE, WRONG, assert_total
from voicekit.soniox.api.wire import SttConfig
from voicekit.soniox.stt import session as stt
from voicekit.soniox.stt.replay import SILENCE_S
from voicekit.soniox.stt.session import Finished, RollOver, SttSession
from voicekit.soniox.stt.states import STT_TABLE, SttInput, SttState
from voicekit.soniox.stt.timers import DEAF_S, FINALIZE_ANSWER_S, FINALIZE_EVERY_S

KEEPALIVE = '{"type":"keepalive"}'
FINALIZE = '{"type":"finalize"}'
FINISHED = '{"tokens":[],"final_audio_proc_ms":20,"total_audio_proc_ms":20,"finished":true}'
UNAUTHENTICATED = '{"tokens":[],"error_code":401,"error_type":"unauthenticated","error_message":"Bad key secret."}'
SIXTEEN = 16  # samples in a millisecond


def result(*tokens: dict[str, Any], final_ms: int = 0, total_ms: int = 0, **more: Any) -> str:
    return json.dumps({"tokens": tokens, "final_audio_proc_ms": final_ms, "total_audio_proc_ms": total_ms, **more})


def token(text: str, start: int = 0, end: int = 0, *, final: bool = True, **more: Any) -> dict[str, Any]:
    return {"text": text, "start_ms": start, "end_ms": end, "is_final": final, **more}


def frame(at: int, milliseconds: int = 20) -> AudioFrame:
    return AudioFrame(b"\1\0" * (milliseconds * SIXTEEN), at, PCM16K)


def session(state: SttState = SttState.LISTENING, **options: Any) -> SttSession:
    """A session in `state`, with a second of sound behind it unless it is new."""
    made = SttSession(SttConfig(enable_endpoint_detection=True), PCM16K, redact=_hide, **options)
    if state is not SttState.NEW:
        made.start(0.0)
        made.hear(frame(made.sent_to, 1_000), 0.0)
    if state in (SttState.ENDING, SttState.DONE):
        made.end(0.0)
    if state is SttState.DONE:
        made.receive(FINISHED, 0.0)
    if state is SttState.FAILED:
        made.closed("gone")
    assert made.state is state
    made.outgoing()
    return made


def _hide(text: str) -> str:
    return text.replace("secret", "[key]")


def test_the_table_is_total() -> None:
    """Every state has a cell for everything that can happen."""
    assert_total(STT_TABLE, SttState, SttInput)
    with pytest.raises(AssertionError, match="FAILED"):
        assert_total({**STT_TABLE, SttState.FAILED: {}}, SttState, SttInput)


ACTS = {
    SttInput.START: lambda session: session.start(0.0),
    SttInput.AUDIO: lambda session: session.audio(b"\0\0", 0.0),
    SttInput.FINALIZE: lambda session: session.finalize(0.0),
    SttInput.END: lambda session: session.end(0.0),
}
ANSWERS = {
    SttInput.RESULT: lambda session: session.receive(result(final_ms=500), 0.0),
    SttInput.FINISHED: lambda session: session.receive(FINISHED, 0.0),
    SttInput.ERROR: lambda session: session.receive(UNAUTHENTICATED, 0.0),
    SttInput.CLOSED: lambda session: session.closed(),
}


@pytest.mark.parametrize("state", SttState)
@pytest.mark.parametrize("what", ACTS)
def test_what_we_do_follows_the_table(state: SttState, what: SttInput) -> None:
    """What the table allows is sent and moves the session, what it ignores is not sent, the rest is our mistake."""
    core, cell = session(state), STT_TABLE[state][what]
    if cell is WRONG:
        with pytest.raises(LocalProtocolError, match=f"{what.name} is not possible while the session is {state.name}"):
            ACTS[what](core)
    else:
        ACTS[what](core)
    assert bool(core.outgoing()) is isinstance(cell, SttState)
    assert core.state is (cell if isinstance(cell, SttState) else state)


@pytest.mark.parametrize("state", SttState)
@pytest.mark.parametrize("what", ANSWERS)
def test_what_the_service_does_follows_the_table(state: SttState, what: SttInput) -> None:
    """What the table allows is told and moves the session, what it ignores is silent, the rest fails the session."""
    core, cell = session(state), STT_TABLE[state][what]
    events = ANSWERS[what](core)
    if cell is IGNORE:
        assert (events, core.state) == ([], state)
    elif cell is WRONG:
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, RemoteProtocolError)
        assert core.state is SttState.FAILED
    else:
        assert events
        assert core.state is cell


def test_a_session_from_start_to_end() -> None:
    """Configuration, sound, end; results in between; and everything is told in samples of the ear."""
    core = SttSession(SttConfig(model="stt-rt-v5"), PCM16K, base=160)
    core.start(0.0)
    core.hear(frame(160, 100), 0.0)
    core.end(0.1)
    config, sound, end = core.outgoing()
    assert json.loads(config) == {
        "model": "stt-rt-v5",
        "audio_format": "pcm_s16le",
        "sample_rate": 16_000,
        "num_channels": 1,
    }
    assert (sound, end) == (frame(0, 100).pcm, "")
    hello = result(token(" hello", 10, 50, confidence=0.5, speaker="1", language="en"), final_ms=60, total_ms=100)
    assert core.receive(hello, 0.2) == [
        Interim((Word(" hello", 160 + 160, 160 + 800, "en", "1", 0.5),)),
        Progress(160 + 960),
    ]
    assert core.receive(FINISHED, 0.3) == [
        Final((Word(" hello", 160 + 160, 160 + 800, "en", "1", 0.5),)),
        Interim(()),
        Finished(),
    ]


def test_a_bad_configuration_is_refused_at_once() -> None:
    """Nothing has to be opened to learn that an option is wrong."""
    with pytest.raises(ConfigError, match="max_endpoint_delay_ms"):
        SttSession(SttConfig(max_endpoint_delay_ms=1), PCM16K)


def test_sound_must_follow_what_was_sent() -> None:
    """A hole, a repetition or another format is our mistake; a Gap is sent as silence."""
    core = session()
    for wrong in (frame(16_001), frame(15_999), AudioFrame(b"\0\0", 16_000, AudioFormat(8_000))):
        with pytest.raises(LocalProtocolError, match="from sample 16000 on"):
            core.hear(wrong, 0.0)
    core.hear(Gap(12_000, 16_000), 0.0)
    sent = core.outgoing()
    assert b"".join(part for part in sent if isinstance(part, bytes)) == bytes(24_000)
    assert max(map(len, sent)) <= 2 * 16_000 * stt.PIECE_S
    assert core.sent_to == 28_000
    core.hear(frame(28_000), 0.0)


def test_of_a_long_gap_only_some_seconds_are_sent() -> None:
    """A hole of a minute is three seconds of silence to the service, and the times behind it count the whole minute."""
    core = session()
    core.hear(Gap(60_000 * SIXTEEN, 16_000), 0.0)
    assert sum(len(part) for part in core.outgoing()) == 2 * 16_000 * SILENCE_S
    assert core.sent_to == 61_000 * SIXTEEN
    core.hear(frame(61_000 * SIXTEEN, 2_000), 0.0)
    said = core.receive(result(token("one", 500, 900), token(" two", 4_000, 4_500), token(" x"), final_ms=4_500), 0.0)
    assert said[0] == Final((Word("one", 8_000, 14_400), Word(" two", 61_000 * SIXTEEN, 61_500 * SIXTEEN)))
    assert said[-1] == Progress(61_500 * SIXTEEN)
    assert core.replay_from >= 61_000 * SIXTEEN


def test_a_gap_before_the_first_sound_only_moves_the_beginning() -> None:
    """What was lost before a session began is not sent to it as a minute of silence."""
    core = SttSession(SttConfig(), PCM16K, base=1_000)
    core.start(0.0)
    core.outgoing()
    core.hear(Gap(2_000, 1_000), 0.0)
    core.hear(frame(3_000, 100), 0.0)
    assert len(core.outgoing()) == 1
    assert core.receive(result(token(" a", 0, 10)), 0.0) == [Interim((Word(" a", 3_000, 3_160),))]
    assert core.replay_from == 3_000


def test_sound_in_a_container_is_sent_as_it_is() -> None:
    """Without a raw format the bytes are the caller's own, and times count from the first of them."""
    core = SttSession(SttConfig(model="stt-rt-v5", audio_format="auto"), None)
    core.start(0.0)
    core.audio(b"OggS", 0.0)
    core.audio(b"", 0.0)
    assert core.outgoing()[1:] == [b"OggS"]
    (said,) = core.receive(result(token(" a", 1_000, 2_000)), 0.0)
    assert said == Interim((Word(" a", 16_000, 32_000),))


def test_an_end_without_sound_is_not_sent() -> None:
    """The service refuses it; the session is simply over."""
    core = SttSession(SttConfig(), PCM16K)
    core.start(0.0)
    core.outgoing()
    core.end(0.0)
    assert core.outgoing() == []
    assert core.state is SttState.DONE


def test_an_error_may_be_the_first_thing_that_comes() -> None:
    """A bad key is refused after the upgrade has succeeded: the error is typed, and has no key in it."""
    core = SttSession(SttConfig(), PCM16K, redact=_hide)
    (failed,) = core.receive(UNAUTHENTICATED, 0.2)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, Unauthenticated)
    assert failed.retry is Retry.NEW_KEY
    assert "secret" not in str(failed.error)
    core.start(0.3)
    assert core.outgoing() == []


def test_words_before_an_error_are_heard() -> None:
    """An error frame with tokens in it loses none of them."""
    core = session()
    events = core.receive(result(token(" a", 0, 20), token(" b", 20, 40), error_type="internal_error"), 0.0)
    assert [type(event) for event in events] == [Final, Interim, Failed]


def test_a_session_that_the_service_ends_is_begun_anew_at_once() -> None:
    """`finished` that nobody asked for: its words count, and another session takes over."""
    core = session()
    events = core.receive(result(token(" a", 0, 20), finished=True), 0.0)
    assert [type(event) for event in events] == [Interim, Final, Interim, Failed]
    assert isinstance(events[-1], Failed)
    assert events[-1].retry is Retry.NOW


def test_what_is_heard_after_a_failure_goes_nowhere() -> None:
    """Who feeds the session may learn of its end a moment later: that is no mistake."""
    core = session(SttState.FAILED)
    for item in (frame(16_000), frame(16_320), Gap(100, 16_640), SpeechStopped(16_000)):
        core.hear(item, 1.0)
    core.end(1.0)
    assert core.outgoing() == []


@pytest.mark.parametrize("garbage", ["", "hello", "[]", '{"tokens":[1]}', b"\xff"])
def test_garbage_fails_the_session(garbage: str | bytes) -> None:
    """What can't be read is the peer's fault, and a new connection is worth trying."""
    core = session()
    (failed,) = core.receive(garbage, 0.0)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, RemoteProtocolError)
    assert failed.retry is Retry.BACKOFF


# --- timers ---


def test_keepalives_go_out_when_no_sound_does() -> None:
    """Every five seconds of silence one keepalive, before any sound too; sound puts it off."""
    core = SttSession(SttConfig(), PCM16K)
    assert core.due_at is None
    core.start(1.0)
    core.outgoing()
    assert core.due_at == 1.0 + stt.KEEPALIVE_S
    core.tick(5.9)
    assert core.outgoing() == []
    core.tick(6.0)
    assert core.outgoing() == [KEEPALIVE]
    core.hear(frame(0), 8.0)
    assert core.due_at == 8.0 + stt.KEEPALIVE_S


def test_a_peer_that_answers_nothing_is_dead() -> None:
    """When sound goes out for ten seconds and nothing comes back, the session fails and is worth another try."""
    core = SttSession(SttConfig(), PCM16K)
    core.start(0.0)
    for second in range(10):
        core.hear(frame(second * 16_000, 1_000), float(second))
        assert core.tick(float(second)) == []
    assert core.due_at == DEAF_S
    (failed,) = core.tick(DEAF_S)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, Unavailable)
    assert failed.retry is Retry.BACKOFF


def test_any_answer_shows_that_the_peer_lives() -> None:
    """An empty result, as it comes in silence, puts the judgement off."""
    core = session()
    core.hear(frame(16_000, 1_000), 2.0)
    core.receive(result(final_ms=1_000, total_ms=2_000), 9.0)
    assert core.tick(12.0) == []


def test_little_sound_needs_no_answer() -> None:
    """A muted microphone, after a last scrap of sound, is no sign of a dead peer."""
    core = session()
    core.receive(result(), 0.0)
    core.hear(frame(16_000), 1.0)
    for second in range(6, 60, 5):
        assert core.tick(float(second)) == []
    assert core.outgoing().count(KEEPALIVE) == 11


def test_the_last_results_must_come_in_time() -> None:
    """After the end of the sound the peer has three seconds."""
    core = session(SttState.ENDING)
    assert core.due_at == stt.FINISH_S
    assert core.tick(2.9) == []
    (failed,) = core.tick(3.0)
    assert isinstance(failed, Failed)
    assert "last results" in str(failed.error)


def test_an_old_session_asks_to_be_relieved() -> None:
    """In a pause at 290 minutes, amid speech at 298: once, and long before the service ends it at 300."""
    for busy, due in ((False, stt.ROLL_OVER_S), (True, stt.ROLL_OVER_AT_LAST_S)):
        core = session()
        core.receive(result(token(" a", 0, 20, final=False)) if busy else result(), 0.0)
        core.tick(due - 5.0)
        core.outgoing()
        assert core.tick(due - 0.1) == []
        assert core.tick(due) == [RollOver()]
        assert core.tick(due + 1.0) == []


# --- finalize ---


def test_finalize_waits_for_its_answer() -> None:
    """While one is pending no other goes out; the one that was asked for meanwhile follows the answer."""
    core = session()
    core.finalize(10.0)
    core.finalize(10.1)
    assert core.outgoing() == [FINALIZE]
    core.hear(frame(16_000), 11.5)
    core.outgoing()
    assert core.receive(result(token("<fin>")), 11.6) == [Finalized(16_000)]
    assert core.outgoing() == [FINALIZE]
    core.receive(result(token("<fin>")), 11.7)
    assert core.outgoing() == []


def test_finalize_is_not_repeated_too_soon() -> None:
    """A second request within a second waits, and is due when it may go."""
    core = session()
    core.finalize(10.0)
    core.receive(result(token("<fin>")), 10.2)
    core.outgoing()
    core.finalize(10.3)
    assert core.outgoing() == []
    assert core.due_at == 10.0 + FINALIZE_EVERY_S
    core.tick(11.0)
    assert core.outgoing() == [FINALIZE]


def test_an_answer_that_never_comes_is_not_waited_for_forever() -> None:
    """After three seconds another request may go out."""
    core = session()
    core.finalize(10.0)
    core.finalize(10.1)
    core.outgoing()
    core.tick(10.0 + FINALIZE_ANSWER_S)
    assert core.outgoing() == [FINALIZE]


def test_the_end_does_not_wait_for_a_finalize() -> None:
    """With a request pending, only the end is sent: another request would make the service refuse the shutdown."""
    core = session()
    core.finalize(10.0)
    core.finalize(10.1)
    core.end(10.2)
    assert core.outgoing() == [FINALIZE, ""]
    core.receive(result(token("<fin>")), 13.1)
    core.tick(13.15)
    assert core.outgoing() == []


def test_a_pause_is_finalized_after_enough_silence() -> None:
    """The request follows the end of speech by 200 ms of sound, exactly behind that sound."""
    core = session(finalize_on_pause=True)
    core.hear(SpeechStopped(16_000), 1.0)
    for place in range(12):
        core.hear(frame(16_000 + place * 320), 1.0)
    kinds = [FINALIZE if message == FINALIZE else len(message) // 2 for message in core.outgoing()]
    assert kinds == [320] * 10 + [FINALIZE] + [320] * 2


def test_speech_that_goes_on_cancels_the_request() -> None:
    """A word that begins within the 200 ms is not cut in two."""
    core = session(finalize_on_pause=True)
    core.hear(SpeechStopped(16_000), 1.0)
    core.hear(frame(16_000, 100), 1.0)
    core.hear(SpeechStarted(17_500), 1.1)
    core.hear(frame(17_600, 1_000), 1.1)
    assert FINALIZE not in core.outgoing()


def test_marks_without_the_option_do_nothing() -> None:
    """Where the service finds the ends of utterances itself, the VAD's marks are not its business."""
    core = session()
    core.hear(SpeechStopped(1_000), 1.0)
    core.hear(frame(16_000, 1_000), 1.0)
    assert FINALIZE not in core.outgoing()


def test_the_final_words_of_a_pause_can_be_asked_for() -> None:
    """The request goes out behind the sound that it is about, and is told as an answer about all that was sent."""
    core = session()
    core.finalize_pause(19_200, 1.0)
    core.hear(frame(16_000, 180), 1.0)
    assert core.outgoing().count(FINALIZE) == 0
    core.hear(frame(18_880), 1.2)
    assert core.outgoing()[-1] == FINALIZE
    assert core.receive(result(token("<fin>")), 1.5) == [Finalized(19_200)]


def test_speech_in_a_pause_takes_the_request_back() -> None:
    """A mark in front of the place that was asked about ends the pause, also where the VAD asks for nothing itself."""
    core = session()
    core.finalize_pause(19_200, 1.0)
    core.hear(SpeechStarted(17_500), 1.1)
    core.hear(frame(16_000, 300), 1.1)
    assert core.outgoing().count(FINALIZE) == 0


@pytest.mark.parametrize("state", [state for state in SttState if state is not SttState.LISTENING])
def test_a_session_that_does_not_listen_is_asked_for_nothing(state: SttState) -> None:
    """The request of a pause comes whenever the turn machine likes; outside of its time it means nothing."""
    core = session(state)
    core.finalize_pause(0, 1.0)
    assert core.outgoing().count(FINALIZE) == 0


def test_a_manual_request_survives_speech() -> None:
    """What was asked for by hand is not taken back by the VAD."""
    core = session(finalize_on_pause=True)
    core.finalize(10.0)
    core.finalize(10.1)
    core.outgoing()
    core.hear(SpeechStarted(15_000), 10.2)
    core.receive(result(token("<fin>")), 11.5)
    assert core.outgoing() == [FINALIZE]


def test_endpoints_and_progress_are_told_in_order() -> None:
    """A frame with words, `<end>` and words of the next segment: final, endpoint, the new tail, then progress."""
    core = session()
    answer = result(token(" yes", 100, 300), token("<end>"), token(" and", 500, 700, final=False), final_ms=400)
    assert core.receive(answer, 0.0) == [
        Final((Word(" yes", 1_600, 4_800),)),
        Endpoint(4_800),
        Interim((Word(" and", 8_000, 11_200),)),
        Progress(6_400),
    ]


def test_garbage_is_quoted_without_the_key() -> None:
    """What came instead of an answer is told, but for a key in it."""
    (failed,) = session().receive("<html>secret</html>", 0.0)
    assert isinstance(failed, Failed)
    assert "<html>[key]</html>" in str(failed.error)
    assert failed.error.__cause__ is None
