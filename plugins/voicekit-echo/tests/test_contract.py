"""Checks voicekit's contracts for plugins and handlers, and what this plugin adds to them."""

from voicekit import Use, load_plugins
from voicekit.testing import Script, check_handler, hold_call
from voicekit_echo.handler import Echo


def test_the_plugin_is_found():
    """An installed plugin is listed with its origin and its hook."""
    found = {info.name: info for info in load_plugins().listing()}["echo"]
    assert found.origin.startswith("voicekit-echo ")
    assert found.hooks == ("voicekit_register",)


def test_the_plugin_can_be_blocked():
    """A blocked plugin registers nothing."""
    assert "echo" not in load_plugins(block=["echo"]).registry.names("handler")


async def test_the_handler_keeps_its_contract(autojump_clock):
    """It can be cancelled anywhere, answers again after that, and ends when nobody listens."""
    await check_handler(lambda: Use("echo").build(load_plugins().registry, "handler"))


def test_callers_hear_their_own_words():
    """In a whole call, the caller hears their words after the configured text."""
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    call = hold_call(Echo(before="I heard"), user)
    assert [exchange.heard for exchange in call.history] == ["I heard good morning"]
