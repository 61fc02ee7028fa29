"""Layers: stages that wrap a stage. A layer is itself a stage, so layers can be nested, and used wherever a stage can
be used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from voicekit.audio.format import AudioFormat
from voicekit.flow.fused import FusedInlet, FusedOutlet
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run, Stage
from voicekit.flow.transform import Pipeable, Tap


class Layer(Pipeable):
    """The base of every layer: passes on the name and the formats of the stage inside it."""

    def __init__(self, stage: Stage[Any, Any]) -> None:
        self.stage = stage

    @property
    def name(self) -> str:
        return self.stage.name

    @property
    def accepts(self) -> AudioFormat | None:
        """The stage's input format. It is never cached, because a negotiation may have changed it."""
        return getattr(self.stage, "accepts", None)

    @property
    def produces(self) -> AudioFormat | None:
        return getattr(self.stage, "produces", None)

    def __getattr__(self, attribute: str) -> Any:
        if attribute == "stage":  # a subclass's __init__ failed before `stage` was set
            raise AttributeError(attribute)
        return getattr(self.stage, attribute)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.stage!r})"


class Tapped(Layer):
    """Shows a stage's input and output to plain functions, which must not wait."""

    def __init__(
        self,
        stage: Stage[Any, Any],
        *,
        inward: Callable[[Any], object] | None = None,
        outward: Callable[[Any], object] | None = None,
    ) -> None:
        super().__init__(stage)
        self._inward = inward
        self._outward = outward

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Any, Any]]:
        async with self.stage.open() as run:
            yield partial(run_tapped, run, self._inward, self._outward)


async def run_tapped(
    run: Run[Any, Any],
    inward: Callable[[Any], object] | None,
    outward: Callable[[Any], object] | None,
    inbox: Inlet[Any],
    outbox: Outlet[Any],
) -> None:
    if inward is not None:
        inbox = FusedInlet(inbox, Tap(inward))
    if outward is None:
        await run(inbox, outbox)
        return
    shown = FusedOutlet(outbox, Tap(outward))
    await run(inbox, shown)
    await shown.finish()  # delivers the items that a cancelled send or an offer has left behind
