"""A page in a real Chromium whose socket is cut, or left half open, at random moments of a call."""

from __future__ import annotations

import base64
import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import trio

from tests.chromium import open_chromium
from tests.machine import Machine
from tests.page_kit import FRESH, RATE, BurstTts, Cable, begin, free_port, recording, served
from voicekit import CallPolicy, Policy, Session
from voicekit.audio.frame import AudioFrame
from voicekit.call.connection import Call
from voicekit.flow.layers import Tapped
from voicekit_browser.call import PageCall

pytestmark = [pytest.mark.real, pytest.mark.needs_debian("chromium", "chromium")]

SPEECH = Path(__file__).parents[3] / "tests" / "data" / "speech"
CAPTURE = """
(() => {
  window.captured = [];
  const take = voicekitCall._heardFrame.bind(voicekitCall);
  voicekitCall._heardFrame = (data) => {
    captured.push(new Int16Array(data.pcm));
    take(data);
  };
  return true;
})()
"""
CAPTURED = """
new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.split(",")[1]);
  reader.readAsDataURL(new Blob(captured));
})
"""

WORDS = 280
WORD_ENERGY = 0.1 * RATE * 8_000**2 / 2
"""Of one burst, in squared samples."""

CUTS = 20


async def both_notice(cable: Cable, page: Any, call: PageCall) -> tuple[float, float]:
    """Carry nothing more, and let no other connection through until both sides have noticed: after how many seconds."""
    since = trio.current_time()
    noticed = {}

    async def page_notices() -> None:
        await page.until("voicekitCall.state === 'reconnecting'", 20)
        noticed["page"] = trio.current_time() - since

    async def server_notices() -> None:
        while call._socket is not None:  # noqa: ASYNC110
            await trio.sleep(0.01)
        noticed["server"] = trio.current_time() - since

    cable.shut = True
    cable.stall()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(page_notices)
        nursery.start_soon(server_notices)
    cable.shut = False
    return noticed["page"], noticed["server"]


async def test_lost_sockets_lose_and_double_nothing(tmp_path: Path, machine: Machine) -> None:
    """20 sockets lost at random moments, four of them half open: both sides' sound and the history are whole.

    What the server heard is compared with what the page captured, sample by sample; the bot's words are counted in the
    page's recording.
    """
    roll = random.Random(4)
    heard_here = bytearray()
    sessions: list[Session] = []
    calls: list[Any] = []
    caller = await trio.to_thread.run_sync(_speech, tmp_path / "caller.wav")

    async def answer(call: Call) -> Session:
        policy = Policy(call=CallPolicy(greeting=" ".join(f"word{n}" for n in range(WORDS))))
        session = Session(handler="Yes.", call=call, stt=None, vad=None, tts=BurstTts(), policy=policy)
        session.parts.source = Tapped(session.parts.source, outward=lambda item: _hear(heard_here, item))  # type: ignore[assignment]
        sessions.append(session)
        calls.append(call)
        return session

    noticed: list[tuple[float, float]] = []
    port, behind = await free_port(), await free_port()
    cable = Cable(port, behind)
    with trio.fail_after(400):
        async with (
            trio.open_nursery() as nursery,
            served(answer, port=port, listens=behind) as (site, url),
            open_chromium(microphone=caller, loop=True) as chromium,
        ):
            await nursery.start(cable.run)
            page = await chromium.open_page(f"{url}/", before=FRESH)
            await begin(page)
            await page.run(CAPTURE)
            for n in range(CUTS):
                await trio.sleep(roll.uniform(0.3, 2.5))
                if n % 5 == 4:
                    noticed.append(await both_notice(cable, page, calls[0]))
                else:
                    cable.cut()
                await page.until(f"voicekitLast.statistics.reconnects > {n} && voicekitLast.state === 'talking'", 30)
            await page.until("seen.some(({ name }) => name === 'ended')", 200)
            await trio.sleep(1)
            _, _, rendered = await recording(page)
            dry = await page.run("voicekitLast._played.dry")
            said = np.frombuffer(base64.b64decode(await page.run(CAPTURED)), np.int16)
            await page.click("#talk")
            await page.until("voicekitLast.state === 'over'")
            seen = await page.run("seen")
            complaints = [line for line in page.complaints if "WebSocket" not in line]
            while site.desk.counts.active:  # noqa: ASYNC110
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert complaints == []
    for side, seconds in zip(("page", "server"), zip(*noticed, strict=True), strict=True):
        print(f"half-open sockets noticed by the {side} after {', '.join(f'{each:.2f}' for each in seconds)} s")
        if machine.keeps_time(within=0.05):
            assert max(seconds) < 5.0
    ear = np.frombuffer(bytes(heard_here), np.int16)
    place = _place(said, ear)
    both = min(len(said), len(ear) - place)
    assert both > RATE * 30
    assert np.array_equal(ear[place : place + both], said[:both])
    (greeting,) = sessions[0].history
    assert len(greeting.heard.split()) == WORDS
    words = float((rendered.astype(np.float64) ** 2).sum()) / WORD_ENERGY
    print(f"the rendered sound has the energy of {words:.1f} words of {WORDS}; dry {dry} times in {CUTS} cuts")
    assert abs(words - WORDS) < 0.01 * WORDS  # if a loss splits a word, both halves count
    numbers = [event["n"] for event in seen if "n" in event]
    assert all(later == number + 1 for number, later in itertools.pairwise(numbers))


def _hear(into: bytearray, item: Any) -> None:
    if isinstance(item, AudioFrame):
        into += item.pcm


def _speech(path: Path) -> Path:
    """A person's words at 48 kHz, without an end: Chromium repeats them."""
    samples, rate = soundfile.read(next(iter(sorted(SPEECH.glob("*.flac")))), dtype="float32")
    soundfile.write(path, np.repeat(samples, 48_000 // rate), 48_000, subtype="PCM_16")
    return path


def _place(piece: Any, sound: Any) -> int:
    """Where in `sound` the first second of `piece` that is not silent is found, minus its place there."""
    first = int(np.flatnonzero(np.abs(piece.astype(np.int32)) > 1_000)[0])
    needle = piece[first : first + RATE]
    for at in range(len(sound) - RATE):
        if sound[at] == needle[0] and np.array_equal(sound[at : at + RATE], needle):
            return at - first
    raise AssertionError("what the page captured is nowhere in what the server heard")
