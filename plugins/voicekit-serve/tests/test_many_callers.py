"""`voicekit serve` over real sockets: eight callers at once, four of them a trouble to their neighbours.

Two programs run side by side. One has no key, so a local server with a real recogniser and a real voice hears and
speaks for its two callers, over two carriers. The other talks to the scripted service; of its six callers two behave,
one makes the handler raise, one vanishes without a close, one sends messages of 70 kB, and one never sends `start`.

The callers wait for what they hear, never for a time, so a busy machine makes the test longer and nothing else.
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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby, pairwise
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, connect_websocket_url
from wsproto.utilities import LocalProtocolError

from voicekit.audio.codec import convert
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.call.transport import WebhookAnswer
from voicekit.call.wire import StreamClosed
from voicekit.testing import PhoneLine, Script, ScriptedCarrier
from voicekit.testing.phone_call import carrier_of, dial
from voicekit.testing.phone_sound import SLOT
from voicekit.testing.soniox import SonioxPeer
from voicekit_phone.rehearsal import PUBLIC, SECRET, TOKEN, FirstContact, socket_address, telnyx_key

pytestmark = pytest.mark.real

GREETING = "Good day to you."
LONG = "We are open from nine to five on every day of the week but Sunday. " * 5
"""What is interrupted: 20 s, so that a busy machine is in time, too."""
ANSWER = "No, on these days we are shut."
METRICS = "m" * 20
ENOUGH_S = 180.0
PATIENCE_S = 15.0
"""After which a person asks again."""
BOT = f"""
import os

greeting = {GREETING!r}
{{vad}}

def bot(turn):
    with open(os.environ["HEARD"], "a", encoding="utf-8") as heard:
        heard.write(f"{{{{turn.session.call.info.call_id.value}}}}\\t{{{{turn.text}}}}\\n")
    if turn.session.call.info.call_id.value == "raises":
        raise KeyError("menu")
    return {ANSWER!r} if any(part in turn.text for part in ("hol", "oli", "ida", "day")) else {LONG!r}
