"""Provides the realtime services: Soniox if there is a key, or else a local server, which ends with your program.

    async with soniox_or_local() as service:
        session = Session(stt=service.transcriber(), tts=service.voice(), ...)

The local server comes with the plugin voicekit-local and uses the same protocol, so your code stays the same. It runs
in a separate process, because a recogniser would block the call's event loop. The server ends when its standard input
is closed; if the program is killed, the operating system closes that input. If the server dies early, it is restarted
once, at the same address.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import trio

from voicekit.errors import ConfigError, Unavailable, VoicekitError
from voicekit.extend import Commands, load_plugins
from voicekit.extend.install import brought_by, why_missing
from voicekit.flow.groups import alone
from voicekit.soniox.api.region import KEY_VARIABLE, Endpoints
from voicekit.soniox.api.server_hello import LONGEST_LINE, ServerHello, read_hello
from voicekit.soniox.stt.soniox_stt import SonioxStt
from voicekit.soniox.tts.soniox_tts import SonioxTts

COMMAND: Final = "local-server"

LIVES: Final = 2
"""How many processes are started: a dead server is restarted once; after a second death, another restart would not
help."""

SILENT_S: Final = 180.0
"""The maximum number of seconds without output from a server that is starting, since it reports its progress much more
often.
"""

END_S: Final = 2.0
"""Seconds within which the server must end after its input was closed; after that, it is killed."""

ERROR: Final = "voicekit: "
"""The text that the command line prints before the reason for a failure."""

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SpeechService:
    """The addresses of the services for recognising and synthesising speech, and the key for them. `local` is True if
    the services run on this machine."""

    endpoints: Endpoints
    key: str = field(repr=False)
    local: bool
    current: Callable[[], str] | None = field(default=None, repr=False)
    """The current key, which changes when the local server is restarted."""

    def options(self) -> dict[str, Any]:
        """The options that make SonioxStt and SonioxTts use this service."""
        return {"key": self.current or self.key, "endpoints": self.endpoints}

    def transcriber(self, **options: Any) -> SonioxStt:
        """A transcriber for a session; `options` are passed to SonioxStt."""
        return SonioxStt(**self.options(), **options)

    def voice(self, **options: Any) -> SonioxTts:
        """A voice for a session; `options` are passed to SonioxTts."""
        return SonioxTts(**self.options(), **options)


def _to_stderr(line: str) -> None:
    print(f"voicekit: {line}", file=sys.stderr, flush=True)


@asynccontextmanager
async def soniox_or_local(tell: Announce = _to_stderr) -> AsyncIterator[SpeechService]:
    """Provide Soniox if SONIOX_API_KEY is set, or else a local server, which runs until the end of the block.

    If there is no key, `tell` is called with a line that says so, and with more lines while the server starts. Raises
    ConfigError, with advice, if no local server is installed, and Unavailable if the server does not start. Leaving the
    block takes at most 2 s, even after a cancellation.
    """
    key = os.environ.get(KEY_VARIABLE)
    if key:
        yield SpeechService(Endpoints.find(), key, local=False)
        return
    async with _local(tell) as service:
        yield service


@asynccontextmanager
async def options_of_local(tell: Announce = _to_stderr) -> AsyncIterator[dict[str, Any]]:
    """Provide the options that make SonioxStt and SonioxTts use a local server; see `soniox_or_local`."""
    async with _local(tell) as service:
        yield service.options()


def _local(tell: Announce) -> AbstractAsyncContextManager[SpeechService]:
    _check_there()
    return local_server([sys.executable, "-m", "voicekit", COMMAND, "--embedded"], tell)


@asynccontextmanager
async def local_server(command: Sequence[str], tell: Announce) -> AsyncIterator[SpeechService]:
    """Run the server that `command` starts; see `soniox_or_local`. If the server dies twice, the block is cancelled and
    Unavailable is raised."""
    lives = _Lives(command, tell)
    with alone():
        async with trio.open_nursery() as nursery:
            hello = await nursery.start(lives.run)
            tell(f"no {KEY_VARIABLE}: a local server hears and speaks ({hello.endpoints.stt})")
            yield SpeechService(hello.endpoints, hello.key, local=True, current=lambda: lives.key)
            nursery.cancel_scope.cancel()


class _Lives:
    """The server's process, and the one that replaces it if it dies."""

    def __init__(self, command: Sequence[str], tell: Announce) -> None:
        self._command = command
        self._tell = tell
        self.key = ""

    async def run(self, task_status: trio.TaskStatus[ServerHello]) -> None:
        """Run the server, and restart it if it dies. Raises an error with the reason if it does not start, and
        Unavailable if it dies again."""
        command, how = list(self._command), ""
        for life in range(LIVES):
            if life:
                self._tell(f"the local server {how}: starting another")
            async with _process(command) as process, trio.open_nursery() as nursery:
                child = _Child(process, self._tell)
                nursery.start_soon(child.listen)
                hello = await child.greeting()
                self.key = hello.key
                if not life:
                    task_status.started(hello)
                    command += ["--port", str(urlsplit(hello.endpoints.stt).port)]
                how = f"ended with status {await process.wait()}"
                nursery.cancel_scope.cancel()
        raise Unavailable(f"the local server {how} again", service="local server", retryable=True)


