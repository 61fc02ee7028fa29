"""Pipes: how anything moves. Links between tasks, transforms that are called, stages that wait, lines of both."""

from voicekit.flow.layers import Reconnecting, Tapped, Timed
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.opened import opened
from voicekit.flow.pacing import on_schedule, periodic
from voicekit.flow.pipeline import LinkSpec, Pipeline, pipeline
from voicekit.flow.stage import FunctionStage, Run, Stage, stage
from voicekit.flow.store import Full, LinkStatistics, weigh
from voicekit.flow.threads import in_thread
from voicekit.flow.transform import Pipeable, StreamContext, Transform, TransformPart, each, tap

__all__ = [
    "Full",
    "FunctionStage",
    "Inlet",
    "Pipeline",
    "LinkStatistics",
    "Outlet",
    "Pipeable",
    "Reconnecting",
    "Run",
    "Stage",
    "StreamContext",
    "Tapped",
    "Timed",
    "Transform",
    "TransformPart",
    "LinkSpec",
    "each",
    "in_thread",
    "pipeline",
    "on_schedule",
    "open_link",
    "opened",
    "periodic",
    "stage",
    "tap",
    "weigh",
]
