"""The Soniox ears on a line that breaks: nothing lost, nothing twice, whatever it takes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
import trio

from tests.counts import FULL
from tests.e2e.hearing_kit import Attempts, Heard, hear, in_virtual_time, long, short, text_of, transcriber
from voicekit.errors import Unavailable
from voicekit.events import Endpoint, Interim, Overrun, Progress, SttDown, SttUp, Trouble
from voicekit.soniox.server.account import Service
from voicekit.soniox.stt import session as stt
from voicekit.soniox.stt import soniox_stt
from voicekit.soniox.stt.session import FINISH_S
from voicekit.testing import Script
from voicekit.testing.soniox import (
    At,
    Change,
    Close,
    Cut,
    HalfOpen,
    Refuse,
    Reject,
    SonioxPeer,
    StopReading,
    WireFault,
)

pytestmark = pytest.mark.slow

NOTICED_S = 5.0
"""The longest that a dead line may go unnoticed."""


async def heard_through(*faults: WireFault, frame: float = 0.04) -> tuple[Heard, SonioxPeer]:
    peer = SonioxPeer(short(), faults=faults)
    return await hear(transcriber(peer), short(), frame=frame), peer


def points(heard: SonioxPeer) -> Iterator[WireFault]:
    """Every place at which the line of an undisturbed session can break, for good or half: five hundred of them."""
    session = heard.hearings[0]
    for kind in (Cut, HalfOpen):
        for side, messages in (("received", session.received_count), ("sent", session.sent_count)):
            for number in range(1, messages + 1):
                for where in ("before", "inside", "after"):
                    yield kind(At(**{side: number}), where=where)
        for side, size in (("bytes_received", 300), ("bytes_sent", 140)):  # of the upgrade
            for place in range(0, size, 10):
                yield kind(At(**{side: place}))


@pytest.mark.full_counts
def test_no_word_is_lost_or_doubled_wherever_the_line_breaks() -> None:
    """The transcript of a connection broken at any of 500 points, or each tenth, is that of one never broken."""
    whole, peer = in_virtual_time(heard_through)
    assert (whole.text, len(peer.connections)) == ("good morning my dear friend", 1)
    everywhere = [*points(peer)]
    assert len(everywhere) >= 500
    wrong, again, places = [], 0, everywhere[:: 1 if FULL else 10]
    for fault in places:
        heard, there = in_virtual_time(lambda fault=fault: heard_through(fault))
        if (heard.text, heard.spans, heard.of(Endpoint)) != (whole.text, whole.spans, whole.of(Endpoint)):
            wrong.append((fault, heard.text))
        again += len(there.connections) > 1
    assert wrong == []
    assert again >= len(places) - 8  # a break after the last message changes nothing


@pytest.mark.parametrize("seed", range(20))
def test_a_line_that_breaks_again_and_again_loses_nothing(seed: int) -> None:
    """Also the replay may break, and the replay of the replay: the transcript stays the same."""
    places = [seed * 3 % 40 + 2, (seed * 7 + 11) % 23 + 2, (seed * 5 + 3) % 19 + 2]
    faults = [Cut(At(received=place), where="inside", connection=number) for number, place in enumerate(places, 1)]
    heard, peer = in_virtual_time(lambda: heard_through(*faults))
    assert heard.text == "good morning my dear friend"
    assert len(peer.connections) == 4


@pytest.mark.parametrize("kind", [Cut, HalfOpen])
@pytest.mark.parametrize("place", [At(bytes_received=0), At(bytes_received=200), At(bytes_sent=0), At(bytes_sent=100)])
def test_a_new_connection_may_break_in_its_upgrade(kind: type[WireFault], place: At) -> None:
    """What happens to the first connection may happen to the second before it is one."""
    heard, peer = in_virtual_time(lambda: heard_through(Cut(At(seconds=1.0)), kind(place, connection=2)))
    assert heard.text == "good morning my dear friend"
    assert len(peer.connections) == 3


@pytest.mark.parametrize("seconds", [0.5, 2.0, 10.0, 30.0])
async def test_an_outage_of_half_a_minute_loses_nothing(seconds: float, autojump_clock: object) -> None:
    """Everything that was said while there was no service is transcribed, once, when there is one again."""
    script = long(20.0 + 3 * seconds)
    peer = SonioxPeer(script, faults=[Cut(At(seconds=6.13), away=seconds)])
    heard = await hear(transcriber(peer), script)
    assert heard.text == text_of(script)
    assert heard.of(Overrun) == []
    assert (len(heard.of(SttDown)), len(heard.of(SttUp))) == (1, 1)
    down = heard.at(SttUp)[0] - heard.at(SttDown)[0]
    assert seconds <= down <= seconds + 6.0  # up to five of the six may be the wait between two attempts


async def test_after_an_outage_beyond_the_ring_there_is_one_gap(autojump_clock: object) -> None:
    """Of an outage of 100 s the last minute is kept; the rest is one Gap, and one Overrun says how long it is."""
    script = long(170.0)
    peer = SonioxPeer(script, faults=[Cut(At(seconds=10.0), away=100.0)])
    heard = await hear(transcriber(peer), script, frame=0.04)
    before, after = peer.hearings[0].runs, peer.hearings[-1].runs
    assert [len(before), len(after)] == [1, 1]
    assert before[0].source is not None
    assert after[0].source is not None
    missing = after[0].source - (before[0].source + before[0].samples)
    assert heard.dropped == 0
    (overrun,) = heard.of(Overrun)
    replayed = 2.0 * 16_000
    assert missing <= overrun.samples <= missing + replayed
    assert missing > 35 * 16_000
    said = heard.text.split()
    lost = [word for word in text_of(script).split() if word.isdigit() and word not in said]
    assert 8 <= len(lost) <= 14  # one sentence every 3.5 s
    assert len({word for word in said if word.isdigit()}) == len([word for word in said if word.isdigit()])


async def test_a_line_that_breaks_while_the_ears_catch_up_is_no_trouble(autojump_clock: object) -> None:
    """Full of sound and connected, the ears make the source wait; when the line breaks again, they must not."""
    script = long(200.0)
    faults = [Cut(At(seconds=5.0), away=80.0), Cut(At(seconds=1.0), connection=2, away=20.0)]
    peer = SonioxPeer(script, faults=faults)
    heard = await hear(transcriber(peer), script, frame=0.04)
    assert heard.dropped == 0
    assert len(heard.of(Overrun)) == 2
    numbers = [word for word in heard.text.split() if word.isdigit()]
    assert len(numbers) == len(set(numbers))
    assert numbers[-1] == text_of(script).split()[-4]


async def test_a_service_that_stays_away_fails_the_call(autojump_clock: object) -> None:
    """After two minutes without a connection the error that is raised says why there is none."""
    script = long(200.0)
    peer = SonioxPeer(script, faults=[Cut(At(seconds=3.0), away=1_000.0)])
    start = trio.current_time()
    with pytest.raises(Unavailable, match="can't connect") as raised:
        await hear(transcriber(peer), script, frame=0.1)
    assert 3.0 + soniox_stt.GIVE_UP_S - 5.0 <= trio.current_time() - start <= 3.0 + soniox_stt.GIVE_UP_S + 0.5
    assert raised.value.retryable


def test_nothing_grows_in_an_outage_of_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the second and the tenth minute without a service, the ears keep no more than they had."""
    monkeypatch.setattr(soniox_stt, "GIVE_UP_S", 1_000.0)
    kept: list[int] = []

    async def watch(heard: Heard) -> None:
        for minute in (2, 10):
            await trio.sleep_until(heard.start + 60.0 * minute)
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0])

    async def call() -> Heard:
        script = Script()
        script.says("before the outage", at=1.0, for_=1.0)
        script.says("and after it", at=605.0, for_=1.0)
        peer = SonioxPeer(script, faults=[Cut(At(seconds=4.0), away=598.0)])
        return await hear(transcriber(peer), script, frame=0.1, during=watch)

    tracemalloc.start()
    try:
        heard = in_virtual_time(call)
    finally:
        tracemalloc.stop()
    assert heard.text == "before the outage and after it"
    assert len(heard.of(Overrun)) == 1
    assert kept[1] - kept[0] < 200_000