@asynccontextmanager
async def _process(command: Sequence[str]) -> AsyncIterator[trio.Process]:
    process = await trio.lowlevel.open_process(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # otherwise Ctrl-C would end the server before the call that it serves
    )
    try:
        yield process
    finally:
        await _end(process)


class _Child:
    """The server's process and its output."""

    def __init__(self, process: trio.Process, tell: Announce) -> None:
        assert process.stdout is not None, "it was opened with pipes"
        assert process.stderr is not None, "it was opened with pipes"
        self._process = process
        self._out = process.stdout
        self._err = process.stderr
        self._tell = tell
        self._why = ""
        self._silent = trio.Event()
        self._starting = trio.CancelScope()

    async def listen(self) -> None:
        """Pass on each line that the server writes to stderr, until it ends."""
        rest = b""
        async for block in self._err:
            *lines, rest = (rest + block).split(b"\n")
            rest = rest[-LONGEST_LINE:]
            self._starting.deadline = trio.current_time() + SILENT_S
            for line in lines:
                self._heard(line.decode(errors="replace").strip())
        self._silent.set()

    async def greeting(self) -> ServerHello:
        """Wait until the server is ready, and return its greeting."""
        line = b""
        self._starting.deadline = trio.current_time() + SILENT_S
        with self._starting:
            while b"\n" not in line and len(line) < LONGEST_LINE:
                block = await self._out.receive_some()
                if not block:
                    raise await self._gave_up()
                line += block
            greeting = read_hello(line)
            await trio.lowlevel.checkpoint()  # lets `listen` pass on the server's last lines first
            return greeting
        raise Unavailable(
            f"the local server printed nothing for {SILENT_S:g} s while it was starting",
            service="local server",
            retryable=True,
        )

    def _heard(self, line: str) -> None:
        if line.startswith(ERROR):
            self._why = line.removeprefix(ERROR)
        elif line:
            self._tell(line)

    async def _gave_up(self) -> VoicekitError:
        status = await self._process.wait()
        with trio.move_on_after(END_S):  # does not wait forever, because a child of the server may keep the pipe open
            await self._silent.wait()
        if self._why:
            return ConfigError(self._why)
        what = f"the local server ended with status {status} before it was ready"
        return Unavailable(what, service="local server", retryable=True)


async def _end(process: trio.Process) -> None:
    """Close the process's standard input, and wait until the process has ended."""
    with trio.CancelScope(shield=True):
        assert process.stdin is not None, "it was opened with pipes"
        await process.stdin.aclose()
        with trio.move_on_after(END_S):
            await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                await pipe.aclose()


def _check_there() -> None:
    commands = Commands()
    plugins = load_plugins(strict=False)
    plugins.commands(commands)
    if COMMAND not in [command.name for command in commands]:
        why = why_missing(brought_by("verb", COMMAND) or COMMAND, plugins)
        raise ConfigError(f"{KEY_VARIABLE} is not set, and the local server that would replace the service {why}")
