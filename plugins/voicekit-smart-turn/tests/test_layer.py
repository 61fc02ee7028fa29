"""The layer around an stt: what it keeps, when it judges, and that calls with it are as they were."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import trio
from trio.testing import MockClock

import voicekit_smart_turn
from voicekit import Policy, TurnPolicy
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.events import Decided, PauseScored, TurnAct, TurnCommitted
from voicekit.extend import load_plugins
from voicekit.flow.link import open_link
from voicekit.flow.threads import inline
from voicekit.testing import HeldCall, Script, ScriptedStt, hold_call
from voicekit_smart_turn import layer
from voicekit_smart_turn.layer import KeptSound, Scoring

FIN = 0.36


class Listener(ScriptedStt):
    """A scripted stt that leaves it to others whether its sound is scored."""

    scores = property()  # type: ignore[assignment]  # reading it is an AttributeError: it states nothing


def asks(*texts: str) -> Script:
    user = Script()
    for place, text in enumerate(texts):
        user.says(text, at=1.0 + 4.0 * place, for_=1.4)
    user.stays(until=12.0)
    return user


def held(user: Script, monkeypatch: pytest.MonkeyPatch, score: float, policy: Policy | None = None) -> HeldCall:
    """A call with the plugin, whose network always says `score`."""
    judged: list[int] = []

    def probability(pcm: bytes, rate: int) -> float:
        judged.append(len(pcm) // 2)
        return score

    monkeypatch.setattr(layer, "probability", probability)
    plugins = load_plugins()
    assert "smart-turn" in [info.name for info in plugins.listing()]
    call = hold_call("Fine.", user, policy=policy, stt=Listener(user, fin=FIN), plugins=plugins)
    call.judged = judged  # type: ignore[attr-defined]
    return call


def committed(call: HeldCall) -> list[float]:
    return [round(at, 2) for at, event in call.events if isinstance(event, TurnCommitted)]


def test_a_finished_melody_commits_as_soon_as_the_words_are_final(monkeypatch: pytest.MonkeyPatch) -> None:
    """One judgement, of the sound up to 0.2 s behind the voice, and the commit at the stt's final words."""
    call = held(asks("What time is it?"), monkeypatch, 0.9)
    assert [event.probability for _, event in call.events if isinstance(event, PauseScored)] == [0.9]
    assert call.judged == [round(2.6 * 16_000)]
    assert committed(call) == [2.96]


def test_an_unfinished_melody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint at 3.1 is held until the pause, noticed at 2.7, has lasted 0.9 s."""
    call = held(asks("What time is it?"), monkeypatch, 0.1)
    assert committed(call) == [3.6]
    assert TurnAct.WAIT in [event.act for _, event in call.events if isinstance(event, Decided)]


def test_it_is_asked_about_sentences_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that say nothing about the end, and words that ask to wait, cost no thread."""
    assert held(asks("good morning", "I would like to"), monkeypatch, 0.9).judged == []


def test_without_an_adviser_there_is_no_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would ask it then; and an stt that states that it has no melody is left alone."""
    off = Policy(turn=TurnPolicy(adviser=False))
    call = held(asks("What time is it?"), monkeypatch, 0.1, off)
    assert (call.judged, committed(call)) == ([], [3.1])
    session = SimpleNamespace(policy=Policy())
    wrap = voicekit_smart_turn.voicekit_wrap_stage
    assert wrap(ScriptedStt(Script()), "stt", session) is None
    assert wrap(Listener(Script()), "tts", session) is None
    assert isinstance(wrap(Listener(Script()), "stt", session), Scoring)


def test_a_judgement_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 0.3 s the words decide alone; what comes then is of no use, and harms nothing."""

    async def never(work, *args):
        if args:
            await trio.sleep(5.0)
        return 0.0

    monkeypatch.setattr(layer, "in_thread", never)
    assert committed(held(asks("What time is it?"), monkeypatch, 0.9)) == [3.0]


def test_a_bounded_amount_of_sound_is_kept() -> None:
    """Nine seconds at most; what is asked for is cut to the sample, and holes are left out."""
    kept = KeptSound()
    for at in range(0, 60 * 16_000, 320):
        if not 50 * 16_000 <= at < 51 * 16_000:
            kept.add(AudioFrame(b"\1\0" * 320, at, PCM16K))
    kept.add("a mark")
    assert kept.rate == 16_000
    assert len(kept.until(60 * 16_000)) // 2 <= 9.1 * 16_000
    assert len(kept.until(52 * 16_000 + 7)) // 2 <= 2 * 16_000 + 7
    assert kept.until(0) == b""
    assert KeptSound().until(100) == b""


def test_sound_that_is_no_pcm_is_not_scored() -> None:
    """An stt that is sent telephone codes keeps working, without a melody."""
    stage = SimpleNamespace(name="stt", accepts=AudioFormat(8_000, encoding="mulaw"))
    assert not Scoring(stage).scores
    stage.accepts = PCM16K
    assert Scoring(stage).scores


def test_a_request_outside_of_a_run_means_nothing() -> None:
    """Before, and after: the layer keeps no sound, and no thread is left behind."""

    async def main() -> None:
        inline.set(True)
        stage = Scoring(Listener(Script()))
        stage.score(5)
        sent, inbox = open_link(10)
        outbox, said = open_link(10)
        async with stage.open() as run:
            sent.close()
            with inbox, outbox:
                await run(inbox, outbox)
            stage.score(7)
            with said:
                assert [item async for item in said] == []

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    """numpy and onnxruntime come with the first call that has a layer."""
    code = "import sys, voicekit_smart_turn; print([n for n in ('numpy', 'onnxruntime', 'soxr') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
