"""A REST client among hostile peers: it ends in an error of ours, in bounded time and memory, without the key."""

from __future__ import annotations

import traceback
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time
from typing import Any

import httpx
import msgspec
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from voicekit.errors import (
    ConfigError,
    ProtocolError,
    RemoteProtocolError,
    ServiceError,
    Unauthenticated,
    VoicekitError,
)
from voicekit.flow.threads import inline
from voicekit.soniox import Endpoints
from voicekit.soniox.rest import KeyDesk, KeyRequest, Patience, SonioxClient, SpeechRequest, WebhookReceiver
from voicekit.soniox.rest.http.atomic_file import written
from voicekit.soniox.rest.http.rest_limits import FILE_BYTES
from voicekit.soniox.rest.speech import SOUND_BYTES
from voicekit.testing.soniox.memory import InMemoryHttp

KEY = "sk-MAINKEY/4711+x="
SPELLED = (KEY, "sk-MAINKEY%2F4711%2Bx%3D", "sk-MAINKEY/4711%2Bx%3D")
"""The key as it is, and as a URL spells it."""
SPEECH = SpeechRequest(text="hi", voice="Maya", language="en", audio_format="wav")
WHERE = Endpoints.find(rest="http://api.test", tts_rest="http://api.test", environ={})
Answer = Callable[[Any], Awaitable[None]]
Use = Callable[[SonioxClient], Awaitable[Any]]


@asynccontextmanager
async def client(answer: Answer, **options: Any) -> AsyncIterator[SonioxClient]:
    """A client whose peer does `await answer(stream)` for each request, in memory."""
    inline.set(True)
    async with trio.open_nursery() as nursery:

        async def serve(stream: Any) -> None:
            async with stream:
                try:
                    while await stream.receive_some(65_536):
                        await answer(stream)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass

        def connect() -> trio.abc.Stream:
            ours, theirs = memory_stream_pair()
            nursery.start_soon(serve, theirs)
            return ours

        how = {"endpoints": WHERE, "http": InMemoryHttp(connect), "roll": lambda: 0.5, **options}
        async with SonioxClient(KEY, **how) as soniox:
            yield soniox
        nursery.cancel_scope.cancel()


async def failure(answer: Answer, use: Use, **options: Any) -> VoicekitError:
    """The error in which `use` ends."""
    async with client(answer, **options) as soniox:
        with pytest.raises((ServiceError, ProtocolError)) as caught:
            await use(soniox)
    return caught.value


def everything(error: BaseException) -> str:
    """All that a program can show of an error: its traceback with causes and notes, and its fields."""
    return "".join(traceback.format_exception(error)) + repr(vars(error))


def once(status: str, headers: str, body: bytes = b"") -> Answer:
    """The same answer each time."""
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode()

    async def answer(stream: Any) -> None:
        await stream.send_all(head + body)

    return answer


def raw(data: bytes) -> Answer:
    """Bytes that are no whole answer, and the end."""

    async def answer(stream: Any) -> None:
        await stream.send_all(data)
        await stream.aclose()

    return answer


async def endless(stream: Any) -> None:
    """Sound without an end, as fast as it is taken."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await stream.send_all(b"10000\r\n" + bytes(0x10000) + b"\r\n")


async def trickle(stream: Any) -> None:
    """Sound that comes byte by byte, each after most of the time that one may take."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await trio.sleep(0.9)
        await stream.send_all(b"1\r\nx\r\n")


def said(**fields: Any) -> bytes:
    return msgspec.json.encode({"status_code": 400, **fields})


