"""The service's side of the REST API: keys, addresses, files, pages, voices, and what it counts."""

from __future__ import annotations

import pytest

from tests.protocol.rest_rig import AUDIO, FORM, KEY, Rig, form
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.checks import STT_MODELS, TTS_MODELS, Offer
from voicekit.soniox.server.refusal import CODES, Refusal
from voicekit.soniox.server.rest.refusal import Problem
from voicekit.soniox.server.rest.server import (
    Begun,
    Dropped,
    FileChunk,
    FileKept,
    PrepareVoice,
    Quotas,
    Speak,
)

SPEECH = {"model": "tts-rt-v2", "language": "en", "voice": "Adrian", "audio_format": "wav", "text": "Hello."}
DAY = "start_time=2026-01-01T00:00:00Z&end_time=2026-01-02T00:00:00Z"


@pytest.fixture
def rig() -> Rig:
    return Rig()


# --- who and where ---


@pytest.mark.parametrize("key", [None, "wrong"])
def test_without_a_good_key_there_is_nothing(rig: Rig, key: str | None) -> None:
    """A missing and a wrong key are refused before the body is read."""
    exchange = rig.begin("POST", "/v1/files", key, content_type=FORM)
    assert exchange.answer is not None
    assert (exchange.answer.status, exchange.answer.close) == (401, True)
    assert exchange.receive(form(AUDIO, "a.wav"), 0.0) == []


def test_a_temporary_key_opens_nothing_but_speech(rig: Rig) -> None:
    """With a temporary key for speech one can speak, and touch nothing else."""
    rig.server.account.add(Key("temporary", usage=Service.TTS))
    assert rig.ask("GET", "/v1/voices", key="temporary")[0] == 401
    assert rig.exchange("POST", "/tts", SPEECH, key="temporary").answer is None
    assert [type(effect) for effect in rig.effects] == [Speak]


@pytest.mark.parametrize(
    ("method", "target", "status", "error_type"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/files/", 404, "not_found"),
        ("PUT", "/v1/files", 405, "method_not_allowed"),
        ("GET", "/v1/files/x", 404, "file_not_found"),
        ("DELETE", "/v1/transcriptions/x", 404, "transcription_not_found"),
        ("GET", "/v1/voices/x", 404, "voice_not_found"),
        ("GET", "/v1/files?cursor=nonsense", 400, "invalid_cursor"),
        ("GET", "/v1/files?limit=1001", 400, "invalid_request"),
        ("GET", "/v1/shared-voices", 400, "invalid_request"),
        ("GET", "/v1/usage-logs?start_time=yesterday", 400, "invalid_request"),
    ],
)
def test_what_is_not_there_is_said_so(rig: Rig, method: str, target: str, status: int, error_type: str) -> None:
    """A wrong address, method, id, cursor or query is answered with its own error, in full shape."""
    got, body = rig.ask(method, target)
    assert (got, body["status_code"], body["error_type"]) == (status, status, error_type)
    assert body["message"]
    assert body["request_id"]


@pytest.mark.parametrize("error_type", sorted(CODES))
def test_each_error_of_the_account_has_both_shapes(rig: Rig, error_type: str) -> None:
    """Whatever the account refuses is answered in the API's shape, and by speech in that of the websockets."""
    rig.server.account.refusing = Refusal(error_type, "No.")
    status, body = rig.ask("GET", "/v1/files")
    assert (status, body["error_type"], body["message"]) == (CODES[error_type], error_type, "No.")
    status, body = rig.ask("POST", "/tts", SPEECH)
    assert (status, body["error_code"], body["error_message"]) == (CODES[error_type], CODES[error_type], "No.")


def test_a_request_id_of_the_client_is_kept(rig: Rig) -> None:
    """What comes in as X-Request-Id goes out with the sound, and stands in errors."""
    assert rig.ask("GET", "/v1/nothing", x_request_id="mine")[1]["request_id"] == "mine"
    assert ("x-request-id", "mine") in rig.exchange("POST", "/tts", SPEECH, x_request_id="mine").speaking().headers


# --- files ---


