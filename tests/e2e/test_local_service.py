"""The service that stands in where there is no key: a process that is started, told of, and always ended."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from types import ModuleType

import pytest
import trio

import voicekit
from tests.machine import Machine
from voicekit.errors import ConfigError, Unavailable
from voicekit.extend import hookimpl, load_plugins, loader
from voicekit.extend.install import install_command
from voicekit.play.sink import RecordingSink
from voicekit.session import Session
from voicekit.soniox import local
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.api.server_hello import ServerHello, read_hello, write_hello
from voicekit.soniox.local import SpeechService, local_server, soniox_or_local
from voicekit.testing import Script, ScriptedSource, ScriptedVad
from voicekit.testing.soniox import SonioxPeer

pytestmark = pytest.mark.slow

WHERE = Endpoints("http://127.0.0.1:1", "ws://127.0.0.1:1/a", "ws://127.0.0.1:1/b", "http://127.0.0.1:1")
GREETING = write_hello(ServerHello(WHERE, "sesame")).decode()
READY = f"import os, sys, time; print({GREETING!r}, end='', flush=True);"
OBEDIENT = READY + "sys.stdin.read()"
ENOUGH = 120.0
"""Seconds after which a test gives up on a process: far more than any of them needs."""


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


class Told:
    """What a server told, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = trio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._more.set()
        self._more = trio.Event()

    async def until(self, part: str) -> None:
        with trio.fail_after(ENOUGH):
            while not any(part in line for line in self.lines):
                await self._more.wait()


async def test_the_server_is_there_as_long_as_it_is_used() -> None:
    """Its greeting says where it is, its progress is told line by line, and it ends when it is left."""
    told: list[str] = []
    server = script(f"import sys; print('preparing 43 %\\npreparing 100 %', file=sys.stderr, flush=True);{OBEDIENT}")
    async with local_server(server, told.append) as service:
        assert (service.endpoints, service.key, service.local) == (WHERE, "sesame", True)
        assert service.transcriber().endpoints
    assert sorted(told) == [
        f"no SONIOX_API_KEY: a local server hears and speaks ({WHERE.stt})",
        "preparing 100 %",
        "preparing 43 %",
    ]


async def test_the_server_dies_with_a_program_that_is_killed() -> None:
    """A program that gets no chance to clean up leaves no server behind: its life line is closed by the system."""
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    alive = f"import socket; line = socket.create_connection(('127.0.0.1', {port}));"
    program = f"""
import sys, trio
from voicekit.soniox.local import local_server

async def main():
    async with local_server([sys.executable, "-c", {alive + OBEDIENT!r}], print):
        await trio.sleep_forever()

trio.run(main)
"""
    async with listener:
        process = await trio.lowlevel.open_process(script(program), stdout=-1)
        assert process.stdout is not None
        with trio.fail_after(ENOUGH):
            assert b"a local server hears and speaks" in await process.stdout.receive_some()
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            async with await listener.accept() as line:
                assert await line.receive_some() == b""  # the system closed the connection when the server died
        await process.stdout.aclose()


async def test_a_server_that_does_not_end_is_killed(machine: Machine) -> None:
    """Leaving takes two seconds at most, whatever the server does."""
    async with local_server(script(READY + "time.sleep(600)"), Told()):
        began = trio.current_time()
    took = trio.current_time() - began
    assert took >= local.END_S
    if machine.keeps_time(within=0.5):
        assert took < local.END_S + 5.0


async def test_a_server_that_says_what_is_missing_is_quoted() -> None:
    """What the server gives as its reason is the message of the ConfigError, without a word around it."""
    server = script("import sys; print('voicekit: pip install this', file=sys.stderr); sys.exit(2)")
    with pytest.raises(ConfigError, match=r"^pip install this$"):
        async with local_server(server, Told()):
            pytest.fail("there is no server")


async def test_a_server_that_breaks_while_starting_is_told_of() -> None:
    """Whatever a dying server said is passed on, and its status is in the error."""
    told: list[str] = []
    with pytest.raises(Unavailable, match="status 1 before it was ready"):
        async with local_server(script("raise ValueError('broken')"), told.append):
            pytest.fail("there is no server")
    assert "ValueError: broken" in told


async def test_a_server_that_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that neither comes up nor says anything is not waited for without end."""
    monkeypatch.setattr(local, "SILENT_S", 0.1)
    with pytest.raises(Unavailable, match=r"printed nothing for 0.1 s"):
        async with local_server(script("import sys; sys.stdin.read()"), Told()):
            pytest.fail("there is no server")


SUCCESSOR = """
import os, sys, time
folder, first, second = sys.argv[1:4]
if not os.path.exists(f"{folder}/lived"):
    open(f"{folder}/lived", "w").close()
    print(first, flush=True)
    sys.exit(3)
assert sys.argv[-2:] == ["--port", "1"], sys.argv
print(second, flush=True)
while not os.path.exists(f"{folder}/seen"):
    time.sleep(0.01)
