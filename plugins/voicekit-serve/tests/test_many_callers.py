"""`voicekit serve` over real sockets: eight callers at once, four of them a trouble to their neighbours.

Two programs run side by side. One has no key, so a local server with a real recogniser and a real voice hears and speaks
for its two callers, over two carriers. The other talks to the scripted service; of its six callers two behave, one
makes the handler raise, one vanishes without a close, one sends messages of 70 kB, and one never sends `start`.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from voicekit.audio.codec import convert
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.call.transport import WebhookAnswer
from voicekit.call.wire import StreamClosed
from voicekit.testing import PhoneLine, Script, ScriptedCarrier
from voicekit.testing.phone_call import CallerSound, carrier_of, dial
from voicekit.testing.phone_sound import SLOT
from voicekit.testing.soniox import SonioxPeer
from voicekit_phone.rehearsal import PUBLIC, SECRET, TOKEN, FirstContact, socket_address, telnyx_key

pytestmark = pytest.mark.real

GREETING = "Good day to you."
ANSWER = "We are open from nine to five on every day of the week but Sunday."
APOLOGY = "Sorry"
METRICS = "m" * 20
ENOUGH_S = 180.0
BOT = f"""
import os

greeting = {GREETING!r}
{{vad}}

def bot(turn):
    with open(os.environ["HEARD"], "a", encoding="utf-8") as heard:
        heard.write(f"{{{{turn.session.call.info.call_id.value}}}}\\t{{{{turn.text}}}}\\n")
    if turn.session.call.info.call_id.value == "raises":
        raise KeyError("menu")
    return {ANSWER!r}
"""


@dataclass
class Program:
    """A running `voicekit serve`."""

    process: subprocess.Popen[bytes]
    url: str
    heard_file: Path
    log: Path
    client: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    def heard(self, call: str) -> str:
        """What the bot heard of one call."""
        lines = self.heard_file.read_text(encoding="utf-8").splitlines() if self.heard_file.exists() else []
        return " ".join(line.partition("\t")[2] for line in lines if line.startswith(f"{call}\t"))

    async def counts(self) -> dict[str, float]:
        """What /metrics says; ends by their reason."""
        answer = await self.client.get(f"{self.url}/metrics", headers={"authorization": f"Bearer {METRICS}"})
        found = re.findall(r'^voicekit_(\w+)(?:\{ended="(\w+)"\})? ([\d.]+)$', answer.text, re.M)
        return {ended or name: float(value) for name, ended, value in found}

    async def ready(self) -> bool:
        return (await self.client.get(f"{self.url}/readyz")).status_code == 200


@asynccontextmanager
async def program(
    where: Path, transports: list[str], vad: str, max_calls: int, **environ: str
) -> AsyncIterator[Program]:
    """`voicekit serve` on a free port, until the block is left."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    where.mkdir()
    (where / "bot.py").write_text(BOT.format(vad=vad), encoding="utf-8")
    command = [sys.executable, "-m", "voicekit", "serve", str(where / "bot.py"), "--public-url", PUBLIC]
    command += ["--port", str(port), "--max-calls", str(max_calls), "--drain", "2", "--farewell", "Goodbye."]
    for name in transports:
        command += ["--transport", name]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SONIOX_")}
    env = kept | environ | {"HEARD": str(where / "heard"), "VOICEKIT_METRICS_TOKEN": METRICS}
    with (where / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stderr=log, cwd=where)
        served = Program(process, f"http://127.0.0.1:{port}", where / "heard", where / "log")
        try:
            async with served.client:
                with trio.fail_after(ENOUGH_S):
                    while not await _alive(served):
                        await trio.sleep(0.1)
                yield served
        finally:
            process.kill()
            process.wait()


async def _alive(served: Program) -> bool:
    assert served.process.poll() is None, served.log.read_text()
    try:
        return (await served.client.get(f"{served.url}/healthz")).status_code == 200
    except httpx.ConnectError:
        return False