def test_a_file_is_handed_on_as_it_comes(rig: Rig) -> None:
    """The bytes of an upload belong to the driver from the first piece on, and the server keeps only what they are."""
    exchange = rig.begin("POST", "/v1/files", content_type=FORM)
    body = form(AUDIO, "a.wav", client_reference_id="me")
    effects = [effect for byte in body for effect in exchange.receive(bytes([byte]), 1.0)] + exchange.end(2.0)
    name = effects[0].id
    assert effects[0] == Begun(name, "a.wav")
    assert b"".join(effect.data for effect in effects if isinstance(effect, FileChunk)) == AUDIO
    assert effects[-1] == FileKept(name, len(AUDIO))
    assert rig.ask("GET", f"/v1/files/{name}") == (200, {
        "id": name, "filename": "a.wav", "size": len(AUDIO), "created_at": "2026-01-01T00:00:02Z",
        "client_reference_id": "me",
    })  # fmt: skip
    assert rig.ask("GET", "/v1/files/count")[1] == {"total": 1, "public_api": 1, "playground": 0}
    assert rig.ask("DELETE", f"/v1/files/{name}") == (204, None)
    assert rig.effects == [Dropped(name)]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"--B--\r\n", {"content_type": FORM}),
        (form(AUDIO, "a.wav")[:-8], {"content_type": FORM}),
        (form(AUDIO, "a.wav", client_reference_id="x" * 257), {"content_type": FORM}),
        (form(AUDIO, "a.wav"), {"content_type": "audio/wav"}),
        (form(AUDIO, "a.wav")[:-4] + b"\r\n" + form(AUDIO, "b.wav")[5:], {"content_type": FORM}),
    ],
)
def test_a_bad_form_leaves_nothing(rig: Rig, body: bytes, headers: dict[str, str]) -> None:
    """A form without a file, cut short, with a field too long or with two files is refused, and its bytes dropped."""
    assert rig.ask("POST", "/v1/files", body, **headers)[0] == 400
    assert sum(isinstance(effect, Begun) for effect in rig.effects) == sum(
        isinstance(effect, Dropped) for effect in rig.effects
    )
    assert rig.ask("GET", "/v1/files/count")[1]["total"] == 0


def test_a_lost_client_leaves_nothing(rig: Rig) -> None:
    """When the connection breaks in the middle of an upload, what has come is dropped."""
    exchange = rig.begin("POST", "/v1/files", content_type=FORM)
    exchange.receive(form(AUDIO, "a.wav")[:-10], 0.0)
    assert [type(effect) for effect in exchange.lost(0.0)] == [Dropped]


def test_a_file_that_is_too_large_is_refused_while_it_comes(rig: Rig) -> None:
    """An upload over the limit is answered before its end, and the rest of it is not wanted."""
    exchange = rig.begin("POST", "/v1/voices", content_type=FORM)
    exchange.receive(form(b"", "a.wav")[:-9], 0.0)
    for _ in range(11):
        exchange.receive(bytes(2**20), 0.0)
    assert exchange.answer is not None
    assert (exchange.answer.status, exchange.answer.close) == (400, True)


def test_pages_stay_good_while_things_come_and_go(rig: Rig) -> None:
    """Between two pages one may delete and upload: nothing is shown twice, and nothing that stayed is left out."""
    ids = [rig.upload()[1]["id"] for _ in range(5)]
    first = rig.ask("GET", "/v1/files?limit=2")[1]
    rig.ask("DELETE", f"/v1/files/{ids[1]}")
    rig.ask("DELETE", f"/v1/files/{ids[2]}")
    ids.append(rig.upload()[1]["id"])
    second = rig.ask("GET", f"/v1/files?limit=9&cursor={first['next_page_cursor']}")[1]
    assert [file["id"] for file in first["files"] + second["files"]] == [ids[0], ids[1], ids[3], ids[4], ids[5]]
    assert second["next_page_cursor"] is None


def test_quotas_are_kept() -> None:
    """One more than an account may keep is refused as a limit, before its bytes are read."""
    rig = Rig(quotas=Quotas(files=1, voices=0, pending=1))
    rig.upload()
    assert rig.upload()[1]["error_type"] == "limit_exceeded"
    assert rig.upload("/v1/voices", name="v")[1]["error_type"] == "limit_exceeded"
    rig.transcription()
    status, body = rig.ask("POST", "/v1/transcriptions", {"model": "stt-async-v5", "audio_url": "https://x.test/b"})
    assert (status, body["error_type"]) == (429, "limit_exceeded")


# --- voices ---


