"""Requests out of bounds are refused before anything is sent, with the field, the limit, and what was given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, structs
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.unit.rest_kit import talking
from tests.unit.rest_limits import TABLE, faults
from voicekit.errors import ConfigError
from voicekit.soniox import Context, Translation
from voicekit.soniox.rest import KeyRequest, Patience, SpeechRequest, TranscriptionRequest
from voicekit.soniox.rest.http.rest_limits import FILE_BYTES
from voicekit.soniox.rest.schema.requests import (
    NO_FILE,
    FileFields,
    RecomputeRequest,
    SharedVoicesQuery,
    VoiceFields,
    check,
    encode,
)
from voicekit.testing.soniox.rest import RestPeer, Seen

URL = "https://example.test/a.wav"
START = datetime(2026, 1, 1, tzinfo=UTC)
WRONG: list[tuple[Struct, str, str]] = [
    (TranscriptionRequest(), "audio_url or file_id", "exactly one"),
    (TranscriptionRequest(audio_url=URL, file_id=NO_FILE), "audio_url or file_id", "exactly one"),
    (TranscriptionRequest(file_id="talk.mp3"), "file_id", "the id of a file"),
    (TranscriptionRequest(audio_url=URL, model="m" * 33), "model", "1 to 32 characters, got 33"),
    (TranscriptionRequest(audio_url=f"{URL}{'x' * 4096}"), "audio_url", "1 to 4096"),
    (TranscriptionRequest(audio_url="ftp://x.test"), "audio_url", "http://"),
    (TranscriptionRequest(audio_url="https://a b"), "audio_url", "without spaces"),
    (TranscriptionRequest(audio_url=URL, language_hints=("x",) * 2), "language_hints", "each code once"),
    (TranscriptionRequest(audio_url=URL, language_hints=tuple(map(str, range(101)))), "language_hints", "at most 100"),
    (TranscriptionRequest(audio_url=URL, language_hints=("x" * 11,)), "language_hints", "1 to 10"),
    (TranscriptionRequest(audio_url=URL, translation=Translation(type="three_way")), "translation.type", "two_way"),
    (TranscriptionRequest(audio_url=URL, translation=Translation(type="one_way")), "translation.target", "a language"),
    (TranscriptionRequest(audio_url=URL, translation=Translation(type="two_way", language_a="en", language_b="de",
                                                                 target_language="fr")), "translation", "nothing"),
    (TranscriptionRequest(audio_url=URL, context=Context(text="x" * 10_001)), "context", "10000 characters"),
    (TranscriptionRequest(audio_url=URL, webhook_url="x.test"), "webhook_url", "http://"),
    (TranscriptionRequest(audio_url=URL, webhook_url=f"https://{'x' * 256}"), "webhook_url", "1 to 256"),
    (TranscriptionRequest(audio_url=URL, webhook_auth_header_name=""), "webhook_auth_header_name", "1 to 256"),
    (TranscriptionRequest(audio_url=URL, webhook_auth_header_value="s" * 257), "webhook_auth_header_value", "1 to 256"),
    (TranscriptionRequest(audio_url=URL, client_reference_id="r" * 257), "client_reference_id", "at most 256"),
    (SpeechRequest(text=""), "text", "1 to 5000 bytes"),
    (SpeechRequest(text="ä" * 2501), "text", "5002"),
    (SpeechRequest(text="x", voice="v" * 51), "voice", "1 to 50"),
    (SpeechRequest(text="x", language=""), "language", "1 to 50"),
    (SpeechRequest(text="x", model="m" * 51), "model", "1 to 50"),
    (SpeechRequest(text="x", audio_format="midi"), "audio_format", "wav"),
    (SpeechRequest(text="x", audio_format="pcm_s16le"), "sample_rate", "24000"),
    (SpeechRequest(text="x", sample_rate=11_025), "sample_rate", "8000"),
    (SpeechRequest(text="x", audio_format="mp3", bitrate=1), "bitrate", "32000"),
    (SpeechRequest(text="x", audio_format="wav", bitrate=64_000), "bitrate", "none"),
    (SpeechRequest(text="x", speed=1.31), "speed", "0.7 to 1.3"),
    (SpeechRequest(text="x", client_reference_id="r" * 257), "client_reference_id", "256"),
    (KeyRequest(usage_type="all", expires_in_seconds=60), "usage_type", "tts_rt"),
    (KeyRequest(usage_type="tts_rt", expires_in_seconds=0), "expires_in_seconds", "1 to 3600"),
    (KeyRequest(usage_type="tts_rt", expires_in_seconds=3601), "expires_in_seconds", "got 3601"),
    (KeyRequest(usage_type="tts_rt", expires_in_seconds=1, max_session_duration_seconds=18_001),
     "max_session_duration_seconds", "1 to 18000"),
    (KeyRequest(usage_type="tts_rt", expires_in_seconds=1, client_reference_id="r" * 257), "client_reference_id", ""),
    (SharedVoicesQuery(model="m" * 65), "model", "1 to 64"),
    (SharedVoicesQuery(gender="any"), "gender", "female"),
    (SharedVoicesQuery(age="12"), "age", "middle_aged"),
    (SharedVoicesQuery(accent="a" * 41), "accent", "40"),
    (SharedVoicesQuery(style=("s",) * 11), "style", "at most 10"),
    (SharedVoicesQuery(use_case=("s" * 41,)), "use_case", "40"),
    (FileFields(client_reference_id="r" * 257), "client_reference_id", "256"),
    (VoiceFields(name=""), "name", "1 to 128"),
    (VoiceFields(name="n" * 129), "name", "got 129"),
    (RecomputeRequest(model="m" * 51), "model", "1 to 50"),
]  # fmt: skip
ENDPOINTS = {
    TranscriptionRequest: ("POST /v1/transcriptions", "body"),
    SpeechRequest: ("POST /tts", "body"),
    KeyRequest: ("POST /v1/auth/temporary-api-key", "body"),
    SharedVoicesQuery: ("GET /v1/shared-voices", "query"),
    FileFields: ("POST /v1/files", "form"),
    VoiceFields: ("POST /v1/voices", "form"),
    RecomputeRequest: ("POST /v1/voices/{id}/recompute", "body"),
}
"""Where each request goes, and in which part of it."""


@pytest.mark.parametrize(("request_", "field", "expected"), WRONG)
def test_a_field_out_of_bounds_is_named(request_: Struct, field: str, expected: str) -> None:
    """The error names the field and what it may be; a secret that is too long is not shown."""
    with pytest.raises(ConfigError) as refused:
        check(request_)
    message = str(refused.value)
    assert message.startswith(f"Soniox option {field}")
    assert expected in message
    assert "sss" not in message


@pytest.mark.parametrize("kind", ENDPOINTS, ids=lambda kind: kind.__name__)
def test_every_field_is_in_the_table_of_limits(kind: type[Struct]) -> None:
    """The fields that we can send are those of the table, no more and no less."""
    row, part = ENDPOINTS[kind]
    assert set(kind.__struct_fields__) == set(TABLE[row][part]) - {"limit", "cursor"}


def test_every_limit_of_the_table_is_broken_by_a_test() -> None:
    """For every field that has bounds there is a request above that breaks them."""
    tried = {(ENDPOINTS[type(request)][0], field.split(".")[0]) for request, field, _ in WRONG}
    bounded = {
        (row, field)
        for row, part in ENDPOINTS.values()
        for field, rules in TABLE[row][part].items()
        if not set(rules) <= {"type", "required", "keys"} and field not in ("limit", "cursor")
    }
    assert bounded <= tried


def test_the_table_is_no_rubber_stamp() -> None:
    """Requests that break the table are found: unknown endpoints and fields, missing ones, and values out of bounds."""

    def of(method: str, target: str, body: bytes = b"") -> list[str]:
        return faults(Seen(method, target, {}, 0.0, body=body))

    assert of("GET", "/v1/files?limit=1000") == []
    assert of("GET", "/v1/nothing") == ["no such endpoint"]
    assert of("GET", "/v1/files?limit=1001") == ["query.limit='1001' breaks max"]
    assert of("GET", "/v1/models?x=1") == ["query.x is not in the table"]
    assert of("POST", "/v1/transcriptions", b'{"audio_url":"https://x"}') == ["body.model is missing"]
    assert of("POST", "/v1/transcriptions", b'{"model":"m"}') == ["not one of ['audio_url', 'file_id']"]
    days = "start_time=2026-01-01T00:00:00Z&end_time=2026-02-02T00:00:00Z"
    assert of("GET", f"/v1/usage-logs?{days}") == ["query.end_time='2026-02-02T00:00:00Z' breaks max_days_after"]


def test_what_is_not_given_is_not_sent() -> None:
    """A request has the model, which the service wants named, and nothing that was left out."""
    assert encode(TranscriptionRequest(audio_url=URL)) == f'{{"model":"stt-async-v5","audio_url":"{URL}"}}'.encode()


def test_secrets_are_not_shown() -> None:
    """A request with a webhook's secret in it does not show it when printed."""
    request = TranscriptionRequest(audio_url=URL, webhook_auth_header_value="secret")
    assert "secret" not in repr(request)
    assert structs.asdict(request)["webhook_auth_header_value"] == "secret"


