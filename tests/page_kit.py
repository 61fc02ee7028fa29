"""What the tests share that hold a page in a real Chromium: a server, bursts that can be counted, the page's recording.

The page's own recording is the witness: a third worklet records what went into the microphone and what came out of the
playback worklet, in the same audio clock.
"""

from __future__ import annotations

import base64
import io
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import trio

from tests.chromium import open_chromium
from voicekit import CallPolicy, Policy, Say, Session, Turn
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.call.connection import Call
from voicekit.contracts import Text
from voicekit.events import TurnAct, WordMark
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.transform import Pipeable
from voicekit.writing.segments import word_spans
from voicekit_browser.transport import Browser
from voicekit_serve.server import serve
from voicekit_serve.site import CallSite

RATE = 16_000
LOUD = 300
"""Of 32,768: louder than what a voice leaves behind in a pause."""

FRESH = """
window.voicekitOptions = { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } };
Object.defineProperty(window, "voicekitCall", {
  get: () => window.voicekitLast,
  set: (call) => {
    window.voicekitLast = call;
    window.seen = [];
    window.levels = [];
    call.on("*", (event) => {
      if (event.name === "played") levels.push([event.at, event.level]);
      else seen.push({ ...event, here: call._context?.currentTime });
    });
  },
});
"""
"""The fake microphone hears no loudspeaker: a canceller would work on its own imagination. Every event is noted, the
first too: the page gives its call to `voicekitCall` before it does anything else."""

MANY = """
new Promise((resolve) => {
  const enough = () => seen.filter(({ name }) => name === "%s").length > %d;
  if (enough()) resolve(true);
  else {
    const stop = voicekitCall.on("*", () => {
      if (!enough()) return;
      stop();
      resolve(true);
    });
  }
})
"""
"""Wait in the page until more than so many events of a name were seen; costs nothing meanwhile."""

BROKEN_S = 0.09
"""A burst that is shorter was broken off: a whole one lasts 0.1 s."""

RECORDING = """
new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve([voicekitLast._recordedFrom, reader.result.split(",")[1]]);
  reader.readAsDataURL(voicekitLast.recording());
})
"""


class BurstTts(Pipeable):
    """Each word is tone and as much silence, 100 ms each, so that words can be counted in any recording."""

    name = "bursts"
    accepts = None
    produces: AudioFormat | None = None

    def __init__(self, word_s: float = 0.2) -> None:
        self._word_s = word_s

    def negotiate(self, wanted: AudioFormat) -> AudioFormat:
        self.produces = AudioFormat(wanted.rate)
        return self.produces

    def cut(self) -> None:
        pass

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        yield self._run

    async def _run(self, inbox: Inlet[Text], outbox: Outlet[AudioFrame | WordMark]) -> None:
        form = self.produces or AudioFormat(24_000)
        half = form.samples(self._word_s / 2)
        tone = (8_000 * np.sin(np.arange(half) * 2 * np.pi * 400 / form.rate)).astype(np.int16).tobytes()
        at = 0
        async for text in inbox:
            for start, end in word_spans(text.text):
                word = text.part(start, end)
                await outbox.send(WordMark(word.text, at, word.to[-1]))
                await outbox.send(AudioFrame(tone + form.silence(half), at, form))
                at += 2 * half


async def free_port() -> int:
    with trio.socket.socket() as socket:
        await socket.bind(("127.0.0.1", 0))
        return int(socket.getsockname()[1])


@asynccontextmanager
async def served(
    answer: Callable[[Call], Awaitable[Any]],
    *,
    port: int = 0,
    listens: int = 0,
    browser: Browser | None = None,
    **how: Any,
) -> AsyncIterator[tuple[CallSite, str]]:
    """A site at http://localhost:`port`; with `listens`, something in between listens there, and the site at that."""
    port = port or await free_port()
    address = f"http://localhost:{port}"
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[CallSite]) -> None:
            page = browser or Browser("")
            where: dict[str, Any] = {"public_url": address, "port": listens or port, "drain": 0.1, **how}
            await serve(answer, page, task_status=task_status, **where)

        site = await nursery.start(run)
        yield site, address
        site.stop()


async def begin(page: Any) -> None:
    """Press Talk, and wait until the call has begun; AssertionError says why it has not."""
    await page.click("#talk")
    await page.until("window.voicekitCall !== undefined || !document.querySelector('#problem').hidden", 60)
    assert await page.text("#problem") == ""


async def recording(page: Any) -> tuple[float, Any, Any]:
    """When the page's recording begins in its audio clock, the caller's side and the bot's."""
    started, encoded = await page.run(RECORDING)
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)), dtype="int16")
    assert rate == RATE
    return started, samples[:, 0], samples[:, 1]


async def save(page: Any, folder: Path) -> Path:
    """The file that the page's own button puts into `folder`."""
    await page.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    await page.click("#download")
    with trio.fail_after(30):
        while not await trio.Path(folder / "call.wav").exists():  # noqa: ASYNC110  # renamed when it is whole
            await trio.sleep(0.05)
    return folder / "call.wav"


