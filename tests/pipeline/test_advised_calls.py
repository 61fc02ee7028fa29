"""Whole calls with the adviser, in virtual time: answers come sooner, numbers are waited for, `<fin>` is no `<end>`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.hearing_kit import transcriber
from voicekit import Policy, TurnPolicy
from voicekit.events import Audible, Decided, Endpoint, Finalized, TurnAct, TurnCommitted
from voicekit.llm import tool
from voicekit.reply import Turn
from voicekit.testing import HeldCall, Script, ScriptedStt, hold_call
from voicekit.testing.llm import AnswerCalls, ModelServer, ScriptedAnswer
from voicekit.testing.soniox import SonioxPeer
from voicekit_openai.models import openai

GOLDEN = Path(__file__).parent / "golden" / "advised.txt"

FIN = 0.36
"""Seconds from 0.2 s after the voice to the answer: 0.1 s until the gate is sure, and 0.26 s that the service takes."""

OFF = Policy(turn=TurnPolicy(adviser=False))


def question(*texts: str, pause: float = 0.9) -> Script:
    """A caller who says each of `texts` for 1.4 s, with pauses between them, and listens for a while."""
    user, at = Script(), 1.0
    for text in texts:
        user.says(text, at=at, for_=1.4)
        at += 1.4 + pause
    user.stays(until=at + 6.0)
    return user


def held(user: Script, policy: Policy | None = None, *, fin: float | None = FIN, answer: object = "Fine.") -> HeldCall:
    return hold_call(answer, user, policy=policy, stt=ScriptedStt(user, fin=fin))


def committed(call: HeldCall) -> list[tuple[float, str]]:
    return [(round(at, 2), event.text) for at, event in call.events if isinstance(event, TurnCommitted)]


def acts(call: HeldCall) -> list[TurnAct]:
    return [event.act for _, event in call.events if isinstance(event, Decided)]


SCENES = {
    "A sentence is over before the endpoint": (question("What time is it?"), FIN),
    "A sentence that stops in the middle": (question("I would like to", "order some tea."), FIN),
    "A number in three groups": (question("oh one seven", "five five one", "two three four"), FIN),
    "Words without a mark wait for the endpoint": (question("good morning"), FIN),
    "An stt that can't finalise": (question("What time is it?"), None),
}


def test_the_scenes_make_the_golden_timelines() -> None:
    """Each scene goes as it is written down, its decisions with their reasons."""
    shown = [f"{title}\n{held(user, fin=fin).timeline}" for title, (user, fin) in SCENES.items()]
    assert "\n".join(shown) == GOLDEN.read_text()


def test_an_answer_comes_sooner() -> None:
    """0.14 s before the endpoint of this stt, which is as quick as the service's quickest; the rest is the same."""
    sooner, before = (committed(held(question("What time is it?"), policy)) for policy in (None, OFF))
    assert (sooner, before) == ([(2.96, "What time is it?")], [(3.1, "What time is it?")])


def test_three_groups_of_digits_are_one_question() -> None:
    """With the adviser the number is one turn, and its answer is whole; without, the first answers are cut off."""
    user = question("oh one seven", "five five one", "two three four")
    call = held(user)
    assert [text for _, text in committed(call)] == ["oh one seven five five one two three four"]
    assert [(turn.heard, turn.cut) for turn in call.history] == [("Fine.", False)]
    assert len(committed(held(user, OFF))) == 3


@pytest.mark.parametrize("pause", [0.4, 0.6, 0.8, 1.0, 1.2, 1.4])
def test_a_number_waits_through_a_breath_of_any_length(pause: float) -> None:
    """Up to 1.7 s of silence, of which the gate takes 0.3 s to notice it."""
    call = held(question("oh one seven", "five five one", "two three four", pause=pause))
    assert [text for _, text in committed(call)] == ["oh one seven five five one two three four"]


def test_the_stt_is_asked_no_more_often_than_allowed() -> None:
    """Six sentences with a breath after each: two requests in a turn and one in 3 s."""
    call = held(question(*(f"and then I went to place {word}" for word in "abcdef"), pause=0.5))
    asked = [at for at, event in call.events if isinstance(event, Decided) and event.act is TurnAct.FINALIZE]
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 3.0


