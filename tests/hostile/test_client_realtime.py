"""The realtime client among hostile peers and proxies: bounded time for each message, errors of ours, never the key."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import trio

from tests.e2e.hearing_kit import KEY, hear, short
from voicekit.audio.format import PCM16K
from voicekit.cli.network import reach
from voicekit.errors import ConfigError, RemoteProtocolError, VoicekitError
from voicekit.events import Trouble
from voicekit.flow.wire_log import open_wire_log
from voicekit.soniox.api.errors import Failed
from voicekit.soniox.api.wire import MESSAGE_BYTES, StreamText, SttConfig, TtsConfig, encode
from voicekit.soniox.connection import tls
from voicekit.soniox.connection.access import Access
from voicekit.soniox.connection.proxy import Proxy, proxy_for
from voicekit.soniox.connection.transport import Address, TrioWebsocket, Unconnected
from voicekit.soniox.stt.session import SttSession
from voicekit.soniox.stt.soniox_stt import SonioxStt
from voicekit.soniox.tts.connection import TtsConnection
from voicekit.testing.soniox import At, SayMessage, SonioxPeer

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the proxies of the test itself."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# --- messages ---

TOKEN = {"text": "a", "is_final": True}
STT: dict[str, str | bytes] = {
    "empty tokens": '{"tokens":[' + ",".join(["{}"] * 340_000) + "]}",
    "many tokens": json.dumps({"tokens": [TOKEN] * 1025}),
    "ends of utterances": json.dumps({"tokens": [TOKEN, {"text": "<end>", "is_final": True}] * 400}),
    "unknown values": '{"x":[' + ",".join(["1"] * 400_000) + "]}",
    "unknown objects": '{"x":{' + ",".join(f'"{n}":0' for n in range(80_000)) + "}}",
    "too long": '{"x":"' + "x" * MESSAGE_BYTES + '"}',
    "deep": "[" * 500_000,
    "a number": '{"error_code":' + "1" * 900_000 + "}",
    "infinite": '{"final_audio_proc_ms":1e999}',
    "bytes": b"\xff" * 100_000,
    "half a character": '{"error_type":"\\ud800"}',
}
"""Messages of a recogniser. None may cost more than 8 MiB, or 50 ms of CPU time on a quiet machine (it was 0.8 s)."""
BUSY = 8
"""Times as long may it take if others keep the machine busy."""


def _listening() -> SttSession:
    session = SttSession(SttConfig(), PCM16K)
    session.start(0.0)
    session.audio(bytes(3200), 0.0)
    session.receive("{}", 0.0)
    return session


@pytest.mark.parametrize("name", STT)
def test_a_hostile_result_is_refused_at_once(name: str) -> None:
    """Each ends the session with an error of the peer's, before everybody's time is spent on it."""
    session = _listening()
    spent = process_time()
    (failed,) = session.receive(STT[name], 0.1)
    spent = process_time() - spent
    session = _listening()
    tracemalloc.start()  # slows everything down, so a separate session is measured
    session.receive(STT[name], 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, RemoteProtocolError)
    assert len(str(failed.error)) < 500
    assert spent < 0.05 * BUSY
    assert peak < 8 * 2**20


def test_a_large_result_is_read() -> None:
    """Ten times as many tokens as real messages have, with all their fields, are no attack."""
    token = {"text": " word", "start_ms": 0, "end_ms": 9, "confidence": 0.5, "is_final": False, "speaker": "1"}
    session = SttSession(SttConfig(), PCM16K)
    session.start(0.0)
    session.audio(bytes(3200), 0.0)
    (interim,) = session.receive(json.dumps({"tokens": [token] * 1000}), 0.1)
    assert len(interim.words) == 1000  # type: ignore[union-attr]


@pytest.mark.parametrize("characters", [300_000, 20_000])
def test_a_hostile_timestamp_is_refused_at_once(characters: int) -> None:
    """A voice that sends more characters than a stream can have is at an end, within the same 50 ms."""
    connection = TtsConnection(0.0)
    connection.start(TtsConfig(model="m", language="en", voice="v", audio_format="pcm_s16le", sample_rate=16_000), 0.0)
    message = '{"stream_id":"s1","timestamps":{"characters":[' + ",".join(['"a"'] * characters) + "]}}"
    spent = process_time()
    (*_, failed) = connection.receive(message[: MESSAGE_BYTES + 1], 0.1)
    assert process_time() - spent < 0.05 * BUSY
    assert isinstance(failed, Failed)


def test_half_a_character_is_said_as_a_mark() -> None:
    """Text that was cut inside a character is sent with a mark in its place, and its other characters stay."""
    assert json.loads(encode(StreamText(stream_id="s", text="a\ud83db", text_end=True)))["text"] == "a\ufffdb"
    assert json.loads(encode(StreamText(stream_id="s", text="\ud83d\ude00", text_end=True)))["text"] == "\U0001f600"
    assert json.loads(encode(SttConfig(language_hints=("\udfff",))))["language_hints"] == ["\ufffd"]


# --- the key ---

LEAKS = [
    json.dumps({"error_code": 400, "error_type": KEY, "error_message": f"no {KEY}", "request_id": KEY}),
    json.dumps({"error_code": 400, "error_message": "x" * 1990 + KEY}),
    json.dumps({"error_code": 401, "error_message": KEY}).replace("sk-", "s\\u006b-"),
    f"{'x' * 70}{KEY}",
    json.dumps({"tokens": KEY}),
    json.dumps({KEY: 1, "tokens": [{"text": 7}]}),
]


@pytest.mark.parametrize("message", LEAKS)
async def test_no_error_shows_the_key(message: str, autojump_clock: object, tmp_path: Path) -> None:
    """Whatever of the key a recogniser sends back is in no error, no event and no log."""
    log = tmp_path / "wire.jsonl"
    peer = SonioxPeer(short(), faults=[SayMessage(At(seconds=0.5), message, connection=None)])
    shown = ""
    async with open_wire_log(log) as wire_log:
        ears = SonioxStt(
            key=KEY, endpoints=peer.endpoints, transport=peer.transport, roll=lambda: 0.5, wire_log=wire_log
        )
        ears.negotiate(PCM16K)
        try:
            heard = await hear(ears, short())
            shown = repr(heard.said) + repr(heard.told) + "".join(repr(vars(e.error)) for e in heard.of(Trouble))
        except VoicekitError as error:
            shown = str(error) + repr(vars(error)) + repr(error.__cause__)
    assert KEY not in shown
    assert KEY not in log.read_text(encoding="utf-8")


async def test_the_keys_of_other_requests_are_hidden_too() -> None:
    """A key that was made for one connection may come back on the next: the latest are remembered, and no more."""
    numbers = iter(range(100))
    access = Access(lambda: f"snx_temp_{next(numbers):03}")
    for _ in range(100):
        await access.address("wss://x")
    assert access.redact("snx_temp_099 snx_temp_090") == "[key] [key]"
    assert access.redact("snx_temp_000") == "snx_temp_000"


def test_an_address_is_shown_without_its_secrets() -> None:
    """Neither a password in it nor the key of its handshake can be printed."""
    address = Address("wss://me:pass-word@x.test/?api_key=sk-secret", [("Authorization", f"Bearer {KEY}")])
    for secret in ("pass-word", "sk-secret", KEY):
        assert secret not in repr(address)
    with pytest.raises(ConfigError) as caught:
        trio.run(_connect, Address("gopher://me:pass-word@x.test"))
    assert "pass-word" not in str(caught.value)


async def _connect(address: Address) -> None:
    async with TrioWebsocket().connect(address):
        pass


# --- the wire log ---


async def test_a_wire_log_is_its_owners_and_no_links(tmp_path: Path) -> None:
    """It takes the place of an older log, follows no link, and only its owner may read it."""
    old, target, link = tmp_path / "old", tmp_path / "target", tmp_path / "link"
    old.write_text("older")
    old.chmod(0o644)
    async with open_wire_log(old) as log:
        log("x", "sent", "{}")
    assert old.stat().st_mode & 0o777 == 0o600
    assert "older" not in old.read_text()
    target.write_text("theirs")
    for where in (target, tmp_path / "nowhere"):
        link.unlink(missing_ok=True)
        link.symlink_to(where)
        with pytest.raises(ConfigError, match="wire log"):
            async with open_wire_log(link):
                pass
    assert (target.read_text(), (tmp_path / "nowhere").exists()) == ("theirs", False)


# --- TLS ---


async def test_certificates_are_read_once_and_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten connections at once, of several transports, read the system's certificates once, off the event loop."""
    made: list[str] = []

    def spy() -> ssl.SSLContext:
        made.append(threading.current_thread().name)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(ssl, "create_default_context", spy)

    async def try_one() -> None:
        with pytest.raises(Unconnected):
            await _connect(Address("wss://127.0.0.1:9/"))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(try_one)
    await try_one()
    assert len(made) == 1
    assert made[0] != threading.main_thread().name
    tls._contexts.pop(spy)