@dataclass
class Caller:
    """One caller over real sockets, and what they heard."""

    served: Program
    name: str
    call: str
    carrier: ScriptedCarrier | None = None
    code: int | None = None

    @property
    def heard_pcm(self) -> bytes:
        return b"" if self.carrier is None else b"".join(pcm for _, pcm in self.carrier.played)

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[WebSocketConnection]:
        """The signed webhook, and the socket that its answer leads to."""
        first = FirstContact(self.name, self.call)
        request = first.webhook(time.time())
        assert request is not None
        url = self.served.url + urlsplit(request.url).path
        answer = await self.served.client.post(url, content=request.body, headers=dict(request.headers))
        assert answer.status_code == 200
        address, headers = first.upgrade(WebhookAnswer(answer.text), time.time())
        there = self.served.url.replace("http", "ws", 1) + urlsplit(address).path
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with open_websocket_url(there, extra_headers=extra, disconnect_timeout=2) as connection:
            yield connection

    async def refused_by_webhook(self) -> bool:
        """Whether the webhook's answer leads to no socket."""
        request = FirstContact(self.name, self.call).webhook(time.time())
        assert request is not None
        url = self.served.url + urlsplit(request.url).path
        answer = await self.served.client.post(url, content=request.body, headers=dict(request.headers))
        return answer.status_code == 200 and socket_address(WebhookAnswer(answer.text)) is None

    async def talk(self, script: Script, sound: CallerSound) -> None:
        """Be the caller of `script`, to the end of the call."""
        first = FirstContact(self.name, self.call)
        line = PhoneLine(transport=first.dialect, delay=0.0)
        self.carrier = carrier = carrier_of(line, first.dialect)
        carrier.peer = first.peer()
        async with self.socket() as connection, trio.open_nursery() as nursery:
            nursery.start_soon(self._up, connection, carrier)
            nursery.start_soon(self._down, connection, carrier)
            await dial(carrier, line, first.dialect, script, sound)
            nursery.cancel_scope.cancel()

    async def _up(self, connection: WebSocketConnection, carrier: ScriptedCarrier) -> None:
        """From the carrier to the server."""
        try:
            while True:
                await connection.send_message(await carrier.stream.receive())
        except StreamClosed as closed:
            if closed.code is not None and closed.code != 1006:
                await connection.aclose(closed.code)
            else:
                await connection._stream.aclose()
                await carrier.stream.close(1006)
        except ConnectionClosed:
            return

    async def _down(self, connection: WebSocketConnection, carrier: ScriptedCarrier) -> None:
        """From the server to the carrier."""
        try:
            while True:
                await carrier.stream.send(await connection.get_message())
        except (ConnectionClosed, StreamClosed) as closed:
            self.code = getattr(getattr(closed, "reason", None), "code", None)
            await carrier.stream.close(1000)


def scripted(script: Script, slot: int, slots: int, form: AudioFormat) -> bytes:
    """A scripted caller's sound as the scripted service understands it: on wires of PCM16 alone."""
    samples = form.samples(SLOT)
    return script.pcm(slot * samples, slots * samples, form.rate)