"""


@dataclass
class Program:
    """A running `voicekit serve`."""

    process: subprocess.Popen[bytes]
    url: str
    heard_file: Path
    log: Path
    client: httpx.AsyncClient = field(
        # each request has its own connection, because the server closes idle ones
        default_factory=lambda: httpx.AsyncClient(timeout=ENOUGH_S, limits=httpx.Limits(max_keepalive_connections=0))
    )

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
    where.mkdir()  # noqa: ASYNC240  # a test's own small files
    (where / "bot.py").write_text(BOT.format(vad=vad), encoding="utf-8")
    command = [sys.executable, "-m", "voicekit", "serve", str(where / "bot.py"), "--public-url", PUBLIC]
    command += ["--port", str(port), "--max-calls", str(max_calls), "--drain", "2", "--farewell", "Goodbye."]
    for name in transports:
        command += ["--transport", name]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SONIOX_")}
    env = kept | environ | {"HEARD": str(where / "heard"), "VOICEKIT_METRICS_TOKEN": METRICS}
    with (where / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stderr=log, cwd=where)  # noqa: ASYNC220  # it must outlive a scope
        served = Program(process, f"http://127.0.0.1:{port}", where / "heard", where / "log")
        try:
            async with served.client:
                with trio.fail_after(ENOUGH_S):
                    while not await _alive(served):  # noqa: ASYNC110
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
    go: trio.Event = field(default_factory=trio.Event)
    """Set when the caller may go on behind the greeting."""
    _heard: Heard | None = None
    told: ClassVar[list[str]] = []
    """What each caller waits for, for the report of a test that takes too long."""
    tokens: ClassVar[list[str]] = []
    """Of all callers' sockets."""

    @property
    def heard(self) -> Heard:
        """Of the latest call, up to now; at least one has begun."""
        assert self.carrier is not None
        if self._heard is None or self._heard.carrier is not self.carrier:
            self._heard = Heard(self.carrier, FirstContact(self.name, self.call).dialect.format)
        return self._heard.read()

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[WebSocketConnection]:
        """The signed webhook, and the socket that its answer leads to; a program that is late is asked again."""
        done = False
        while not done:
            try:
                async with trio.open_nursery() as nursery:
                    if (connection := await self._connected(nursery)) is not None:
                        done = True
                        try:
                            yield connection
                        finally:
                            with trio.move_on_after(2, shield=True):
                                await connection.aclose()
                                await connection._stream.aclose()  # left open if the server closed first
                    nursery.cancel_scope.cancel()
            except* ConnectionRejected:
                pass  # the library reports this in two tasks
            except* LocalProtocolError:
                pass  # the library answers a ping while it is closing
            if not done:
                await trio.sleep(0.2)

    async def _connected(self, nursery: trio.Nursery) -> WebSocketConnection | None:
        first = FirstContact(self.name, self.call)
        answer = await self._announced()
        if socket_address(answer) is None:
            return None
        address, headers = first.upgrade(answer, time.time())
        self.tokens.append(address.rpartition("/")[2])
        there = self.served.url.replace("http", "ws", 1) + urlsplit(address).path
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        return await connect_websocket_url(nursery, there, extra_headers=extra)

    async def _announced(self) -> WebhookAnswer:
        request = FirstContact(self.name, self.call).webhook(time.time())
        assert request is not None
        url = self.served.url + urlsplit(request.url).path
        answer = await self.served.client.post(url, content=request.body, headers=dict(request.headers))
        assert answer.status_code == 200
        return WebhookAnswer(answer.text)

    async def refused_by_webhook(self) -> bool:
        """Whether the webhook's answer leads to no socket."""
        return socket_address(await self._announced()) is None

    async def talk(self, tape: Tape, then: Callable[[Caller, Tape], Awaitable[None]]) -> None:
        """Be a caller who does what `then(caller, tape)` does, to the end of the call.

        A machine that is too busy to begin the call within five seconds closes it with 1008: the caller calls again.
        """
        self.code = 1008
        while self.code == 1008:
            self.code = None
            await self._talk_once(tape, then)

    async def _talk_once(self, tape: Tape, then: Callable[[Caller, Tape], Awaitable[None]]) -> None:
        first = FirstContact(self.name, self.call)
        line = PhoneLine(transport=first.dialect, delay=0.0)
        self.carrier = carrier = carrier_of(line, first.dialect)
        carrier.peer = first.peer()
        forever = Script()
        forever.stays(until=10_000.0)
        async with self.socket() as connection, trio.open_nursery() as nursery:
            nursery.start_soon(self._up, connection, carrier)
            nursery.start_soon(self._down, connection, carrier)
            nursery.start_soon(then, self, tape)
            await dial(carrier, line, first.dialect, forever, tape)
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


