"""Lists what happens between the recogniser's `<end>` on the wire and the first text on the wire, step by step.

    python -m benchmarks.steps [--turns N]

Trio runs a task until it waits: that is a step. This lists all steps of the last of N turns, for a client written by
hand and for a voicekit session. Each line has the step's start, its length, its task, and the function in which the
task then waits. The stub that both clients use is in the same process, so its steps are listed too. The number of steps
in a turn depends on the random order in which trio runs tasks that are ready. Therefore the lowest, the median and the
highest number of all turns are printed too.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import trio

from benchmarks import machine
from benchmarks.agents import Agent, ByHand, WithVoicekit
from benchmarks.cases.turn import REPLY_S, turns
from benchmarks.stub import Stub


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a task, from `began` to `ended`, in seconds."""

    began: float
    ended: float
    task: str
    waits_in: str


class Steps(trio.abc.Instrument):
    """Keeps all steps since `steps` was last emptied."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        name = task.name.rpartition(".")[2]
        self.steps.append(Step(self._began, perf_counter(), name, waiting_in(task.coro)))


def waiting_in(awaited: Any) -> str:
    """The innermost function in which `awaited` is suspended, apart from trio's own functions."""
    found = ""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None and not str(frame.f_globals.get("__name__", "")).startswith("trio."):
            found = f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return found


def steps_of_turns(agent: Agent, count: int) -> list[tuple[float, list[Step]]]:
    """When each of `count` turns was asked for, and the steps from there to its first text."""
    recorder, found = Steps(), list[tuple[float, list[Step]]]()

    def pick(stub: Stub, agent: Agent) -> float:
        found.append((stub.asked, [step for step in recorder.steps if stub.asked <= step.began <= stub.text]))
        recorder.steps.clear()
        return stub.text - stub.asked

    trio.run(turns, agent, pick, count, instruments=[recorder])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--turns", type=int, default=20, metavar="N", help="run N turns and show the last one (20)")
    count = parser.parse_args().turns
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    agents: dict[str, Agent] = {"a trio client by hand": ByHand(0.0, REPLY_S), "a voicekit session": WithVoicekit(0.0)}
    for name, agent in agents.items():
        found = steps_of_turns(agent, count)
        numbers = sorted(len(steps) for _, steps in found)
        asked, steps = found[-1]
        busy = sum(step.ended - step.began for step in steps)
        print(f"\n{name}: {numbers[0]} to {numbers[-1]} steps in a turn, median {median(numbers):.0f}")
        print(f"the last turn: {len(steps)} steps, {1e6 * busy:.0f} us in them")
        for step in steps:
            began, took = 1e6 * (step.began - asked), 1e6 * (step.ended - step.began)
            print(f"{began:7.0f} us {took:6.0f} us  {step.task:<22} {step.waits_in}")


if __name__ == "__main__":
    main()
