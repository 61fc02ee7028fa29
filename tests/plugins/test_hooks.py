"""Each hook through the façade: what the plugin is given, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.plugins.support import FakeSession, FakeSink, loaded, plugin
from voicekit.errors import PluginError
from voicekit.events import SessionStarted, Typed
from voicekit.extend import Apologise, Commands, Restart, SessionView, Use


def test_voicekit_register_brings_parts_to_ask_for_by_name() -> None:
    """What a plugin registers can be built by role and name, and is signed with the plugin's name."""
    plugins = loaded(plugin("rules", voicekit_register=lambda registry: registry.sink("fake", FakeSink)))
    assert isinstance(Use("fake").build(plugins.registry, "sink"), FakeSink)
    assert plugins.registry.find("sink", "fake").plugin == "rules"


def test_voicekit_commands_adds_words_to_the_command_line() -> None:
    """A command that a plugin adds is found by its word and run with what follows it."""
    given: list[str] = []

    def run(arguments: list[str]) -> int:
        given.extend(arguments)
        return 3

    commands = Commands()
    loaded(plugin("rules", voicekit_commands=lambda commands: commands.add("greet", run, help="h"))).commands(commands)
    [command] = commands
    assert (command.name, command.run(["Ann"])) == ("greet", 3)
    assert given == ["Ann"]


def test_voicekit_commands_cannot_take_a_word_that_the_program_has() -> None:
    """The program adds its own words first; a plugin that wants one of them is told whose it is."""
    commands = Commands()
    commands.add("run", lambda arguments: 0, help="h")
    plugins = loaded(
        plugin("rules", voicekit_commands=lambda commands: commands.add("run", lambda arguments: 1, help="h"))
    )
    with pytest.raises(PluginError, match=r"plugin 'rules': .*command 'run' was already added by plugin 'voicekit'"):
        plugins.commands(commands)


def test_voicekit_session_has_the_last_word_before_anything_opens() -> None:
    """Every plugin may change the policy and keep data, the later ones seeing what the earlier ones did."""

    class Notes(list[str]):
        """What plugins here keep."""

    def first(session: SessionView) -> None:
        session.policy = replace(session.policy, turn=replace(session.policy.turn, settle=1.5))
        session.stash[Notes] = Notes(["first"])

    def second(session: SessionView) -> None:
        session.stash[Notes].append(f"second sees {session.policy.turn.settle}")

    session = FakeSession()
    plugins = loaded(plugin("first", voicekit_session=first), plugin("second", voicekit_session=second))
    assert plugins.session_contexts(session) == []
    assert session.stash[Notes] == ["first", "second sees 1.5"]


class Layer:
    """A layer that passes everything through to what is inside, as those of voicekit.flow do."""

    def __init__(self, inside: Any, name: str) -> None:
        self.inside = inside
        self.layer = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.inside, attribute)


def test_voicekit_wrap_stage_chains_layers_with_the_first_plugin_innermost() -> None:
    """Each plugin is given what the one before it made; None leaves that as it is."""
    plugins = loaded(
        plugin("inner", voicekit_wrap_stage=lambda stage: Layer(stage, "inner")),
        plugin("absent", voicekit_wrap_stage=lambda stage: None),
        plugin("outer", voicekit_wrap_stage=lambda stage: Layer(stage, "outer")),
    )
    sink: Any = FakeSink()
    wrapped: Any = plugins.wrap(sink, "sink", FakeSession())
    assert (wrapped.layer, wrapped.inside.layer) == ("outer", "inner")
    assert wrapped.inside.inside is sink


def test_voicekit_wrap_stage_is_told_the_role_and_the_session() -> None:
    """A plugin chooses by role; where nobody wants to wrap, the part itself comes back."""
    told: list[object] = []
    plugins = loaded(plugin("rules", voicekit_wrap_stage=lambda role, session: told.extend([role, session])))
    session = FakeSession()
    sink: Any = FakeSink()
    assert plugins.wrap(sink, "sink", session) is sink
    assert told == ["sink", session]


async def test_voicekit_session_is_entered_around_the_conversation() -> None:
    """The contexts come in the order of the plugins, to be entered in it and left in the reverse."""
    steps: list[str] = []

    def of(name: str) -> Any:
        @asynccontextmanager
        async def voicekit_session(session: SessionView) -> AsyncIterator[None]:
            steps.append(f"enter {name}")
            yield
            steps.append(f"leave {name}")

        return plugin(name, voicekit_session=voicekit_session)

    plugins = loaded(of("first"), plugin("absent", voicekit_session=lambda: None), of("second"))
    async with AsyncExitStack() as stack:
        for context in plugins.session_contexts(FakeSession()):
            await stack.enter_async_context(context)
    assert steps == ["enter first", "enter second", "leave second", "leave first"]


def test_voicekit_answer_takes_the_first_handler_and_asks_nobody_else() -> None:
    """Rules first, model last: the first plugin that wants a turn gets it."""
    asked: list[object] = []

    async def hello(turn: object, say: object) -> None: ...

    plugins = loaded(
        plugin("absent", voicekit_answer=lambda turn: None),
        plugin("rules", voicekit_answer=lambda turn: hello),
        plugin("model", voicekit_answer=lambda turn: asked.append(turn)),
    )
    turn: Any = object()
    assert plugins.answer(turn) is hello
    assert asked == []


def test_voicekit_answer_may_be_left_to_the_session() -> None:
    """None from everybody is no error: the session's own handler answers."""
    turn: Any = object()
    asked: list[object] = []
    assert loaded(plugin("rules", voicekit_answer=lambda turn: asked.append(turn))).answer(turn) is None
    assert asked == [turn]


def test_voicekit_observe_sees_every_event_with_its_session() -> None:
    """Each observer is shown each event; there is nothing to report when all is well."""
    seen: list[object] = []
    plugins = loaded(plugin("log", voicekit_observe=lambda event, session: seen.append((event, session))))
    session = FakeSession()
    assert plugins.observe(SessionStarted(), session) == ()
    assert plugins.observe(Typed("hello"), session) == ()
    assert seen == [(SessionStarted(), session), (Typed("hello"), session)]


@pytest.mark.parametrize("remedy", [Apologise("Sorry."), Restart()])
def test_voicekit_handle_error_takes_the_first_opinion(remedy: Apologise | Restart) -> None:
    """The first plugin that answers decides; it is told the error, the role and the session."""
    told: list[object] = []

    def decide(error: Exception, role: str, session: SessionView) -> Apologise | Restart:
        told.extend([error, role, session])
        return remedy

    plugins = loaded(
        plugin("absent", voicekit_handle_error=lambda: None),
        plugin("decides", voicekit_handle_error=decide),
        plugin("late", voicekit_handle_error=lambda: Apologise("Too late.")),
    )
    error, session = ValueError("hoarse"), FakeSession()
    assert plugins.handle_error(error, "tts", session) == remedy
    assert told == [error, "tts", session]


def test_voicekit_handle_error_may_let_the_error_take_its_course() -> None:
    """None from everybody, or nobody to ask, is no remedy."""
    plugins = loaded(plugin("absent", voicekit_handle_error=lambda: None))
    assert plugins.handle_error(ValueError("hoarse"), "tts", FakeSession()) is None