ERROR = {"status": "error"}
WRONG = {"error_type": KEY, "location": f"body.{KEY}", "message": f"no {KEY}"}
LEAKS: dict[str, tuple[Answer, Use]] = {
    "redirection": (once("302 Found", f"Location: https://x.test/?from={SPELLED[1]}\r\n"), lambda c: c.files.get("a")),
    "redirection, as it is": (once("302 Found", f"Location: https://x.test/{KEY}\r\n"), lambda c: c.files.get("a")),
    "user in a URL": (once("302 Found", "Location: https://me:sk-MAINKEY@x.test/\r\n"), lambda c: c.files.get("a")),
    "message": (once("400 No", "", said(message=f"bad key {KEY}")), lambda c: c.files.get("a")),
    "type": (once("401 No", "", said(error_type=KEY, message="no")), lambda c: c.files.get("a")),
    "id": (once("400 No", "", said(request_id=KEY, message="no")), lambda c: c.files.get("a")),
    "more": (once("400 No", "", said(more_info=f"https://x.test/{KEY}", message="no")), lambda c: c.files.get("a")),
    "fields": (once("400 No", "", said(validation_errors=[WRONG])), lambda c: c.files.get("a")),
    "escaped": (once("400 No", "", said(message=KEY).replace(b"M", b"\\u004d")), lambda c: c.files.get("a")),
    "page": (once("500 No", "", b"x" * 70 + KEY.encode()), lambda c: c.files.get("a")),
    "page instead of JSON": (once("200 OK", f"Content-Type: {KEY}\r\n", KEY.encode()), lambda c: c.files.get("a")),
    "JSON of another kind": (once("200 OK", "", msgspec.json.encode({"id": 1, KEY: KEY})), lambda c: c.files.get("a")),
    "head that is none": (raw(f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode()), lambda c: c.files.get("a")),
    "no HTTP": (raw(f"{KEY}\r\n\r\n".encode()), lambda c: c.files.get("a")),
    "chunk": (
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + KEY.encode() + b"\r\n"),
        lambda c: c.files.get("a"),
    ),
    "id of speech": (
        raw(f"HTTP/1.1 200 OK\r\nX-Request-Id: {KEY}\r\nContent-Length: 9\r\n\r\nRIFF".encode()),
        lambda c: c.speech.audio(SPEECH),
    ),
    "failed transcription": (
        once(
            "200 OK", "", msgspec.json.encode({"id": KEY, "status": "error", "error_type": KEY, "error_message": KEY})
        ),
        lambda c: c.transcriptions.wait("a"),
    ),
}


@pytest.mark.parametrize("name", LEAKS)
async def test_no_error_shows_the_key(name: str, autojump_clock: MockClock) -> None:
    """Wherever the peer puts the key that it was sent, it is in no message, note, field or cause of the error."""
    shown = everything(await failure(*LEAKS[name], patience=Patience(attempts=2)))
    assert not [spelled for spelled in (*SPELLED, "sk-MAINKEY") if spelled in shown]


BOUNDED: dict[str, tuple[Answer, Use, float, float]] = {
    "endless sound": (endless, lambda c: c.speech.audio(SPEECH), 2.0, 4 * SOUND_BYTES / 2**20),
    "sound that trickles": (trickle, lambda c: c.speech.audio(SPEECH), 2.0, 8.0),
    "endless head": (raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 40_000), lambda c: c.files.get("a"), 30.0, 24.0),
    "deep JSON": (once("200 OK", "", b"[" * 200_000), lambda c: c.files.get("a"), 30.0, 8.0),
    "number without end": (
        once("200 OK", "", b'{"id":"a","size":' + b"1" * 2_000_000 + b"}"),
        lambda c: c.files.get("a"),
        30.0,
        24.0,
    ),
}
"""Answer, request, and the bounds: seconds on our clock, MiB at the peak. Each has five seconds of CPU time, too."""


@pytest.mark.parametrize("name", BOUNDED)
async def test_a_request_ends_in_bounded_time_and_memory(name: str, autojump_clock: MockClock) -> None:
    """A peer that never comes to an end is left, with an error of ours, within the bounds of the case."""
    answer, use, seconds, mebibytes = BOUNDED[name]
    began, spent = trio.current_time(), process_time()
    tracemalloc.start()
    try:
        await failure(answer, use, patience=Patience(speech=1.0, stall=1.0, attempts=1))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert trio.current_time() - began <= seconds
    assert peak <= mebibytes * 2**20
    assert process_time() - spent <= 5.0


def pages(cursor: Callable[[int], str], entries: Callable[[int], list[Any]]) -> tuple[Answer, list[int]]:
    """Page after page, each with another cursor; and the number of requests."""
    asked: list[int] = []

    async def answer(stream: Any) -> None:
        asked.append(len(asked))
        body = {"files": entries(len(asked)), "next_page_cursor": cursor(len(asked))}
        await once("200 OK", "", msgspec.json.encode(body))(stream)

    return answer, asked


CIRCLES: dict[str, tuple[Callable[[int], str], Callable[[int], list[Any]]]] = {
    "the same page": (lambda n: "A", lambda n: []),
    "two pages in turn": (lambda n: "AB"[n % 2], lambda n: []),
    "seven pages in turn": (lambda n: str(n % 7), lambda n: []),
    "a tail into a circle": (lambda n: str(n if n < 5 else 5 + n % 3), lambda n: []),
    "empty pages for ever": (str, lambda n: []),
    "two full pages in turn": (lambda n: "AB"[n % 2], lambda n: [{"id": "a"}]),
}


@pytest.mark.parametrize("name", CIRCLES)
async def test_a_list_without_progress_ends(name: str, autojump_clock: MockClock) -> None:
    """Pages that lead in a circle, or nowhere, are an error of the peer's within 40 requests."""
    answer, asked = pages(*CIRCLES[name])

    async def read(soniox: SonioxClient) -> None:
        async for _ in soniox.files.list():
            pass

    assert isinstance(await failure(answer, read), RemoteProtocolError)
    assert len(asked) <= 40


