"""Passes the turn machine's commands on to the listening side."""

from __future__ import annotations

from voicekit.contracts import Stt
from voicekit.events import EarCommand, Finalize
from voicekit.flow.groups import alone


class Ears:
    """Passes the turn machine's commands to the stt, if the stt supports them, without ever waiting."""

    def __init__(self, stt: Stt | None) -> None:
        self._stt = stt
        self.finalizes = getattr(stt, "finalizes", False) is True
        self.scores = getattr(stt, "scores", False) is True

    def ask(self, command: EarCommand) -> None:
        """Let the stt carry out `command`. If the stt raises an error, the stt's name is noted in the error."""
        if self._stt is None:
            return
        able = self.finalizes if isinstance(command, Finalize) else self.scores
        method = "finalize" if isinstance(command, Finalize) else "score"
        if able:
            with alone(stage=self._stt.name):
                getattr(self._stt, method)(command.at)
