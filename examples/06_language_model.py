"""A bot that asks a language model with one tool, a table. Set OPENAI_API_KEY, or OPENAI_BASE_URL for another
server.
"""

import trio

import voicekit
from voicekit.llm import tool
from voicekit_openai.models import openai


@tool(side_effects=False, filler="One moment.")
async def free_tables(day: str, people: int) -> list[str]:
    """Look up the times at which a table is free."""
    return ["18:30", "20:00"] if people <= 4 else []


bot = openai(model="gpt-4.1-mini", system="You take bookings for a small restaurant. Be brief.", tools=[free_tables])

if __name__ == "__main__":
    trio.run(voicekit.run, bot)
