"""Each endpoint of the REST API, through its method of the client, against the double."""

from __future__ import annotations

import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rest_kit import KEY, contents, talking, targets
from voicekit.errors import ServiceError
from voicekit.soniox import Context, Translation
from voicekit.soniox.rest import KeyRequest, SpeechRequest, Transcription, TranscriptionRequest
from voicekit.soniox.rest.schema.requests import SharedVoicesQuery
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.testing.soniox.peer_tts import spoken
from voicekit.testing.soniox.rest import Outcome, RestPeer, said

START = datetime(2026, 1, 1, tzinfo=UTC)
URL = "https://example.test/a.wav"


@pytest.fixture
def peer() -> RestPeer:
    return RestPeer(account=Account([KEY]))


# --- files ---


async def test_upload_a_file(autojump_clock: MockClock, peer: RestPeer, tmp_path: Path) -> None:
    """A file comes over whole, under its own name and reference, and its progress ends with its size."""
    path = tmp_path / "talk.wav"
    path.write_bytes(bytes(range(256)) * 3000)
    steps: list[tuple[int, int | None]] = []
    async with talking(peer) as soniox:
        file = await soniox.files.upload(path, client_reference_id="me", progress=lambda *step: steps.append(step))
    assert (file.filename, file.size, file.client_reference_id) == ("talk.wav", 768_000, "me")
    assert peer.files[file.id].complete
    assert (steps[-1], len(steps)) == ((768_000, 768_000), 3)


async def test_list_files(autojump_clock: MockClock, peer: RestPeer) -> None:
    """250 files are listed over three pages, each once and in order."""
    async with talking(peer) as soniox:
        names = [(await soniox.files.upload(b"x", filename=f"{number}.wav")).filename for number in range(250)]
        before = len(peer.requests)
        listed = [file.filename async for file in soniox.files.list(page=100)]
        assert len(peer.requests) - before == 3
        assert [len(page) async for page in soniox.files.list(page=100).pages()] == [100, 100, 50]
    assert listed == names


async def test_count_get_and_delete_a_file(autojump_clock: MockClock, peer: RestPeer) -> None:
    """A file is counted and described until it is deleted, and then gone."""
    async with talking(peer) as soniox:
        file = await soniox.files.upload(b"x")
        assert (await soniox.files.count()).total == 1
        assert await soniox.files.get(file.id) == file
        await soniox.files.delete(file.id)
        with pytest.raises(ServiceError, match="file_not_found") as gone:
            await soniox.files.get(file.id)
    assert (gone.value.code, gone.value.error_type) == (404, "file_not_found")
    assert peer.files == {}


# --- transcriptions ---


async def test_transcribe_a_file(autojump_clock: MockClock, peer: RestPeer) -> None:
    """A transcription goes from the queue through its work to its transcript, and says so on the way."""
    statuses: list[str] = []
    async with talking(peer) as soniox:
        file = await soniox.files.upload(b"x")
        made = await soniox.transcriptions.create(TranscriptionRequest(file_id=file.id))
        done = await soniox.transcriptions.wait(made.id, progress=lambda now: statuses.append(now.status))
        transcript = await soniox.transcriptions.transcript(made.id)
    assert (made.status, statuses) == ("queued", ["queued", "processing", "completed"])
    assert (done.audio_duration_ms, done.filename) == (2_000, "audio")
    assert transcript.text == "this is what was said"
    assert (transcript.tokens[1].text, transcript.tokens[1].start_ms) == (" is", 400)


async def test_transcribe_an_address_with_every_option(autojump_clock: MockClock, peer: RestPeer) -> None:
    """Every option of a transcription goes out as it was given, and null for none."""
    request = TranscriptionRequest(
        audio_url=URL,
        language_hints=("en", "de"),
        language_hints_strict=True,
        enable_speaker_diarization=True,
        enable_language_identification=True,
        translation=Translation(type="one_way", target_language="fr"),
        context=Context(terms=("voicekit",), text="A talk."),
        webhook_url="https://example.test/hook",
        webhook_auth_header_name="X-Proof",
        webhook_auth_header_value="secret",
        client_reference_id="me",
    )
    async with talking(peer) as soniox:
        made = await soniox.transcriptions.create(request)
        await soniox.transcriptions.wait(made.id)
    sent = peer.requests[0].body.decode()
    assert "null" not in sent
    assert '"terms":["voicekit"]' in sent
    assert (made.language_hints, made.audio_url, made.webhook_auth_header_value) == (("en", "de"), URL, "********")
    assert dict(peer.notified[0].headers)["X-Proof"] == "secret"


async def test_a_transcription_may_fail(autojump_clock: MockClock, peer: RestPeer) -> None:
    """One that ends in an error raises it, with the service's own type."""
    peer.outcomes[""] = Outcome(error=("invalid_audio_file", "There is no sound in it."))
    async with talking(peer) as soniox:
        made = await soniox.transcriptions.create(TranscriptionRequest(audio_url=URL))
        with pytest.raises(ServiceError, match="no sound in it") as failed:
            await soniox.transcriptions.wait(made.id)
    assert failed.value.error_type == "invalid_audio_file"


