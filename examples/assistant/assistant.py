"""A home assistant: the time, timers, sums, units, dice, jokes, notes, and the answers in faq.toml.

    voicekit chat examples/assistant/assistant.py        (or `voicekit talk`, with voicekit-device)

Questions that no rule answers go to a language model, if voicekit-openai or voicekit-anthropic has an API key.
"""

import os
from pathlib import Path
from random import Random

import trio
from skills import clock, fun, notes, sums, timers, units

import voicekit
from voicekit.rules import Rules

HERE = Path(__file__).parent
NOTES = Path(os.environ.get("ASSISTANT_NOTES", HERE / "notes.txt"))
MODELS = {"OPENAI_API_KEY": ("openai", "gpt-5-mini"), "ANTHROPIC_API_KEY": ("anthropic", "claude-haiku-4-5")}
SYSTEM = "You are a voice assistant. Answer in one or two short sentences, without lists."

bot = Rules.load(HERE / "faq.toml", random=Random)
for skill in (clock, timers, sums, units, fun):
    skill.add_to(bot)
notes.add_to(bot, NOTES)
registry = voicekit.load_plugins().registry
keyed = [MODELS[variable] for variable in MODELS if os.environ.get(variable)]
models = [voicekit.Use(name, model=which, system=SYSTEM) for name, which in keyed if name in registry.names("handler")]
model = models[0].build(registry, "handler") if models else None


@bot.otherwise
async def ask_the_model(turn, say):
    """Let the model answer. If this takes a while, ask the caller to wait."""
    if model is None:
        await say("Sorry, I don't know that. Ask me what I can do.")
        return
    silence = trio.CancelScope()

    async def speak(text):
        silence.cancel()
        await say(text)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(excuse, say, silence)
        await model(turn, speak)  # type: ignore[arg-type]  # used like a Say
        silence.cancel()


async def excuse(say, silence):
    with silence:
        await trio.sleep(1.2)  # a shorter pause needs no excuse
        await say("Let me think. ")


if __name__ == "__main__":
    trio.run(voicekit.run, bot)
