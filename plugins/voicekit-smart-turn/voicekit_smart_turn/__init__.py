"""Smart Turn: a layer around each stt that judges by intonation, when asked, whether the caller has finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicekit import hookimpl

if TYPE_CHECKING:
    from voicekit.extend import SessionView
    from voicekit.extend.parts import Part, Role


@hookimpl
def voicekit_wrap_stage(stage: Part, role: Role, session: SessionView) -> Part | None:
    """For each session with an adviser, a layer around its stt, unless the stt has a `scores` attribute of its own."""
    if role != "stt" or not session.policy.turn.adviser or hasattr(stage, "scores"):
        return None
    from voicekit_smart_turn.layer import Scoring

    return Scoring(stage)
