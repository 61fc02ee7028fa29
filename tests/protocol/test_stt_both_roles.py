"""Both roles of the transcription protocol against each other, over connections that break."""

from __future__ import annotations

from array import array
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.protocol.hearing_rig import CONFIG, Call, Recogniser, speech
from voicekit.audio.format import PCM16K
from voicekit.audio.frame import AudioFrame, Gap
from voicekit.events import SpeechStarted, SpeechStopped
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.wire import SttConfig
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.realtime.stt import FIN, AudioCame, EndAsked, FinalizeAsked, SttEnded, SttServer
from voicekit.soniox.stt.session import Finished, SttSession
from voicekit.soniox.stt.states import SttState

UTTERANCE = [(300, 200), (60, 400), (100, 80), (900, 300), (40, 40), (1_500, 600), (200, 120)]
PLAIN = Call(speech(UTTERANCE)).run()


def transcript(samples: array[int]) -> list[str]:
    """What the rig's recogniser makes of `samples` in one session."""
    account, now = Account(), 0.0
    server, session = SttServer(account, "key", now), SttSession(CONFIG, PCM16K)
    recogniser = Recogniser(server)
    session.start(now)
    session.hear(AudioFrame(samples.tobytes(), 0, PCM16K), now)
    session.end(now)
    for message in session.outgoing():
        for event in server.receive(message, now):
            if isinstance(event, AudioCame):
                recogniser.hear(event.data)
            if isinstance(event, EndAsked):
                recogniser.finish()
    said = [event for message in server.outgoing() for event in session.receive(message, now)]
    return [word.text for event in said for word in getattr(event, "words", ()) if type(event).__name__ == "Final"]


def test_the_uncut_call_is_heard_exactly() -> None:
    """Every word has the length and the place that were spoken, to the sample, and utterances end in the pauses."""
    starts = [0, *accumulate(silence + length for silence, length in UTTERANCE)]
    expected = [
        (f" w{number}x{16 * length}", 16 * (start + silence), 16 * (start + silence + length))
        for number, (start, (silence, length)) in enumerate(zip(starts, UTTERANCE, strict=False), 1)
    ]
    assert [(word.text, word.start, word.end) for word in PLAIN.words] == expected
    assert PLAIN.endpoints == 3
    assert PLAIN.sessions == 1


def test_the_recogniser_hears_what_it_receives() -> None:
    """20 ms that are dropped or doubled inside a word change the transcript, so the other tests can fail."""
    samples = speech([(100, 200), (100, 200)])
    place = 16 * 150
    assert transcript(samples[:place] + samples[place + 320 :]) != transcript(samples)
    assert transcript(samples[:place] + samples[place - 320 : place] + samples[place:]) != transcript(samples)


@pytest.mark.parametrize("part", range(5))
def test_nothing_is_lost_or_doubled_wherever_the_connection_is_cut(part: int) -> None:
    """A cut at any of 250 moments, with messages on their way in both directions, leaves words and times as they
    were."""
    last = PLAIN.now + 0.5
    for number in range(part, 250, 5):
        call = Call(speech(UTTERANCE), cuts=[last * number / 250]).run()
        assert call.words == PLAIN.words
        assert call.lost() == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 8), min_size=2, max_size=6), st.floats(0.02, 3))
def test_many_cuts_lose_nothing_either(cuts: list[float], outage: float) -> None:
    """A connection that breaks again while it catches up still brings every word once, in order."""
    call = Call(speech(UTTERANCE), cuts=cuts, outage=outage).run()
    assert call.words == PLAIN.words
    assert call.lost() == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(20, 1_200), st.integers(20, 500)), min_size=1, max_size=8), st.floats(0, 8))
def test_any_speech_survives_a_cut(words: list[tuple[int, int]], cut: float) -> None:
    """Whatever is said, the transcript of the cut call equals that of the whole one."""
    assert Call(speech(words), cuts=[cut]).run().words == Call(speech(words)).run().words


def test_an_outage_of_thirty_seconds_loses_nothing() -> None:
    """The ring holds a minute: half of one without a connection is caught up with."""
    words = [(700, 300)] * 60
    call = Call(speech(words), cuts=[5.0], outage=30.0).run()
    assert call.words == Call(speech(words)).run().words
    assert call.lost() == 0


