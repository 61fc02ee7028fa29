"""A stand-in for language model services: it sends scripted answers in the real formats, over loopback or in memory.

    server = ModelServer("Good morning!", ScriptedAnswer(AnswerCalls("weather")), Status(429, retry_after=1))

    async with server.serve() as url: ...            # over loopback: base_url=f"{url}/v1"
    openai(model="any", transport=server.transport)  # in memory, for virtual time

Like the services, it rejects invalid conversations, for example if a tool call has no result, or if the roles don't
alternate.
"""

from voicekit.testing.llm.answering import Asked
from voicekit.testing.llm.answers import (
    AnswerCalls,
    AnswerCut,
    AnswerStall,
    Broken,
    Fails,
    Pause,
    Refuses,
    ScriptedAnswer,
    Status,
    Stops,
)
from voicekit.testing.llm.refusals import why_refused
from voicekit.testing.llm.server import ModelServer

__all__ = [
    "ModelServer",
    "ScriptedAnswer",
    "AnswerCalls",
    "AnswerCut",
    "AnswerStall",
    "Asked",
    "Broken",
    "Fails",
    "Pause",
    "Refuses",
    "Status",
    "Stops",
    "why_refused",
]
