"""Whole calls over every wire: what counts as heard is within a word of what the scripted carrier has played."""

from __future__ import annotations

import random

import pytest

from tests.counts import count
from voicekit import Say, Turn
from voicekit.events import TurnEnded
from voicekit.testing import HeldCall, PhoneLine, Script, hold_call
from voicekit.testing.phone_sound import read_voice

WIRES = ("twilio", "telnyx", "plivo", "vobiz", "exotel", "vonage", "genesys", "jambonz")
CUTS_PER_CALL = 25
"""As many as a count allows: each call costs its beginning and its end besides."""
LONG = "Opening hours begin every morning round seven, except Sunday, when nobody answers before eleven"
LATEST_CUT_S = 3.0
"""Into an answer of 5.7 s: later cuts are no different, and take longer to run."""


async def recite(turn: Turn, say: Say) -> None:
    await say(LONG)


def interrupter(roll: random.Random) -> Script:
    """A caller who asks, and asks again at a random moment of each answer."""
    user, at = Script(), 0.5
    for number in range(CUTS_PER_CALL + 1):
        user.says(f"question {number}", at=at, for_=0.7)
        at += 0.7 + 1.0 + roll.uniform(0.2, LATEST_CUT_S)
    user.stays(until=at + 8.0)
    return user


def weather(wire: str, roll: random.Random) -> PhoneLine:
    """Marks on time, late or lost; a short way or a long one. Clears return marks as each peer does."""
    late = roll.choice([0.0, 0.0, 0.1, 0.3])
    lost = roll.choice([0, 0, 2, 3, 1])
    return PhoneLine(
        transport=wire,
        delay=roll.choice([0.0, 0.02, 0.06]),
        jitter=roll.choice([0.0, 0.02]),
        late_marks=late,
        lose_marks=lost,
        seed=roll.randrange(10**6),
    )


def words_played(held: HeldCall, since: float, until: float) -> int:
    """How many words of LONG the carrier has played, or begun, between two times of its clock."""
    assert held.carrier is not None
    assert held.call is not None
    form = held.call.sink.format
    heard = [max(read_voice(pcm, form)) for at, pcm in held.carrier.played if since <= at < until]
    furthest = max(heard, default=0)
    starts = [0, *(place + 1 for place, letter in enumerate(LONG) if letter == " ")]
    return sum(start < furthest for start in starts)


@pytest.mark.slow
@pytest.mark.full_counts
@pytest.mark.parametrize("wire", WIRES)
def test_what_was_heard_is_within_one_word_of_what_was_played(wire: str) -> None:
    """500 cuts at random moments, with marks that are late, lost, or returned by the clear."""
    roll = random.Random(wire)
    cuts = off = 0
    while cuts < count(500):
        held = hold_call(recite, interrupter(roll), over=weather(wire, roll))
        ended = [(at, event) for at, event in held.events if isinstance(event, TurnEnded)]
        delay, began = held.carrier.delay, held.timeline.began
        times = [*(at for at, _ in ended), float("inf")]
        for number, (at, event) in enumerate(ended):
            since = times[number - 1] if number else 0.0
            line = delay + 0.04
            played = words_played(held, began + since + line, began + at + line + 0.3)
            assert abs(len(event.heard.split()) - played) <= 1, (event.heard, played)
            off += len(event.heard.split()) - played
            cuts += event.cut
    assert off <= cuts * 0.2, "the estimate is a lower bound: it counts too little rather than too much"
