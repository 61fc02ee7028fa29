"""The smallest bot: it says back what it heard, and knows when to stop."""

import trio

import voicekit


async def handler(turn: voicekit.Turn, say: voicekit.Say) -> None:
    await say(f"You said: {turn.text}")
    if "bye" in turn.text:
        turn.end("Goodbye!")


if __name__ == "__main__":
    trio.run(voicekit.run, handler)
