"""The default bot: it repeats what it hears."""

from __future__ import annotations

from voicekit import Say, Turn

GREETING = "Hello! Say something, and I will say it again. Say goodbye to end the call."


async def parrot(turn: Turn, say: Say) -> None:
    if "goodbye" in turn.text.lower() or "good bye" in turn.text.lower():
        turn.end("Goodbye!")
    else:
        await say(f"You said: {turn.text}")
