"""A bot that answers with a language model. Its one tool looks up free tables in a restaurant.

Set OPENAI_API_KEY. To use a server other than OpenAI's, also set OPENAI_BASE_URL.
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
