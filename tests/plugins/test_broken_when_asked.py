"""Each way in which a hook can go wrong when it is asked: one clear PluginError, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.plugins.support import FakeSession, FakeSink, loaded, plugin
from voicekit.errors import PluginError
from voicekit.events import SessionEvent, SessionStarted, Trouble
from voicekit.extend import Commands


@asynccontextmanager
async def _entered() -> Any:
    yield


@pytest.mark.parametrize(
    ("hook", "answer", "ask", "told"),
    [
        ("voicekit_commands", "x", lambda p, s: p.commands(Commands()), "expected None, got str"),
        (
            "voicekit_wrap_stage",
            object(),
            lambda p, s: p.wrap(FakeSink(), "sink", s),
            "expected a sink (with name, format, pausable, open), got object without name, format, pausable, open",
        ),
        (
            "voicekit_wrap_stage",
            FakeSink,
            lambda p, s: p.wrap(FakeSink(), "sink", s),
            "expected a sink (with name, format, pausable, open), got the class FakeSink itself",
        ),
        (
            "voicekit_session",
            _entered,
            lambda p, s: p.session_contexts(s),
            "expected an async context manager, got function",
        ),
        (
            "voicekit_answer",
            7,
            lambda p, s: p.answer(None),
            "expected a handler (with __call__), got int without __call__",
        ),
        (
            "voicekit_handle_error",
            "sorry",
            lambda p, s: p.handle_error(ValueError("x"), "voice", s),
            "expected Apologise, Restart or None, got str",
        ),
    ],
)
def test_an_answer_of_the_wrong_type_is_an_error(
    hook: str, answer: object, ask: Callable[[Any, FakeSession], object], told: str
) -> None:
    """The error names plugin and hook, what was expected and what came."""
    plugins = loaded(plugin("rules", **{hook: lambda: answer}))
    with pytest.raises(PluginError) as error:
        ask(plugins, FakeSession())
    assert str(error.value) == f"plugin 'rules': {hook}: {told}"


@pytest.mark.parametrize(
    ("hook", "ask"),
    [
        ("voicekit_commands", lambda p, s: p.commands(Commands())),
        ("voicekit_wrap_stage", lambda p, s: p.wrap(FakeSink(), "sink", s)),
        ("voicekit_session", lambda p, s: p.session_contexts(s)),
        ("voicekit_answer", lambda p, s: p.answer(None)),
        ("voicekit_handle_error", lambda p, s: p.handle_error(ValueError("x"), "voice", s)),
    ],
)
def test_a_plugin_that_raises_in_a_hook_is_named(hook: str, ask: Callable[[Any, FakeSession], object]) -> None:
    """The caller gets one PluginError that names plugin and hook; the original is its cause."""
    original = RuntimeError("no luck")

    def fail() -> None:
        raise original

    plugins = loaded(plugin("rules", **{hook: fail}))
    with pytest.raises(PluginError, match=f"plugin 'rules': {hook} raised RuntimeError: no luck") as told:
        ask(plugins, FakeSession())
    assert told.value.__cause__ is original


def test_the_error_that_was_to_be_handled_is_not_lost() -> None:
    """When a plugin fails while it handles an error, a note tells about that one."""

    def fail() -> None:
        raise RuntimeError("no luck")

    plugins = loaded(plugin("rules", voicekit_handle_error=fail))
    with pytest.raises(PluginError) as told:
        plugins.handle_error(ValueError("hoarse"), "tts", FakeSession())
    assert told.value.__notes__ == ["while it was asked about ValueError in the tts: hoarse"]


@pytest.mark.parametrize("wrong", [lambda: 1 / 0, lambda: "something"])
def test_an_observer_that_fails_is_reported_once_and_costs_the_others_nothing(wrong: Callable[[], object]) -> None:
    """It becomes one Trouble, and sees no more of that session; others see each event, and other sessions see it."""
    seen: list[SessionEvent] = []
    plugins = loaded(
        plugin("before", voicekit_observe=lambda event: seen.append(event)),
        plugin("broken", voicekit_observe=wrong),
        plugin("after", voicekit_observe=lambda event: seen.append(event)),
    )
    session = FakeSession()
    [trouble] = plugins.observe(SessionStarted(), session)
    assert isinstance(trouble, Trouble)
    assert trouble.where == "plugin 'broken'"
    assert isinstance(trouble.error, PluginError)
    assert plugins.observe(trouble, session) == ()
    assert seen == [SessionStarted(), SessionStarted(), trouble, trouble]
    assert len(plugins.observe(SessionStarted(), FakeSession())) == 1