def test_a_longer_outage_leaves_one_hole() -> None:
    """Beyond a minute the oldest sound is gone: counted, and the words after it are heard where they were."""
    words = [(700, 300)] * 110
    plain = Call(speech(words)).run()
    call = Call(speech(words), cuts=[5.0], outage=90.0).run()
    assert 25 * 16_000 < call.lost() < 35 * 16_000
    missing = [word for word in plain.words if word not in call.words]
    whole = [word for word in call.words if word in plain.words]
    assert 25 <= len(missing) <= 36
    assert len(call.words) - len(whole) <= 2  # a word may be cut on each side of the gap
    assert [word.start for word in call.words] == sorted(word.start for word in call.words)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.lists(st.integers(0, 29), max_size=3))
def test_the_size_of_messages_does_not_matter(cuts: list[int], gaps: list[int]) -> None:
    """However the sound is cut into frames, and whichever of them were lost, the service receives it in its place."""
    session = SttSession(CONFIG, PCM16K)
    server = SttServer(Account(), "key", 0.0)
    session.start(0.0)
    at, expected = 0, b""
    for number, samples in enumerate(cuts):
        pcm = bytes([number + 1, 0]) * samples
        if number in gaps:
            session.hear(Gap(samples, at), 0.0)
            expected += bytes(len(pcm)) if expected else b""
        else:
            session.hear(AudioFrame(pcm, at, PCM16K), 0.0)
            expected += pcm
        at += samples
    events = [event for message in session.outgoing() for event in server.receive(message, 0.0)]
    assert b"".join(event.data for event in events if isinstance(event, AudioCame)) == expected
    assert session.sent_to == at


@given(
    st.lists(st.sampled_from(["sound", "gap", "finalize", "pause", "speech", "answer", "wait"]), max_size=40),
    st.booleans(),
)
@example(["finalize", "finalize", "wait", "answer"], False)
def test_the_service_refuses_nothing_that_the_client_sends(steps: list[str], endpoints: bool) -> None:
    """Whatever is heard and asked for in whatever order, with requests answered early, late or never, the service's
    role finds nothing wrong, until it is finished."""
    now, account = 0.0, Account()
    server = SttServer(account, "key", now)
    session = SttSession(CONFIG if endpoints else SttConfig(), PCM16K, finalize_on_pause=True)
    session.start(now)
    server.receive(session.outgoing()[0], now)
    recogniser = Recogniser(server)
    asked = 0
    for step in steps:
        if step == "sound":
            session.hear(AudioFrame(bytes(640), session.sent_to, PCM16K), now)
        elif step == "gap":
            session.hear(Gap(320, session.sent_to), now)
        elif step == "finalize":
            session.finalize(now)
        elif step in ("pause", "speech"):
            mark = SpeechStopped if step == "pause" else SpeechStarted
            session.hear(mark(session.sent_to), now)
        elif step == "answer" and asked:
            recogniser.answer(0, FIN)
            asked -= 1
        elif step == "wait":
            now += 2.5
        assert not any(isinstance(event, Failed) for event in session.tick(now))
        for message in session.outgoing():
            events = server.receive(message, now)
            assert not any(isinstance(event, SttEnded) for event in events)
            asked += sum(isinstance(event, FinalizeAsked) for event in events)
            for event in events:
                if isinstance(event, AudioCame):
                    recogniser.answer(0)
        assert server.tick(now) == []
        for message in server.outgoing():
            assert not any(isinstance(event, Failed) for event in session.receive(message, now))
    session.end(now)
    asked_for = [type(event) for message in session.outgoing() for event in server.receive(message, now)]
    # Without sound, the end is not sent.
    assert asked_for in ([], [FinalizeAsked], [EndAsked], [FinalizeAsked, EndAsked])
    if EndAsked in asked_for:
        server.finish(0, 0)
        assert [type(event) for event in session.receive(server.outgoing()[-1], now)][-1] is Finished
    assert session.state is SttState.DONE
