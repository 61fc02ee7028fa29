"""Tools of a real MCP server, in a process of its own, called by a model."""

from __future__ import annotations

import io
import sys
import traceback
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
from mcp.shared.exceptions import MCPError

from tests.llm_kit import ask
from voicekit.errors import ConfigError, Unavailable
from voicekit.llm import Tool, ToolPolicy
from voicekit.reply.handler import Turn
from voicekit.testing.llm import AnswerCalls, ModelServer, ScriptedAnswer
from voicekit_mcp import open_mcp, show
from voicekit_mcp.command import show as shown
from voicekit_openai.models import openai

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, str(Path(__file__).with_name("server.py"))]
ENOUGH = 120.0
"""Seconds after which a test gives up on a server: a busy machine takes long to start one."""

opened = partial(open_mcp, open_timeout=ENOUGH)


async def test_a_model_calls_the_tools_of_a_server() -> None:
    """The model sees what the server offers, its calls reach it, and what the server says of wrong ones comes back."""
    calls = ScriptedAnswer(AnswerCalls("s_add", {"a": 2, "b": 3}, id="a"), AnswerCalls("s_add", {"a": "x"}, id="b"))
    models = ModelServer(calls, "Five.")
    async with opened(COMMAND, prefix="s_") as tools:
        heard = await ask(openai(model="m", api_key="k", tools=tools, transport=models.transport))
    assert (heard.text, heard.troubles) == ("Five.", [])
    first, *_ = models.asked[0].body["tools"]
    assert first["function"]["name"] == "s_add"
    assert first["function"]["description"] == "Add two numbers."
    assert first["function"]["parameters"]["required"] == ["a"]
    results = {message.get("tool_call_id"): message["content"] for message in models.asked[1].body["messages"]}
    assert results["a"] == "5"
    assert "valid integer" in results["b"]


async def test_names_and_effects_are_what_a_model_needs() -> None:
    """Names have only characters that models take, and only what the server calls read-only has no side effects."""
    async with opened(COMMAND, policies={"die": ToolPolicy(on_barge_in="finish")}) as tools:
        assert {tool.name: tool.policy.side_effects for tool in tools} == {"add": False, "very_slow": True, "die": True}
        assert tools[2].policy.on_barge_in == "finish"
    async with opened(COMMAND, only=["add"]) as tools:
        assert [tool.name for tool in tools] == ["add"]
    with pytest.raises(ConfigError, match=r"the server has no tool 'sub'; it has: add, very\.slow, die"):
        async with opened(COMMAND, only=["sub"]):
            pass


async def test_a_server_over_http_serves_as_well() -> None:
    """A URL is connected to as a command is, and an interrupted call leaves it usable."""
    port = await _free_port()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.run_process, [*COMMAND, str(port)])
        async with await _reached(f"http://127.0.0.1:{port}/mcp") as tools:
            with trio.move_on_after(0.2):
                await tools[1].run({}, Turn(1, ""))
            assert await tools[0].run({"a": 1}, Turn(2, "")) == "2"
        nursery.cancel_scope.cancel()


async def _free_port() -> int:
    async with (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0] as listener:
        port: int = listener.socket.getsockname()[1]
    return port


async def _reached(url: str) -> AbstractAsyncContextManager[list[Tool]]:
    """What to enter for the tools at `url`, once there is a server."""
    with trio.fail_after(ENOUGH):
        while True:
            with suppress(Unavailable):
                async with open_mcp(url):
                    return opened(url)
            await trio.sleep(0.1)


async def test_a_call_can_be_cancelled() -> None:
    """An interruption leaves the connection as it was, for the next call."""
    async with opened(COMMAND) as tools:
        add, slow, _ = tools
        with trio.move_on_after(0.2) as interrupted:
            await slow.run({}, Turn(1, ""))
        assert interrupted.cancelled_caught
        assert await add.run({"a": 1}, Turn(2, "")) == "2"


async def test_a_server_that_dies_in_a_call_fails_that_call_alone() -> None:
    """A call that may have had its effect is not made twice; the next one finds a new connection."""
    models = ModelServer(
        ScriptedAnswer(AnswerCalls("die", {}, id="a")),
        ScriptedAnswer(AnswerCalls("add", {"a": 1}, id="b")),
        "It is out of order.",
    )
    async with opened(COMMAND) as tools:
        heard = await ask(openai(model="m", api_key="k", tools=tools, transport=models.transport))
    assert heard.text == "It is out of order."
    [trouble] = heard.troubles
    assert "the connection was lost during a call" in str(trouble)
    assert models.asked[2].body["messages"][-1]["content"] == "2"


