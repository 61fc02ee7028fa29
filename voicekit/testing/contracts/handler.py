"""Checks a handler against its contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voicekit.errors import ConfigError
from voicekit.reply.handler import Answer, Handler, HandlerStage, Turn, as_handler
from voicekit.testing.contracts.promise import bench
from voicekit.testing.contracts.stage import check_streams
from voicekit.testing.contracts.stream import Plan


async def check_handler(make: Callable[[], Answer], turn: Turn | str = "Good morning", *, within: float = 60.0) -> None:
    """Check the handlers that `make` returns (anything that `as_handler` accepts), by calling each with `turn`.

    A handler must end within `within` seconds, and emit only text (str). It must be cancellable at any await, and able
    to answer again afterwards. It must end when its text is no longer read. If `turn` is a str, the turn does not
    belong to a call, and `Turn.end` has no effect.
    """
    asked = turn if isinstance(turn, Turn) else Turn(1, turn, end_call=lambda farewell: None)

    def stage() -> Any:
        answer = make()
        return HandlerStage(lambda turn: _handler(answer), getattr(answer, "__name__", repr(answer)))

    part = stage()
    async with bench(part):
        await check_streams(stage, Plan([asked], within=within))


def _handler(answer: Answer) -> Handler:
    try:
        return as_handler(answer)
    except ConfigError as error:
        raise AssertionError(f"{answer!r} is not a handler: {error}") from error