def test_a_voice_is_prepared_and_then_speaks() -> None:
    """A voice of one's own can't be spoken with until the engine has prepared it, and never if that failed."""
    rig = Rig()
    voice = rig.ask("POST", "/v1/voices", form(AUDIO, "me.wav", name="Me"), content_type=FORM)[1]
    assert [type(effect) for effect in rig.effects] == [Begun, FileChunk, FileKept, PrepareVoice]
    assert voice["models"][0]["status"] == "processing"
    speech = {**SPEECH, "voice": voice["id"]}
    assert rig.ask("POST", "/tts", speech)[1]["error_type"] == "voice_not_prepared"
    rig.server.voices.prepared(voice["id"], "tts-rt-v2", ("invalid_audio_file", "No voice in it."))
    assert rig.ask("POST", "/tts", speech)[1]["error_type"] == "voice_failed"
    assert rig.ask("POST", f"/v1/voices/{voice['id']}/recompute", {})[1]["models"][0]["status"] == "processing"
    rig.server.voices.prepared(voice["id"], "tts-rt-v2")
    assert rig.exchange("POST", "/tts", speech).answer is None
    assert rig.ask("DELETE", f"/v1/voices/{voice['id']}")[0] == 204


def test_a_voice_has_a_name_of_its_own(rig: Rig) -> None:
    """A second voice of the same name is a conflict, and its recording is dropped."""
    assert rig.ask("POST", "/v1/voices", form(AUDIO, "a", name="Me"), content_type=FORM)[0] == 201
    status, body = rig.ask("POST", "/v1/voices", form(AUDIO, "b", name="Me"), content_type=FORM)
    assert (status, body["error_type"]) == (409, "voice_name_conflict")
    assert isinstance(rig.effects[-1], Dropped)


def test_shared_voices_fit_all_that_is_asked(rig: Rig) -> None:
    """Filters add up, and a tag must be among the voice's own."""
    names = [v["id"] for v in rig.ask("GET", "/v1/shared-voices?model=tts-rt-v2&gender=male&style=calm")[1]["voices"]]
    assert names == ["Adrian", "Arthur"]
    assert (
        rig.ask("GET", "/v1/shared-voices?model=tts-rt-v2&gender=male&accent=british")[1]["voices"][0]["id"] == "Arthur"
    )
    assert rig.ask("GET", "/v1/shared-voices?model=none")[1]["error_type"] == "model_not_available"


# --- speech ---


def test_speech_counts_as_a_stream_until_it_is_over() -> None:
    """What is being spoken stands in the concurrency, leaves it at the end, and stands in the usage then."""
    rig = Rig(account=Account([KEY], streams=2))
    exchange = rig.exchange("POST", "/tts", {**SPEECH, "client_reference_id": "me"})
    exchange.speaking()
    concurrency = rig.ask("GET", "/v1/concurrency-limits")[1]["project"]
    assert (concurrency["current"]["tts_concurrent"], concurrency["limits"]["tts_concurrent"]) == (1, 2)
    exchange.spoken(2.0, 1.5)
    exchange.spoken(3.0, 9.0)
    assert rig.ask("GET", "/v1/concurrency-limits")[1]["project"]["current"]["tts_concurrent"] == 0
    logs = rig.ask("GET", f"/v1/usage-logs?{DAY}")[1]["usage_logs"]
    assert [(log["client_reference_id"], log["output_audio_duration_ms"]) for log in logs] == [("me", 1500)]
    history = rig.ask("GET", f"/v1/concurrent-streams-history?{DAY}&period_sec=3600&kind=tts")[1]["entries"]
    assert [entry["sample_max"] for entry in history] == [1] + [0] * 23


def test_a_fourth_stream_is_one_too_many(rig: Rig) -> None:
    """Speech over HTTP counts among the account's streams, and a lost client gives its place back."""
    exchanges = [rig.exchange("POST", "/tts", SPEECH) for _ in range(3)]
    assert rig.ask("POST", "/tts", SPEECH)[1]["error_type"] == "limit_exceeded"
    exchanges[0].lost(1.0)
    assert rig.exchange("POST", "/tts", SPEECH).answer is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "ä" * 2501}, "text"),
        ({"text": None}, "Missing required field: text"),
        ({"voice": "v" * 51}, "voice"),
        ({"speed": 2}, "speed"),
        ({"audio_format": "pcm_s16le"}, "sample_rate"),
        ({"language": "xx"}, "Invalid language 'xx'"),
        ({"model": "none"}, "not available"),
    ],
)
def test_speech_out_of_bounds_is_refused(rig: Rig, change: dict[str, object], message: str) -> None:
    """Each wrong field of a speech request is named in the answer, which has the websockets' shape."""
    status, body = rig.ask("POST", "/tts", {**SPEECH, **change})
    assert status == 400
    assert message in body["error_message"]


