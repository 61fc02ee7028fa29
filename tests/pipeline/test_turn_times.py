"""The latencies of each turn as numbers, and tools as events, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from voicekit.events import SessionEvent, ToolRan, TurnTimed
from voicekit.llm import tool
from voicekit.testing import FakeTts, HeldCall, Script, hold_call
from voicekit.testing.fakes import FIRST_SOUND
from voicekit.testing.llm import AnswerCalls, Asked, ModelServer, ScriptedAnswer
from voicekit_openai.models import openai


def told(call: HeldCall, kind: type[Any]) -> list[Any]:
    return [event for _, event in call.events if isinstance(event, kind)]


def test_each_heard_reply_is_timed() -> None:
    """From the caller's last sample: 0.7 s to the endpoint, 0.4 s of thought, the voice's first sound."""

    async def slow(turn: Any, say: Any) -> None:
        await trio.sleep(0.4)
        await say("Certainly, that can be done.")

    script = Script()
    script.says("good morning", at=1.0, for_=1.0)
    script.types("and in writing", at=8.0)
    script.stays(until=15.0)
    call = hold_call(slow, script, tts=FakeTts())
    spoken, typed = told(call, TurnTimed)
    assert (spoken.turn, spoken.reason, typed.turn, typed.reason) == (1, "speech", 2, "typed")
    assert spoken.stt == pytest.approx(0.26, abs=0.07)
    assert spoken.decision == pytest.approx(0.7, abs=0.07)
    assert spoken.handler == pytest.approx(0.4, abs=0.01)
    assert spoken.tts == pytest.approx(FIRST_SOUND, abs=0.03)
    assert spoken.total == pytest.approx(spoken.decision + spoken.handler + spoken.tts)
    assert (typed.stt, typed.decision) == (None, None)
    assert typed.total == pytest.approx(typed.handler + typed.tts)


@tool
async def works() -> str:
    """Work."""
    await trio.sleep(0.5)
    return "done"


@tool
async def fails() -> str:
    """Fail."""
    raise LookupError("no such table")


@tool(time_limit=1.0)
async def hangs() -> str:
    """Hang."""
    await trio.sleep_forever()
    return ""


def test_tools_are_events() -> None:
    """Each call of a tool is told once, with its outcome and its seconds; an unknown name is not repeated."""

    def answer(asked: Asked) -> ScriptedAnswer:
        if "tool_call_id" in str(asked.body):
            return ScriptedAnswer("All done.")
        return ScriptedAnswer(*(AnswerCalls(name) for name in ("works", "fails", "hangs", "call_me_at_555")))

    bot = openai(model="m", api_key="k", transport=ModelServer(otherwise=answer).transport, tools=[works, fails, hangs])
    script = Script()
    script.says("do it", at=1.0, for_=0.6)
    script.stays(until=10.0)
    call = hold_call(bot, script)
    found = {event.name: (event.outcome, round(event.seconds, 3)) for event in told(call, ToolRan)}
    assert found == {
        "works": ("result", 0.5),
        "fails": ("failed", 0.0),
        "hangs": ("late", 1.0),
        "(unknown)": ("refused", 0.0),
    }
    assert any("tool 'works': result after 0.500 s" in line for line in str(call.timeline).splitlines())


def test_a_tool_that_an_interruption_ends_is_told() -> None:
    """Its outcome is "cancelled"."""
    bot = openai(
        model="m",
        api_key="k",
        transport=ModelServer(
            otherwise=lambda asked: ScriptedAnswer("Wait a moment. ", AnswerCalls("hangs"))
        ).transport,
        tools=[hangs],
    )
    script = Script()
    script.says("do it", at=1.0, for_=0.6)
    script.says("no stop that", at=2.5, for_=0.8)
    script.hangs_up(at=3.6)
    events: list[SessionEvent] = [event for _, event in hold_call(bot, script, strict=False).events]
    assert "cancelled" in [event.outcome for event in events if isinstance(event, ToolRan)]
