"""What the turn machine can ask of the listening side, whoever plays its parts."""

from __future__ import annotations

from voicekit.contracts import Stt
from voicekit.events import EarCommand, Finalize
from voicekit.flow.groups import alone


class Ears:
    """Hands the machine's commands to the stt, if that understands them. Asking never waits."""

    def __init__(self, stt: Stt | None) -> None:
        self._stt = stt
        self.finalizes = getattr(stt, "finalizes", False) is True
        self.scores = getattr(stt, "scores", False) is True

    def ask(self, command: EarCommand) -> None:
        """Have `command` carried out. An error is signed by the stage that has raised it."""
        if self._stt is None:
            return
        able = self.finalizes if isinstance(command, Finalize) else self.scores
        method = "finalize" if isinstance(command, Finalize) else "score"
        if able:
            with alone(stage=self._stt.name):
                getattr(self._stt, method)(command.at)
