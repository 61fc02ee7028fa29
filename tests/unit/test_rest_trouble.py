"""What the client makes of trouble: refusals, broken connections, and servers that are none of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.unit.rest_kit import KEY, talking, targets
from voicekit.errors import (
    ConfigError,
    QuotaExceeded,
    RemoteProtocolError,
    ServiceError,
    Unauthenticated,
    Unavailable,
)
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.rest import (
    KeyRequest,
    Patience,
    SonioxClient,
    SpeechRequest,
    Transcription,
    TranscriptionRequest,
)
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.rest.refusal import REST_CODES
from voicekit.testing.soniox.rest import Outcome, RestPeer, said
from voicekit.testing.soniox.rest_faults import (
    CutAnswer,
    CutUpload,
    Instead,
    RefusedRequest,
    RestFault,
    Silence,
    StopReadingRest,
    Trickle,
    Unframed,
)

URL = TranscriptionRequest(audio_url="https://example.test/a.wav")
SPEECH = SpeechRequest(text="Hello there, this is a sentence.", audio_format="pcm_s16le", sample_rate=16_000)
ONCE = Patience(attempts=1)
CLASSES: dict[str, type[ServiceError]] = {
    "unauthenticated": Unauthenticated,
    "permission_denied": Unauthenticated,
    "temp_api_key_session_expired": Unauthenticated,
    "organization_balance_exhausted": QuotaExceeded,
    "organization_monthly_budget_exhausted": QuotaExceeded,
    "project_monthly_budget_exhausted": QuotaExceeded,
    "limit_exceeded": QuotaExceeded,
    "request_timeout": Unavailable,
    "max_duration_reached": Unavailable,
    "max_audio_duration_reached": Unavailable,
    "internal_error": Unavailable,
    "service_unavailable": Unavailable,
}
"""All others are plain ServiceErrors."""


# --- refusals ---


@pytest.mark.parametrize("error_type", sorted(REST_CODES))
async def test_each_error_type_is_told_apart(autojump_clock: MockClock, error_type: str) -> None:
    """Every error of the service, in either of its shapes, has its class, code, type, request id and link."""
    fault = RefusedRequest(error_type=error_type, message="No.", times=2)
    async with talking(RestPeer(faults=[fault]), patience=ONCE) as soniox:
        for asking in (soniox.files.count(), soniox.speech.audio(SPEECH)):
            with pytest.raises(ServiceError, match="No") as refused:
                await asking
            error = refused.value
            assert type(error) is CLASSES.get(error_type, ServiceError)
            assert (error.error_type, error.code) == (error_type, REST_CODES[error_type])
            assert error.request_id
            assert error.more_info == f"https://soniox.com/docs/api-reference/errors#{error_type.replace('_', '-')}"


async def test_wrong_fields_are_listed(autojump_clock: MockClock) -> None:
    """Where the service says which fields are wrong, the error has each of them, and its message names them."""
    async with talking(RestPeer()) as soniox:
        with pytest.raises(ServiceError, match=r"body\.payload\.language_hints") as refused:
            await soniox.transcriptions.create(
                TranscriptionRequest(audio_url="https://x.test/a", language_hints=("xx",))
            )
    assert [wrong.location for wrong in refused.value.validation_errors] == ["body.payload.language_hints"]


async def test_the_key_is_never_shown(autojump_clock: MockClock) -> None:
    """A service that repeats the key in its error is not quoted with it."""
    fault = RefusedRequest(error_type="unauthenticated", message=f"Incorrect key {KEY}.")
    async with talking(RestPeer(faults=[fault])) as soniox:
        with pytest.raises(Unauthenticated) as refused:
            await soniox.files.count()
    assert KEY not in f"{refused.value} {refused.value!r} {soniox!r}"


async def test_a_key_that_is_made_is_asked_for_each_time(autojump_clock: MockClock) -> None:
    """With a function for a key, each attempt has a fresh one, so that a new key follows one that is refused."""
    keys = iter(["stale", KEY])
    async with talking(RestPeer(account=Account([KEY])), key=lambda: next(keys)) as soniox:
        assert (await soniox.files.count()).total == 0


# --- which requests are repeated ---


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        (RefusedRequest(error_type="service_unavailable"), 2),
        (RefusedRequest(error_type="internal_error"), 2),
        (RefusedRequest(error_type="limit_exceeded"), 2),
        (RefusedRequest(error_type="invalid_request"), 1),
        (CutAnswer(after=None), 2),
        (CutAnswer(after=5), 2),
        (Silence(), 2),
    ],
    ids=lambda value: getattr(value, "error_type", type(value).__name__),
)
async def test_what_only_reads_is_asked_again(autojump_clock: MockClock, fault: RestFault, attempts: int) -> None:
    """A request that changes nothing is made again after passing trouble, whether refused or lost."""
    peer = RestPeer(faults=[fault])
    async with talking(peer) as soniox:
        try:
            await soniox.files.count()
        except ServiceError:
            assert attempts == 1
    assert len(peer.requests) == attempts


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        (RefusedRequest("POST", error_type="limit_exceeded"), 2),
        (RefusedRequest("POST", error_type="service_unavailable"), 1),
        (RefusedRequest("POST", error_type="internal_error"), 1),
        (CutAnswer("POST", after=None), 1),
        (CutAnswer("POST", after=5), 1),
    ],
    ids=lambda value: getattr(value, "error_type", type(value).__name__),
)
async def test_what_makes_something_is_not_made_twice(
    autojump_clock: MockClock, fault: RestFault, attempts: int
) -> None:
    """A transcription is asked for again only after an error that says that nothing was begun."""
    peer = RestPeer(faults=[fault])
    async with talking(peer) as soniox:
        try:
            await soniox.transcriptions.create(URL)
        except ServiceError:
            assert attempts == 1
        assert len(peer.requests) == attempts
        assert (await soniox.transcriptions.count()).total <= 1


async def test_speech_is_asked_again_as_long_as_none_has_come(autojump_clock: MockClock) -> None:
    """After an error that came instead of sound there is another attempt; after the first sound there is none."""
    peer = RestPeer(faults=[RefusedRequest("POST", error_type="internal_error"), CutAnswer("POST", after=2_000)])
    async with talking(peer) as soniox:
        with pytest.raises(Unavailable, match="interrupted after 2000 bytes"):
            await soniox.speech.audio(SPEECH)
    assert len(peer.requests) == 2


async def test_nobody_there_is_asked_again_by_all(autojump_clock: MockClock) -> None:
    """Where no connection comes about, even an upload is tried again, and then says how often it was."""
    peer = RestPeer()
    peer.away = True
    async with talking(peer) as soniox:
        with pytest.raises(Unavailable, match="not reached") as failed:
            await soniox.files.upload(b"x")
    assert failed.value.__notes__ == ["this was attempt 4"]


async def test_the_service_says_how_long_to_wait(autojump_clock: MockClock) -> None:
    """A Retry-After is waited for, up to a minute."""
    faults = [RefusedRequest(error_type="limit_exceeded", headers=(("retry-after", "45"),)),
              RefusedRequest(error_type="limit_exceeded", headers=(("retry-after", "4000"),))]  # fmt: skip
    peer = RestPeer(faults=faults)
    async with talking(peer) as soniox:
        await soniox.files.count()
    times = [request.at for request in peer.requests]
    assert [round(later - earlier) for earlier, later in pairwise(times)] == [45, 60]


async def test_a_deletion_whose_answer_was_lost_is_done(autojump_clock: MockClock) -> None:
    """When the second attempt finds nothing to delete any more, the first one has worked."""
    peer = RestPeer(faults=[CutAnswer("DELETE", after=None)])
    async with talking(peer) as soniox:
        file = await soniox.files.upload(b"x")
        await soniox.files.delete(file.id)
        with pytest.raises(ServiceError, match="file_not_found"):
            await soniox.files.delete(file.id)
    assert targets(peer).count(f"DELETE /v1/files/{file.id}") == 3


# --- interrupted requests and answers ---


async def test_an_upload_that_breaks_off_says_so(autojump_clock: MockClock) -> None:
    """A connection lost in the middle of an upload says how far it came; the upload is not made a second time."""
    peer = RestPeer(faults=[CutUpload("POST", after=600_000)])
    async with talking(peer) as soniox:
        with pytest.raises(Unavailable, match=r"upload of a\.wav was interrupted after \d+ of 2000000 bytes") as lost:
            await soniox.files.upload(bytes(2_000_000), filename="a.wav")
        assert lost.value.retryable
        assert peer.files == {}
        assert (await soniox.files.upload(b"again")).size == 5
    assert targets(peer) == ["POST /v1/files"] * 2


async def test_an_upload_whose_answer_is_lost_says_so(autojump_clock: MockClock) -> None:
    """All bytes are out, and no answer comes: nobody knows whether the file is there, so it is not sent again."""
    peer = RestPeer(faults=[CutAnswer("POST", after=None)])
    async with talking(peer) as soniox:
        with pytest.raises(Unavailable, match="interrupted after 3 of 3 bytes"):
            await soniox.files.upload(b"abc")


async def test_a_server_that_stops_reading_is_given_up(autojump_clock: MockClock) -> None:
    """When an upload does not move any more, it ends after the time for that, not after hours."""
    before = trio.current_time()
    async with talking(RestPeer(faults=[StopReadingRest("POST")]), patience=Patience(stall=7.0)) as soniox:
        with pytest.raises(Unavailable, match="interrupted after"):
            await soniox.files.upload(bytes(5_000_000))
        assert trio.current_time() - before == pytest.approx(7.0, abs=0.5)


async def test_an_early_refusal_of_an_upload_is_read(autojump_clock: MockClock) -> None:
    """A server that refuses while the file is still coming, and closes, is heard: the refusal counts."""
    peer = RestPeer(account=Account(["another key"]))
    async with talking(peer) as soniox:
        with pytest.raises(Unauthenticated):
            await soniox.files.upload(bytes(300_000))


@pytest.mark.parametrize("fault", [CutAnswer("POST", after=3_001), Unframed("POST", after=3_000), Unframed("POST")])
async def test_sound_that_breaks_off_says_so(autojump_clock: MockClock, fault: RestFault) -> None:
    """Sound cut short is told from sound that has ended, and so is sound whose end nothing proves."""
    async with talking(RestPeer(faults=[fault])) as soniox:
        with pytest.raises(Unavailable, match=r"the sound was interrupted after \d+ bytes"):
            await soniox.speech.audio(SPEECH)


async def test_a_temporary_key_ends_its_sound(autojump_clock: MockClock) -> None:
    """When the session of a temporary key is over, the sound breaks off, and that is told."""
    account = Account([KEY])
    account.add(Key("temporary", usage=Service.TTS, session_s=0.25))
    async with talking(RestPeer(account=account), key="temporary") as soniox:
        with pytest.raises(Unavailable, match="the sound was interrupted after"):
            await soniox.speech.audio(SPEECH)
    assert account.running[Service.TTS] == 0


async def test_a_file_is_not_replaced_by_half_of_another(autojump_clock: MockClock, tmp_path: Any) -> None:
    """When sound breaks off, what was at its path is still there, whole, and nothing else."""
    path = tmp_path / "hello.wav"
    path.write_bytes(b"the old one")
    async with talking(RestPeer(faults=[CutAnswer("POST", after=3_000)])) as soniox:
        with pytest.raises(Unavailable):
            await soniox.speech.save(SPEECH, path)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("hello.wav", b"the old one")]


async def test_a_cancelled_upload_leaves_nothing(autojump_clock: MockClock) -> None:
    """Cancelling in the middle closes that connection, and the client goes on with another."""
    peer = RestPeer()

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(100):
            await trio.sleep(1)
            yield bytes(1_000)

    async with talking(peer) as soniox:
        with trio.move_on_after(5.5) as cancelled:
            await soniox.files.upload(slow(), filename="a.wav")
        assert cancelled.cancelled_caught
        await wait_all_tasks_blocked()
        assert (peer.files, (await soniox.files.count()).total) == ({}, 0)


# --- servers other than ours ---


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Instead(body=b"<html><h1>Welcome to the hotel</h1>"), "text/html, '<html><h1>Welcome"),
        (Instead(body=b""), "an empty body"),
        (Instead(status=204), "got 204"),
        (Instead(status=301, headers=(("location", "https://elsewhere.test/"),)), "leads to https://elsewhere.test/"),
        (Instead(body=b"packed", headers=(("content-encoding", "gzip"),)), "no content type, 'packed'"),
        (Instead(body=b"[1, 2]", headers=(("content-type", "application/json"),)), r"'\[1, 2\]'"),
        (Instead(body=b'{"total": "many"}', headers=(("content-type", "application/json"),)), "many"),
    ],
    ids=["a page", "nothing", "204", "301", "packed", "another shape", "another type"],
)
async def test_an_answer_that_is_none_is_named(autojump_clock: MockClock, fault: RestFault, said: str) -> None:
    """A page, an empty body, a 204, a redirection or other JSON is an error that says what came; it is not followed."""
    peer = RestPeer(faults=[fault])
    async with talking(peer) as soniox:
        with pytest.raises(RemoteProtocolError, match=said):
            await soniox.files.count()
    assert len(peer.requests) == 1


async def test_sound_may_be_left_early(autojump_clock: MockClock) -> None:
    """Whoever has heard enough just leaves, and the client goes on."""
    peer = RestPeer()
    async with talking(peer) as soniox:
        async with soniox.speech.stream(SPEECH) as sound:
            async for _ in sound:
                break
        assert 0 < sound.received < 10_000
        assert (await soniox.files.count()).total == 0


@pytest.mark.parametrize("address", ["http://", "https://[", "http://x test"])
async def test_an_address_that_is_none_is_our_mistake(address: str) -> None:
    """An address that no host can have is a ConfigError, at once or at the first request."""
    with pytest.raises((ConfigError, Unavailable)):
        await _count_at(address)


async def _count_at(address: str) -> None:
    async with SonioxClient(KEY, endpoints=Endpoints.find(rest=address, environ={})) as soniox:
        await soniox.files.count()


async def test_a_stream_is_not_sent_twice(autojump_clock: MockClock) -> None:
    """What can be read only once is not sent again after a refusal: its beginning is gone."""

    async def once() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    peer = RestPeer(faults=[RefusedRequest("POST", error_type="limit_exceeded", times=2)])
    async with talking(peer) as soniox:
        with pytest.raises(QuotaExceeded):
            await soniox.files.upload(once(), filename="a.wav")
        assert len(peer.requests) == 1
        assert (await soniox.files.upload(b"onetwo")).size == 6
    assert len(peer.requests) == 3


async def test_a_proxys_own_error_page_counts_by_its_number(autojump_clock: MockClock) -> None:
    """A 502 with a page is trouble that passes, as a 502 of the service would be."""
    async with talking(RestPeer(faults=[Instead(status=502, body=b"<html>Bad gateway")])) as soniox:
        assert (await soniox.files.count()).total == 0


@pytest.mark.parametrize("fault", [Trickle(every=1.0, times=9), Silence(times=9)])
async def test_an_answer_that_does_not_come_to_its_end_is_given_up(autojump_clock: MockClock, fault: RestFault) -> None:
    """One byte a second is not forever mistaken for an answer: the time for a whole one counts."""
    before = trio.current_time()
    async with talking(RestPeer(faults=[fault]), patience=Patience(answer=5.0, connect=1.0, attempts=1)) as soniox:
        with pytest.raises(Unavailable, match="GET /v1/files/count"):
            await soniox.files.count()
        assert 4.5 < trio.current_time() - before < 6.5


@pytest.mark.parametrize(("a_second", "whole"), [(100_000, True), (20_000, False)])
async def test_a_long_transcript_may_take_its_time(autojump_clock: MockClock, a_second: int, whole: bool) -> None:
    """A transcript of megabytes is read for as long as it moves, ten times the time for an answer, and no longer."""
    words = said("word " * 40_000)
    peer = RestPeer(outcomes={"": Outcome(tokens=words, queued=0.0, processing=0.0)})
    async with talking(peer, patience=Patience(answer=5.0, attempts=1)) as soniox:
        made = await soniox.transcriptions.create(URL)
        await soniox.transcriptions.wait(made.id)
        peer.faults.append(Trickle("GET", f"/v1/transcriptions/{made.id}/transcript", every=1.0, piece=a_second))
        before = trio.current_time()
        if whole:
            assert (await soniox.transcriptions.transcript(made.id)).tokens == words
            assert trio.current_time() - before > 30
        else:
            with pytest.raises(Unavailable, match="fewer than 256 KiB came in that time"):
                await soniox.transcriptions.transcript(made.id)
            assert trio.current_time() - before < 30


# --- requests that cost money ---


def _broken(peer: RestPeer, status: str, fault: Callable[[str], RestFault]) -> Callable[[Transcription], None]:
    """Order a fault on a transcription once it has that status."""

    def moved(now: Transcription) -> None:
        if now.status == status:
            peer.faults.append(fault(f"/v1/transcriptions/{now.id}"))

    return moved


async def test_a_transcript_that_was_not_read_is_not_deleted(autojump_clock: MockClock) -> None:
    """A completed transcription that can't be read stays, the error names it, and it can be read later; its sound
    is not needed any more."""
    peer = RestPeer()
    moved = _broken(peer, "completed", lambda path: CutAnswer("GET", f"{path}/transcript", times=4))
    async with talking(peer) as soniox:
        with pytest.raises(Unavailable) as failed:
            await soniox.transcriptions.of(b"sound", progress=moved)
        (made,) = [one async for one in soniox.transcriptions.list()]
        assert f"the transcription {made.id} is still at the service" in failed.value.__notes__
        assert (await soniox.transcriptions.transcript(made.id)).text == "this is what was said"
    assert peer.files == {}


async def test_a_transcription_that_was_lost_sight_of_is_not_deleted(autojump_clock: MockClock) -> None:
    """Where the way to the service breaks while it works, it goes on, with its sound, and can be waited for later."""
    peer = RestPeer()
    moved = _broken(peer, "queued", lambda path: RefusedRequest("GET", path, error_type="internal_error", times=4))
    async with talking(peer) as soniox:
        with pytest.raises(Unavailable) as failed:
            await soniox.transcriptions.of(b"sound", progress=moved)
        (made,) = [one async for one in soniox.transcriptions.list()]
        assert made.id in "".join(failed.value.__notes__)
        await soniox.transcriptions.wait(made.id)
        assert (await soniox.transcriptions.transcript(made.id)).text == "this is what was said"
        assert [file.id async for file in soniox.files.list()] == [made.file_id]


async def test_a_cancellation_while_it_is_read_keeps_it(autojump_clock: MockClock) -> None:
    """A time limit that strikes while a completed transcription is being read does not delete it."""
    peer = RestPeer()
    moved = _broken(peer, "completed", lambda path: Silence("GET", f"{path}/transcript"))
    async with talking(peer) as soniox:
        with trio.move_on_after(20.0) as limit:
            await soniox.transcriptions.of(b"sound", progress=moved)
        assert limit.cancelled_caught
        assert (await soniox.transcriptions.count()).total == 1
    assert peer.files == {}


@pytest.mark.parametrize("fault", [Instead("DELETE", status=200, body=b"{}", times=2), Instead("DELETE", times=2)])
async def test_trouble_with_deleting_does_not_cost_the_transcript(autojump_clock: MockClock, fault: RestFault) -> None:
    """Whatever answers instead of the service when the rest is deleted, the transcript is there."""
    async with talking(RestPeer(faults=[fault])) as soniox:
        assert (await soniox.transcriptions.of(b"sound")).text == "this is what was said"
        assert (await soniox.files.count()).total == 1


async def test_an_upload_is_not_waited_for_for_ever_either(autojump_clock: MockClock) -> None:
    """After the last byte of an upload, its answer has as long as any other."""
    peer = RestPeer(faults=[Trickle("POST", every=1.0)])
    async with talking(peer, patience=Patience(answer=5.0)) as soniox:
        with pytest.raises(Unavailable, match="no complete answer within 5 s"):
            await soniox.files.upload(b"x")


async def test_sound_that_trickles_is_given_up(autojump_clock: MockClock) -> None:
    """Sound that comes byte by byte ends after the time for all of it, however steadily it comes."""
    before = trio.current_time()
    async with talking(RestPeer(faults=[Trickle("POST")]), patience=Patience(speech=20.0)) as soniox:
        with pytest.raises(Unavailable, match="the whole answer took too long"):
            await soniox.speech.audio(SPEECH)
        assert trio.current_time() - before == pytest.approx(20.0, abs=1.5)


async def test_a_slow_consumer_of_sound_is_no_trouble(autojump_clock: MockClock) -> None:
    """What the caller takes for the sound is not counted as the service's delay."""
    patience = Patience(speech=20.0, stall=5.0)
    async with talking(RestPeer(), patience=patience) as soniox, soniox.speech.stream(SPEECH) as sound:
        async for _ in sound:
            await trio.sleep(30)
    assert sound.received > 10_000


async def test_a_list_whose_pages_repeat_ends(autojump_clock: MockClock) -> None:
    """A cursor that leads to its own page again is an error, not an endless list."""
    page = Instead(
        body=b'{"files":[{"id":"a"}],"next_page_cursor":"x"}', headers=(("content-type", "application/json"),), times=9
    )
    async with talking(RestPeer(faults=[page])) as soniox:
        with pytest.raises(RemoteProtocolError, match="cursor"):
            assert [file async for file in soniox.files.list()] == []


async def test_a_key_request_out_of_bounds_never_leaves(autojump_clock: MockClock) -> None:
    """What the service would refuse is refused here, with the field and its limit, before anything is sent."""
    peer = RestPeer()
    async with talking(peer) as soniox:
        with pytest.raises(ConfigError, match=r"expires_in_seconds: expected an integer from 1 to 3600, got 7200"):
            await soniox.keys.create(KeyRequest(usage_type="tts_rt", expires_in_seconds=7200))
    assert len(peer.requests) == 0
