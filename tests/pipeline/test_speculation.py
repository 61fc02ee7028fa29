"""Speculative replies in whole calls: what they gain, and that a wrong guess leaves no trace."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.pipeline.seeded_call import hold, timeline
from voicekit.errors import Unavailable
from voicekit.events import Audible, Decided, ReplyFailed, Trouble, TurnCommitted, TurnEnded
from voicekit.testing import HeldCall, Script, hold_call
from voicekit.testing.fakes import FIRST_SOUND, heard_to
from voicekit.turn.policy import Policy, Speculation, TurnPolicy

GOLDEN = Path(__file__).parent / "golden"

THINKS = 0.35
"""Seconds until the first word of the model: less than the endpoint takes."""

ENDPOINT = 0.38
"""Seconds from the guess to the endpoint, in the script's first question."""


async def model(turn, say):
    """Thinks, and then says what it was asked, word by word."""
    await trio.sleep(THINKS)
    for word in f"You said {turn.text}. ".split():
        await say(word + " ")


def one_question() -> Script:
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    user.stays(until=8.0)
    return user


def second_thoughts() -> Script:
    """The second half of the question comes after a pause in which the first half was guessed to be all."""
    user = Script()
    user.says("book a table", at=1.0, for_=1.0)
    user.says("for two", at=2.6, for_=0.6)
    user.stays(until=9.0)
    return user


def policy(speculate: bool | Speculation = True) -> Policy:
    return Policy(turn=TurnPolicy(speculate=speculate))


def of_kind(call: HeldCall, *kinds: type) -> list:
    return [event for _, event in call.events if isinstance(event, kinds)]


def when(call: HeldCall, wanted: type) -> float:
    """When the first event of that kind came."""
    return next(at for at, event in call.events if isinstance(event, wanted))


def decided(call: HeldCall) -> list[str]:
    return [decision.what for decision in of_kind(call, Decided)]


@pytest.mark.parametrize(
    ("speculate", "audible_after"),
    [
        (False, THINKS + FIRST_SOUND),
        (True, FIRST_SOUND),
        (Speculation(ahead="sound"), THINKS + FIRST_SOUND - ENDPOINT),
    ],
    ids=["off", "text", "sound"],
)
def test_the_reply_comes_earlier_by_what_was_made_ahead(speculate, audible_after):
    """The commit comes when it always did; held text then saves the model's delay, held sound the voice's too."""
    call = hold_call(model, one_question(), policy=policy(speculate))
    committed = when(call, TurnCommitted)
    assert committed == pytest.approx(2.7)
    assert when(call, Audible) - committed == pytest.approx(audible_after, abs=0.01)
    assert call.history[0].heard == "You said good morning. "


def test_the_handler_is_asked_earlier_by_the_endpoint_delay():
    """It is asked as soon as the words stand still in a pause, and told that this is a guess."""
    asked: dict[bool, float] = {}

    async def note(turn, say):
        asked[turn.speculative] = trio.current_time()
        await say("Yes.")

    for speculate in (False, True):
        hold_call(note, one_question(), policy=policy(speculate))
    assert asked[False] - asked[True] == pytest.approx(ENDPOINT, abs=0.001)


def test_second_thoughts_make_the_golden_timeline():
    """Guess, discard, guess again, confirm: the event log tells of each, and why."""
    call = hold_call(model, second_thoughts(), policy=policy())
    assert str(call.timeline) == (GOLDEN / "speculation.txt").read_text()


@pytest.mark.parametrize("ahead", ["text", "sound"])
def test_a_wrong_guess_leaves_no_trace(ahead):
    """Nothing of it is in the history, the sound or among the turns, and what waits for the commit never ran."""
    asked, done, replies = [], [], []

    async def booking(turn, say):
        asked.append(turn.text)
        await say(f"{turn.text}! ")
        await turn.committed()
        done.append(turn.text)

    async def look(session):
        await trio.sleep(2.5)
        replies.append(session.reply)

    call = hold_call(booking, second_thoughts(), policy=policy(Speculation(ahead=ahead)), during=look)
    assert asked == ["book a table", "book a table for two"]
    assert done == ["book a table for two"]
    assert replies == [None]
    assert decided(call)[:3] == ["speculate 1", "discard 1", "speculate 1"]
    assert [(turn.turn, turn.text) for turn in of_kind(call, TurnCommitted)] == [(1, "book a table for two")]
    assert [(turn.turn, turn.user, turn.heard) for turn in call.history] == [
        (1, "book a table for two", "book a table for two! ")
    ]
    assert heard_to(call.sink.pcm) == len("book a table for two! ")


