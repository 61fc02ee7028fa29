"""Repeats the caller's words."""

from voicekit import Say, Turn


class Echo:
    """Answers with `before` and the caller's own words; says nothing if the caller said nothing."""

    def __init__(self, before: str = "You said:") -> None:
        self._before = before

    async def __call__(self, turn: Turn, say: Say) -> None:
        if turn.text:
            await say(f"{self._before} {turn.text}")
