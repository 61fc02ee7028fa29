"""Each row of the error tables, for the Soniox ears: what the call does, what its user sees, and whether it retries."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from tests.e2e.hearing_kit import KEY, Attempts, Held, hear, hold, in_virtual_time, long, short, text_of, transcriber
from voicekit.errors import QuotaExceeded, ServiceError, Unauthenticated, Unavailable
from voicekit.events import SessionEnded, SttDown, SttUp
from voicekit.session.eventlog import describe
from voicekit.soniox.api.errors import RULES, TYPE_OF_CODE, Retry, RetryRule, rule
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.refusal import CODES, Refusal
from voicekit.soniox.stt.session import SERVICE
from voicekit.testing.soniox import At, Close, Refuse, Reject, SayMessage, SonioxPeer

pytestmark = pytest.mark.slow

SECONDS = {Retry.NOW: (0.0, 0.5), Retry.BACKOFF: (0.1, 0.7), Retry.LONG_BACKOFF: (1.0, 2.5)}
"""How long a call is deaf after one failure: the wait, and up to half a second for the connection."""

TROUBLED_AT = 3.0


def check_recovery(held: Held, wanted: RetryRule) -> None:
    """The call went on, with all of its words, after a wait of the length that its rule says."""
    assert held.error is None
    (down,), (up,) = held.at(SttDown), held.at(SttUp)
    shortest, longest = SECONDS[wanted.retry]
    assert down == pytest.approx(TROUBLED_AT, abs=0.1)
    assert shortest <= up - down <= longest
    assert held.asked == text_of(long(10.0))


def check_failure(held: Held, wanted: RetryRule, said: str) -> None:
    """The call ended with the error of its rule, alone, in one line that says everything."""
    assert type(held.error) is wanted.error
    assert isinstance(held.error, ServiceError)
    text = str(held.error)
    assert text.startswith(f"{SERVICE} refused: {said}")
    assert text.endswith(wanted.advice or ").")
    assert "\n" not in text
    assert not held.error.retryable
    assert held.of(SttDown) == []
    assert held.events[-1][1] == SessionEnded("error", held.error)
    assert held.error.__notes__ == ["in stage 'soniox stt'"]


@pytest.mark.parametrize("error_type", sorted(RULES))
def test_an_error_in_the_middle_of_a_call(error_type: str) -> None:
    """What the tables call retryable costs a moment of deafness and no word; anything else ends the call, and why."""
    said = "This is what happened"
    peer = SonioxPeer(long(10.0), faults=[Refuse(At(seconds=TROUBLED_AT), error_type, f"{said}.")])
    held = hold(long(10.0), transcriber(peer))
    wanted = RULES[error_type]
    if wanted.retry in SECONDS:
        check_recovery(held, wanted)
    else:
        check_failure(held, wanted, f"{said} ({CODES[error_type]} {error_type}).")


@pytest.mark.parametrize("code", [*sorted(TYPE_OF_CODE), 418, 599])
def test_an_error_that_has_only_a_number(code: int) -> None:
    """An old frame without a type is judged by its number; an unknown one is retried if it is the service's fault."""
    frame = json.dumps({"tokens": [], "error_code": code, "error_message": "Old words."})
    peer = SonioxPeer(long(10.0), faults=[SayMessage(At(seconds=TROUBLED_AT), frame)])
    held = hold(long(10.0), transcriber(peer))
    wanted = rule(None, code)
    if wanted.retry in SECONDS:
        check_recovery(held, wanted)
    else:
        check_failure(held, wanted, f"Old words ({code} without a type).")


@pytest.mark.parametrize("error_type", sorted(RULES))
def test_an_error_as_the_first_frame(error_type: str) -> None:
    """A session that is refused before its first result ends the same way, and one retry is enough where it helps."""
    peer = SonioxPeer(short(), faults=[Refuse(At(received=1), error_type)])
    wanted = RULES[error_type]
    held = hold(short(), transcriber(peer))
    if wanted.retry in SECONDS:
        assert held.asked == "good morning my dear friend"
        assert len(peer.connections) == 2
    else:
        assert type(held.error) is wanted.error
        assert len(peer.connections) == 1


@pytest.mark.parametrize("status", [*sorted(TYPE_OF_CODE), 200, 302, 404, 599])
def test_a_handshake_that_is_refused(status: int) -> None:
    """A call does not begin where the upgrade is always refused: it says so, at once where that will not change."""
    peer = SonioxPeer(short(), faults=[Reject(status=status, body=b"No.", connection=None)])
    held = hold(short(), transcriber(peer))
    wanted = rule(None, status)
    assert type(held.error) is wanted.error
    assert f"HTTP {status}" in str(held.error)
    assert str(held.error).endswith(wanted.advice or ").")
    assert held.error.__notes__ == ["in stage 'soniox stt'"]
    assert (len(peer.connections) > 1) == (wanted.retry in SECONDS)
    assert [type(event) for _, event in held.events] == [SessionEnded]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_a_handshake_that_is_refused_once(status: int) -> None:
    """Where it helps, a refused upgrade is tried again before the call begins, and nobody notices."""
    peer = SonioxPeer(short(), faults=[Reject(status=status)])
    held = hold(short(), transcriber(peer))
    assert held.asked == "good morning my dear friend"
    assert held.of(SttDown) == []