def test_a_fin_is_not_taken_for_an_end() -> None:
    """The final words come 0.56 s after the voice, and the endpoint that commits them at 0.7 s."""
    call = held(question("good morning"))
    (fin,) = [at for at, event in call.events if isinstance(event, Finalized)]
    (end,) = [at for at, event in call.events if isinstance(event, Endpoint)]
    assert fin == pytest.approx(2.96, abs=0.03)
    assert committed(call) == [(round(end, 2), "good morning")]


def test_a_handler_asks_for_patience() -> None:
    """What it expects counts for the answer to this reply, and for no later one."""

    def bot(turn):
        if turn.number == 1:
            turn.expect(2.0)
        return "For how many people?"

    user = Script()
    user.says("a table", at=1.0, for_=1.0)
    user.says("two", at=7.0, for_=0.4)
    user.says("or three", at=8.9, for_=0.6)
    user.says("thanks", at=16.0, for_=0.5)
    user.says("bye", at=18.0, for_=0.5)
    user.stays(until=24.0)
    call = held(user, answer=bot)
    assert [text for _, text in committed(call)] == ["a table", "two or three", "thanks", "bye"]


def test_what_a_guess_expects_counts_once_it_is_confirmed() -> None:
    """A handler that is asked ahead may expect something; nothing comes of a guess that is thrown away."""

    async def bot(turn, say):
        turn.expect(1.5 if "table" in turn.text else 0.1)
        await say("For how many people?")

    user = Script()
    user.says("a", at=1.0, for_=0.3)
    user.says("table", at=1.9, for_=0.4)
    user.says("two", at=7.0, for_=0.4)
    user.says("or three", at=8.6, for_=0.6)
    user.stays(until=16.0)
    call = held(user, Policy(turn=TurnPolicy(speculate=True)), answer=bot)
    assert TurnAct.DISCARD in acts(call)
    assert [text for _, text in committed(call)] == ["a table", "two or three"]


def test_a_tool_asks_for_patience() -> None:
    """A tool that is given the turn may say what the model's next question expects."""

    @tool
    def ask_for_the_size(turn: Turn) -> str:
        """Called before the size of the party is asked for."""
        turn.expect(2.0)
        return "ask now"

    user = Script()
    user.says("a table", at=1.0, for_=1.0)
    user.says("two", at=8.0, for_=0.4)
    user.says("or three", at=9.9, for_=0.6)
    user.stays(until=18.0)
    server = ModelServer(ScriptedAnswer(AnswerCalls("ask_for_the_size")), "For how many people?", "Thank you.")
    model = openai(model="m", api_key="k", tools=[ask_for_the_size], transport=server.transport)
    assert [text for _, text in committed(held(user, answer=model))] == ["a table", "two or three"]


def test_an_early_commit_confirms_what_was_begun() -> None:
    """With speculation the answer is there when the adviser commits, and sounds sooner than either alone."""
    policies = (None, Policy(turn=TurnPolicy(speculate=True)), OFF)
    audible = [
        next(at for at, event in held(question("What time is it?"), policy).events if isinstance(event, Audible))
        for policy in policies
    ]
    assert audible[1] <= audible[0] < audible[2]
    call = held(question("What time is it?"), policies[1])
    assert acts(call)[:3] == [TurnAct.FINALIZE, TurnAct.SPECULATE, TurnAct.CONFIRM]


def test_the_service_is_asked_on_its_wire() -> None:
    """The same over the Soniox client and a scripted peer: one request, its `<fin>`, and a commit before `<end>`."""
    user = question("What time is it?")
    peer = SonioxPeer(user)
    call = hold_call("Fine.", user, stt=transcriber(peer))
    kinds = [type(event) for _, event in call.events if isinstance(event, Finalized | TurnCommitted | Endpoint)]
    assert kinds == [Finalized, TurnCommitted, Endpoint]
    assert acts(call) == [TurnAct.FINALIZE, TurnAct.COMMIT, TurnAct.CLOSE]
