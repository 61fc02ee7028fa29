"""When something is tried again after a failure, and when it is given up."""

from __future__ import annotations

import ast
from math import inf
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import voicekit.flow.backoff
from voicekit.errors import Unavailable
from voicekit.flow.backoff import SOON, Backoff, Waits
from voicekit.flow.retried import TryAgain, retried

MOST = 0.999_999
WAITS = [Waits(), Waits(first=2.0, longest=30.0), Waits(at_once=True), Waits(at_once=True, most=1)]


def backoff(*, roll: float = MOST, **how: float) -> Backoff:
    return Backoff(lambda: roll, **how)


def test_the_wait_doubles_up_to_its_longest() -> None:
    """A service that fails every time is tried ever later, but no later than five seconds."""
    failing = backoff()
    waits = [failing.failed(0.0) for _ in range(8)]
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0], rel=1e-3)


@given(st.sampled_from(WAITS), st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_bounded(waits: Waits, failures: int, roll: float) -> None:
    """However many failures there were, a wait is at most `longest`, and never negative."""
    wait = waits.after(failures, roll)
    assert wait is None or 0 <= wait <= waits.longest


def test_chance_shortens_a_wait_by_half_at_most() -> None:
    """Calls that lost the same service do not all come back in the same instant."""
    waits = [backoff(roll=roll).failed(10.0) for roll in (0.0, 0.5, MOST)]
    assert waits == pytest.approx([10.1, 10.15, 10.2], rel=1e-3)


def test_the_first_new_attempt_may_be_made_at_once() -> None:
    """The second waits like any other; with `most`, there is none after so many."""
    at_once = backoff(roll=0.0)
    assert [at_once.failed(0.0, Waits(at_once=True)) for _ in range(2)] == pytest.approx([0.0, 0.2])
    assert [backoff.after(n, 0.0) for backoff in (Waits(at_once=True, most=1),) for n in (1, 2)] == [0.0, None]


def test_a_failure_that_will_not_go_away_is_final() -> None:
    """Without waits there is no new attempt."""
    assert backoff().failed(0.0, None) is None


def test_the_service_may_ask_for_a_longer_wait() -> None:
    """A shorter one is the back-off's own."""
    assert backoff().failed(1.0, asked=7.0) == 8.0
    assert backoff().failed(1.0, asked=0.01) == pytest.approx(1.2, rel=1e-3)


def test_attempts_in_a_row_are_counted() -> None:
    """The third failure of three attempts is the last; a reset begins anew."""
    failing = backoff(attempts=3)
    assert [failing.failed(0.0) is None for _ in range(3)] == [False, False, True]
    failing.reset()
    assert failing.failed(0.0) == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize(("worked", "wait"), [(5.0, 0.2), (4.9, 1.6)])
def test_a_failure_after_steady_work_is_the_first_again(worked: float, wait: float) -> None:
    """Shorter work does not make up for the failures before it, and what counts is its first sign of life."""
    failing = backoff(steady_s=5.0)
    for _ in range(3):
        failing.failed(0.0)
    failing.works(10.0)
    failing.works(10.0 + worked / 2)
    assert failing.failed(10.0 + worked) == pytest.approx(10.0 + worked + wait, rel=1e-3)


def test_it_is_down_from_a_failure_to_a_sign_of_life() -> None:
    """Before the first failure it is not down."""
    failing = backoff()
    seen = [failing.down]
    failing.failed(1.0)
    seen.append(failing.down)
    failing.works(2.0)
    assert [*seen, failing.down] == [False, True, False]


def gives_up(failing: Backoff, now: float) -> float:
    """Fail at once every time from `now` on: when it is given up."""
    while (again := failing.failed(now)) is not None:
        now = again
    return now


def test_time_without_a_sign_of_life_is_limited() -> None:
    """No wait reaches beyond the limit, which counts from the first failure behind the last sign of life."""
    failing = backoff(give_up_s=120.0)
    assert 122.0 <= gives_up(failing, 7.0) < 127.0
    failing = backoff(give_up_s=120.0)
    failing.failed(0.0)
    failing.works(100.0)
    assert 216.0 <= gives_up(failing, 101.0) < 221.0


def test_what_never_worked_has_a_limit_from_its_beginning() -> None:
    """Time that an attempt took before it failed counts, too."""
    assert backoff(give_up_s=5.0, since=0.0).failed(4.0) == pytest.approx(4.2, rel=1e-3)
    assert backoff(give_up_s=5.0, since=0.0).failed(4.9) is None


class Flaky:
    """Fails as often as told, each time after so many seconds; notes when each attempt began."""

    def __init__(self, failures: float, after: float = 0.0, waits: Waits | None = SOON) -> None:
        self.left, self.after, self.waits = failures, after, waits
        self.began: list[float] = []

    async def attempt(self) -> str:
        self.began.append(trio.current_time())
        await trio.sleep(self.after)
        if self.left:
            self.left -= 1
            raise TryAgain(Unavailable(f"failure {len(self.began)}", service="test"), self.waits)
        return "done"


async def test_an_attempt_is_made_again_until_it_works(autojump_clock) -> None:
    """At the times of the back-off, and its result comes out."""
    flaky = Flaky(2)
    begin = trio.current_time()
    assert await retried(flaky.attempt, backoff()) == "done"
    assert [at - begin for at in flaky.began] == pytest.approx([0.0, 0.2, 0.6], rel=1e-3)


@pytest.mark.parametrize(("waits", "attempts", "made"), [(SOON, 3, 3), (None, inf, 1)])
async def test_the_last_error_comes_out(waits: Waits | None, attempts: float, made: int, autojump_clock) -> None:
    """When the back-off gives up, and at once if the failure won't go away."""
    flaky = Flaky(inf, waits=waits)
    with pytest.raises(Unavailable, match=f"failure {made}"):
        await retried(flaky.attempt, backoff(attempts=attempts))
    assert len(flaky.began) == made


async def test_other_errors_are_not_tried_again(autojump_clock) -> None:
    """A bug comes out as it is."""

    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await retried(broken, backoff())


async def test_it_can_be_cancelled_while_it_waits(autojump_clock) -> None:
    """Nothing keeps a call alive that is between two attempts."""
    with trio.move_on_after(1) as scope:
        await retried(Flaky(inf).attempt, backoff())
    assert scope.cancelled_caught


def test_the_back_off_knows_no_clock_and_no_trio() -> None:
    """It is given the time and the dice, so that any test can be exact."""
    tree = ast.parse(Path(voicekit.flow.backoff.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {getattr(node, "module", None) for node in imports} <= {
        "__future__",
        "collections.abc",
        "msgspec",
        "math",
    }
