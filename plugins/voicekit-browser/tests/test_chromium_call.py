"""The page in a real Chromium with a fake microphone: whole calls at 1x, judged by the sound that it rendered."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import trio

from tests.chromium import open_chromium
from tests.machine import Machine
from tests.page_kit import FRESH, RATE, ahead, audible_to, begin, bursting, cuts_in_chromium, save, served
from voicekit import CallPolicy, Policy, Say, Session, Turn
from voicekit.call.connection import Call
from voicekit.events import Decided, TurnAct
from voicekit.soniox.local import soniox_or_local

pytestmark = [pytest.mark.real, pytest.mark.needs_debian("chromium", "chromium")]

# A spoken call.


@pytest.fixture(scope="session")
def voice() -> Any:
    """The real voice, for what the caller says."""
    pytest.importorskip("pocketsphinx", reason="needs the package pocketsphinx (Python before 3.14)")
    pytest.importorskip("moonshine_cpp", reason="needs the package moonshine-cpp (Linux on x86-64)")
    from voicekit_local.engines.align import SphinxAligner
    from voicekit_local.engines.interface import no_progress
    from voicekit_local.engines.piper import Piper

    piper = Piper(SphinxAligner(), steady=True)
    piper.load(no_progress)
    return piper


def microphone(voice: Any, path: Path, *lines: tuple[float, str]) -> Path:
    """A WAV file of 48 kHz in which each line is said at its second."""
    track = np.zeros(round((max(at for at, _ in lines) + 12) * 48_000), np.int16)
    for at, line in lines:
        made = voice.speak(line, "joe")
        said = soxr.resample(np.frombuffer(made.pcm, np.int16), made.rate, 48_000).astype(np.int16)
        track[round(at * 48_000) : round(at * 48_000) + len(said)] = said
    soundfile.write(path, track, 48_000, subtype="PCM_16")
    return path


STORY = (
    "Once upon a time there was a telephone that nobody ever called. It stood in a quiet hall, and it had learned all "
    "the numbers of the town by heart. One winter night it rang by itself, and a child woke up and answered it."
)


async def teller(turn: Turn, say: Say) -> None:
    text = turn.text.lower()
    if "goodbye" in text or "good bye" in text:
        turn.end("Goodbye!")
    elif "story" in text:
        await say(STORY)
    else:
        await say("All right, I have stopped.")


def ordered_silent(decisions: list[tuple[float, Decided]], turn: int) -> tuple[float, float]:
    """When it was decided that reply `turn` falls silent for good, and that it was cut: a hold may come first."""
    held: float | None = None
    for at, decided in decisions:
        if decided.act in (TurnAct.HOLD, TurnAct.RELEASE):
            held = (held or at) if decided.act is TurnAct.HOLD else None
        elif decided.act is TurnAct.CUT and decided.turn == turn:
            return held or at, at
    raise AssertionError(f"reply {turn} was not cut: {decisions}")


async def test_a_spoken_call_in_the_browser(voice: Any, tmp_path: Path, machine: Machine) -> None:
    """Greeting, question, answer, "stop", and on: words, silence after the cut, history and recording are right."""
    lines = (9.0, "Please tell me a story."), (19.0, "Stop, that is enough."), (30.0, "Thank you, goodbye.")
    caller = await trio.to_thread.run_sync(microphone, voice, tmp_path / "caller.wav", *lines)
    sessions = []
    decisions: list[tuple[float, Decided]] = []

    def note(event: object) -> None:
        if isinstance(event, Decided):
            decisions.append((time.time(), event))  # on the same machine, the page has the same clock

    with trio.fail_after(240):
        async with soniox_or_local(lambda line: None) as service:

            async def answer(call: Call) -> Session:
                policy = Policy(call=CallPolicy(greeting="Hello! What can I do for you?"))
                parts: Any = {"stt": service.transcriber(), "tts": service.voice()}
                session = Session(handler=teller, call=call, policy=policy, **parts)
                session.watch(note)
                sessions.append(session)
                return session

            async with served(answer) as (_, url), open_chromium(microphone=caller) as chromium:
                page = await chromium.open_page(f"{url}/", before=FRESH)
                await begin(page)
                ran_ahead = await ahead(page)
                try:
                    await page.until("voicekitLast.state === 'over'", 90)
                finally:
                    print(
                        await page.run(
                            "[...document.querySelectorAll('.turn')].map((row) => row.innerText).join('\\n')"
                        )
                    )
                seen = await page.run("seen")
                started = await page.run("voicekitLast._recordedFrom")
                said, heard = soundfile.read(await save(page, tmp_path / "saved"), dtype="int16")[0].T
                shown = await page.text("#transcript")
                assert page.complaints == []
    history = list(sessions[0].history)
    story = next(exchange for exchange in history if exchange.cut)
    assert "story" in story.user.lower()
    assert STORY.startswith(story.heard.strip()[:40])
    assert 3 < len(story.heard.split()) < len(STORY.split())
    assert any("enough" in exchange.user.lower() for exchange in history)
    assert history[-1].said.startswith("Goodbye")
    ended = {event["turn"]: event for event in seen if event["name"] == "ended"}
    assert ended[story.turn]["heard"] == story.heard
    assert story.heard in shown
    ordered, cut = (at + ran_ahead for at in ordered_silent(decisions, story.turn))
    known = [event["here"] for event in seen if event["name"] in ("hold", "decided")]
    knew = next(here for here in known if here > ordered - 0.03)  # the page's clock advances in steps
    after = next(event["here"] for event in seen if event["name"] == "audible" and event["here"] > cut)
    silent = audible_to(heard, started, ordered - 0.5, after - 0.3)
    decided = silent - ordered
    print(
        f"silent {1000 * (silent - knew):.0f} ms after the page knew, {1000 * decided:.0f} ms after the server decided"
        f" to {'cut' if ordered == cut else f'hold, {cut - ordered:.2f} s before the cut'}"
    )
    assert silent - knew <= 0.15
    if machine.keeps_time(within=0.05):
        assert decided <= 0.15
    loudest = int(np.abs(said.astype(np.int32)).max())
    assert loudest > 1_000
    if machine.keeps_time(within=0.05):
        begun = started + int(np.flatnonzero(np.abs(said.astype(np.int32)) > 1_000)[0]) / RATE
        speaking = next(event["here"] for event in seen if event["name"] == "sounds")
        assert begun < speaking < begun + 1.5


CAPTURED = """
(() => {
  window.captured = [];
  const take = voicekitCall._heardFrame.bind(voicekitCall);
  voicekitCall._heardFrame = (frame) => (captured.push([frame.at, frame.level]), take(frame));
})()
"""
"""What the capture worklet measures by its clock: the end of each piece, and its level."""


async def test_the_recording_agrees_with_the_page_s_clock(tmp_path: Path) -> None:
    """Both sides of the file that Save gives are where the worklets' clock has them, within 60 ms, and in all as long.

    Chromium's own fake microphone beeps each second; the bot's bursts are in the other ear.
    """
    async with served(bursting) as (_, url), open_chromium() as chromium:
        page = await chromium.open_page(f"{url}/", before=FRESH)
        await begin(page)
        await page.run(CAPTURED)
        await page.until("levels.filter(([, level]) => level > 0.05).length > 100", 60)
        before = await page.run("voicekitLast._context.currentTime")
        file = await save(page, tmp_path)
        after = await page.run("voicekitLast._context.currentTime")
        started = await page.run("voicekitLast._recordedFrom")
        levels = {"caller": await page.run("captured"), "bot": await page.run("levels")}
    samples, rate = soundfile.read(file, dtype="int16")
    assert rate == RATE
    # The last 0.1 s is not yet in the file, nor is the sound on its way there.
    assert before - 0.2 < started + len(samples) / RATE < after
    for side, name in enumerate(("caller", "bot")):
        lag, off = _lag(samples[:, side] / 32_768, started, levels[name])
        print(f"{name}: the recording is {1000 * lag:+.0f} ms from the page's clock; levels differ by {off:.4f}")
        assert abs(lag) <= 0.06
        assert off < 0.02


def _lag(sound: Any, started: float, levels: list[tuple[float, float]]) -> tuple[float, float]:
    """By how much the recording must be moved to fit the levels best, and how far it is from them then."""
    power = np.r_[0.0, np.cumsum(sound**2)]
    pieces = [
        (before, at, level) for (before, _), (at, level) in itertools.pairwise(levels) if 0.01 < at - before < 0.2
    ]
    assert len(pieces) > 100
    assert max(level for _, _, level in pieces) > 0.05

    def off(lag: float) -> float:
        found = []
        for before, at, level in pieces:
            first, last = (round((moment + lag - started) * RATE) for moment in (before, at))
            if 0 <= first < last < len(power):
                found.append(abs(float(np.sqrt((power[last] - power[first]) / (last - first))) - level))
        return float(np.mean(found))

    best = min((lag / 1000 for lag in range(-200, 201, 2)), key=off)
    return best, off(best)


# Positions.

CUTS = int(os.environ.get("VOICEKIT_CUTS", "60"))


async def test_what_was_heard_is_what_chromium_rendered(machine: Machine) -> None:
    """Cuts at random moments: the words that the history has as heard against the bursts in the rendered sound.

    A burst that the cut broke off ends in the recording at the moment at which the page's clock has the flush.
    """
    with trio.fail_after(3.0 * CUTS + 120):
        cuts = await cuts_in_chromium(CUTS)
    differences = [cut.rendered - cut.heard for cut in cuts]
    tails = [cut.tail for cut in cuts if cut.tail is not None]
    counted = {value: differences.count(value) for value in sorted(set(differences))}
    print(f"{CUTS} cuts: words rendered minus words heard, and how often: {counted}")
    furthest, latest = max(map(abs, tails)), max(cut.silent for cut in cuts if cut.silent is not None)
    print(
        f"{len(tails)} of them broke a burst off: it ends within {1000 * furthest:.0f} ms of the flush by the page's "
        f"clock, and within {1000 * latest:.0f} ms of the decision at the server"
    )
    assert len(tails) > CUTS // 5
    if machine.keeps_time(within=0.05):  # otherwise the page's reports are late by more than a word
        assert set(differences) <= {-1, 0, 1}
        assert furthest <= 0.06
        assert latest <= 0.15
