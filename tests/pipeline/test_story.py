"""A whole conversation as a golden timeline: the shape of a call at a glance."""

from __future__ import annotations

import time
from pathlib import Path

from voicekit.testing import HeldCall, Script, hold_call

GOLDEN = Path(__file__).parent / "golden"


async def repeat(turn, say):
    """Says back what it heard, at some length."""
    await say(f"I heard: {turn.text}. ")
    await say("Is there anything else that I can do for you today?")


def story() -> Script:
    """Twenty seconds: a question, a cough during the reply, a real barge-in, a second reply."""
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    user.coughs(at=4.0, for_=0.5)
    user.says("stop please tell me the time", at=6.0, for_=1.6)
    user.stays(until=20.0)
    return user


def tell() -> HeldCall:
    return hold_call(repeat, story())


def test_a_question_a_cough_and_a_barge_in_make_the_golden_timeline():
    """The conversation goes as it is written down: the cough holds and releases, the barge-in cuts."""
    call = tell()
    assert str(call.timeline) == (GOLDEN / "story.txt").read_text()


def test_the_story_takes_less_than_two_seconds_of_work():
    """Twenty seconds of conversation are held in a tenth of that, as this process is charged for it."""
    began = time.process_time()
    call = tell()
    assert time.process_time() - began < 2.0
    assert 20.0 <= call.seconds < 21.0