@pytest.mark.parametrize("roll", [0.0, 0.5, 0.999])
async def test_the_wait_between_attempts_doubles_within_its_bounds(roll: float, autojump_clock: object) -> None:
    """Attempts come 0.2, 0.4, 0.8 ... at most 5 s after each other, each shortened by up to half as chance has it."""
    script = long(45.0)
    peer = SonioxPeer(script, faults=[Cut(At(seconds=1.0), away=40.0)])
    attempts = Attempts(peer.transport)
    await hear(transcriber(peer, transport=attempts, roll=lambda: roll), script, frame=0.1)
    waits = [later - at for at, later in pairwise(attempts.at[1:])]
    longest = [min(0.2 * 2**n, 5.0) for n in range(1, len(waits) + 1)]
    assert len(waits) >= 8
    assert waits == pytest.approx([wait * (0.5 + roll / 2) for wait in longest], abs=0.1)


@pytest.mark.parametrize("at", [0.3, 0.5, 1.99, 2.0, 2.01, 3.3])
async def test_a_half_open_line_is_noticed_in_five_seconds(at: float, autojump_clock: object) -> None:
    """A peer that takes everything and answers nothing is given up, told of, and replaced without loss."""
    script = long(20.0)
    peer = SonioxPeer(script, faults=[HalfOpen(At(seconds=at))])
    heard = await hear(transcriber(peer), script)
    assert heard.at(SttDown)[0] <= at + NOTICED_S
    assert heard.at(SttUp)[0] <= at + NOTICED_S + 1.0
    assert heard.text == text_of(script)


