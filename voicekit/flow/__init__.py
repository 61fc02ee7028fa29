"""How items move: through links, which connect tasks; transforms, which are called; stages, which wait; and pipelines
of stages and transforms.
"""

from voicekit.flow.layers import Tapped
from voicekit.flow.link import Inlet, Outlet, open_link
from voicekit.flow.opened import opened
from voicekit.flow.pacing import periodic
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
    "Run",
    "Stage",
    "StreamContext",
    "Tapped",
    "Transform",
    "TransformPart",
    "LinkSpec",
    "each",
    "in_thread",
    "pipeline",
    "open_link",
    "opened",
    "periodic",
    "stage",
    "tap",
    "weigh",
]
