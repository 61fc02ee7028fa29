"""The caller's lines in script.toml, and the cues at which they are spoken."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from voicekit.events import Audible, SessionEvent, TurnEnded
from voicekit_local.demo.caller import Caller, recording

HERE = Path(__file__).parent

PATIENCE_S = 20.0
"""Seconds to wait for a cue; after that the line is said anyway, and the call continues."""


@dataclass(frozen=True, slots=True)
class Line:
    """One of the caller's lines; script.toml explains the cues."""

    name: str
    text: str
    after: float | None = None
    into: float | None = None
    until: str = ""
    drop: float | None = None
    aside: bool = False

    @property
    def path(self) -> Path:
        return HERE / "caller" / f"{self.name}.flac"


def lines() -> list[Line]:
    return [Line(**line) for line in tomllib.loads((HERE / "script.toml").read_text(encoding="utf-8"))["line"]]


class Moments:
    """A watcher that knows when the bot began to speak, and which replies have ended."""

    def __init__(self) -> None:
        self.audible_since: float | None = None
        self.finished: list[str] = []
        self._changed = trio.Event()

    def __call__(self, event: SessionEvent) -> None:
        if isinstance(event, Audible):
            self.audible_since = trio.current_time()
        elif isinstance(event, TurnEnded):
            self.audible_since = None
            self.finished.append(event.said)
        else:
            return
        self._changed.set()
        self._changed = trio.Event()

    async def finishing(self, known: int, words: str) -> None:
        """Wait until the bot is silent and has said `words` in a reply; its first `known` replies do not count."""
        while self.audible_since is not None or not any(words in said for said in self.finished[known:]):
            await self._changed.wait()

    async def speaking(self, seconds: float) -> None:
        """Wait until the bot has been speaking for `seconds`."""
        while self.audible_since is None:
            await self._changed.wait()
        await trio.sleep_until(self.audible_since + seconds)


async def perform(
    script: list[Line], caller: Caller, moments: Moments, drop: Callable[[], None] | None, said: list[Line]
) -> None:
    """Say all lines of `script`, each at its cue, then hang up unless the bot has ended the call.

    `drop` is called at the point where the script cuts the connection to the recogniser. Each line is added to `said`
    when it is complete. If the task is cancelled, the remaining lines are not said.
    """
    known = 0
    for line in script:
        sound = await recording(line.path, caller.produces)
        with trio.move_on_after(PATIENCE_S):
            if line.into is not None:
                await moments.speaking(line.into)
            else:
                await moments.finishing(known, line.until)
                await trio.sleep(line.after or 0.0)
        async with trio.open_nursery() as nursery:
            if line.drop is not None and drop is not None:
                nursery.start_soon(_drop, drop, line.drop)
            await caller.speak(sound)
        said.append(line)
        if not line.aside:
            known = len(moments.finished)
    with trio.move_on_after(PATIENCE_S):
        await moments.finishing(known, "")
    caller.hang_up()


async def _drop(drop: Callable[[], None], seconds: float) -> None:
    await trio.sleep(seconds)
    drop()