class Tape:
    """What a caller sends: silence, and each of `pieces` (PCM16 at the wire's rate) when it is asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [bytes(piece) for piece in pieces]
        self._left = b""

    def next(self) -> None:
        """Begin with the next piece; behind the last one, with that again."""
        self._left += self._pieces.pop(0) if len(self._pieces) > 1 else self._pieces[0]

    def __call__(self, script: Script, slot: int, slots: int, form: AudioFormat) -> bytes:
        size = 2 * slots * form.samples(SLOT)
        pcm, self._left = self._left[:size].ljust(size, b"\0"), self._left[size:]
        return convert(pcm, AudioFormat(form.rate), form)


def scripted() -> Tape:
    """The two questions of `asking`, as the scripted service understands them: on wires of PCM16 alone."""
    script = asking()
    cut = [0, round(2.2 * PCM16K.rate), round(4.5 * PCM16K.rate)]
    return Tape(*(script.pcm(start, end - start, PCM16K.rate) for start, end in pairwise(cut)))


def asking() -> Script:
    """Two questions, the second of which interrupts the answer to the first."""
    user = Script()
    user.says("when are you open", at=0.2, for_=1.2)
    user.says("and on holidays please", at=2.4, for_=1.3)
    return user


def recorded(name: str) -> Tape:
    """A person's voice at 8 kHz: the recording `name`, twice."""
    import soundfile

    samples, rate = soundfile.read(Path(__file__).parents[3] / "tests/data/speech" / f"{name}.flac", dtype="int16")
    assert rate == 16_000
    narrow = ((samples[0:-1:2].astype(int) + samples[1::2]) // 2).astype("int16").tobytes()
    return Tape(narrow, narrow)


class Heard:
    """What one carrier has played, read as it comes: reading it all anew at each look would keep the loop busy."""

    def __init__(self, carrier: ScriptedCarrier, form: AudioFormat) -> None:
        self.carrier = carrier
        self._form = form
        self.runs: list[tuple[int, int]] = []
        """Samples of the same value, and how many: the scripted service says a letter so. Holes count for nothing."""
        self.loud = 0.0
        """Seconds that are not silence, of sound in mu-law."""
        self._read = 0

    def read(self) -> Heard:
        self.carrier.settle()
        played = self.carrier.played
        for _, pcm in played[self._read :]:
            if self._form.encoding == "mulaw":
                self._listen(pcm)
            else:
                self._spell(pcm)
        self._read = len(played)
        return self

    def _listen(self, pcm: bytes) -> None:
        samples = array("h", convert(pcm, AudioFormat(8000, "mulaw"), AudioFormat(8000)))
        self.loud += sum(160 for at in range(0, len(samples), 160) if max(samples[at : at + 160]) > 500) / 8000

    def _spell(self, pcm: bytes) -> None:
        for sample, run in groupby(sample for sample in array("h", pcm) if sample):
            length = len(list(run))
            if self.runs and self.runs[-1][0] == sample:
                length += self.runs.pop()[1]
            self.runs.append((sample, length))


def heard_text(caller: Caller) -> str:
    """What the scripted service said to `caller`, letter by letter."""
    letter = 0.06 * PCM16K.rate
    return "".join(chr(sample) * max(1, round(length / letter)) for sample, length in caller.heard.runs)


def letters(text: str) -> float:
    """How much of both questions was understood: a pause in a word tears it, and a letter may go with it."""
    plain = "".join(filter(str.isalpha, text))
    return SequenceMatcher(None, plain, "whenareyouopenandonholidaysplease").ratio()


async def ask_and_interrupt(caller: Caller, tape: Tape) -> None:
    """Ask when the greeting is over, interrupt the answer, hear the second one to its end, hang up."""
    assert caller.carrier is not None
    await hears(caller, lambda text: text == GREETING)
    await caller.go.wait()
    tape.next()
    await hears(caller, lambda text: len(text) > len(GREETING) + 12)
    tape.next()
    await answered(caller, tape, ANSWER)
    caller.carrier.hang_up()


async def ask_and_hear_an_apology(caller: Caller, tape: Tape) -> None:
    """Ask when the greeting is over; the handler raises, and the caller hears of it; hang up."""
    assert caller.carrier is not None
    await hears(caller, lambda text: text == GREETING)
    await caller.go.wait()
    tape.next()
    await answered(caller, tape, "again?")
    caller.carrier.hang_up()


async def answered(caller: Caller, tape: Tape, end: str) -> None:
    """Hear something that ends so; ask once more if that takes long, as a person does."""
    while not heard_text(caller).endswith(end):
        said = heard_text(caller)
        Caller.told.append(f"{caller.call} has heard {said!r}, was understood as {caller.served.heard(caller.call)!r}")
        with trio.move_on_after(PATIENCE_S):
            await hears(caller, lambda text: text.endswith(end))
        if heard_text(caller) == said or ANSWER[:4] not in heard_text(caller):
            tape.next()


async def listen(caller: Caller, tape: Tape) -> None:
    """Hear the greeting, and whatever comes, until the bot hangs up."""


async def speak_and_interrupt(caller: Caller, tape: Tape) -> None:
    """A person: speaks after the greeting, again as soon as the answer sounds, and hangs up after the next one.

    On a machine that is too busy, a voice that takes longer than six seconds is given up: they ask again then.
    """
    assert caller.carrier is not None
    with trio.move_on_after(PATIENCE_S):
        await sounds(caller, 0.3)
        await until(lambda: quiet(caller))
    tape.next()
    while not await interrupts(caller, tape):
        pass
    await hears_more(caller, tape, 1.5)
    caller.carrier.hang_up()


async def interrupts(caller: Caller, tape: Tape) -> bool:
    """Speak into the answer; False if it was over before anybody noticed."""
    assert caller.carrier is not None
    cleared = caller.carrier.cleared
    await hears_more(caller, tape, 0.5)
    before = len(cleared)
    tape.next()
    with trio.move_on_after(PATIENCE_S):
        await until(lambda: len(cleared) > before)
    return len(cleared) > before


async def hears_more(caller: Caller, tape: Tape, enough: float) -> None:
    """Hear `enough` seconds more, of sound that is not silence; ask again if nothing comes."""
    heard = seconds(caller)
    while seconds(caller) < heard + enough:
        with trio.move_on_after(PATIENCE_S):
            await sounds(caller, heard + enough)
            return
        tape.next()


def seconds(caller: Caller) -> float:
    """Of sound that is not silence: what `caller` has heard."""
    return caller.heard.loud


def quiet(caller: Caller) -> bool:
    """Whether nothing has been played to `caller` for half a second."""
    assert caller.carrier is not None
    at, _ = caller.carrier.played[-1]
    return trio.current_time() > at + 0.5


async def hears(caller: Caller, enough: Callable[[str], bool]) -> None:
    await until(lambda: enough(heard_text(caller)))


async def sounds(caller: Caller, enough: float) -> None:
    await until(lambda: seconds(caller) >= enough)


async def vanish(caller: Caller) -> None:
    """Begin a call, hear something of it, and be gone without a close."""
    first = FirstContact(caller.name, caller.call)
    async with caller.socket() as connection, trio.open_nursery() as nursery:
        for message in first.peer().begin():
            await connection.send_message(message)
        nursery.start_soon(take_all, connection)
        await caller.go.wait()
        await connection._stream.aclose()
        nursery.cancel_scope.cancel()


async def shout(caller: Caller) -> None:
    """Send messages of 70 kB of sound, faster than anybody speaks, for four seconds; then hang up."""
    peer = FirstContact(caller.name, caller.call).peer()
    async with caller.socket() as connection, trio.open_nursery() as nursery:
        for message in peer.begin():
            await connection.send_message(message)
        nursery.start_soon(take_all, connection)
        await caller.go.wait()
        for n in range(40):
            await connection.send_message(peer.sound(bytes(70_000), n * 20))
            await trio.sleep(0.1)
        await connection.aclose(1000)
        nursery.cancel_scope.cancel()


async def take_all(connection: WebSocketConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await connection.get_message()


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
            try:
                await hold_eight(local, remote)
            except trio.TooSlowError:
                logs = [served.log.read_text(encoding="utf-8") for served in (local, remote)]
                raise AssertionError("\n".join([*Caller.told, *logs])) from None
            await drain(local, remote)


async def hold_eight(local: Program, remote: Program) -> None:
    """All eight calls, at once."""
    good = [Caller(remote, "vonage", "good-1"), Caller(remote, "plivo", "good-2")]
    raises = Caller(remote, "vonage", "raises")
    silent = Caller(remote, "plivo", "silent")
    people = [Caller(local, "twilio", "person-1"), Caller(local, "telnyx", "person-2")]
    assert await remote.ready()
    assert (await remote.counts())["active_calls"] == 0
    others = [raises, Caller(remote, "plivo", "vanishes"), Caller(remote, "vonage", "shouts")]
    with trio.fail_after(ENOUGH_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(people[0].talk, recorded("goforward"), speak_and_interrupt)
            nursery.start_soon(people[1].talk, recorded("something"), speak_and_interrupt)
            for caller in good:
                nursery.start_soon(caller.talk, scripted(), ask_and_interrupt)
            nursery.start_soon(raises.talk, scripted(), ask_and_hear_an_apology)
            await has_active(remote, 3)
            nursery.start_soon(vanish, others[1])
            nursery.start_soon(shout, others[2])
            await has_active(remote, 5)
            while not await is_full(remote, nursery, silent):
                silent.code = None  # the connection was closed before we looked
            assert not await remote.ready(), "six of six places are taken"
            assert await Caller(remote, "vonage", "seventh").refused_by_webhook()
            for caller in (*good, *others):
                caller.go.set()
    for caller in good:
        text = heard_text(caller)
        assert text.startswith(GREETING + LONG[:10]), text
        assert text.endswith(ANSWER), "the answer to the interruption was heard to its end"
        assert len(text) < len(GREETING + LONG + ANSWER), "the first answer was cut"
        assert letters(remote.heard(caller.call)) >= 0.7, remote.heard(caller.call)
        assert caller.carrier is not None
        assert caller.carrier.cleared, "the interruption cleared what was not played"
    assert silent.code == 1008
    for caller, said in zip(people, ("forward", "something"), strict=True):
        assert said in local.heard(caller.call).lower(), local.heard(caller.call)
        assert seconds(caller) > 2.0
        assert caller.carrier is not None
        assert caller.carrier.cleared, "the person interrupted"
    with trio.fail_after(ENOUGH_S):
        await has_active(local, 0)
        await has_active(remote, 0)
    counts = await remote.counts()
    assert (counts["caller"], counts["lost"]) == (4, 1), "three who hung up and one who shouted; one vanished"
    assert (await local.counts())["caller"] == 2


async def until(condition: Callable[[], bool]) -> None:
    """Sockets have no event for what happens at their far end."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.05)


async def has_active(served: Program, calls: int) -> None:
    while (await served.counts())["active_calls"] != calls:  # noqa: ASYNC110
        await trio.sleep(0.05)


async def is_full(served: Program, nursery: trio.Nursery, silent: Caller) -> bool:
    """Whether all six places are seen to be taken while `silent` holds one."""
    nursery.start_soon(never_start, silent)
    while silent.code is None:
        if (await served.counts())["active_calls"] == 6:
            return True
        await trio.sleep(0.05)
    return False


async def drain(local: Program, remote: Program) -> None:
    """A call is inside when the signal comes: it hears the farewell, and both programs end with status 0."""
    late = Caller(remote, "vonage", "late")
    with trio.fail_after(ENOUGH_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(late.talk, scripted(), listen)
            await has_active(remote, 1)
            await until(lambda: late.carrier is not None)
            await hears(late, lambda text: text == GREETING)
            for served in (local, remote):
                served.process.send_signal(signal.SIGTERM)
            while (await remote.counts())["draining"] != 1:  # noqa: ASYNC110
                await trio.sleep(0.05)
            assert not await remote.ready()
            assert await Caller(remote, "vonage", "too-late").refused_by_webhook()
    assert heard_text(late) == GREETING + "Goodbye."
    for served in (local, remote):
        assert await trio.to_thread.run_sync(served.process.wait, 60) == 0
    assert "ended: drained" in remote.log.read_text(encoding="utf-8")
    for served in (local, remote):
        log = served.log.read_text(encoding="utf-8")
        personal = (
            TOKEN,
            SECRET,
            METRICS,
            "+1555",
            "15550001111",
            ANSWER,
            LONG[:20],
            "holidays",
            "forward",
            *Caller.tokens,
        )
        assert [secret for secret in personal if secret in log] == []
