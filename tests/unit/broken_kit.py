"""What the tests of the contract checks share: ways to break a part that works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from voicekit.flow.fused import FusedOutlet
from voicekit.flow.layers import Layer


class Changing(Layer):
    """Says `change(item)`, any number of items, for each item that the stage inside says."""

    def __init__(self, part: Any, change: Callable[[Any], Iterable[Any]]) -> None:
        super().__init__(part)
        self._change = change

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        async with self.stage.open() as run:

            async def changing(inbox: Any, outbox: Any) -> None:
                await run(inbox, FusedOutlet(outbox, _Change(self._change)))

            yield changing


class _Change:
    def __init__(self, change: Callable[[Any], Iterable[Any]]) -> None:
        self.feed = change

    def finish(self) -> Iterable[Any]:
        return ()


class Stating(Layer):
    """States other things about itself than the part inside does."""

    def __init__(self, part: Any, **stated: Any) -> None:
        super().__init__(part)
        self._stated = stated

    def __getattribute__(self, name: str) -> Any:
        stated = object.__getattribute__(self, "__dict__").get("_stated", {})
        return stated[name] if name in stated else super().__getattribute__(name)

    def open(self) -> Any:
        return self.stage.open()
