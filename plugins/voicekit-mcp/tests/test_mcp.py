"""Tools of a real MCP server, in a process of its own, called by a model."""

from __future__ import annotations

import io
import sys
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.llm_kit import ask
from voicekit.errors import ConfigError, Unavailable
from voicekit.llm import Policy, Tool
from voicekit.reply.handler import Turn
from voicekit.testing.llm import Answer, Calls, ModelServer
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
    calls = Answer(Calls("s_add", {"a": 2, "b": 3}, id="a"), Calls("s_add", {"a": "x"}, id="b"))
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
    async with opened(COMMAND, policies={"die": Policy(on_barge_in="finish")}) as tools:
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


async def test_a_server_that_dies_fails_its_calls_and_no_more() -> None:
    """The model is told that the tool failed, and the turn goes on."""
    models = ModelServer(
        Answer(Calls("die", {}, id="a")), Answer(Calls("add", {"a": 1}, id="b")), "It is out of order."
    )
    async with opened(COMMAND) as tools:
        heard = await ask(openai(model="m", api_key="k", tools=tools, transport=models.transport))
    assert heard.text == "It is out of order."
    assert len(heard.troubles) == 2


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