async def test_list_count_get_and_delete_transcriptions(autojump_clock: MockClock, peer: RestPeer) -> None:
    """Transcriptions are listed, counted and described until they are deleted, which leaves their files."""
    async with talking(peer) as soniox:
        file = await soniox.files.upload(b"x")
        first = await soniox.transcriptions.create(TranscriptionRequest(file_id=file.id))
        second = await soniox.transcriptions.create(TranscriptionRequest(audio_url=URL))
        assert [one.id async for one in soniox.transcriptions.list(page=1)] == [first.id, second.id]
        assert (await soniox.transcriptions.count()).total == 2
        assert (await soniox.transcriptions.get(second.id)).status == "queued"
        await soniox.transcriptions.wait(first.id)
        await soniox.transcriptions.delete(first.id)
        assert [one.id async for one in soniox.transcriptions.list()] == [second.id]
    assert list(peer.files) == [file.id]


async def test_too_early_a_transcript_is_refused(autojump_clock: MockClock, peer: RestPeer) -> None:
    """Before it is done there is no transcript, and while it is processing it can't be deleted: both are conflicts."""
    async with talking(peer) as soniox:
        made = await soniox.transcriptions.create(TranscriptionRequest(audio_url=URL))
        await trio.sleep(0.7)
        for early in (soniox.transcriptions.transcript(made.id), soniox.transcriptions.delete(made.id)):
            with pytest.raises(ServiceError) as refused:
                await early
            assert (refused.value.code, refused.value.error_type) == (409, "transcription_invalid_state")


async def test_transcribe_in_one_call(autojump_clock: MockClock, peer: RestPeer) -> None:
    """From a recording to its words in one call, which leaves nothing at the service."""
    seen: list[Transcription] = []
    async with talking(peer) as soniox:
        transcript = await soniox.transcriptions.of(b"sound", filename="a.wav", progress=seen.append)
        of_url = await soniox.transcriptions.of(URL)
        assert ((await soniox.files.count()).total, (await soniox.transcriptions.count()).total) == (0, 0)
    assert transcript.text == of_url.text == "this is what was said"
    assert (seen[0].filename, peer.files) == ("a.wav", {})


async def test_transcribing_in_one_call_leaves_nothing_when_it_fails(autojump_clock: MockClock, peer: RestPeer) -> None:
    """After an error as after a cancellation, the recording and the transcription are deleted at the service."""
    peer.outcomes["bad.wav"] = Outcome(error=("invalid_audio_file", "No."))
    async with talking(peer) as soniox:
        with pytest.raises(ServiceError):
            await soniox.transcriptions.of(b"sound", filename="bad.wav")
        for seconds, left in ((0.1, 0), (0.7, 1)):  # a transcription in progress can't be deleted, but its file can
            with trio.move_on_after(seconds) as cancelled:
                await soniox.transcriptions.of(b"sound", filename="good.wav")
            assert cancelled.cancelled_caught
            assert ((await soniox.files.count()).total, (await soniox.transcriptions.count()).total) == (0, left)


# --- models and voices ---


async def test_list_the_models_that_listen(autojump_clock: MockClock, peer: RestPeer) -> None:
    """The models for streams and for files come with what they can do."""
    async with talking(peer) as soniox:
        modes = {model.id: model.transcription_mode for model in await soniox.models.stt()}
    assert {name: modes[name] for name in ("stt-rt-v5", "stt-async-v5", "stt-rt-v4", "stt-async-v4")} == {
        "stt-rt-v5": "real_time", "stt-async-v5": "async", "stt-rt-v4": "real_time", "stt-async-v4": "async",
    }  # fmt: skip


async def test_list_the_models_that_speak(autojump_clock: MockClock, peer: RestPeer) -> None:
    """The models that speak come with their voices and speeds."""
    async with talking(peer) as soniox:
        model, *aliases = await soniox.models.tts()
    assert "tts-rt-v1" in {alias.id for alias in aliases}
    assert (model.id, model.speed_min, model.speed_max) == ("tts-rt-v2", 0.7, 1.3)
    assert "Adrian" in {voice.id for voice in model.voices}


async def test_list_shared_voices(autojump_clock: MockClock, peer: RestPeer) -> None:
    """Shared voices come page by page, and filtered as asked; lists of tags are sent one by one."""
    query = SharedVoicesQuery(gender="male", use_case=("narration",), style=("warm", "calm"))
    async with talking(peer) as soniox:
        assert [voice.id async for voice in soniox.voices.shared(page=2)] == ["Adrian", "Maya", "Arthur"]
        assert [voice.id async for voice in soniox.voices.shared(query)] == ["Arthur"]
    assert "style=warm&style=calm" in peer.requests[-1].target


