"""The score as a table for a terminal or a page of documentation, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from voicekit_scenes.judged import Judged, Summary, summary
from voicekit_scenes.score import Became, Outcome


def rows(found: Summary) -> list[tuple[str, str]]:
    """The summary, with a line for each figure."""
    return [
        ("scenes in which everything due was done", f"{found.good} of {found.scenes}"),
        ("answers due that were given", f"{found.given} of {found.due}"),
        ("answer behind the caller's end, median / worst", _two(found.latency)),
        ("answers that began inside the caller's utterance", str(found.cut_ins)),
        ("... of them in pause, digit and ramble scenes", str(found.cut_ins_uncut)),
        ("mean mark of the answers due", f"{found.mark:.2f}"),
        ("silent after the onset of a barge-in, median / worst", _two(found.yielded)),
        ("barge-ins that were talked over again", str(found.talked_over)),
        ("false interruptions undisturbed", f"{found.undisturbed} of {found.false}"),
        ("... resumed at the same word within 0.4 s", f"{found.resumed_soon} of {found.false - found.undisturbed}"),
        ("... resumed behind the end of the sound, median / worst", _two(found.resumed_late)),
        ("replies cut that nobody meant to interrupt", str(found.false_cuts)),
        ("empty questions to the handler", str(found.empty)),
        ("final words in no question", str(found.lost)),
        ("history equal to what was heard", f"{found.history_right} of {found.history_of}"),
    ]


def table(columns: Mapping[str, Sequence[Judged]]) -> str:
    """A Markdown table with a column of figures for each run."""
    told = [rows(summary(judged)) for judged in columns.values()]
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for place, (name, _) in enumerate(told[0]):
        lines.append(f"| {name} | {' | '.join(each[place][1] for each in told)} |")
    return "\n".join(lines)


def by_scene(columns: Mapping[str, Sequence[Judged]]) -> str:
    """A Markdown table with a line for each scene, and the result of each of its sounds."""
    lines = [f"| scene | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for each in zip(*columns.values(), strict=True):
        lines.append(f"| {each[0].scene.name} | {' | '.join(map(cell, each))} |")
    return "\n".join(lines)


def cell(one: Judged) -> str:
    """The result of one scene in a few words, for each sound and for the whole scene."""
    told = [told_outcome(outcome) for outcome in one.outcomes]
    extra = []
    if cut := sum(became in (Became.CUT, Became.ELSEWHERE) for became in one.replies):
        extra.append(f"{cut} cut")
    if one.empty:
        extra.append(f"{one.empty} empty")
    if one.lost:
        extra.append(f"lost: {' '.join(one.lost[:4])}{'...' if len(one.lost) > 4 else ''}")
    if one.history_wrong:
        extra.append("history")
    text = ", ".join(told) + (f" ({'; '.join(extra)})" if extra else "")
    return text if one.good else f"**{text}**"


def told_outcome(outcome: Outcome) -> str:
    if outcome.became is not None:
        late = f" +{outcome.late:.2f}" if outcome.late is not None else ""
        return outcome.became.value + late
    parts = []
    if outcome.yielded is not None:
        parts.append(f"silent {outcome.yielded:.2f}")
    if outcome.talked > 0.3:
        parts.append(f"over {outcome.talked:.1f}")
    if outcome.cut_in:
        parts.append("cut in")
    if outcome.latency is not None:
        parts.append(f"answer {outcome.latency:.2f}")
    elif outcome.given is False:
        parts.append("no answer" if outcome.mark is not None else "spoke")
    return " ".join(parts) or ("quiet" if outcome.given else outcome.due.value)


def as_json(judged: Sequence[Judged]) -> dict[str, Any]:
    """The summary and the scenes as numbers; times are in seconds."""
    return {
        "summary": asdict(summary(judged)),
        "scenes": [
            {
                "name": one.scene.name,
                "kind": one.scene.kind,
                "good": one.good,
                "told": cell(one),
                "sounds": [_plain(outcome) for outcome in one.outcomes],
                "replies": [became.value for became in one.replies],
                "lost": list(one.lost),
                "empty_questions": one.empty,
                "history": [one.history_of - one.history_wrong, one.history_of],
            }
            for one in judged
        ],
    }


def _plain(outcome: Outcome) -> dict[str, Any]:
    found = asdict(outcome)
    found["due"] = outcome.due.value
    found["became"] = None if outcome.became is None else outcome.became.value
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}


def _two(values: tuple[float, float] | None) -> str:
    return "-" if values is None else f"{values[0]:.2f} / {values[1]:.2f} s"