async def test_names_and_windows_out_of_bounds_never_leave(autojump_clock: MockClock) -> None:
    """Ids that would lead elsewhere, pages too large, and windows that are wrong are refused here."""
    peer = RestPeer()
    day = timedelta(days=1)
    async with talking(peer) as soniox:
        for name in ("", "a/b", "../files", "a?b", "a b", "x" * 257):
            with pytest.raises(ConfigError, match="Soniox id"):
                await soniox.files.get(name)
        for asking in (
            lambda: soniox.files.list(page=0),
            lambda: soniox.voices.shared(page=201),
            lambda: soniox.usage.logs(START, START + 32 * day),
            lambda: soniox.usage.logs(START, START),
            lambda: soniox.usage.logs(datetime(2026, 1, 1), START + day),  # noqa: DTZ001 - it is what is refused
        ):
            with pytest.raises(ConfigError):
                asking()
        with pytest.raises(ConfigError, match="366 days"):
            await soniox.usage.summary(START, START + 367 * day)
        with pytest.raises(ConfigError, match="period_sec: expected one of 60, 3600, 86400"):
            await soniox.concurrency.history(START, START + day, kind="stt", period_sec=5)
    assert len(peer.requests) == 0


# --- uploads ---


async def _pieces() -> AsyncIterator[bytes]:
    for piece in (b"one ", b"two ", b"three"):
        yield piece