async def test_a_peer_that_stops_reading_is_noticed(autojump_clock: object) -> None:
    """When the line takes nothing more, no ping is answered either: a new connection is made, nothing is lost."""
    script = long(20.0)
    peer = SonioxPeer(script, faults=[StopReading(At(seconds=5.0))])
    heard = await hear(transcriber(peer), script)
    assert 5.0 < heard.at(SttDown)[0] <= 5.0 + NOTICED_S
    assert heard.text == text_of(script)
    assert len(peer.connections) == 2


async def test_a_service_that_answers_pings_and_nothing_else_is_noticed(autojump_clock: object) -> None:
    """Sound went out for ten seconds and no result came: that session is replaced, too."""
    script = long(30.0)
    answers = iter(range(20))
    deaf = Change(change=lambda message: None if next(answers, None) is None else message)
    peer = SonioxPeer(script, faults=[deaf])
    heard = await hear(transcriber(peer), script)
    (down,) = heard.of(SttDown)
    assert "nothing came back" in down.why
    assert heard.text == text_of(script)


@pytest.mark.parametrize(
    ("error_type", "message"),
    [
        ("service_unavailable", "Cannot continue request (code 1). Please restart the request."),
        ("max_duration_reached", "Maximum duration was reached."),
    ],
)
async def test_a_session_that_must_be_restarted_is_restarted_at_once(
    error_type: str, message: str, autojump_clock: object
) -> None:
    """ "Cannot continue" and the end of a session's time are followed by a new session in the same instant."""
    script = long(10.0)
    peer = SonioxPeer(script, faults=[Refuse(At(seconds=4.0), error_type, message)])
    attempts = Attempts(peer.transport)
    heard = await hear(transcriber(peer, transport=attempts), script)
    assert attempts.at[1] - heard.at(SttDown)[0] <= 0.3  # closing takes 0.2 s
    assert heard.text == text_of(script)


