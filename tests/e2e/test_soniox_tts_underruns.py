"""An underrun is a hole inside words that were there: of the service's making, and not of a handler that thinks."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.e2e.speech_kit import talk, until, without_stamps
from voicekit.events import TurnEnded, Underrun
from voicekit.reply import Say, Turn, sentences, strip_markdown
from voicekit.session import Session
from voicekit.soniox.server.account import Service
from voicekit.testing.soniox import SonioxPeer, Speaking, Stall

FILLER = "One moment, I am looking."
REST = " Here it is, at last."


async def looking(turn: Turn, say: Say) -> None:
    """Says a filler and works for four seconds."""
    await say(FILLER)
    await trio.sleep(4.0)
    await say(REST)


@pytest.mark.parametrize(
    "texts", [(), (sentences(),), (strip_markdown(), sentences())], ids=["plain", "sentences", "all"]
)
@pytest.mark.parametrize("told", [True, False])
def test_a_pause_behind_a_filler_is_no_underrun(texts: tuple[Any, ...], told: bool) -> None:
    """Whatever stands between the handler and the voice, and whether or not the voice tells its words."""
    faults = [] if told else [without_stamps()]
    call = talk(looking, SonioxPeer(faults=faults), texts=texts)
    assert call.call.history[0].heard.split() == (FILLER + REST).split()
    assert max(call.silences) > 1.0
    assert call.of(Underrun) == []


@pytest.mark.parametrize("told", [True, False])
def test_a_stall_inside_a_sentence_is_an_underrun(told: bool) -> None:
    """The words were there, and the service was late with them: one underrun, as long as the hole."""
    faults: list[Any] = [] if told else [without_stamps()]
    peer = SonioxPeer(speaking=Speaking(faster=1.0), faults=faults)

    async def during(session: Session) -> None:
        async with until(session, TurnEnded):
            session.type("hello")
            await trio.sleep(1.0)
            await peer.suffer(Stall(seconds=2.0, service=Service.TTS))

    call = talk(FILLER + REST, peer, during=during)
    late = [event.samples / call.sink.format.rate for event in call.of(Underrun) if event.samples > 1_600]
    assert late == pytest.approx([max(call.silences)], abs=0.2)
