"""Every error of the speech service: what the caller hears of it, what the session says, and what comes after."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from tests.e2e.speech_kit import KEY, Talk, answered, said_whole, talk, until, voice
from voicekit.errors import QuotaExceeded, ServiceError, Unauthenticated, Unavailable
from voicekit.events import ReplyFailed, TurnEnded
from voicekit.session import Session
from voicekit.soniox.api.errors import RULES, Retry
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.checks import Offer
from voicekit.soniox.server.refusal import CODES, Refusal
from voicekit.testing.soniox import Refuse, Reject, SonioxPeer, Speaking

pytestmark = pytest.mark.slow

ANSWERS = [
    "That was the first.",
    "This one is hit in the middle, and has some more to say than that.",
    "And this one comes after.",
]
BEFORE, AMID = 0.1, 1.5
"""Seconds into the second answer: before any of its sound, and when some of it has been made and heard."""

AGAIN = sorted(kind for kind in CODES if RULES[kind].retry in (Retry.NOW, Retry.BACKOFF, Retry.LONG_BACKOFF))
NEVER = sorted(kind for kind in CODES if RULES[kind].retry is Retry.NEVER)
NEW_KEY = sorted(kind for kind in CODES if RULES[kind].retry is Retry.NEW_KEY)


def struck(kind: str, at: float, *, stream: bool, key: str | Callable[[], str] = KEY) -> Talk:
    """Three answers of a slow voice; `kind` of error strikes `at` seconds into the second."""
    peer = SonioxPeer(speaking=Speaking(faster=1.5))

    async def answer(turn: object) -> str:
        return ANSWERS[turn.number - 1]  # type: ignore[attr-defined]

    async def during(session: Session) -> None:
        await answered(session, "one")
        async with until(session, TurnEnded):
            session.type("two")
            await trio.sleep(at)
            await peer.suffer(Refuse(error_type=kind, message="No.", stream=stream, service=Service.TTS))
        await answered(session, "three")

    return talk(answer, peer, during=during, tts=voice(peer, key=key))


def check_told(call: Talk, kind: str) -> None:
    """The session was told once, in the service's words and with what to do about it."""
    assert len(call.trouble) == 1
    error = call.trouble[0]
    assert type(error) is RULES[kind].error
    assert str(error).startswith(f"Soniox text-to-speech refused: No ({CODES[kind]} {kind}).")
    assert str(error).endswith(RULES[kind].advice or ").")


@pytest.mark.parametrize("at", [BEFORE, AMID], ids=["before its sound", "amid its sound"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "connection"])
@pytest.mark.parametrize("kind", AGAIN)
def test_what_may_pass_is_tried_again_and_every_word_is_heard(kind: str, stream: bool, at: float) -> None:
    """An error that may pass costs a pause: the answer goes on with the word that was not spoken whole."""
    call = struck(kind, at, stream=stream)
    check_told(call, kind)
    assert said_whole(call.heard, "".join(ANSWERS))
    assert call.call.history[1].heard == ANSWERS[1]
    assert call.of(ReplyFailed) == []
    assert len(call.peer.speakings) == (1 if stream else 2)
    assert len(call.peer.streams) == 4
    first, second = (record.text for record in call.peer.streams[1:3])
    assert first == ANSWERS[1]
    assert ANSWERS[1].endswith(second)
    assert (second == ANSWERS[1]) is (at == BEFORE)
    longest = 3.0 if RULES[kind].retry is Retry.LONG_BACKOFF else 0.5
    assert max(call.silences) <= longest


@pytest.mark.parametrize("at", [BEFORE, AMID], ids=["before its sound", "amid its sound"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "connection"])
@pytest.mark.parametrize("kind", NEVER)
def test_what_would_fail_again_ends_the_answer_and_not_the_call(kind: str, stream: bool, at: float) -> None:
    """An error that would come again ends the answer behind what was made of it, and the next one is spoken."""
    call = struck(kind, at, stream=stream)
    check_told(call, kind)
    failed = call.of(ReplyFailed)
    assert [(event.turn, event.error) for event in failed] == [(2, call.trouble[0])]
    heard = call.call.history[1].heard
    assert ANSWERS[1].startswith(heard)
    assert bool(heard) is (at == AMID)
    assert call.roughly.startswith((ANSWERS[0] + heard)[:-1])
    assert call.roughly.endswith(ANSWERS[2])
    assert call.call.history[2].heard == ANSWERS[2]
    assert len(call.peer.streams) == 3
    assert len(call.peer.speakings) == (1 if stream else 2)