# --- proxies ---


def test_the_environment_is_read_as_httpx_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheme's own proxy before the one for all, credentials unquoted, and NO_PROXY by name, suffix, port."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:p%40ss@proxy.test:3128")
    monkeypatch.setenv("ALL_PROXY", "proxy.test")
    found = proxy_for("https", "stt-rt.soniox.com", 443)
    assert found == Proxy("proxy.test", 3128, False, "Basic " + base64.b64encode(b"me:p@ss").decode())
    assert proxy_for("http", "x.test", 80) == Proxy("proxy.test", 80)
    assert "p@ss" not in repr(found) + str(found)
    assert found.credentials not in repr(found)


NO_PROXY = [
    ("*", True),
    ("soniox.com", True),
    (".soniox.com", True),
    ("stt-rt.soniox.com", True),
    ("stt-rt.soniox.com:443", True),
    ("STT-RT.Soniox.COM", True),
    ("other.test, soniox.com", True),
    ("https://stt-rt.soniox.com", True),
    ("all://*.soniox.com", True),
    ("http://stt-rt.soniox.com", False),
    ("stt-rt.soniox.com:80", False),
    ("oniox.com", False),
    ("rt.soniox.com", False),
    (".stt-rt.soniox.com", False),
    ("https://soniox.com", False),
    ("", False),
    (" , ,", False),
    ("127.0.0.1", False),
    ("[::1", False),
    ("soniox.com:x", False),
]


