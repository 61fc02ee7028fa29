"""An agent from an asyncio framework, here pydantic-ai, as the handler. LangGraph's `astream` works the same way.

Run `pip install pydantic-ai-slim` with the extra for your model, set the model's API key, and pass the model's name to
this program. Without a name, the example uses pydantic-ai's TestModel, which always gives the same answer.
"""

import sys
from collections.abc import AsyncIterator

import trio
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

import voicekit
import voicekit.aio

model = sys.argv[1] if __name__ == "__main__" and sys.argv[1:] else TestModel(custom_output_text="The table is booked.")
agent = Agent(model, instructions="You take bookings for a small restaurant. Be brief.")


@voicekit.aio.handler
async def bot(turn: voicekit.Turn) -> AsyncIterator[str]:
    """The handler. It runs on the asyncio loop; if the caller interrupts, the agent's run is cancelled."""
    async with agent.run_stream(turn.text or "Greet the caller.") as answer:
        async for text in answer.stream_text(delta=True):
            yield text


if __name__ == "__main__":
    trio.run(voicekit.run, bot)