"""


async def test_a_server_that_ends_early_has_one_successor(tmp_path) -> None:
    """It is started at the same port, with a key of its own that is known at once; a second death ends the use."""
    second = write_hello(ServerHello(WHERE, "open")).decode().strip()
    told, keys = Told(), []

    async def use() -> None:
        async with local_server([*script(SUCCESSOR), str(tmp_path), GREETING.strip(), second], told) as service:
            await told.until("starting another")
            assert service.current is not None
            with trio.fail_after(ENOUGH):
                while service.current() == "sesame":  # noqa: ASYNC110  # another process prints it
                    await trio.sleep(0.01)
            keys.append(service.current())
            (tmp_path / "seen").touch()
            await trio.sleep_forever()

    with pytest.raises(Unavailable, match="the local server ended with status 0 again"):
        await use()
    assert keys == ["open"]
    assert "the local server ended with status 3: starting another" in told.lines


async def test_with_a_key_it_is_the_real_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started where there is a key, and the key is never shown."""
    monkeypatch.setenv("SONIOX_API_KEY", "sesame")
    async with soniox_or_local() as service:
        assert (service.endpoints, service.key, service.local) == (Endpoints.find(), "sesame", False)
        assert "sesame" not in repr(service)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Callable[[], object]]]:
    """No key; and the plugins that are installed besides our own, none yet: a name and what imports it."""
    plugins: list[tuple[str, Callable[[], object]]] = []
    monkeypatch.delenv("SONIOX_API_KEY", raising=False)
    monkeypatch.setattr(
        loader, "_installed", lambda: (loader._Found(name, f"voicekit-{name} 0.1", load) for name, load in plugins)
    )
    return plugins


async def refused() -> str:
    """Why there is neither Soniox nor a server."""
    with pytest.raises(ConfigError) as why:
        async with soniox_or_local():
            pytest.fail("there is no server")
    return str(why.value).removeprefix("SONIOX_API_KEY is not set, and the local server that would replace ")


async def test_without_the_plugin_the_command_that_installs_it_is_told(installed) -> None:
    """Neither a key nor a local server: one sentence says what to type."""
    said = await refused()
    assert said == f"the service comes with voicekit-local, which is not installed: {install_command('voicekit-local')}"


async def test_a_plugin_that_is_blocked_is_not_called_missing(installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has blocked the local server is reminded of it, and not told to install it."""
    installed.append(("local", ModuleType))
    monkeypatch.setenv("VOICEKIT_BLOCK", "local")
    assert await refused() == "the service comes with the plugin 'local', which is blocked: see VOICEKIT_BLOCK"


@pytest.mark.parametrize("when", ["imported", "registered"])
async def test_a_plugin_that_is_broken_is_not_called_missing(installed, when: str) -> None:
    """What is wrong with the local server's plugin is told with its name, and nobody is told to install it."""

    def fail(registry: object = None) -> None:
        raise LookupError("no such engine")

    plugin = ModuleType("voicekit_local")
    plugin.voicekit_register = hookimpl(fail)
    installed.append(("local", fail if when == "imported" else lambda: plugin))
    said = await refused()
    assert said.startswith("the service comes with the plugin 'local', which is broken: plugin 'local'")
    assert said.endswith("LookupError: no such engine")


def test_a_session_by_itself_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `run` and the command line start a server; a Session that has none to speak to says so."""
    monkeypatch.delenv("SONIOX_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="no Soniox key"):
        Session(handler="Hello.", source="silence", sink="null", plugins=load_plugins())


async def test_run_without_a_key_takes_the_local_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """`voicekit.run` with a source and a sink needs no key: what it was given stays, the rest is served."""
    script = Script()
    script.says("good morning", at=0.1, for_=0.5)
    peer = SonioxPeer(script)
    monkeypatch.delenv("SONIOX_API_KEY", raising=False)

    @asynccontextmanager
    async def stand_in(tell):
        async with peer.serve() as endpoints:
            yield SpeechService(endpoints, "sesame", local=True).options()

    monkeypatch.setattr(local, "options_of_local", stand_in)
    sink = RecordingSink()
    # A real vad would find no speech in a script's sound.
    vad, parts = ScriptedVad(), {"source": ScriptedSource(script), "sink": sink}
    ended = await voicekit.run("Hello.", vad=vad, plugins=load_plugins(), **parts)
    assert ended.error is None
    assert peer.transcripts == ["good morning"]
    assert [stream.text for stream in peer.streams] == ["Hello."]


@pytest.mark.parametrize("line", [b"", b"{}\n", b"nonsense\n", b'{"rest":"http://a","stt":"x","tts":"y"}', b"\xff"])
def test_a_greeting_that_is_none_is_refused(line: bytes) -> None:
    """Whatever a server says in place of its greeting is an error of ours, and never quoted."""
    with pytest.raises(voicekit.VoicekitError, match="expected"):
        read_hello(line)