async def test_a_voice_of_ones_own(autojump_clock: MockClock, peer: RestPeer) -> None:
    """A voice is made, prepared, listed, prepared again, spoken with, and deleted."""
    async with talking(peer) as soniox:
        voice = await soniox.voices.create(b"my voice", name="Me", filename="me.wav")
        assert voice.models[0].status == "processing"
        with pytest.raises(ServiceError, match="voice_not_prepared"):
            await soniox.speech.audio(SpeechRequest(text="Hello.", voice=voice.id))
        await trio.sleep(2)
        assert [one.models[0].status async for one in soniox.voices.list()] == ["ready"]
        assert (await soniox.voices.count()).total == 1
        assert (await soniox.voices.get(voice.id)).filename == "me.wav"
        assert (await soniox.voices.recompute(voice.id, model="tts-rt-v2")).name == "Me"
        assert await soniox.speech.audio(SpeechRequest(text="Hello.", voice=voice.id))
        with pytest.raises(ServiceError, match="voice_name_conflict"):
            await soniox.voices.create(b"my voice", name="Me")
        await soniox.voices.delete(voice.id)
        with pytest.raises(ServiceError, match="voice_not_found"):
            await soniox.voices.get(voice.id)


# --- keys, usage, concurrency ---


async def test_make_a_temporary_key(autojump_clock: MockClock, peer: RestPeer) -> None:
    """A temporary key opens what it is for, until it expires, and does not show itself."""
    request = KeyRequest(
        usage_type="tts_rt",
        expires_in_seconds=60,
        single_use=False,
        max_session_duration_seconds=120,
        client_reference_id="me",
    )
    async with talking(peer) as soniox:
        key = await soniox.keys.create(request)
    assert isinstance(peer.server.account.authenticate(key.api_key, Service.TTS, 59.0), Key)
    assert key.expires_at == START + timedelta(seconds=60)
    assert key.api_key not in repr(key)


async def test_read_usage(autojump_clock: MockClock, peer: RestPeer) -> None:
    """What was used is told request by request, in either order, and as a summary by day."""
    async with talking(peer) as soniox:
        await soniox.speech.audio(SpeechRequest(text="Hello.", client_reference_id="first"))
        await soniox.speech.audio(SpeechRequest(text="Hello again.", client_reference_id="second"))
        window = (START, START + timedelta(days=2))
        assert [log.client_reference_id async for log in soniox.usage.logs(*window, page=1)] == ["first", "second"]
        newest = [log async for log in soniox.usage.logs(*window, newest_first=True)]
        summary = await soniox.usage.summary(*window)
    assert newest[0].output_audio_duration_ms == 720
    assert (summary.total.num_requests, summary.models[0].model) == ((2, 0), "tts-rt-v2")


async def test_read_concurrency(autojump_clock: MockClock, peer: RestPeer) -> None:
    """How much runs now is told beside how much may, and its history without gaps."""
    async with talking(peer) as soniox:
        async with soniox.speech.stream(SpeechRequest(text="Hello.")):
            now = await soniox.concurrency.limits()
        history = await soniox.concurrency.history(START, START + timedelta(hours=2), kind="tts")
    assert (now.project.current.tts_concurrent, now.project.limits.tts_concurrent) == (1, 3)
    assert [period.sample_max for period in history.entries] == [1, 0]


# --- speech ---


async def test_speak_in_one_go(autojump_clock: MockClock, peer: RestPeer, tmp_path: Path) -> None:
    """The sound comes while it is made, as bytes or as a file, with the id of the request."""
    request = SpeechRequest(text="Hello there.", audio_format="pcm_s16le", sample_rate=16_000, speed=1.0)
    async with talking(peer) as soniox:
        before = trio.current_time()
        async with soniox.speech.stream(request, request_id="mine") as sound:
            pieces = [(trio.current_time() - before, piece) async for piece in sound]
        saved = await soniox.speech.save(SpeechRequest(text="Hello."), tmp_path / "hello.wav")
    assert (sound.request_id, sound.content_type, sound.whole) == ("mine", "audio/pcm", None)
    assert spoken(b"".join(piece for _, piece in pieces), 16_000) == "Hello there."
    assert pieces[0][0] < pieces[-1][0]
    assert {name: len(data) for name, data in contents(tmp_path).items()} == {"hello.wav": saved.size}
    assert saved.whole is None
    with wave.open(str(tmp_path / "hello.wav")) as file:
        assert (file.getnframes(), file.getframerate()) == ((saved.size - 44) // 2, 24_000)


async def test_what_is_said_is_what_the_outcome_says(autojump_clock: MockClock, peer: RestPeer) -> None:
    """The double's words are those of the file that was uploaded, by its name."""
    peer.outcomes["b.wav"] = Outcome(tokens=said("something else"))
    async with talking(peer) as soniox:
        assert (await soniox.transcriptions.of(b"x", filename="b.wav")).text == "something else"
    assert targets(peer)[0] == "POST /v1/files"