def test_an_engine_may_refuse_before_any_sound(rig: Rig) -> None:
    """What the engine can't speak is answered as an error, and the stream is given back."""
    exchange = rig.exchange("POST", "/tts", SPEECH)
    assert exchange.refuse(Problem("internal_error", "No."), 0.0).status == 500
    assert rig.server.account.running[Service.TTS] == 0


# --- keys and usage ---


def test_a_temporary_key_is_what_was_asked_for(rig: Rig) -> None:
    """The account knows the new key, with its service, its end, its single use and its longest session."""
    status, made = rig.ask(
        "POST",
        "/v1/auth/temporary-api-key",
        {
            "usage_type": "transcribe_websocket",
            "expires_in_seconds": 60,
            "single_use": True,
            "max_session_duration_seconds": 5,
        },
    )
    assert (status, made["expires_at"]) == (201, "2026-01-01T00:01:00Z")
    account = rig.server.account
    key = account.authenticate(made["api_key"], Service.STT, 59.0)
    assert isinstance(key, Key)
    assert (key.single_use, key.session_ends(10.0)) == (True, 15.0)
    assert isinstance(account.authenticate(made["api_key"], Service.STT, 60.0), Refusal)
    assert isinstance(account.authenticate(made["api_key"], Service.TTS, 0.0), Refusal)
    assert made["api_key"] != KEY


@pytest.mark.parametrize(
    ("change", "location"),
    [
        ({"expires_in_seconds": 0}, "body.payload.expires_in_seconds"),
        ({"expires_in_seconds": "60"}, "body.payload.expires_in_seconds"),
        ({"expires_in_seconds": None}, "body.payload.expires_in_seconds"),
        ({"usage_type": "all"}, "body.payload.usage_type"),
        ({"max_session_duration_seconds": 18_001}, "body.payload.max_session_duration_seconds"),
    ],
)
def test_a_wrong_field_is_located(rig: Rig, change: dict[str, object], location: str) -> None:
    """A refusal says which field is wrong: out of bounds, of another type, or missing."""
    body = {"usage_type": "tts_rt", "expires_in_seconds": 60, **change}
    status, answer = rig.ask("POST", "/v1/auth/temporary-api-key", body)
    assert (status, [wrong["location"] for wrong in answer["validation_errors"]]) == (400, [location])


@pytest.mark.parametrize("body", [b"{", b"[]", b"nothing", b"\xff", b'{"x":' * 2000])
def test_what_is_no_json_is_refused(rig: Rig, body: bytes) -> None:
    """Broken and deeply nested JSON, and JSON that is no object, is the client's mistake."""
    assert rig.ask("POST", "/v1/transcriptions", body)[0] == 400


def test_a_body_has_an_end(rig: Rig) -> None:
    """More than a megabyte of anything but a file is refused while it comes."""
    exchange = rig.begin("POST", "/v1/transcriptions")
    for _ in range(3):
        exchange.receive(bytes(2**19), 0.0)
    assert exchange.answer is not None
    assert exchange.answer.status == 400


def test_usage_is_told_by_day_and_model(rig: Rig) -> None:
    """The summary has every day of the window, all of it and each model, and logs come in either order."""
    for name, at in (("a", 10.0), ("b", 90_000.0)):
        made = rig.transcription(client_reference_id=name)
        rig.server.jobs.processing(made, duration_ms=1_000)
        rig.server.jobs.completed(made, (), at)
    window = "start_time=2026-01-01T00:00:00Z&end_time=2026-01-04T00:00:00Z"
    summary = rig.ask("GET", f"/v1/usage/summary?{window}")[1]
    assert summary["total"]["days"] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert summary["total"]["num_requests"] == [1, 1, 0]
    assert [(one["model"], one["total_input_audio_duration_ms"]) for one in summary["models"]] == [
        ("stt-async-v5", 2000)
    ]
    newest = rig.ask("GET", f"/v1/usage-logs?{window}&sort=end_time_desc&limit=1")[1]
    rest = rig.ask("GET", f"/v1/usage-logs?{window}&sort=end_time_desc&cursor={newest['next_page_cursor']}")[1]
    assert [log["client_reference_id"] for log in newest["usage_logs"] + rest["usage_logs"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"),
        ("0001-01-01T00:00:00%2B14:00", "0001-01-02T00:00:00Z"),
        ("9999-12-31T00:00:00Z", "9999-12-31T23:00:00-14:00"),
        ("2026-01-01T00:00:00Z", "tomorrow"),
    ],
)
@pytest.mark.parametrize("path", ["usage-logs", "usage/summary", "concurrent-streams-history"])
def test_a_window_makes_sense(rig: Rig, path: str, start: str, end: str) -> None:
    """A window is of more than nothing, not too long, and in this age."""
    status, _ = rig.ask("GET", f"/v1/{path}?start_time={start}&end_time={end}&period_sec=60&kind=stt")
    assert status == (200 if path == "usage/summary" and end == "2026-02-02T00:00:00Z" else 400)


