"""When a transcription is tried again after a failure, and when it is given up."""

from __future__ import annotations

import pytest

from voicekit.errors import ServiceError, Unauthenticated, Unavailable
from voicekit.soniox.api.errors import RULES, Failed, Retry, lost
from voicekit.soniox.stt.mending import GIVE_UP_S, STEADY_S, SttRecovery

BROKEN = lost("it broke", service="a service")


def failing(retry: Retry) -> Failed:
    return Failed(Unavailable("no", service="a service"), retry)


def mending(*, new_keys: bool = False, roll: float = 0.999_999) -> SttRecovery:
    return SttRecovery(new_keys=new_keys, roll=lambda: roll)


def test_the_wait_doubles_up_to_its_longest() -> None:
    """A service that fails each time is tried ever later, but no later than five seconds."""
    mends = mending()
    waits = [mends.failed(BROKEN, 0.0) for _ in range(8)]
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0], rel=1e-3)


def test_chance_shortens_a_wait_by_half_at_most() -> None:
    """Calls that lost the same service do not all come back in the same instant."""
    waits = [mending(roll=roll).failed(BROKEN, 10.0) - 10.0 for roll in (0.0, 0.5, 0.999_999)]
    assert waits == pytest.approx([0.1, 0.15, 0.2], rel=1e-3)


def test_a_service_that_worked_for_a_while_is_tried_soon() -> None:
    """After five seconds of answers the waits begin anew; after fewer they go on where they were."""
    for answers_s, wait in ((STEADY_S, 0.2), (STEADY_S - 0.1, 1.6)):
        mends = mending()
        for _ in range(3):
            mends.failed(BROKEN, 0.0)
        mends.answered(10.0)
        mends.answered(10.0 + answers_s / 2)
        failed_at = 10.0 + answers_s
        assert mends.failed(BROKEN, failed_at) - failed_at == pytest.approx(wait, rel=1e-3)


def test_it_is_down_from_a_failure_to_an_answer() -> None:
    """A connection alone is no sign of life; a word of the service is."""
    mends = mending()
    assert not mends.down
    mends.failed(BROKEN, 1.0)
    assert mends.down
    mends.answered(2.0)
    assert not mends.down


def fails_until(mends: SttRecovery, now: float) -> tuple[float, Unavailable, Failed]:
    """Fail each time from `now` on: when it was given up, with which error, and the latest failure."""
    number = 0
    while True:
        number += 1
        latest = lost(f"break {number}", service="a service")
        try:
            now = mends.failed(latest, now)
        except Unavailable as error:
            return now, error, latest


def test_two_minutes_without_an_answer_are_enough() -> None:
    """The error that is raised in the end is the latest, and no wait reaches beyond the two minutes."""
    given_up, error, latest = fails_until(mending(), 7.0)
    assert error is latest.error
    assert 7.0 + GIVE_UP_S - 5.0 <= given_up < 7.0 + GIVE_UP_S


def test_an_answer_starts_the_two_minutes_anew() -> None:
    """Only the time since the service last said something counts."""
    mends = mending()
    mends.failed(BROKEN, 0.0)
    mends.answered(100.0)
    given_up, _, _ = fails_until(mends, 101.0)
    assert 101.0 + GIVE_UP_S - 5.0 <= given_up < 101.0 + GIVE_UP_S


@pytest.mark.parametrize("retry", list(Retry))
def test_each_kind_of_retry(retry: Retry) -> None:
    """At once, soon, later or never; and with a new key only where each connection has one."""
    shortest = {Retry.NOW: 0.0, Retry.BACKOFF: 0.1, Retry.LONG_BACKOFF: 1.0, Retry.NEW_KEY: 0.0}
    for new_keys in (False, True):
        mends = mending(new_keys=new_keys, roll=0.0)
        if retry is Retry.NEVER or (retry is Retry.NEW_KEY and not new_keys):
            with pytest.raises(Unavailable):
                mends.failed(failing(retry), 7.0)
        else:
            assert mends.failed(failing(retry), 7.0) - 7.0 == pytest.approx(shortest[retry])


def test_two_keys_in_a_row_are_one_too_many() -> None:
    """A new key that is refused as well is no accident."""
    mends = mending(new_keys=True)
    rule = RULES["unauthenticated"]
    refused = Failed(Unauthenticated("no", service="a service"), rule.retry)
    assert mends.failed(refused, 1.0) == 1.0
    with pytest.raises(ServiceError):
        mends.failed(refused, 1.0)