def test_a_wrong_guess_does_not_end_the_call():
    """`turn.end` takes effect with the commit: who is thrown away has ended nothing."""

    def leave(turn):
        turn.end("Goodbye.")
        return f"{turn.text}. "

    call = hold_call(leave, second_thoughts(), policy=policy())
    assert [turn.heard for turn in call.history] == ["book a table for two. ", "Goodbye."]
    assert call.ended.why == "the handler ended the call"


def test_committed_returns_at_once_where_nothing_is_guessed():
    """A handler that waits for the commit is asked in vain for nothing when speculation is off."""
    waited = []

    async def careful(turn, say):
        began = trio.current_time()
        await turn.committed()
        waited.append((turn.speculative, trio.current_time() - began))
        await say("Yes.")

    hold_call(careful, one_question())
    assert waited == [(False, 0.0)]


def test_a_guess_that_fails_is_told_and_asked_again():
    """An error on a guess is trouble, no failed reply; the commit asks the handler in earnest."""
    asked = []

    async def flaky(turn, say):
        asked.append(turn.speculative)
        if turn.speculative:
            raise Unavailable("busy", service="model", retryable=True)
        await say("Here I am.")

    call = hold_call(flaky, one_question(), policy=policy())
    assert asked == [True, False]
    assert [trouble.where for trouble in of_kind(call, Trouble)] == ["speculation"]
    assert of_kind(call, ReplyFailed) == []
    assert call.history[0].heard == "Here I am."


def test_an_error_after_the_commit_is_that_of_a_reply():
    """Once confirmed, a reply fails like any other."""

    async def late(turn, say):
        await turn.committed()
        raise Unavailable("busy", service="model", retryable=True)

    call = hold_call(late, one_question(), policy=policy())
    assert [failed.turn for failed in of_kind(call, ReplyFailed)] == [1]
    assert of_kind(call, Trouble) == []


def test_a_guess_is_bounded_like_a_reply_that_nobody_hears():
    """While the commit is awaited, a handler that says endless words has to wait after some hundred characters."""
    said, before_the_commit = [], []

    async def endless(turn, say):
        while True:
            await say("and so on ")
            said.append("and so on ")

    async def look(session):
        await trio.sleep(2.65)  # just before the commit
        before_the_commit.append(len("".join(said)))
        await trio.sleep(2.0)
        session.end(graceful=False)

    hold_call(endless, one_question(), policy=policy(), during=look)
    assert 300 <= before_the_commit[0] <= 1_000
    assert len("".join(said)) > before_the_commit[0]


@pytest.mark.parametrize("speculate", [True, Speculation(after=0.0, most=10, ahead="sound")], ids=["text", "sound"])
@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_guesses_keep_their_promises(seed, speculate):
    """In lively calls: numbers rise by one, nothing is audible before its commit, each guess is decided, no trace."""
    call = hold(seed, 60.0, TurnPolicy(speculate=speculate))
    committed: set[int] = set()
    open_guess, guesses = None, 0
    for _, event in call.events:
        if isinstance(event, Decided):
            what, _, number = event.what.partition(" ")
            if what == "speculate":
                assert (open_guess, number) == (None, str(len(committed) + 1))
                open_guess, guesses = number, guesses + 1
            elif what in ("discard", "confirm"):
                assert number == open_guess
                open_guess = None
        elif isinstance(event, TurnCommitted):
            assert open_guess is None
            assert event.turn == len(committed) + 1
            committed.add(event.turn)
        elif isinstance(event, Audible):
            assert event.turn in committed
    assert guesses >= 3
    assert open_guess is None
    assert [exchange.turn for exchange in call.history] == sorted(committed)
    assert [ended.turn for ended in of_kind(call, TurnEnded)] == sorted(committed)
    assert call.tasks_left == 0


def test_a_speculating_call_is_the_same_every_time():
    """The same seed gives the same event log, guesses included."""
    logs = {timeline(hold(3, 30.0, TurnPolicy(speculate=True))) for _ in range(3)}
    assert len(logs) == 1