class _Endless:
    """A stream without an end and without a size."""

    def __aiter__(self) -> _Endless:
        return self

    async def __anext__(self) -> bytes:
        return bytes(2**20)


@pytest.mark.parametrize("what", ["path", "text path", "bytes", "file", "stream"])
async def test_anything_with_bytes_can_be_uploaded(autojump_clock: MockClock, tmp_path: Path, what: str) -> None:
    """A path, its text, bytes, an open file from where it is, and a stream of unknown length all come over whole."""
    path = tmp_path / 'talk "1" ä.wav'
    path.write_bytes(b"one two three")
    file = BytesIO(b"skipped one two three")
    file.seek(8)
    content: Any = {"path": path, "text path": str(path), "bytes": b"one two three", "file": file, "stream": _pieces()}
    peer = RestPeer()
    steps: list[tuple[int, int | None]] = []
    async with talking(peer) as soniox:
        got = await soniox.files.upload(content[what], progress=lambda *step: steps.append(step))
    assert (got.size, steps[-1]) == (13, (13, None if what == "stream" else 13))
    assert got.filename.replace("%22", '"') == (path.name if "path" in what else "audio")
    assert ("transfer-encoding" in peer.requests[0].headers) == (what == "stream")


@pytest.mark.parametrize(("name", "said"), [("missing.wav", "No such file"), ("", "expected a file, got a folder")])
async def test_what_can_not_be_read_is_told(autojump_clock: MockClock, tmp_path: Path, name: str, said: str) -> None:
    """A file that is missing, or a folder, is refused before anything is sent."""
    peer = RestPeer()
    async with talking(peer) as soniox:
        with pytest.raises(ConfigError, match=said):
            await soniox.files.upload(tmp_path / name)
    assert len(peer.requests) == 0


async def test_a_file_over_the_limit_is_not_sent(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A file known to be too large is refused at once, a stream as soon as it is, and nothing stays at the service."""
    path = tmp_path / "huge.wav"
    with path.open("wb") as file:
        file.truncate(FILE_BYTES + 1)
    peer = RestPeer()
    async with talking(peer) as soniox:
        with pytest.raises(ConfigError, match="at most 1073741824 bytes"):
            await soniox.files.upload(path)
        assert len(peer.requests) == 0
        with pytest.raises(ConfigError, match="at most 10485760 bytes"):
            await soniox.voices.create(_Endless(), name="Me")
        await wait_all_tasks_blocked()
        assert peer.files == {}


async def test_a_file_that_changes_while_it_is_read_is_told(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A file that grows or shrinks under the upload is an error, as its length was promised."""
    path = tmp_path / "talk.wav"
    for change in (lambda: path.write_bytes(bytes(100)), lambda: path.write_bytes(bytes(900_000))):
        path.write_bytes(bytes(600_000))
        peer = RestPeer()
        async with talking(peer) as soniox:
            with pytest.raises(ConfigError, match="expected 600000 bytes"):
                await soniox.files.upload(path, progress=lambda sent, size, change=change: change())
            await wait_all_tasks_blocked()
            assert peer.files == {}


def test_patience_has_bounds() -> None:
    """Times and attempts that are not positive make no sense."""
    for wrong in ({"attempts": 0}, {"stall": -1.0}, {"answer": 0.0}):
        with pytest.raises(ConfigError, match="expected more than 0"):
            Patience(**wrong)