def bursts(sound: Any, started: float) -> list[tuple[float, float]]:
    """When each burst begins and ends, in the page's audio clock."""
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 2_000)
    if not len(loud):
        return []
    gaps = np.flatnonzero(np.diff(loud) > RATE // 100)
    firsts, lasts = loud[np.r_[0, gaps + 1]], loud[np.r_[gaps, len(loud) - 1]]
    return [
        (started + int(first) / RATE, started + int(last) / RATE) for first, last in zip(firsts, lasts, strict=True)
    ]


def audible_to(sound: Any, started: float, since: float, until: float) -> float:
    """The last moment between the two at which the sound is audible."""
    first, last = (max(0, round((at - started) * RATE)) for at in (since, until))
    found = np.flatnonzero(np.abs(sound[first:last].astype(np.int32)) > LOUD)
    return since + (int(found[-1]) / RATE if len(found) else 0.0)


async def bursting(call: Call) -> Session:
    """Bursts for words, as many as were typed; the greeting has 60."""

    async def talker(turn: Turn, say: Say) -> None:
        await say(" ".join(f"word{n}" for n in range(60)))

    policy = Policy(call=CallPolicy(greeting=" ".join(f"word{n}" for n in range(60))))
    return Session(handler=talker, call=call, stt=None, vad=None, tts=BurstTts(), policy=policy)


@dataclass(frozen=True, slots=True)
class PageCut:
    """One reply that was cut: its words in the rendered sound and in the history. If the cut broke a burst off, `tail`
    is from the flush by the page's clock to the end of that burst, and `silent` from the decision at the server."""

    rendered: int
    heard: int
    tail: float | None = None
    silent: float | None = None


AHEAD = "voicekitLast._context.currentTime - (performance.timeOrigin + performance.now()) / 1000"


async def ahead(page: Any) -> float:
    """By how many seconds the page's audio clock, which goes on in steps, is ahead of this machine's `time.time()`."""
    return max([float(await page.run(AHEAD)) for _ in range(20)])


async def cuts_in_chromium(cuts: int, *, pages: int = 1, seed: int = 11) -> list[PageCut]:
    """So many cuts at random moments, in the calls of `pages` pages of one Chromium at a time."""
    found: list[PageCut] = []
    decided: list[list[float]] = []  # for each call: when it was cut

    async def answer(call: Call) -> Session:
        session, times = await bursting(call), list[float]()
        decided.append(times)
        session.watch(lambda event: times.append(time.time()) if getattr(event, "act", None) is TurnAct.CUT else None)
        return session

    async def cut(page: Any, number: int, times: list[float]) -> None:
        roll = random.Random(f"{seed}.{number}")
        found.extend(await _cut_at_random(page, cuts // pages + (number < cuts % pages), roll, times))
        assert page.complaints == []

    async with served(answer) as (_, url), open_chromium() as chromium, trio.open_nursery() as nursery:
        for number in range(pages):
            page = await chromium.open_page(f"{url}/", before=FRESH)
            await begin(page)
            nursery.start_soon(cut, page, number, decided[number])
    return found


async def _cut_at_random(page: Any, cuts: int, roll: random.Random, decided: list[float]) -> list[PageCut]:
    for n in range(cuts):
        await page.run(MANY % ("audible", n))
        await trio.sleep(roll.uniform(0.1, 2.0))
        await page.run(f"voicekitCall.type('line {n}')")
        await page.run(MANY % ("ended", n))
    await trio.sleep(0.5)
    started, _, rendered = await recording(page)
    seen = await page.run("seen")
    ran_ahead = await ahead(page)
    found = bursts(rendered, started)
    flushed = [event["at"] for event in seen if event["name"] == "flushed"]
    ended = [event for event in seen if event["name"] == "ended"]
    assert len(flushed) == len(ended) == len(decided) == cuts
    broken = [burst for burst in found if burst[1] - burst[0] < BROKEN_S]
    result = []
    for since, until, event, at in zip([0.0, *flushed[:-1]], flushed, ended, decided, strict=True):
        words = sum(since < first <= until for first, _ in found), len(event["heard"].split())
        tails = [last - until for first, last in broken if first <= until < first + 2 * BROKEN_S]
        tail = tails[0] if tails else None
        silent = None if tail is None else until + tail - at - ran_ahead
        result.append(PageCut(*words, tail, silent))
    return result


class Cable:
    """Carries every connection to `port` on to another one; can cut them, or carry nothing more and tell nobody.

    While it is `shut`, each new connection is closed at once.
    """

    def __init__(self, port: int, to: int) -> None:
        self.port = port
        self.shut = False
        self._to = to
        self._open: dict[trio.CancelScope, trio.Event] = {}

    async def run(self, *, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
        await trio.serve_tcp(self._carry, self.port, host="127.0.0.1", task_status=task_status)

    def cut(self) -> None:
        """Both sides notice at once."""
        for scope in list(self._open):
            scope.cancel()

    def stall(self) -> None:
        """Neither side notices; a connection that is opened later is carried."""
        for stalled in self._open.values():
            stalled.set()

    async def _carry(self, near: trio.SocketStream) -> None:
        if self.shut:
            await near.aclose()
            return
        stalled = trio.Event()
        async with near, await trio.open_tcp_stream("127.0.0.1", self._to) as far:
            with trio.CancelScope() as scope:
                self._open[scope] = stalled
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_pump, near, far, stalled, scope)
                    nursery.start_soon(_pump, far, near, stalled, scope)
            del self._open[scope]


async def _pump(
    source: trio.SocketStream, sink: trio.SocketStream, stalled: trio.Event, over: trio.CancelScope
) -> None:
    try:
        while data := await source.receive_some():
            if stalled.is_set():
                await trio.sleep_forever()
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    over.cancel()
