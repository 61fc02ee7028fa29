"""The demo's bot, which follows fixed rules."""

from __future__ import annotations

from datetime import timedelta

import trio

from voicekit.reply.handler import Turn
from voicekit.rules import Rules, Step

GREETING = "Hello! I am a voice bot, and I live on this computer. What can I do for you?"

STORY = """Once upon a time there was a telephone that nobody ever called. It stood in a quiet hall, and it had learned
all the numbers of the town by heart. One winter night, when the snow lay deep on the wires, it made up its mind and
called somebody itself. It called the baker, who was asleep. It called the doctor, who was away. At last it called the
old lighthouse, and there, after a very long time, somebody picked up and said: I have waited for you all my life."""

bot = Rules()
bot.on("hello", "good (morning|evening)", answer="Hello again!")
bot.on("tell me a story", answer=STORY.replace("\n", " "))
bot.on("what is {a:number} times {b:number}", answer=lambda a, b: f"{a} times {b} is {a * b}.")
bot.on(
    "book a table for {people:number} people on {day}",
    answer="A table for {people} on {day}. It is yours.",
)
bot.on("[thank you [very much]] (goodbye|bye)", answer=Step("Goodbye!", end=True))
bot.otherwise("Sorry, I did not understand that.")


@bot.on("set a timer for {length:duration}")
def timer(length: timedelta, turn: Turn) -> str:
    seconds = length.total_seconds()
    turn.session.start_soon(ring, turn, seconds)
    return f"All right, {seconds:g} seconds from now."


async def ring(turn: Turn, seconds: float) -> None:
    """Tell the caller when the time is up, without waiting for a turn."""
    await trio.sleep(seconds)
    await turn.session.say(f"Your {seconds:g} seconds are over.")