def recorded(name: str, *starts: float) -> CallerSound:
    """A person's voice: the recording `name`, beginning at each of `starts` seconds."""
    import soundfile

    samples, rate = soundfile.read(Path(__file__).parents[3] / "tests/data/speech" / f"{name}.flac", dtype="int16")
    assert rate == 16_000
    narrow = array("h", ((samples[0:-1:2].astype(int) + samples[1::2]) // 2).astype("int16").tobytes())
    mulaw = AudioFormat(8000, "mulaw")

    def sound(script: Script, slot: int, slots: int, form: AudioFormat) -> bytes:
        size = form.samples(SLOT)
        pcm = array("h", bytes(2 * slots * size))
        for start in starts:
            place = slot * size - form.samples(start)
            for n in range(len(pcm)):
                if 0 <= place + n < len(narrow):
                    pcm[n] = narrow[place + n]
        return convert(pcm.tobytes(), AudioFormat(8000), mulaw)

    return sound


def asking() -> Script:
    """Asks at 2.5 s, interrupts the answer at 5.5 s, hangs up at 13 s."""
    user = Script()
    user.says("when are you open", at=2.5, for_=1.2)
    user.says("and on holidays please", at=5.5, for_=1.3)
    user.hangs_up(at=13.0)
    return user


def heard_text(caller: Caller) -> str:
    """What the scripted service said to `caller`, letter by letter; a cut tears one letter at most."""
    text, pcm = "", caller.heard_pcm
    for _, run in _runs(array("h", pcm)):
        text += run
    return text


def _runs(samples: array[int]) -> list[tuple[int, str]]:
    found, letter = [], round(0.06 * PCM16K.rate)
    place = 0
    while place < len(samples):
        end = place
        while end < len(samples) and samples[end] == samples[place]:
            end += 1
        if samples[place]:
            found.append((place, chr(samples[place]) * max(1, round((end - place) / letter))))
        place = end
    return found


async def vanish(caller: Caller) -> None:
    """Begin a call, hear something of it, and be gone without a close."""
    first = FirstContact(caller.name, caller.call)
    async with caller.socket() as connection:
        for message in first.peer().begin():
            await connection.send_message(message)
        await connection.get_message()
        await connection._stream.aclose()


async def shout(caller: Caller) -> None:
    """Send messages of 70 kB of sound, faster than anybody speaks, for four seconds; then hang up."""
    first = FirstContact(caller.name, caller.call)
    peer = first.peer()
    async with caller.socket() as connection:
        for message in peer.begin():
            await connection.send_message(message)
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                while True:
                    await connection.get_message()

            nursery.start_soon(listen)
            for n in range(40):
                await connection.send_message(peer.sound(bytes(70_000), n * 20))
                await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
        await connection.aclose(1000)


async def never_start(caller: Caller) -> None:
    """Take the socket and say nothing: the server closes it."""
    async with caller.socket() as connection:
        with pytest.raises(ConnectionClosed):
            await connection.get_message()
        assert connection.closed is not None
        caller.code = connection.closed.code


def environment(**more: str) -> dict[str, str]:
    keys = {"TWILIO_AUTH_TOKEN": TOKEN, "TELNYX_PUBLIC_KEY": telnyx_key()[1], "PLIVO_AUTH_TOKEN": TOKEN}
    return keys | {"VONAGE_SIGNATURE_SECRET": SECRET} | more


async def test_eight_callers_at_once_and_no_neighbour_is_disturbed(tmp_path: Path) -> None:
    """They speak, interrupt and hang up; four misbehave; readiness and counts are true, and a signal drains."""
    service = SonioxPeer(asking())
    async with service.serve() as endpoints:
        where = {"SONIOX_API_KEY": "k" * 20, "SONIOX_WS_URL": endpoints.stt, "SONIOX_TTS_WS_URL": endpoints.tts}
        async with (
            program(tmp_path / "local", ["twilio", "telnyx"], "", 2, **environment()) as local,
            program(tmp_path / "remote", ["vonage", "plivo"], "vad = None", 6, **environment(**where)) as remote,
        ):
            await hold_eight(local, remote)
            await drain(local, remote)


async def hold_eight(local: Program, remote: Program) -> None:
    """All eight calls, at once."""
    good = [Caller(remote, "vonage", "good-1"), Caller(remote, "plivo", "good-2")]
    raises = Caller(remote, "vonage", "raises")
    silent = Caller(remote, "plivo", "silent")
    people = [Caller(local, "twilio", "person-1"), Caller(local, "telnyx", "person-2")]
    person = Script()
    person.hangs_up(at=22.0)
    assert await remote.ready()
    assert (await remote.counts())["active_calls"] == 0
    with trio.fail_after(ENOUGH_S):
        async with trio.open_nursery() as nursery:
            for caller in [*good, raises]:
                nursery.start_soon(caller.talk, asking(), scripted)
            nursery.start_soon(people[0].talk, person, recorded("goforward", 4.0, 12.0))
            nursery.start_soon(people[1].talk, person, recorded("something", 4.0, 12.0))
            nursery.start_soon(vanish, Caller(remote, "plivo", "vanishes"))
            nursery.start_soon(shout, Caller(remote, "vonage", "shouts"))
            nursery.start_soon(never_start, silent)
            await until(remote, active=6)
            assert not await remote.ready(), "six of six places are taken"
            busy = await Caller(remote, "vonage", "seventh").refused_by_webhook()
            assert busy
            await until(remote, active=3)
            assert await remote.ready()
    for caller in good:
        text = heard_text(caller)
        assert text.startswith(GREETING + ANSWER[:10]), text
        assert text.endswith(ANSWER), "the answer to the interruption was heard to its end"
        assert len(text) < len(GREETING + ANSWER + ANSWER), "the first answer was cut"
        assert caller.carrier is not None
        assert caller.carrier.cleared, "the interruption cleared what was not played"
        assert remote.heard(caller.call) == "when are you open and on holidays please"
    assert APOLOGY.lower() in heard_text(raises).lower()
    assert silent.code == 1008
    for caller, said in zip(people, ("forward", "something"), strict=True):
        assert said in local.heard(caller.call).lower(), local.heard(caller.call)
        assert len(caller.heard_pcm) > 8000 * 3
        assert caller.carrier is not None
        assert caller.carrier.cleared, "the person interrupted"
    counts = await remote.counts()
    assert counts["active_calls"] == 0
    assert (counts["caller"], counts["lost"]) == (4, 1), "three who hung up and one who shouted; one vanished"
    assert (await local.counts())["caller"] == 2


async def until(served: Program, *, active: int) -> None:
    with trio.fail_after(ENOUGH_S):
        while (await served.counts())["active_calls"] != active:
            await trio.sleep(0.05)


async def drain(local: Program, remote: Program) -> None:
    """A call is inside when the signal comes: it hears the farewell, and both programs end with status 0."""
    late = Caller(remote, "vonage", "late")
    stays = Script()
    stays.stays(until=60.0)
    with trio.fail_after(ENOUGH_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(late.talk, stays, scripted)
            await until(remote, active=1)
            await trio.sleep(2.5)
            for served in (local, remote):
                served.process.send_signal(signal.SIGTERM)
            await trio.sleep(0.5)
            assert not await remote.ready()
            assert await Caller(remote, "vonage", "too-late").refused_by_webhook()
            assert (await remote.counts())["draining"] == 1
    assert heard_text(late) == GREETING + "Goodbye."
    for served in (local, remote):
        assert await trio.to_thread.run_sync(served.process.wait, 60) == 0
    log = remote.log.read_text(encoding="utf-8")
    assert "ended: drained" in log
    assert not any(secret in log for secret in (TOKEN, SECRET, METRICS, "+1555", ANSWER, "holidays"))
