"""The command line of the benchmarks.

    python -m benchmarks [--quick | --smoke] [--json FILE] [--plot FILE] [--gate] [NAME ...]
    python -m benchmarks --peers

Without names, all cases run. `--quick` runs a quarter of the rounds. `--smoke` only shows that each case works and,
without names, that `benchmarks.soniox_cost` works.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import trio

from benchmarks import gate, machine
from benchmarks.case import Case, load_cases
from benchmarks.measure import FULL, QUICK, SMOKE, Effort, Result, measure
from benchmarks.report import as_data, table
from voicekit.extend.loader import BLOCK

OTHERS = "smart-turn,metrics,otel"
"""Plugins that add work of their own to every call: the figures are those of the core."""


def main(arguments: list[str] | None = None) -> int:
    cases = load_cases()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", dest="effort", action="store_const", const=QUICK, help="run a quarter of the rounds")
    effort.add_argument(
        "--smoke", dest="effort", action="store_const", const=SMOKE, help="run one tiny round of each benchmark"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    plot = "save a plot of the results to this file (needs matplotlib)"
    parser.add_argument("--plot", type=Path, metavar="FILE", help=plot)
    parser.add_argument("--gate", action="store_true", help="fail if a ratio is much worse than its baseline")
    parser.add_argument("--baseline", action="store_true", help="store this run's ratios as the new baseline")
    parser.add_argument("--peers", action="store_true", help="compare with pipecat-ai and livekit-agents instead")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"benchmarks to run (default: all): {', '.join(cases)}"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in cases]
    if unknown:
        parser.error(f"expected names among {', '.join(cases)}, got {', '.join(unknown)}")
    if options.peers:
        from benchmarks.peers import compare_peers

        return compare_peers()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise the case `import` would measure the compiler
    results = _run([cases[name] for name in options.names or cases], options.effort or FULL)
    if options.effort is SMOKE and not options.names:
        from benchmarks import soniox_cost

        soniox_cost.run_smoke()
    return _conclude(results, options)


def _run(cases: list[Case], effort: Effort) -> list[Result]:
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    if effort is SMOKE:
        print("smoke: shows that each case works; the figures mean nothing")
    results = []
    for case in cases:
        results.append(trio.run(measure, case, effort))
        print("\n" + table(results[-1]), flush=True)
    return results


def _conclude(results: list[Result], options: argparse.Namespace) -> int:
    """Write the files that the options ask for. Returns 1 if the gate is closed."""
    if options.json is not None:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        report = {"when": when, "machine": machine.describe(), "cases": [as_data(result) for result in results]}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if options.plot is not None:
        from benchmarks.plot import plot

        plot(results, options.plot)
    if options.baseline:
        gate.store(results, machine.describe())
    if not options.gate:
        return 0
    baseline = gate.load()
    found = gate.breaches(results, baseline)
    if found:  # another program may have disturbed this run, so measure again
        print("\nonce more, because at first sight:\n" + "\n".join(found) + "\n", flush=True)
        suspects = [
            result.case for result in results if any(line.startswith(f"{result.case.name}: ") for line in found)
        ]
        found = gate.breaches(_run(suspects, options.effort or FULL), baseline)
    print("\n" + "\n".join(["the gate is closed:" if found else "the gate is open", *found]))
    return 1 if found else 0


if __name__ == "__main__":
    os.environ.setdefault(BLOCK, OTHERS)  # also for the programs that a case starts
    sys.exit(main())