@pytest.mark.parametrize(("no_proxy", "direct"), NO_PROXY)
def test_no_proxy_names_hosts(no_proxy: str, direct: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name means itself and what is below it, a name with a scheme itself alone, and nonsense nothing."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for("https", "stt-rt.soniox.com", 443) is None) == direct


def test_a_local_server_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy elsewhere can't reach this machine's loopback; one on it can."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    assert [proxy_for("http", host, 80) for host in ("127.0.0.1", "localhost", "::1")] == [None] * 3
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    assert proxy_for("http", "127.0.0.1", 80) == Proxy("127.0.0.1", 3128)


@pytest.mark.parametrize("url", ["socks5://me:pass-word@x:1", "http://me:pass-word@x:y", "http://", "gopher://x"])
def test_a_proxy_that_can_not_be_used_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ConfigError, without the password in it."""
    monkeypatch.setenv("ALL_PROXY", url)
    with pytest.raises(ConfigError, match="proxy: expected http://") as caught:
        proxy_for("https", "x.test", 443)
    assert "pass-word" not in str(caught.value)


@asynccontextmanager
async def listening(answer: Callable[[trio.SocketStream, bytes], Any]) -> AsyncIterator[int]:
    """A port of 127.0.0.1 on which `answer(stream, head)` serves each connection."""

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive_some()
            await answer(stream, head)

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def test_a_call_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tunnel is asked for with user and password, and the whole transcription goes through it."""
    heads: list[bytes] = []

    async def tunnel(stream: trio.SocketStream, head: bytes) -> None:
        heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        there = await trio.open_tcp_stream(host, int(port))
        await stream.send_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
        async with there, trio.open_nursery() as nursery:
            nursery.start_soon(_pass_on, there, stream)
            await _pass_on(stream, there)
            nursery.cancel_scope.cancel()

    script = short()
    async with SonioxPeer(script).serve() as endpoints, listening(tunnel) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:p%40ss@127.0.0.1:{port}")
        ears = SonioxStt(key=KEY, endpoints=endpoints)
        ears.negotiate(PCM16K)
        heard = await hear(ears, script)
    assert heard.text == "good morning my dear friend"
    assert heads[0].startswith(b"CONNECT 127.0.0.1:")
    assert base64.b64encode(b"me:p@ss") in heads[0]
    assert KEY.encode() not in heads[0]


async def _pass_on(source: trio.SocketStream, to: trio.SocketStream) -> None:
    try:
        async for data in source:
            await to.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


PROXIED = {
    "refuses": (b"HTTP/1.1 407 me:pass-word please\r\nContent-Length: 0\r\n\r\n", "answered HTTP 407 to CONNECT"),
    "no HTTP": (b"pass-word\r\n\r\n", "answered something else than HTTP"),
    "talks on": (b"HTTP/1.1 200 OK\r\n\r\nand more", "answered HTTP 200"),
    "leaves": (b"", "did not answer"),
    "endless": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000, "did not answer"),
}


@pytest.mark.parametrize("name", PROXIED)
async def test_a_proxy_that_misbehaves_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the proxy and its status, and neither its words nor the password; at most 16 KiB are read."""
    answer, expected = PROXIED[name]

    async def serve(stream: trio.SocketStream, head: bytes) -> None:
        try:
            await stream.send_all(answer)
        except trio.BrokenResourceError:
            return

    async with listening(serve) as port:
        monkeypatch.setenv("ALL_PROXY", f"http://me:pass-word@127.0.0.1:{port}")
        with pytest.raises(Unconnected, match=expected) as caught:
            await _connect(Address("ws://127.0.0.1:9/"))
    assert f"http://127.0.0.1:{port}" in str(caught.value)
    assert "pass-word" not in str(caught.value)
    assert caught.value.status is None


async def test_the_doctor_takes_the_same_way_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host behind a proxy is reached through it, and shown so, without the password."""

    async def serve(stream: trio.SocketStream, head: bytes) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")

    async with listening(serve) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:pass-word@127.0.0.1:{port}")
        (reached,) = await reach(["ws://soniox.test:81/x"])
        monkeypatch.setenv("HTTP_PROXY", "socks5://me:pass-word@127.0.0.1:1")
        (unusable,) = await reach(["ws://soniox.test:81/x"])
    assert (reached.host, reached.error) == (f"soniox.test:81 through http://127.0.0.1:{port}", None)
    assert "expected http://" in (unusable.error or "")
    assert "pass-word" not in repr(reached) + repr(unusable)
