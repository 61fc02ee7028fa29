"""The metrics of whole calls are those of their events; the dashboard asks for what there is."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest
import trio

from voicekit.call.desk import CallRefused, Desk
from voicekit.call.tokens import CallTokens
from voicekit.errors import QuotaExceeded
from voicekit.events import (
    BargeInTimed,
    Blocked,
    ModelAnswered,
    Overrun,
    SessionEvent,
    Switched,
    ToolRan,
    Transferred,
    TurnEnded,
    TurnTimed,
)
from voicekit.extend import load_plugins
from voicekit.llm import tool
from voicekit.testing import HeldCall, Script, hold_call
from voicekit.testing.llm import AnswerCalls, Asked, ModelServer, ScriptedAnswer, Status
from voicekit_metrics.counting import CallMetrics
from voicekit_openai.models import openai
from voicekit_serve.site import CallSite


class Recording:
    """The plugin's hook, counting into metrics of the test's own."""

    def __init__(self) -> None:
        self.metrics = CallMetrics()

    def load(self) -> Any:
        from voicekit import hookimpl

        metrics = self.metrics

        class Observer:
            @hookimpl
            def voicekit_observe(self, event: SessionEvent) -> None:
                metrics.observe(event)

        return load_plugins(block=["metrics", "otel"], extra=[Observer()])

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"voicekit_{name}", labels) or 0.0


def events(call: HeldCall, kind: type[Any]) -> list[Any]:
    return [event for _, event in call.events if isinstance(event, kind)]


@tool
async def weather() -> str:
    """Tell the weather."""
    await trio.sleep(0.3)
    return "rain"


def test_a_call_is_counted_as_its_events_say() -> None:
    """A tool, an interruption, a key, a service that refuses once: each figure is that of the call's own events."""

    def answer(asked: Asked) -> Any:
        if "goodbye" in str(asked.body):
            return Status(402, "billing_error")
        if "tool_call_id" in str(asked.body):
            return ScriptedAnswer("It rains in Gent, so take your umbrella, and mind the trams. " * 3, every=0.02)
        return ScriptedAnswer(AnswerCalls("weather"))

    bot = openai(model="m", api_key="k", transport=ModelServer(otherwise=answer).transport, tools=[weather])
    script = Script()
    script.says("how is the weather", at=1.0, for_=1.0)
    script.says("stop that please", at=6.0, for_=1.0)
    script.presses("5", at=20.0)
    script.says("goodbye", at=40.0, for_=0.6)
    script.stays(until=50.0)
    recording = Recording()
    call = hold_call(bot, script, plugins=recording.load(), strict=False)
    value = recording.value
    timed = events(call, TurnTimed)
    assert value("answer_seconds_count") == len(timed) > 0
    assert value("answer_seconds_sum") == sum(event.total for event in timed)
    assert value("stt_seconds_count") == sum(event.stt is not None for event in timed)
    assert value("tts_first_sound_seconds_count") == sum(event.tts is not None for event in timed)
    tokens = [event.first_token for event in events(call, ModelAnswered) if event.first_token is not None]
    assert value("llm_first_token_seconds_count") == len(tokens) > 0
    barges = events(call, BargeInTimed)
    assert value("barge_in_seconds_count") == len(barges) > 0
    assert value("barge_in_seconds_sum") == sum(event.seconds for event in barges)
    assert value("tool_seconds_count", outcome="result") == len(events(call, ToolRan)) > 0
    ended = events(call, TurnEnded)
    assert value("turns_total", outcome="cut") == sum(event.cut for event in ended) > 0
    assert value("turns_total", outcome="heard") == sum(not event.cut for event in ended)
    assert value("keys_total") == 1
    assert value("service_errors_total", service="openai", type="QuotaExceeded") == 1
    assert "Gent" not in recording.metrics.exposition()


def test_what_has_no_call_in_virtual_time_is_counted_too() -> None:
    """Dropped sound, a blocked loop, a switch, a transfer."""
    metrics = CallMetrics()
    for event in (
        Overrun("sound to the stt", 8_000),
        Blocked("stage 'handler'", 0.4),
        Switched("tts", "a 1", "b 2", QuotaExceeded("spent", service="a")),
        Transferred(),
        Transferred(QuotaExceeded("no", service="twilio")),
    ):
        metrics.observe(event)
    text = metrics.exposition()
    assert 'voicekit_lost_sound_seconds_total{link="sound to the stt"} 0.5' in text
    assert "voicekit_loop_blocked_seconds_total 0.4" in text
    assert 'voicekit_switches_total{role="tts"} 1.0' in text
    assert 'voicekit_service_errors_total{service="a",type="QuotaExceeded"} 1.0' in text
    assert 'voicekit_transfers_total{outcome="done"} 1.0' in text
    assert 'voicekit_transfers_total{outcome="refused"} 1.0' in text


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    """Each metric in it is in /metrics of a server with this plugin."""
    dashboard = files("voicekit_metrics").joinpath("dashboard.json").read_text(encoding="utf-8")
    asked = set(re.findall(r"\bvoicekit_\w+", " ".join(_expressions(json.loads(dashboard)))))
    assert len(asked) > 12

    async def answer(call: object) -> None: ...

    site = CallSite(answer, (), public_url="https://bot.example", more_metrics=CallMetrics().exposition)
    there = set(re.findall(r"# TYPE (\w+) ", site.metrics()))
    there |= {f"{name}_{part}" for name in there for part in ("bucket", "count", "sum", "total")}
    assert asked - there == set()


def _expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_desks_count_why_they_refuse() -> None:
    """The reason is a label, out of a closed list."""

    async def main() -> str:
        async def answer(call: object) -> None: ...

        site = CallSite(answer, (), public_url="https://bot.example", max_calls=0)
        assert isinstance(site.desk, Desk)
        assert isinstance(site.tokens, CallTokens)
        for _ in range(2):
            with pytest.raises(CallRefused), site.desk.place():
                pass
        return site.metrics()

    assert 'voicekit_refused_total{why="full"} 2' in trio.run(main)