# --- how a server of one's own differs ---


def test_what_an_offer_lacks_is_not_promised() -> None:
    """The lists have the languages that are understood, no translation and no cloning where there is none."""
    offer = Offer(understood=("en",), translates=False, clones=False, tts_languages=("en",), voices=("joe",))
    rig = Rig(offer=offer)
    hearing = rig.ask("GET", "/v1/models")[1]["models"]
    assert {tuple(one["code"] for one in model["languages"]) for model in hearing} == {("en",)}
    assert {model["one_way_translation"] for model in hearing} == {None}
    speaking = rig.ask("GET", "/v1/tts-models")[1]["models"]
    assert {model["supports_voice_cloning"] for model in speaking} == {False}
    assert [voice["id"] for voice in speaking[0]["voices"]] == ["joe"]


def test_retired_models_are_listed_as_what_they_are_now() -> None:
    """Every name that is accepted is in the list, and says which model answers to it."""
    rig = Rig()
    hearing = rig.ask("GET", "/v1/models")[1]["models"]
    assert {one["id"] for one in hearing if one["transcription_mode"] == "real_time"} == STT_MODELS
    assert {one["id"] for one in rig.ask("GET", "/v1/tts-models")[1]["models"]} == TTS_MODELS
    named = {one["id"]: one["aliased_model_id"] for one in hearing}
    assert (named["stt-async-v4"], named["stt-async-v5"]) == ("stt-async-v5", None)
    for name in TTS_MODELS:
        assert rig.exchange("POST", "/tts", {**SPEECH, "model": name}).answer is None


def test_a_running_transcription_may_be_stopped_if_the_server_allows_it() -> None:
    """The service refuses it, a server that was made so drops it, and what its engine still reports is ignored."""
    for stoppable, status in ((False, 409), (True, 204)):
        rig = Rig(stoppable=stoppable)
        made = rig.transcription()
        rig.server.jobs.processing(made)
        assert rig.ask("DELETE", f"/v1/transcriptions/{made}")[0] == status
        assert rig.effects == ([Dropped(made)] if stoppable else [])
    assert rig.server.jobs.completed(made, (), 1.0) == []


@pytest.mark.parametrize("origin", ["http://good.example", "http://evil.example", None])
def test_pages_get_permission_or_are_refused(origin: str | None) -> None:
    """A page that may use the server reads every answer, the errors and the preflight too; another one reads none."""
    rig = Rig(origins=lambda page: "good" in page)
    headers = {} if origin is None else {"origin": origin}
    for method, target, key in (
        ("OPTIONS", "/tts", None), ("GET", "/v1/files", KEY), ("GET", "/v1/files", None), ("GET", "/v1/none", KEY),
    ):  # fmt: skip
        answer = rig.exchange(method, target, key=key, **headers).answer
        assert answer is not None
        permission = dict(answer.headers).get("access-control-allow-origin")
        assert permission == (origin if origin == "http://good.example" else None)
        assert (answer.status == 403) is (origin == "http://evil.example")
        assert (answer.status == 204) is (method == "OPTIONS" and origin == "http://good.example")


def test_every_byte_of_a_form_counts(rig: Rig) -> None:
    """Bytes before the first part, in heads, in fields without a use and behind the end are bounded together."""
    for body in (
        b"x" * 70_000,
        form(AUDIO, "a.wav", **{f"f{n}": "x" * 2_000 for n in range(40)}),
        form(AUDIO, "a" * 9),
    ):
        exchange = rig.begin("POST", "/v1/files", content_type=FORM)
        exchange.receive(body, 0.0)
        exchange.receive(b"x" * 70_000, 0.0)
        assert exchange.answer is not None
        assert (exchange.answer.status, exchange.answer.close) == (400, True)
