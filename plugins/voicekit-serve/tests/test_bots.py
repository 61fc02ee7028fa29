"""A bot for many calls: each call has parts of its own."""

from __future__ import annotations

from typing import Any

import pytest

from voicekit import Use
from voicekit.errors import ConfigError
from voicekit.extend import load_plugins
from voicekit.session.bot import Bot
from voicekit.testing import FakeTts
from voicekit_serve.bots import _handlers, answering


class Counter:
    """A handler that keeps something of its call."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, turn: Any) -> str:
        self.asked += 1
        return f"You asked {self.asked} times."


class Shared(Counter):
    shared = True


def test_a_class_is_called_for_each_call() -> None:
    """Two calls have two handlers."""
    make = _handlers(Counter)
    assert make() is not make()
    assert isinstance(make(), Counter)


def test_a_function_and_a_text_serve_all_calls() -> None:
    """They keep nothing."""

    def bot(turn: Any) -> str:
        return "Yes?"

    assert _handlers(bot)() is bot
    assert _handlers("Yes?")() == "Yes?"


def test_one_object_for_all_calls_is_refused_unless_it_keeps_nothing() -> None:
    """An instance would mix calls up; one that says `shared` may."""
    with pytest.raises(ConfigError, match="expected a function, or a class"):
        _handlers(Counter())
    shared = Shared()
    assert _handlers(shared)() is shared


async def test_one_tts_for_all_calls_is_refused() -> None:
    """A part that was made already is one for all; a name or `Use` is built anew for each."""
    plugins = load_plugins()
    with pytest.raises(ConfigError, match="tts: expected a name or Use"):
        async with answering(Bot("Yes?", tts=FakeTts(), stt=None, vad=None), plugins, print):
            raise AssertionError("it was let through")
    async with answering(Bot("Yes?", tts=Use("quiet"), stt=None, vad=None), plugins, print) as answer:
        assert callable(answer)