async def test_a_call_that_may_be_made_twice_is_made_again() -> None:
    """A read-only tool whose server dies under it is called once more, on a new connection, and not for ever."""
    async with open_mcp(COMMAND, policies={"die": ToolPolicy(side_effects=False)}) as tools:
        with pytest.raises(MCPError, match="Connection closed"):
            await tools[2].run({}, Turn(1, ""))
        assert await tools[0].run({"a": 1}, Turn(1, "")) == "2"


async def test_a_server_that_died_between_two_calls_is_started_again() -> None:
    """A connection outlives its server: the next call, also one with side effects, finds a new one."""
    async with open_mcp(COMMAND, policies={"add": ToolPolicy()}) as tools:
        with suppress(Unavailable):
            await tools[2].run({}, Turn(1, ""))
        for _ in range(3):
            assert await tools[0].run({"a": 1}, Turn(1, "")) == "2"


HALF = """
import json, sys
def say(m, r): print(json.dumps(dict(jsonrpc="2.0", id=m["id"], result=r)), flush=True)
for line in sys.stdin:
    m = json.loads(line)
    if m.get("method") == "initialize":
        say(m, dict(protocolVersion=m["params"]["protocolVersion"], capabilities=dict(tools={}),
                    serverInfo=dict(name="x", version="1")))
    elif m.get("method") == "tools/list" and TOOLS:
        say(m, TOOLS(int((m.get("params") or {}).get("cursor", 0))))
    elif m.get("method") != "tools/list" and "id" in m: say(m, {})
"""


def half(tools: str) -> list[str]:
    """The command of a server whose list of tools is what `tools` makes of the number of the page."""
    return [sys.executable, "-c", f"TOOLS = {tools}\n{HALF}"]


@pytest.mark.parametrize(
    "tools",
    ["None", "lambda page: (__import__('time').sleep(0.4), {'tools': [], 'nextCursor': str(page + 1)})[1]"],
    ids=["no list", "a list without end"],
)
async def test_all_of_opening_is_within_its_time(tools: str) -> None:
    """A server that shakes hands and never lists its tools, or never stops to, is Unavailable in time."""
    start = trio.current_time()
    with pytest.raises(Unavailable, match="did not open within 2 s"):
        async with open_mcp(half(tools), open_timeout=2.0):
            pass
    assert trio.current_time() - start < 6


TOOL = "{'name': %s, 'description': %s, 'inputSchema': {'type': 'object', 'title': %s}}"


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        (f"[{TOOL % ('str(n)', repr('d'), repr('t'))} for n in range(100)]", "at most 64 tools, got 100"),
        (f"[{TOOL % ('n * 200', repr('d'), repr('t'))} for n in 'ab']", "name of at most 128 characters, got 200"),
        (f"[{TOOL % ('n', 'n * 9000', repr('t'))} for n in 'ab']", "description of at most 8192 characters, got 9000"),
        (f"[{TOOL % ('n', repr('d'), 'n * 9000')} for n in 'ab']", "schema of at most 8192 characters"),
    ],
    ids=["many", "name", "description", "schema"],
)
async def test_what_a_model_is_offered_has_a_bound(tools: str, why: str) -> None:
    """More tools, or longer ones, than each request should carry are a mistake, whose way out is `only`."""
    with pytest.raises(ConfigError, match=f"{why}.*`only`"):
        async with open_mcp(half(f"lambda page: {{'tools': {tools}}}")):
            pass
    async with open_mcp(half(f"lambda page: {{'tools': {tools}}}"), only=[]) as none:
        assert none == []


async def test_no_password_is_in_an_error() -> None:
    """Of an address with a password, and of the environment of a command, nothing secret is shown."""
    password, key = "pa55word", "k-123"
    with pytest.raises(Unavailable) as failed:
        async with open_mcp(f"http://me:{password}@127.0.0.1:9/mcp?api_key={key}", open_timeout=5.0):
            pass
    shown = "".join(traceback.format_exception(failed.value))
    assert password not in shown
    assert key not in shown


@pytest.mark.parametrize("server", [["no-such-program"], "http://127.0.0.1:9/mcp"], ids=["command", "URL"])
async def test_a_server_that_is_not_there(server: str | list[str]) -> None:
    """What can't be reached is Unavailable, before any call."""
    with pytest.raises(Unavailable, match="MCP"):
        async with open_mcp(server, open_timeout=5.0):
            pass


async def test_a_server_is_a_url_or_a_command() -> None:
    """A command in one string is a mistake, and told as one."""
    with pytest.raises(ConfigError, match="expected a URL, or a command"):
        async with open_mcp("python server.py"):
            pass


def test_the_command_shows_the_tools() -> None:
    """`voicekit mcp` prints what a server offers, or how it is used."""
    out = io.StringIO()
    assert shown(COMMAND, out) == 0
    assert out.getvalue().startswith("add(a, b)  (read-only)\n    Add two numbers.\nvery_slow()\n")
    assert show(["no-such-program"]) == 1
    assert shown([], out) == 2