def refused(account: Account) -> BaseException:
    """How a call ends that this account does not want."""
    error = hold(short(), transcriber(SonioxPeer(short(), account=account))).error
    assert error is not None
    return error


def test_a_mistyped_key_ends_with_one_clear_sentence() -> None:
    """The upgrade succeeds, then comes a 401: the user reads what to check, the region too, as it may be that."""
    error = refused(Account(keys=["sk-another-key"]))
    assert isinstance(error, Unauthenticated)
    assert str(error) == (
        "Soniox speech-to-text refused: Incorrect API key provided (401 unauthenticated). "
        "Check SONIOX_API_KEY, and that its project is in the region in use (us, eu or jp)."
    )


def test_an_exhausted_budget_ends_with_one_clear_sentence() -> None:
    """The user reads whose budget it is, and where to raise it."""
    account = Account()
    account.refusing = Refusal("project_monthly_budget_exhausted", "Project monthly budget exhausted.")
    error = refused(account)
    assert isinstance(error, QuotaExceeded)
    assert str(error) == (
        "Soniox speech-to-text refused: Project monthly budget exhausted (402 project_monthly_budget_exhausted). "
        "Add funds or raise the budget in the Soniox console."
    )


def test_a_service_that_is_nowhere_ends_with_one_clear_sentence() -> None:
    """Where nothing answers before a call, the user reads what was tried and why it failed."""
    peer = SonioxPeer(short())
    held = hold(short(), transcriber(peer, transport=Attempts(peer.transport, dead=True)))
    assert isinstance(held.error, Unavailable)
    assert str(held.error) == f"{SERVICE}: can't connect: OSError: no route to host"


def leaks(held: Held) -> list[str]:
    """Where the key can be read."""
    error = held.error
    seen: dict[str, Any] = {
        "message": str(error),
        "repr": repr(error),
        "fields": repr(getattr(error, "__dict__", "")),
        "traceback": "" if error is None else "".join(traceback.format_exception(error)),
        "events": "\n".join(f"{event!r} {describe(event)}" for _, event in held.events),
        "stage": repr(held.session.parts.stt) + repr(vars(held.session.parts.stt)),
    }
    return [place for place, text in seen.items() if KEY in text]


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(At(seconds=1.0), "unauthenticated", f"Incorrect API key provided: {KEY}."),
        Refuse(At(seconds=1.0), "internal_error", f"The key {KEY} made us stumble."),
        SayMessage(At(seconds=1.0), f"<html>{KEY}</html>"),
        Close(At(seconds=1.0), 1008, f"{KEY} is bad"),
        Reject(status=401, body=KEY.encode(), connection=None),
        Reject(status=503, body=KEY.encode(), connection=None),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_key_is_never_shown(fault: Any) -> None:
    """Whatever the service says of the key, it is in no message, note, repr, traceback or event."""
    peer = SonioxPeer(short(), faults=[fault])
    held = hold(short(), transcriber(peer))
    assert held.error is not None or held.of(SttDown) != []
    assert leaks(held) == []


async def garbled(fault: Any) -> Any:
    peer = SonioxPeer(short(), faults=[fault])
    return await hear(transcriber(peer), short()), peer


@pytest.mark.parametrize(
    "message",
    [
        "not even JSON",
        b"\x00\xffbinary",
        "[]",
        "null",
        '"text"',
        '{"tokens":{"text":"a"}}',
        '{"tokens":[{"text":5}]}',
        '{"tokens":[{"text":"a","start_ms":"soon"}]}',
        "[" * 100_000,
        '{"tokens":[],"error_message":"' + "x" * 2**21 + '"}',
        "x" * 10 * 2**20,
    ],
    ids=["words", "binary", "list", "null", "string", "dict", "number", "time", "depth", "2 MB", "10 MB"],
)
def test_garbage_is_answered_with_a_new_session(message: str | bytes) -> None:
    """A message that is none, or too long, ends its session and costs no word."""
    heard, peer = in_virtual_time(lambda: garbled(SayMessage(At(seconds=1.0), message)))
    assert heard.text == "good morning my dear friend"
    assert len(peer.connections) == 2
    assert len(heard.of(SttDown)[0].why) < 300
