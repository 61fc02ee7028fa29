"""The benchmark runner counts right: rounds in turns, figures from literals, a readable table, a gate that closes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks import case as cases
from benchmarks import gate
from benchmarks.__main__ import main
from benchmarks.agents import ByHand
from benchmarks.case import Case, Round, Subject, load_cases
from benchmarks.cases.turn import REPLY_S
from benchmarks.fresh_machine import command
from benchmarks.measure import SMOKE, Effort, figures, measure, percentile
from benchmarks.report import as_data, table
from benchmarks.steps import steps_of_turns
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
        "best": pytest.approx(1.5),
        "aim": 1.75,
        "limit": None,
    }


async def test_a_count_is_shown_in_its_own_unit_and_held_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the floor is nothing there is no ratio, and the limit of the figure itself is shown."""
    monkeypatch.setattr(cases, "_registered", {})
    count = Case("late", "frames too late", operations=1, rounds=1, unit="frames")
    count.floor("none")(returning(0.0))
    count.subject("good", limit=2.0)(returning(2.0))
    count.subject("bad", limit=2.0)(returning(3.0))
    result = await measure(count, SMOKE)
    assert [line.split() for line in table(result).splitlines()[1:]] == [
        "1 rounds of 1, frames each min median p99 ratio aim".split(),  # noqa: SIM905  # as it is printed
        ["none", "0.00", "0.00", "0.00"],
        ["good", "2.00", "2.00", "2.00", "max", "2"],
        ["bad", "3.00", "3.00", "3.00", ">", "max", "2", "!"],
    ]
    assert as_data(result)["subjects"][1]["ratio"] is None
    assert gate.breaches([result], {}) == ["late: bad: expected at most 2, got 3"]


async def test_the_gate_closes_when_a_ratio_doubles(case: Case) -> None:
    """It compares the best rounds with the baseline, and with more patience the middle ones, and asks for new ones."""
    case.floor("plain")(returning(1.0, 1.0, 5.0))
    case.subject("steady")(returning(2.0, 3.0, 40.0))
    case.subject("doubled")(returning(4.0))
    case.subject("now and then")(returning(2.0, 6.0, 6.0))
    case.subject("new")(returning(1.0))
    result = await measure(case, SMOKE)
    assert gate.baseline_of([result]) == {
        "hop: steady": 2.0,
        "hop: doubled": 4.0,
        "hop: now and then": 2.0,
        "hop: new": 1.0,
    }
    assert gate.breaches([result], {"hop: steady": 1.8, "hop: doubled": 2.0, "hop: now and then": 2.0}) == [
        "hop: doubled: 4 times the floor, 2.0 times its baseline",
        "hop: now and then: 6 times the floor in the middle, 3.0 times its baseline",
        "hop: new: not in the baseline; store a new one with --baseline",
    ]


def test_a_closed_gate_is_the_exit_status(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--baseline` stores the ratios, `--gate` is 0 while they hold and 1 once one has doubled, and says which."""
    took = [2.0]

    async def mine(count: int) -> Sequence[float]:
        return took

    case.floor("plain")(returning(1.0))
    case.subject("mine")(mine)
    stored = tmp_path / "baseline.json"
    monkeypatch.setattr(runner, "load_cases", lambda: {"hop": case})
    monkeypatch.setattr(runner.gate, "load", partial(gate.load, stored))
    monkeypatch.setattr(runner.gate, "store", partial(gate.store, path=stored))
    assert main(["--smoke", "--baseline", "hop"]) == 0
    assert json.loads(stored.read_text(encoding="utf-8"))["ratios"] == {"hop: mine": 2.0}
    assert main(["--smoke", "--gate", "hop"]) == 0
    took[0] = 4.0
    assert main(["--smoke", "--gate", "hop"]) == 1
    assert "hop: mine: 4 times the floor, 2.0 times its baseline" in capsys.readouterr().out


def test_the_steps_of_a_turn_are_listed() -> None:
    """Each says when it began, which task it was of and where that waits; they cover the way to the first text."""
    asked, steps = steps_of_turns(ByHand(0.0, REPLY_S), 2)[-1]
    assert [step.began for step in steps] == sorted(step.began for step in steps)
    assert steps[0].began >= asked
    assert {"_listen", "_answer"} <= {step.task for step in steps}
    assert "trio_websocket._impl.get_message" in {step.waits_in for step in steps}


def test_what_a_fresh_machine_runs_is_readmes_first_command() -> None:
    """The script that times it takes it from README, and holds the call apart from the installation."""
    install, demo = command()
    assert (install.split()[:3], demo) == (["python3", "-m", "venv"], ".venv/bin/voicekit demo")
    assert "pip install" in install


def test_every_case_has_its_baseline() -> None:
    """What the gate compares is stored for each subject of each case, and nothing else is."""
    named = {
        f"{case.name}: {subject.name}"
        for case in load_cases().values()
        for subject in case.subjects[1:]
        if gate.is_compared(subject)
    }
    assert set(gate.load()) == named


def test_importing_voicekit_opens_no_room() -> None:
    """The front door is light: the public names are all there, and load their modules when they are used."""
    program = (
        "import sys, voicekit; before = 'trio' in sys.modules; voicekit.Session; "
        "print(before, 'trio' in sys.modules, set(voicekit.__all__) <= set(dir(voicekit)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


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
