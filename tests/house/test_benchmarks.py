"""The benchmark runner counts right: rounds in turns, figures from literals, a table that can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from benchmarks import case as cases
from benchmarks.__main__ import main
from benchmarks.case import Case, Round, Subject, load_cases
from benchmarks.measure import SMOKE, Effort, figures, measure, percentile
from benchmarks.report import as_data, table
from tests.house.source import ROOT


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(cases, "_registered", {})
    return Case("hop", "one hop", operations=100, rounds=4)


def returning(*samples: float, log: Callable[[int], None] = lambda count: None) -> Round:
    async def round_of(count: int) -> Sequence[float]:
        log(count)
        return samples

    return round_of


def test_figures_are_taken_from_the_samples() -> None:
    """Minimum, median, p99 and the ratio of the medians come out as by hand."""
    subjects = [Subject("floor", returning()), Subject("mine", returning())]
    floor, mine = figures(subjects, [[2.0, 4.0, 3.0], [6.0, 9.0, 5.0]])
    assert (floor.minimum, floor.median, floor.p99, floor.ratio) == (2.0, 3.0, 4.0, 1.0)
    assert (mine.minimum, mine.median, mine.p99, mine.ratio) == (5.0, 6.0, 9.0, 2.0)


def test_a_percentile_is_a_sample() -> None:
    """The percentile is the nearest rank, also of a single sample."""
    assert percentile(range(1, 201), 99) == 198
    assert percentile([7.0], 99) == 7.0


async def test_subjects_take_turns_after_a_warm_up(case: Case) -> None:
    """After one warm-up each, the rounds go A B A B, and the effort scales rounds and operations."""
    calls: list[tuple[str, int]] = []
    case.floor("a")(returning(1.0, log=lambda count: calls.append(("a", count))))
    case.subject("b")(returning(2.0, log=lambda count: calls.append(("b", count))))
    result = await measure(case, Effort(1 / 2, 1 / 10, warm=True))
    assert calls == [("a", 10), ("b", 10)] * 3
    assert (result.rounds, result.operations) == (2, 10)


async def test_a_result_is_shown_as_table_and_as_data(case: Case) -> None:
    """Both show each subject's figures, and the table marks an aim that was missed."""
    case.floor("plain")(returning(2e-6))
    case.subject("good", aim=1.75)(returning(3e-6))
    case.subject("bad", aim=1.75)(returning(5e-6))
    result = await measure(case, SMOKE)
    assert table(result).splitlines() == [
        "hop: one hop",
        "  1 rounds of 2, us each       min    median       p99     ratio       aim",
        "  plain                       2.00      2.00      2.00     1.000",
        "  good                        3.00      3.00      3.00     1.500   <= 1.75",
        "  bad                         5.00      5.00      5.00     2.500  > 1.75 !",
    ]
    assert as_data(result)["subjects"][1] == {
        "name": "good",
        "min": 3e-6,
        "median": 3e-6,
        "p99": 3e-6,
        "ratio": pytest.approx(1.5),
        "aim": 1.75,
    }


def test_a_case_needs_a_name_of_its_own_and_a_floor_first(case: Case) -> None:
    """Mistakes in declaring a case are told when its file is loaded."""
    with pytest.raises(ValueError, match="'hop' twice"):
        Case("hop", "again", operations=1)
    with pytest.raises(ValueError, match="floor of 'hop' first"):
        case.subject("too early")
    case.floor("plain")(returning(1.0))
    with pytest.raises(ValueError, match="before its subjects"):
        case.floor("too late")


def test_an_unknown_case_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name runs nothing and shows what there is."""
    with pytest.raises(SystemExit):
        main(["--smoke", "link-hope"])
    assert f"expected names among {', '.join(load_cases())}, got link-hope" in capsys.readouterr().err


def test_every_case_is_explained() -> None:
    """The benchmarks' README says of each case what it measures."""
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert [name for name in load_cases() if f"| `{name}` |" not in text] == []
