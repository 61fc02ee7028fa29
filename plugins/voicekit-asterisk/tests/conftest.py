"""A real Asterisk for the tests marked `real`: made once, asked by its own command line; its cost is printed."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import soundfile
import trio

from voicekit.call.connection import Call
from voicekit.call.info import CallEnd
from voicekit.errors import Unavailable
from voicekit_asterisk.ari_transport import Ari
from voicekit_asterisk.audiosocket_transport import AudioSocket
from voicekit_asterisk.testing import chroot
from voicekit_asterisk.testing.pbx import PASSWORD, USER, Pbx
from voicekit_asterisk.testing.tones import write_tone
from voicekit_asterisk.websocket_transport import ChanWebsocket

HERE = Path(__file__).parent
KEY = "announced"
SPEECH = HERE.parents[2] / "tests" / "data" / "speech"

DIALPLAN = """
[bots]
exten=>audiosocket,1,Answer()
 same=>n,Set(U=${CURL(http://127.0.0.1:SERVER/audiosocket/call,key=announced&caller=15550001&called=${EXTEN})})
 same=>n,GotoIf($["${U}" = ""]?full)
 same=>n,AudioSocket(${U},127.0.0.1:AUDIO)
 same=>n,Hangup()
 same=>n(full),Busy(1)
exten=>audiochannel,1,Answer()
 same=>n,Set(U=${CURL(http://127.0.0.1:SERVER/audiosocket/call,key=announced&caller=15550001&called=${EXTEN})})
 same=>n,Dial(AudioSocket/127.0.0.1:AUDIO/${U}/c(slin16))
 same=>n,Hangup()
exten=>stranger,1,Answer()
 same=>n,AudioSocket(40325ec2-5efd-4bd3-805f-53576e581d13,127.0.0.1:AUDIO)
 same=>n,Hangup()
exten=>chan_websocket,1,Answer()
 same=>n,Dial(WebSocket/voicekit/c(slin16)f(json)v(caller=15550001,called=${EXTEN}))
 same=>n,Hangup()
exten=>slin,1,Answer()
 same=>n,Dial(WebSocket/voicekit/c(slin)f(json))
 same=>n,Hangup()
exten=>slin16,1,Answer()
 same=>n,Dial(WebSocket/voicekit/c(slin16)f(json))
 same=>n,Hangup()
exten=>ulaw,1,Answer()
 same=>n,Dial(WebSocket/voicekit/c(ulaw)f(plain-text))
 same=>n,Hangup()
exten=>wrong,1,Answer()
 same=>n,Dial(WebSocket/wrong/c(slin16)f(json))
 same=>n,Verbose(1,REFUSED ${DIALSTATUS})
 same=>n,Hangup()
exten=>ari,1,Answer()
 same=>n,Stasis(voicekit)
 same=>n,Verbose(1,AFTER STASIS)
 same=>n,Hangup()

[callers]
; each records what it hears (rx) and says (tx) into files that are called as it is; n is a digit in a pattern
exten=>_quiet-.,1,Gosub(record,s,1(${EXTEN}))
 same=>n,Wait(300)
exten=>_to[n]e-.,1,Gosub(record,s,1(${EXTEN}))
 same=>n,Playtones(1000)
 same=>n,Wait(300)
exten=>_other-.,1,Gosub(record,s,1(${EXTEN}))
 same=>n,Playtones(700)
 same=>n,Wait(300)
exten=>_ri[n]gs-.,1,Ringing()
 same=>n,Wait(1.5)
 same=>n,Goto(other-${CUT(EXTEN,-,2)},1)
exten=>_leaves-.,1,Gosub(record,s,1(${EXTEN}))
 same=>n,Wait(2.5)
 same=>n,Hangup()
exten=>_keys-.,1,Gosub(record,s,1(${EXTEN}))
 same=>n,Wait(1)
 same=>n,SendDTMF(12#,150)
 same=>n,Wait(300)
exten=>_reads-.,1,Gosub(record,s,1(${EXTEN}))
 same=>n,Read(KEYS,,3,,1,20)
 same=>n,Verbose(1,KEYS ${KEYS})
 same=>n,Wait(300)
exten=>_asks-.,1,Gosub(record,s,1(${EXTEN}))
 same=>n,Wait(1)
 same=>n,Playback(SOUNDS/${CUT(EXTEN,-,2)})
 same=>n,Wait(300)
; where a caller is sent who shall press a key now, or say something
exten=>presses,1,SendDTMF(1,150)
 same=>n,Playtones(1000)
 same=>n,Wait(300)
exten=>_says-.,1,NoOp()
 same=>n,Playback(SOUNDS/${CUT(EXTEN,-,2)})
 same=>n,Wait(300)

[record]
exten=>s,1,Answer()
 same=>n,Set(N=SOUNDS/${ARG1})
 same=>n,MixMonitor(${N}-both.wav,r(${N}-rx.wav)t(${N}-tx.wav)S)
 same=>n,Return()

[default]
; what the phone can dial
exten=>demo,1,Goto(bots,audiosocket,1)
exten=>line,1,Goto(bots,ari,1)
; where a phone is sent that was redirected
exten=>second,1,Gosub(record,s,1(second))
 same=>n,Playtones(700)
 same=>n,Wait(300)

[people]
; where callers are transferred to
exten=>person,1,Dial(Local/other-person@callers)
 same=>n,Hangup()
exten=>201,1,Dial(Local/other-workshop@callers)
 same=>n,Hangup()
exten=>busy,1,Busy(2)
exten=>silent,1,Wait(300)
"""
WRONG = """
[wrong]
type=websocket_client
uri=ws://127.0.0.1:{server}/asterisk/media
protocols=media
username=voicekit
password=not-it
connection_type=per_call_config
connection_timeout=500
reconnect_attempts=1
reconnect_interval=500
tls_enabled=no
"""

DOCUMENTED = {
    "8088": "{http}", "8080": "{server}", "5070": "{sip}", "5090": "{phone}",
    "choose-a-long-one": PASSWORD, "choose-another": PASSWORD,
}  # fmt: skip
DOCUMENTED_DIALPLAN = {"8080": "SERVER", "9092": "AUDIO", "choose-a-third": KEY}
"""What docs/asterisk.md has in its files, and what is there in a test's."""

WAYS = ("audiosocket", "chan_websocket", "ari")
RATES = {"audiosocket": 8_000, "chan_websocket": 16_000, "ari": 16_000}


@dataclass
class Cost:
    """What the Asterisk of this run has cost."""

    making_s: float = 0.0
    made: bool = False
    disk_mb: float = 0.0
    version: str = ""
    began: float = field(default_factory=time.perf_counter)
    lines: list[str] = field(default_factory=list)


COST = Cost()


@pytest.fixture(scope="session")
def asterisk_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the Asterisk, made if there is none."""
    if (missing := chroot.what_is_missing()) is not None:
        pytest.skip(f"needs {missing}")
    began = time.perf_counter()
    root, COST.made = chroot.make_asterisk(tmp_path_factory.mktemp("asterisk") / "making.log")
    COST.making_s = time.perf_counter() - began
    COST.disk_mb = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file()) / 1e6
    return root


@pytest.fixture(scope="session")
def pbx(asterisk_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbx]:
    """One Asterisk for all tests; each of them leaves it without channels. Its music on hold is a tone of 1500 Hz.

    Its configuration is that of docs/asterisk.md as it stands, but for ports and passwords, and extensions of our own.
    """
    files = documented_files()
    dialplan = files.pop("extensions.conf") + DIALPLAN
    files["websocket_client.conf"] += WRONG
    music = tmp_path_factory.mktemp("music") / "tone.wav"
    write_tone(music, 1500, 10.0)
    with Pbx(asterisk_folder, extensions=dialplan, files=files, music=music) as pbx:
        COST.version = pbx.version()
        yield pbx


def documented_files() -> dict[str, str]:
    """The blocks of docs/asterisk.md, by the file that the text before each names; one without is of the dialplan."""
    files: dict[str, str] = {}
    text = (HERE.parents[2] / "docs" / "asterisk.md").read_text(encoding="utf-8")
    for before, block in re.findall(r"(.*?)^```ini\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        name = [*re.findall(r"^`([a-z_]+\.conf)`", before, re.MULTILINE), "extensions.conf"][0]
        files[name] = files.get(name, "") + block
    for name in files:
        for documented, own in (DOCUMENTED_DIALPLAN if name == "extensions.conf" else DOCUMENTED).items():
            files[name] = files[name].replace(documented, own)
    return files


@dataclass
class Line:
    """voicekit behind the Asterisk, in this process: `answer(call)` is what each call does."""

    pbx: Pbx
    site: Any
    ari: Ari
    calls: list[Call]

    async def call(self, callee: str, caller: str) -> None:
        """`caller`, an extension of [callers] and the name of the recordings, calls the bot at `callee`."""
        await self.ask(self.pbx.originate, f"Local/{callee}@bots", "callers", caller)

    async def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await trio.to_thread.run_sync(partial(function, *arguments))

    async def until(self, met: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for something to be so. Fails if it is not within `seconds`."""
        with trio.move_on_after(seconds):
            while not met():  # noqa: ASYNC110  # of another process
                await trio.sleep(0.02)
            return
        raise AssertionError(f"not so within {seconds:g} s; Asterisk's log ends with\n{self.pbx.log()[-3000:]}")

    async def begun(self, number: int = 1) -> Call:
        """The call of this number, once it has begun."""
        await self.until(lambda: len(self.calls) >= number)
        return self.calls[number - 1]

    async def over(self, call: Call, seconds: float = 20.0) -> CallEnd:
        await self.until(lambda: call.end is not None, seconds)
        assert call.end is not None
        return call.end

    async def until_asked(self, met: Callable[[], bool], seconds: float = 20.0) -> None:
        """`until`, for what asks Asterisk and so would block the loop."""
        await until_asked(met, seconds)

    async def empty(self, seconds: float = 10.0) -> None:
        """Wait until neither side has a call: no place at the desk, no channel and no bridge in Asterisk."""
        with trio.move_on_after(seconds):
            while await self.left():  # noqa: ASYNC110  # of another process
                await trio.sleep(0.1)
            return
        raise AssertionError(f"expected nothing to be left, got {await self.left()}")

    async def left(self) -> list[str]:
        """Our calls, and Asterisk's channels and bridges."""
        here = ["a call here"] * self.site.desk.counts.active
        return here + await self.ask(self.pbx.channels) + await self.ask(self.pbx.bridges)

    async def say(self, sound: str) -> None:
        """Have the only caller say what is in a sound file, from now on."""
        [caller] = [name for name in await self.ask(self.pbx.channels) if name.endswith(";1")]
        await self.ask(self.pbx.ask, f"channel redirect {caller} callers,says-{sound},1")

    async def hang_up_all(self) -> None:
        await self.ask(self.pbx.ask, "channel request hangup all")

    def heard(self, caller: str) -> tuple[Any, int]:
        """What a caller heard: samples as int16, and their rate."""
        return heard_in_recording(self.pbx, caller)


def heard_in_recording(pbx: Pbx, caller: str) -> tuple[Any, int]:
    """What a caller heard: samples as int16, and their rate."""
    samples, rate = soundfile.read(pbx.recording(f"{caller}-rx.wav"), dtype="int16")
    return samples, rate


async def until_asked(met: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait in a thread for something to be so. Fails if it is not within `seconds`."""
    with trio.move_on_after(seconds):
        while not await trio.to_thread.run_sync(met):  # noqa: ASYNC110  # of another process
            await trio.sleep(0.1)
        return
    raise AssertionError(f"not so within {seconds:g} s")


class Talk:
    """A conversation that is a function of the call; it ends with the call."""

    def __init__(self, call: Call, talk: Callable[[Call], Awaitable[None]]) -> None:
        self._call = call
        self._talk = talk
        self._scope = trio.CancelScope()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                while self._call.end is None:  # noqa: ASYNC110  # a call has no event of its own for its end
                    await trio.sleep(0.02)
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            with self._scope:
                try:
                    await self._talk(self._call)
                except* Unavailable:  # the caller hung up while the bot spoke
                    await trio.sleep_forever()
            nursery.cancel_scope.cancel()

    def end(self, *, why: str, farewell: str | None = None) -> None:
        self._scope.cancel()


@asynccontextmanager
async def open_line(pbx: Pbx, answer: Callable[[Call], Any], **options: Any) -> AsyncIterator[Line]:
    """The three ways in, served here."""
    from voicekit_serve.server import serve

    calls: list[Call] = []

    async def answering(call: Call) -> Any:
        calls.append(call)
        return answer(call)

    ari = Ari(f"{pbx.ari}/voicekit", user=USER, password=PASSWORD, context="people")
    audiosocket = AudioSocket(str(pbx.audio), key=KEY)
    url = f"http://127.0.0.1:{pbx.server}"
    async with trio.open_nursery() as nursery:
        start = partial(
            serve, answering, audiosocket, ChanWebsocket(password=PASSWORD), ari, public_url=url, port=pbx.server,
            **{"drain": 0.5, **options},
        )  # fmt: skip
        site = await nursery.start(start)
        line = Line(pbx, site, ari, calls)
        try:
            yield line
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(10):
                await line.hang_up_all()
            site.stop()


@pytest.fixture
def line(pbx: Pbx) -> Callable[..., Any]:
    """`async with line(talk) as it:` serves the three ways; `talk(call)` is an async function, or makes a session."""

    def opened(talk: Callable[[Call], Any], *, session: bool = False, **options: Any) -> Any:
        return open_line(pbx, talk if session else lambda call: Talk(call, talk), **options)

    logging.getLogger("httpx").setLevel(logging.WARNING)
    return opened


@pytest.fixture
def asked() -> Callable[..., Awaitable[None]]:
    return until_asked


@pytest.fixture
def conversation() -> Callable[..., Talk]:
    return Talk


@pytest.fixture
def heard_in() -> Callable[[Pbx, str], tuple[Any, int]]:
    return heard_in_recording


@pytest.fixture
def cost() -> Cost:
    return COST


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The closing line of the real Asterisk, and what it cost."""
    counts = {
        outcome: sum(
            1
            for report in terminalreporter.stats.get(outcome, [])
            if HERE.name in Path(str(report.fspath)).parts[-2:] and "voicekit-asterisk" in str(report.fspath)
            and "real" in getattr(report, "keywords", {}) and (report.when == "call" or outcome != "passed")
        )
        for outcome in ("passed", "failed", "error", "skipped")
    }  # fmt: skip
    if not any(counts.values()):
        return
    if COST.version:
        how = f"made in {COST.making_s:.0f} s" if COST.made else "kept from an earlier run"
        terminalreporter.write_line(
            f"{COST.version}: {how}, {COST.disk_mb:.0f} MB; {time.perf_counter() - COST.began:.0f} s in all; "
            f"{shutil.disk_usage(chroot.folder()).free / 1e9:.0f} GB are free"
        )
    for line in COST.lines:
        terminalreporter.write_line(line)
    failed = counts["failed"] + counts["error"]
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    terminalreporter.write_line(f"asterisk: {counts['passed']} passed, {failed} failed{skipped}")


@pytest.fixture(scope="session")
def service() -> Iterator[Any]:
    """The local server, real engines and all: what it hears and speaks with, for as long as the tests run."""
    pytest.importorskip("moonshine_cpp", reason="needs the package moonshine-cpp (Linux on x86-64)")
    from voicekit.soniox.api.server_hello import read_hello
    from voicekit.soniox.local import SpeechService

    command = [sys.executable, "-m", "voicekit", "local-server", "--embedded"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        hello = read_hello(process.stdout.readline())
        yield SpeechService(hello.endpoints, hello.key, local=True)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@pytest.fixture(scope="session")
def recognised(service: Any) -> Callable[[Path], Awaitable[str]]:
    """What is said in a sound file, by the local server."""
    from voicekit.soniox.rest import SonioxClient

    async def recognise(path: Path) -> str:
        async with SonioxClient(key=service.key, endpoints=service.endpoints) as client:
            return str((await client.transcriptions.of(path)).text)

    return recognise


def telephone_sound(source: Path, target: Path, *, silence: float = 0.0) -> float:
    """`source` as 8 kHz mono PCM16 at `target`, with seconds of silence behind it; the seconds of its speech."""
    import numpy as np
    import soxr

    samples, rate = soundfile.read(source, dtype="float32")
    at_8k = soxr.resample(samples, rate, 8_000)
    whole = np.concatenate([at_8k, np.zeros(round(8_000 * silence), np.float32)])
    soundfile.write(target, whole, 8_000, subtype="PCM_16")
    return len(at_8k) / 8_000


@pytest.fixture
def telephone() -> Callable[..., float]:
    return telephone_sound
