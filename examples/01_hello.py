"""The smallest bot: it repeats what it hears, and ends the call when the caller says goodbye."""

import trio

import voicekit


async def handler(turn: voicekit.Turn, say: voicekit.Say) -> None:
    await say(f"You said: {turn.text}")
    if "bye" in turn.text:
        turn.end("Goodbye!")


if __name__ == "__main__":
    trio.run(voicekit.run, handler)
