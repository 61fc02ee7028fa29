"""A bot made only of rules, without a model or a key: it takes a booking, sets timers, and responds to
"hello" and "goodbye".
"""

import trio

import voicekit
from voicekit.rules import Rules, Step, vary

bot = Rules()
bot.on("hello", "good (morning|evening)", answer=vary("Hello!", "Good to hear you.", "Hi there!"))
bot.on("bye", "goodbye", answer=Step("Goodbye!", end=True))
bot.otherwise("Sorry, I can book a table and set a timer.")
day = bot.ask("On which day?", "day", choices=["Friday", "Saturday"], reprompts=["Friday or Saturday?"])
day.then("A table on {day}. Thank you!")
bot.on("(book|reserve) a table", answer=day)
bot.on(
    "set a timer for {length:duration}",
    answer=lambda length: f"That is {length.total_seconds():g} seconds from now.",
)


if __name__ == "__main__":
    trio.run(voicekit.run, bot)
