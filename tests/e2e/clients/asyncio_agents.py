"""A program that holds calls with agents of asyncio frameworks as handlers, and prints what became of them as JSON.

    python asyncio_agents.py pydantic-ai|langgraph EXAMPLE

It runs in an environment that has the framework. The models are the frameworks' own fakes; each call is held five
times in virtual time, and the caller interrupts the long first answer. EXAMPLE is the file whose `bot` is the handler
for pydantic-ai.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import voicekit.aio
from voicekit.testing import Script, hold_call

ANSWER = "The table is booked for four people at half past seven this evening, under the name of Jones, by the window. "


def pydantic_ai(example: str) -> Any:
    """The handler of the example, its model a TestModel."""
    from pydantic_ai.models.test import TestModel

    spec = importlib.util.spec_from_file_location("example", example)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.agent.model = TestModel(custom_output_text=ANSWER * 3)
    return module.bot


def langgraph(example: str) -> Any:
    """A graph of one node that asks langchain's fake chat model, streamed message by message."""
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.graph import END, START, MessagesState, StateGraph

    model = GenericFakeChatModel(messages=iter(AIMessage(ANSWER * 3) for _ in range(100)))

    async def ask(state: Any) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    app = graph.compile()

    @voicekit.aio.handler
    async def bot(turn: Any) -> AsyncIterator[str]:
        given = {"messages": [HumanMessage(turn.text)]}
        async for message, _ in app.astream(given, stream_mode="messages"):
            yield message.content

    return bot


def held(bot: Any) -> dict[str, Any]:
    calls = []
    for _ in range(5):
        script = Script()
        script.says("a table for four", at=1.0, for_=1.0)
        script.says("stop please", at=7.0, for_=1.0)
        script.says("thank you", at=40.0, for_=0.8)
        calls.append(hold_call(bot, script))
    return {
        "timelines": len({str(call.timeline) for call in calls}),
        "tasks": [call.tasks_left for call in calls],
        "turns": [{"heard": turn.heard, "said": turn.said, "cut": turn.cut} for turn in calls[0].history],
        "orphans": voicekit.aio.orphans(),
    }


if __name__ == "__main__":
    make = {"pydantic-ai": pydantic_ai, "langgraph": langgraph}[sys.argv[1]]
    print(json.dumps(held(make(sys.argv[2]))))