async def test_a_long_list_is_read_to_its_end(autojump_clock: MockClock) -> None:
    """Three hundred pages with something on each, and some empty ones among them, are a list like any other."""
    answer, asked = pages(lambda n: str(n) if n < 300 else "", lambda n: [{"id": str(n)}] if n % 5 else [])
    async with client(answer) as soniox:
        assert len([file async for file in soniox.files.list()]) == 240
    assert len(asked) == 300


async def test_a_mocked_transport_works() -> None:
    """httpx's own MockTransport, whose answers have been read already, serves every kind of request."""

    def service(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/tts":
            return httpx.Response(200, content=b"sound", headers={"content-type": "audio/mpeg"})
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.url.path.endswith("missing"):
            return httpx.Response(404, json={"status_code": 404, "message": "not there"})
        created = request.method == "POST"
        return httpx.Response(201 if created else 200, json={"id": str(len(request.content)), "filename": "a.wav"})

    async with SonioxClient(KEY, http=httpx.MockTransport(service)) as soniox:
        assert (await soniox.files.get("a")).filename == "a.wav"
        assert int((await soniox.files.upload(b"x" * 1000)).id) > 1000
        assert await soniox.speech.audio(SpeechRequest(text="hi", audio_format="mp3")) == b"sound"
        await soniox.files.delete("a")
        with pytest.raises(ServiceError, match="not there"):
            await soniox.files.get("missing")


HALF = "\ud800"
"""Half a character, as JSON can bring it."""


async def test_half_a_character_is_an_error_of_ours(autojump_clock: MockClock) -> None:
    """In every text of a request, a lone surrogate is a ConfigError, and nothing is sent."""
    answer, asked = pages(str, lambda n: [])
    async with client(answer) as soniox:
        for use in (
            lambda: soniox.speech.audio(SpeechRequest(text=f"a{HALF}")),
            lambda: _stream(soniox, HALF),
            lambda: soniox.files.get(HALF),
            lambda: soniox.files.upload(b"x", filename=HALF),
            lambda: soniox.files.upload(b"x", client_reference_id=HALF),
            lambda: soniox.voices.create(b"x", name=HALF),
            lambda: soniox.keys.create(KeyRequest(usage_type="tts_rt", expires_in_seconds=9, client_reference_id=HALF)),
        ):
            with pytest.raises(ConfigError):
                await use()
    assert asked == []


async def _stream(soniox: SonioxClient, request_id: str) -> None:
    async with soniox.speech.stream(SPEECH, request_id=request_id):
        pass


async def test_half_a_character_is_no_way_in(autojump_clock: MockClock) -> None:
    """A webhook's header and the name of a key's client may hold one: refused, as anything else that is wrong."""
    receiver = WebhookReceiver("secret")
    for value in (HALF, "secret" + HALF, "\udcff", ""):
        with pytest.raises(Unauthenticated):
            receiver.receive({receiver.header: value}, b"{}")
    with pytest.raises(ConfigError):
        WebhookReceiver(HALF)
    answer, asked = pages(str, lambda n: [])
    async with client(answer) as soniox:
        desk = KeyDesk(soniox, KeyRequest(usage_type="tts_rt", expires_in_seconds=9))
        assert (await desk.answer("POST", client=HALF)).status == 400
    assert asked == []


@pytest.mark.parametrize(
    "host", ["http://{}api.test", "http://{}[::1", "ftp://{}x", "http://{}x:y", "http://{}a\u2100b"]
)
async def test_an_address_is_shown_without_its_password(host: str, autojump_clock: MockClock) -> None:
    """Neither an error about an address nor the address itself shows what is in front of its @."""
    url = host.format("me:pass-word@")
    try:
        where = Endpoints.find(rest=url, stt="ws://me:pass-word@x", environ={})
    except ConfigError as error:
        shown = str(error)
    else:
        async with client(once("302 Found", f"Location: {url}\r\n"), endpoints=where) as soniox:
            with pytest.raises(VoicekitError) as caught:
                await soniox.files.get("a")
        shown = everything(caught.value) + repr(where)
    assert "pass-word" not in shown


async def test_a_file_is_its_owners_and_no_links(tmp_path: Path) -> None:
    """What is written takes the place of a link and leaves what that leads to; nobody else may read it."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"theirs")
    link.symlink_to(target)
    async with written(link) as file:
        file.write(b"ours")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"theirs", b"ours", False)
    assert link.stat().st_mode & 0o777 == 0o600


def test_the_limits_are_those_that_are_stated() -> None:
    """The bounds above follow from these numbers."""
    assert (SOUND_BYTES, FILE_BYTES) == (64 * 2**20, 2**30)
