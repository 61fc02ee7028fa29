"""Transcriptions as the service keeps them: every status, and what may happen in it."""

from __future__ import annotations

import json

import pytest

from tests.protocol.rest_rig import AUDIO, Rig
from voicekit.errors import LocalProtocolError
from voicekit.soniox.rest.schema.answers import TranscriptToken
from voicekit.soniox.server.rest.server import Dropped, Notify, Transcribe

WORDS = (TranscriptToken(text="good", start_ms=0, end_ms=300), TranscriptToken(text=" day", start_ms=320, end_ms=600))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_it_goes_from_the_queue_to_its_words(rig: Rig) -> None:
    """A transcription is queued, processing, completed, and only then has a transcript."""
    file = rig.upload(data=AUDIO)[1]["id"]
    made = rig.transcription(audio_url=None, file_id=file, enable_speaker_diarization=True)
    (asked,) = rig.effects
    assert isinstance(asked, Transcribe)
    assert (asked.id, asked.request.file_id, asked.request.enable_speaker_diarization) == (made, file, True)
    assert rig.ask("GET", f"/v1/transcriptions/{made}/transcript")[0] == 409
    rig.server.jobs.processing(made, duration_ms=600)
    assert rig.ask("GET", f"/v1/transcriptions/{made}")[1]["status"] == "processing"
    assert rig.server.jobs.completed(made, WORDS, 5.0) == []
    now = rig.ask("GET", f"/v1/transcriptions/{made}")[1]
    assert (now["status"], now["audio_duration_ms"], now["filename"]) == ("completed", 600, "a.wav")
    transcript = rig.ask("GET", f"/v1/transcriptions/{made}/transcript")[1]
    assert (transcript["text"], len(transcript["tokens"])) == ("good day", 2)


def test_its_text_is_what_was_said(rig: Rig) -> None:
    """Translations are among the tokens, and not in the text."""
    made = rig.transcription()
    rig.server.jobs.processing(made)
    words = [
        TranscriptToken(text="Hund", translation_status="original"),
        TranscriptToken(text="dog", translation_status="translation"),
    ]
    rig.server.jobs.completed(made, words, 0.0)
    assert rig.ask("GET", f"/v1/transcriptions/{made}/transcript")[1]["text"] == "Hund"


def test_deleting_leaves_the_file_and_waits_for_work(rig: Rig) -> None:
    """While a transcription is processing it can't be deleted; afterwards its file is still there, to be deleted."""
    file = rig.upload()[1]["id"]
    made = rig.transcription(audio_url=None, file_id=file)
    rig.server.jobs.processing(made)
    assert rig.ask("DELETE", f"/v1/transcriptions/{made}")[1]["error_type"] == "transcription_invalid_state"
    rig.server.jobs.completed(made, WORDS, 0.0)
    assert rig.ask("DELETE", f"/v1/transcriptions/{made}") == (204, None)
    assert rig.effects == []
    assert rig.ask("DELETE", f"/v1/files/{file}")[0] == 204
    assert rig.effects == [Dropped(file)]


def test_an_engine_that_comes_late_is_ignored(rig: Rig) -> None:
    """For a transcription that was deleted in the queue, whatever the engine says leads to nothing."""
    made = rig.transcription()
    assert rig.ask("DELETE", f"/v1/transcriptions/{made}")[0] == 204
    rig.server.jobs.processing(made)
    assert rig.server.jobs.completed(made, WORDS, 0.0) == []
    assert rig.server.jobs.failed(made, "internal_error", "No.") == []


def test_an_engine_that_goes_back_is_wrong(rig: Rig) -> None:
    """No status is skipped and none comes twice."""
    made = rig.transcription()
    with pytest.raises(LocalProtocolError):
        rig.server.jobs.completed(made, WORDS, 0.0)
    rig.server.jobs.processing(made)
    with pytest.raises(LocalProtocolError):
        rig.server.jobs.processing(made)
    rig.server.jobs.failed(made, "invalid_audio_file", "No sound in it.")
    with pytest.raises(LocalProtocolError):
        rig.server.jobs.completed(made, WORDS, 0.0)


@pytest.mark.parametrize("fails", [False, True])
def test_a_webhook_is_told_the_end(rig: Rig, fails: bool) -> None:
    """Whoever asked for it is called once, with the header as proof, which is masked everywhere else."""
    made = rig.transcription(
        webhook_url="https://me.test/hook", webhook_auth_header_name="X-Proof", webhook_auth_header_value="secret"
    )
    rig.server.jobs.processing(made)
    ends = (
        rig.server.jobs.failed(made, "internal_error", "No.") if fails else rig.server.jobs.completed(made, WORDS, 0.0)
    )
    (told,) = ends
    assert isinstance(told, Notify)
    assert (told.url, dict(told.headers)["X-Proof"]) == ("https://me.test/hook", "secret")
    assert json.loads(told.body) == {"id": made, "status": "error" if fails else "completed"}
    rig.server.jobs.notified(made, 204)
    now = rig.ask("GET", f"/v1/transcriptions/{made}")[1]
    assert now["webhook_status_code"] == 204
    assert set(now["webhook_auth_header_value"]) == {"*"}
    assert now["error_type"] == ("internal_error" if fails else None)


@pytest.mark.parametrize(
    ("change", "status", "location"),
    [
        ({"audio_url": None}, 400, "body.payload.audio_url or file_id"),
        ({"file_id": "x"}, 400, "body.payload.audio_url or file_id"),
        ({"audio_url": "ftp://x.test"}, 400, "body.payload.audio_url"),
        ({"model": "m" * 33}, 400, "body.payload.model"),
        ({"language_hints": ["en", "en"]}, 400, "body.payload.language_hints"),
        ({"language_hints": ["xx"]}, 400, "body.payload.language_hints"),
        ({"translation": {"type": "one_way"}}, 400, "body.payload.translation.target_language"),
        ({"context": "c" * 10_001}, 400, "body.payload.context"),
        ({"webhook_auth_header_value": "v" * 257}, 400, "body.payload.webhook_auth_header_value"),
        ({"enable_speaker_diarization": "yes"}, 400, "body.payload.enable_speaker_diarization"),
    ],
)
def test_wrong_fields_are_refused(rig: Rig, change: dict[str, object], status: int, location: str) -> None:
    """Each field out of bounds is named, and nothing is begun."""
    body = {"model": "stt-async-v5", "audio_url": "https://x.test/a.wav", **change}
    got, answer = rig.ask("POST", "/v1/transcriptions", body)
    assert (got, answer["validation_errors"][0]["location"]) == (status, location)
    assert rig.effects == []


def test_nulls_are_absent(rig: Rig) -> None:
    """Clients that send null for every option they leave out are understood."""
    made = rig.transcription(file_id=None, language_hints=None, translation=None, context=None, webhook_url=None)
    assert rig.ask("GET", f"/v1/transcriptions/{made}")[1]["language_hints"] is None


def test_an_unknown_model_and_file_are_refused(rig: Rig) -> None:
    """A model that nobody offers and a file that is not there have errors of their own."""
    body = {"model": "stt-async-v1", "audio_url": "https://x.test/a.wav"}
    assert rig.ask("POST", "/v1/transcriptions", body)[1]["error_type"] == "model_not_available"
    body = {"model": "stt-async-v5", "file_id": "00000000-0000-0000-0000-000000000000"}
    assert rig.ask("POST", "/v1/transcriptions", body)[1]["error_type"] == "file_not_found"
