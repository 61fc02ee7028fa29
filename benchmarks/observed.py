"""What metrics and traces cost a call: `python -m benchmarks.observed [--rounds R]`.

A call of one minute and ten turns over Twilio's protocol is held in virtual time in three variants: without plugins,
with voicekit-metrics, and with voicekit-metrics and voicekit-otel. The spans go through a batch processor to an
exporter that drops them. The variants take turns. The figure is this process's CPU time for a second of the call,
including the far end of the line. The variants differ by less than the noise of a shared machine, so the time inside
the hook is measured as well.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import voicekit_otel
from benchmarks import machine
from voicekit.events import SessionEvent
from voicekit.extend import Plugins, SessionView, load_plugins
from voicekit.testing import Script, hold_call

TURNS = 10
EVERY_S = 6.0
AIM = 0.02
WAYS: dict[str, tuple[str, ...]] = {
    "no plugins": ("metrics", "otel"),
    "metrics": ("otel",),
    "metrics and traces": (),
}
"""The plugins that each variant blocks."""


class InHook:
    """Measures the CPU seconds that all observers take."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._observe = Plugins.observe

    def observe(self, plugins: Plugins, event: SessionEvent, session: SessionView) -> Any:
        before = time.thread_time()
        try:
            return self._observe(plugins, event, session)
        finally:
            self.spent += time.thread_time() - before


class Dropping(SpanExporter):
    """Takes spans and does nothing with them, because a collector's own time must not count."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def script() -> Script:
    user = Script()
    for turn in range(TURNS):
        user.says("when are you open", at=1.0 + EVERY_S * turn, for_=1.2)
    user.stays(until=EVERY_S * TURNS)
    return user


def seconds(plugins: Plugins) -> float:
    """The CPU seconds for a second of a call with `plugins`."""
    before = time.process_time()
    held = hold_call("We are open from nine to five, every day but Sunday.", script(), over="twilio", plugins=plugins)
    spent = time.process_time() - before
    assert len(held.history) >= TURNS
    return spent / (EVERY_S * TURNS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.observed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--rounds", type=int, default=15, metavar="R", help="number of rounds; every variant runs once in each (15)"
    )
    rounds = parser.parse_args().rounds
    print(", ".join(f"{what} {value}" for what, value in machine.describe().items()))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Dropping()))
    voicekit_otel.trace_to(provider)
    plugins = {way: load_plugins(block=blocked) for way, blocked in WAYS.items()}
    for each in plugins.values():
        seconds(each)  # the imports and the filling of caches must not count
    spent: dict[str, list[float]] = {way: [] for way in WAYS}
    inside: dict[str, list[float]] = {way: [] for way in WAYS}
    hook = InHook()
    setattr(Plugins, "observe", lambda *given: hook.observe(*given))  # noqa: B010  # an assignment has another type
    for _ in range(rounds):
        for way, found in spent.items():
            hook.spent = 0.0
            found.append(seconds(plugins[way]))
            inside[way].append(hook.spent / (EVERY_S * TURNS) / found[-1])
    print(f"{'CPU of a second of a call, ms':32}{'min':>8}{'median':>8}{'over none':>11}{'in the hook':>13}")
    floor = spent["no plugins"]
    for way, found in spent.items():
        over = median(each / bare for each, bare in zip(found, floor, strict=True)) - 1
        aim = f"   aim {AIM:.0%}" if way == "metrics and traces" else ""
        part = f"{over:11.1%}{median(inside[way]):13.2%}{aim}"
        print(f"{way:32}{1e3 * min(found):8.2f}{1e3 * median(found):8.2f}{part}")


if __name__ == "__main__":
    main()