@pytest.mark.parametrize("at", [BEFORE, AMID], ids=["before its sound", "amid its sound"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "connection"])
@pytest.mark.parametrize("kind", NEW_KEY)
def test_a_key_that_ran_out_is_replaced_where_there_is_another(kind: str, stream: bool, at: float) -> None:
    """With keys to be had, the answer goes on over a new connection with a new key."""
    keys = iter(["first", "second", "third"])
    call = struck(kind, at, stream=stream, key=lambda: next(keys))
    check_told(call, kind)
    assert said_whole(call.heard, "".join(ANSWERS))
    assert call.of(ReplyFailed) == []
    assert [record.header_key for record in call.peer.speakings] == ["first", "second"]


def test_a_key_that_ran_out_for_good_ends_each_answer_with_the_same_sentence() -> None:
    """With the one key refused in the middle of a call, answers fail at once, and each is worth one more attempt."""
    account = Account(keys=["another"])
    account.add(Key(KEY, expires_at=3.0))

    async def during(session: Session) -> None:
        await answered(session, "one")
        await trio.sleep_until(4.0)
        await answered(session, "two")
        await trio.sleep_until(10.0)
        await answered(session, "three")

    call = talk("Good morning.", SonioxPeer(account=account), during=during)
    assert call.heard == "Good morning."
    assert [event.turn for event in call.of(ReplyFailed)] == [2, 3]
    assert {str(event.error) for event in call.of(ReplyFailed)} == {
        (
            "Soniox text-to-speech refused: Invalid or expired temporary API key (401 unauthenticated). "
            "Check SONIOX_API_KEY, and that its project is in the region in use (us, eu or jp)."
        )
    }
    assert call.times(ReplyFailed) == pytest.approx([4.0, 10.0], abs=0.5)
    assert len(call.peer.speakings) == 3


# --- errors at the start end the call ---


def outcome(peer: SonioxPeer, **more: object) -> ServiceError:
    """The error with which a call ends that can't have a voice, a second after its first answer at the latest."""

    async def once(session: Session) -> None:
        await answered(session, "hello")
        await trio.sleep(1.0)

    with pytest.raises(ServiceError) as raised:
        talk("Good morning.", peer, tts=voice(peer, **more), during=once)
    return raised.value


@pytest.mark.parametrize(
    ("account", "refusal", "error", "sentence"),
    [
        (Account(keys=["another"]), None, Unauthenticated, "Incorrect API key provided"),
        (Account(), "organization_balance_exhausted", QuotaExceeded, "Add funds or raise the budget"),
        (Account(), "permission_denied", Unauthenticated, "lacks the permission"),
        (Account(), "model_not_available", ServiceError, "Check the name of the model"),
        (Account(), "voice_not_prepared", ServiceError, "Check the cloned voice"),
    ],
    ids=["key", "budget", "permission", "model", "voice"],
)
def test_what_is_wrong_from_the_start_ends_the_call_with_one_sentence(
    account: Account, refusal: str | None, error: type[ServiceError], sentence: str
) -> None:
    """A mistyped key, an exhausted budget or the name of no voice ends the call with what the service says."""
    account.refusing = None if refusal is None else Refusal(refusal, "It is as it is.")
    raised = outcome(SonioxPeer(account=account))
    assert type(raised) is error
    assert sentence in str(raised)
    assert "\n" not in str(raised)
    assert KEY not in str(raised)


def test_a_voice_that_does_not_exist_ends_the_call() -> None:
    """The name of the voice is in the sentence."""
    assert "'Nobody'" in str(outcome(SonioxPeer(offer=Offer(voices=["Adrian"])), config=TtsConfig(voice="Nobody")))


@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (401, Unauthenticated, "the region in use"),
        (403, Unauthenticated, "lacks the permission"),
        (402, QuotaExceeded, "Add funds"),
        (404, ServiceError, "HTTP 404"),
    ],
)
def test_a_refused_handshake_is_told_before_the_call_begins(
    status: int, error: type[ServiceError], sentence: str
) -> None:
    """A key of another region may be refused by the handshake: nothing opens, and the sentence says what to check."""
    peer = SonioxPeer(faults=[Reject(status=status, connection=None)])
    raised = outcome(peer)
    assert type(raised) is error
    assert sentence in str(raised)
    assert len(peer.connections) == 1


def test_a_service_that_is_away_is_asked_for_a_while() -> None:
    """A handshake that may succeed later is tried again for five seconds, and then the reason is told."""
    peer = SonioxPeer(faults=[Reject(status=503, connection=None)])
    raised = outcome(peer)
    assert isinstance(raised, Unavailable)
    assert "HTTP 503" in str(raised)
    assert 4 <= len(peer.connections) <= 8
    assert peer.connections[-1].opened_at <= 5.0


def test_a_service_that_comes_back_while_opening_is_waited_for() -> None:
    """Two refused handshakes cost less than a second."""
    peer = SonioxPeer(faults=[Reject(status=503, connection=1), Reject(status=503, connection=2)])
    call = talk("Good morning.", peer)
    assert call.heard == "Good morning."
    assert call.started < 1.0
    assert call.trouble == []