async def test_a_session_is_rolled_over_without_anybody_noticing(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    """Before the longest that a session may last another takes over, in a pause: no word and no event tells of it."""
    monkeypatch.setattr(stt, "ROLL_OVER_S", 8.0)
    monkeypatch.setattr(stt, "ROLL_OVER_AT_LAST_S", 11.0)
    monkeypatch.setattr("voicekit.soniox.api.limits.STT_SESSION_S", 12.0)
    script = long(60.0)
    peer = SonioxPeer(script)
    heard = await hear(transcriber(peer), script)
    assert len(peer.connections) >= 6
    assert heard.text == text_of(script)
    assert heard.of(Endpoint) != []
    assert heard.of(SttDown) + heard.of(SttUp) + heard.of(Trouble) + heard.of(Overrun) == []
    assert [record.refusal for record in peer.connections] == [None] * len(peer.connections)
    ends = [record.closed_at for record in peer.connections[:-1]]
    starts = [record.opened_at for record in peer.connections[1:]]
    assert all(end is not None and end <= start + 0.3 for end, start in zip(ends, starts, strict=True))


async def test_one_who_never_pauses_is_rolled_over_at_last(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    """Where no pause comes, the session is replaced in the middle of a word, which is still heard once."""
    monkeypatch.setattr(stt, "ROLL_OVER_S", 4.0)
    monkeypatch.setattr(stt, "ROLL_OVER_AT_LAST_S", 6.0)
    script = Script()
    words = [f"word{number}" for number in range(40)]
    script.says(" ".join(words), at=0.5, for_=20.0)
    peer = SonioxPeer(script)
    heard = await hear(transcriber(peer), script)
    assert heard.text.split() == words
    assert len(peer.connections) >= 4


async def test_the_first_connection_is_closed_when_another_takes_over(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    """The connection that was made before the call does not outlive its session: nothing is said on it any more."""
    monkeypatch.setattr(stt, "ROLL_OVER_S", 5.0)
    script = long(30.0)
    peer = SonioxPeer(script)
    await hear(transcriber(peer), script)
    assert peer.connections[0].closed_at is not None
    assert peer.connections[0].closed_at <= peer.connections[1].opened_at + 0.3
    assert len([record for record in peer.connections if record.closed_at is None]) == 0


async def test_the_end_is_awaited_for_three_seconds(autojump_clock: object) -> None:
    """A session that does not answer to the end of the sound is followed by one more, for what was not final yet."""
    script = short()
    # At the 102nd message: after the configuration and 100 frames comes the end of the sound.
    peer = SonioxPeer(script, faults=[HalfOpen(At(received=102))])
    heard = await hear(transcriber(peer), script)
    assert heard.text == "good morning my dear friend"
    assert heard.at(SttDown) == pytest.approx([script.until + FINISH_S])
    assert script.until + FINISH_S <= heard.ended_at <= script.until + FINISH_S + 0.5
    assert [len(peer.connections), heard.of(Trouble)] == [2, []]


async def test_an_end_without_a_word_is_an_end_too(autojump_clock: object) -> None:
    """A service that closes when all is said, and does not say that it has finished, is not asked again."""
    script = short()
    wordless = Change(change=lambda message: None if '"finished":true' in str(message) else message)
    peer = SonioxPeer(script, faults=[wordless])
    heard = await hear(transcriber(peer), script)
    assert heard.text == "good morning my dear friend"
    assert heard.ended_at <= script.until + 0.1
    assert [event.where for event in heard.of(Trouble)] == [stt.SERVICE]
    assert len(peer.connections) == 1


async def test_a_service_that_never_answers_the_end_gets_no_third_chance(autojump_clock: object) -> None:
    """Words that were not final when the sound ended are worth one more session; then the ears end, and say so."""
    script = Script()
    script.says("good morning my dear friend", at=0.2, for_=1.0)
    script.stays(until=1.2)
    peer = SonioxPeer(script, faults=[HalfOpen(At(seconds=1.19)), HalfOpen(At(received=4), connection=2)])
    heard = await hear(transcriber(peer), script)
    assert len(peer.connections) == 2
    assert script.until + 2 * FINISH_S <= heard.ended_at <= script.until + 2 * FINISH_S + 1.5
    assert len(heard.of(Trouble)) == 1


async def test_words_said_just_before_the_end_survive_an_outage(autojump_clock: object) -> None:
    """Where the sound ends while there is no service, its last words are fetched when that is back."""
    script = short()
    peer = SonioxPeer(script, faults=[Cut(At(seconds=0.5), away=20.0)])
    heard = await hear(transcriber(peer), script)
    assert heard.text == "good morning my dear friend"
    assert heard.ended_at <= 20.5 + 5.0 + 3.0


async def test_an_outage_at_the_end_is_not_waited_for_without_end(autojump_clock: object) -> None:
    """Half a minute after the sound has ended, what can't be fetched is given up, and said to be."""
    script = short()
    peer = SonioxPeer(script, faults=[Cut(At(seconds=0.5), away=100.0)])
    heard = await hear(transcriber(peer), script)
    assert script.until + 20.0 <= heard.ended_at <= script.until + 30.0
    assert len(heard.of(Trouble)) == 1


async def test_a_file_is_paced_and_waits_for_the_service(autojump_clock: object) -> None:
    """A source that can wait is read at one and a half times real time, and stands still while there is no service."""
    script = long(120.0)
    peer = SonioxPeer(script, faults=[Cut(At(seconds=10.0), away=90.0)])
    heard = await hear(transcriber(peer), script, live=False)
    assert heard.text == text_of(script)
    assert heard.of(Overrun) == []
    assert heard.ended_at == pytest.approx(90.0 + script.until / 1.5, abs=8.0)


async def test_words_that_a_new_session_does_not_hear_again_vanish(autojump_clock: object) -> None:
    """A tail that was shown before the line broke, and is not heard after it, is taken back."""
    imagined = (
        '{"tokens":[{"text":"boo","start_ms":500,"end_ms":700}],"final_audio_proc_ms":0,"total_audio_proc_ms":900}'
    )
    script = Script()
    script.stays(until=4.0)
    peer = SonioxPeer(script, faults=[Change(At(sent=4), change=lambda _: imagined), Cut(At(seconds=1.0))])
    heard = await hear(transcriber(peer), script)
    assert [event.text for event in heard.of(Interim)] == ["boo", ""]
    assert heard.at(Interim)[1] <= 2.0
    assert heard.text == ""


async def test_progress_never_goes_back(autojump_clock: object) -> None:
    """What has been recognised for good stays so when a new session begins where the old one was sure."""
    script = long(20.0)
    peer = SonioxPeer(script, faults=[Cut(At(seconds=3.3)), Cut(At(seconds=4.0), connection=2)])
    heard = await hear(transcriber(peer), script)
    reached = [event.final_to for event in heard.of(Progress)]
    assert reached == sorted(reached)
    assert len(peer.connections) == 3


async def test_a_service_that_closes_in_good_order_is_lost_all_the_same(autojump_clock: object) -> None:
    """A closing frame that nobody asked for is a lost connection, and its code and reason are told."""
    script = long(10.0)
    peer = SonioxPeer(script, faults=[Close(At(seconds=3.0), 1001, "Timeout")])
    heard = await hear(transcriber(peer), script)
    assert "code 1001 (GOING_AWAY): Timeout" in heard.of(SttDown)[0].why
    assert heard.text == text_of(script)


async def test_a_service_that_refuses_to_be_connected_again_is_asked_again(autojump_clock: object) -> None:
    """Where the upgrade is answered with 503, and then works, the transcript is whole."""
    script = long(10.0)
    refusals = [Reject(status=503, connection=number) for number in (2, 3)]
    peer = SonioxPeer(script, faults=[Cut(At(seconds=3.0)), *refusals])
    heard = await hear(transcriber(peer), script)
    assert heard.text == text_of(script)
    assert len([record for record in peer.connections if record.service is Service.STT]) == 4
