"""A stand-in for a carrier's call control, for tests: it records all requests, and refuses them if told to."""

from __future__ import annotations

import trio

from voicekit.errors import VoicekitError

ANSWER_S = 0.2
"""Seconds until the carrier's answer."""


class ScriptedControl:
    """A `voicekit.call.control.CallControl` in virtual time. `asked` holds the requests, as pairs such as ("transfer",
    "+15550009").

    If `refuses` is an error, it is raised for each request.
    """

    def __init__(self, can: str = "hang_up transfer digits", *, refuses: VoicekitError | None = None) -> None:
        self.can = frozenset(can.split())
        self.refuses = refuses
        self.asked: list[tuple[str, str]] = []

    async def hang_up(self) -> None:
        await self._do("hang up", "")

    async def transfer(self, to: str) -> None:
        await self._do("transfer", to)

    async def send_digits(self, digits: str) -> None:
        await self._do("digits", digits)

    async def _do(self, what: str, about: str) -> None:
        await trio.sleep(ANSWER_S)
        self.asked.append((what, about))
        if self.refuses is not None:
            raise self.refuses
