"""Each way in which a plugin can be wrong before it is asked: one clear PluginError that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.plugins.conftest import Install
from tests.plugins.support import FakeSession, FakeSink, loaded, plugin
from voicekit.errors import PluginError
from voicekit.events import SessionStarted
from voicekit.extend import hookimpl, load_plugins


def unmarked(name: str, **functions: Callable[..., Any]) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(functions)
    return module


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("def voicekit_register(registry:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_installed_plugin_that_fails_to_import_is_named(install: Install, source: str, error: str) -> None:
    """The error says which plugin, of which distribution, what was raised, and how to go on without it."""
    install("sonar", source)
    with pytest.raises(
        PluginError, match=rf"plugin 'sonar' \(voicekit-sonar 1\.0\): the import raised {error}"
    ) as told:
        load_plugins()
    assert told.value.__cause__ is not None
    assert told.value.__notes__ == ["to continue without what failed: VOICEKIT_BLOCK=sonar"]


def test_a_voicefile_that_fails_is_named_and_not_kept(voicefile: Callable[[str], Path]) -> None:
    """A broken voicefile is an error with its path, and running it again is a new attempt."""
    path = voicefile("raise RuntimeError('first')")
    with pytest.raises(PluginError, match=r"'voicefile' \(.*voicefile\.py\): the import raised RuntimeError: first"):
        load_plugins(voicefile=path)
    path.write_text("raise RuntimeError('the second attempt')")
    with pytest.raises(PluginError, match="second attempt"):
        load_plugins(voicefile=path)


def test_a_voicefile_that_is_no_python_file_is_named(tmp_path: Path) -> None:
    """A file of another kind can't be a plugin."""
    path = tmp_path / "voicefile.toml"
    path.write_text("")
    with pytest.raises(PluginError, match=r"plugin 'voicefile' .*expected a file that ends in \.py"):
        load_plugins(voicefile=path)


def test_all_broken_plugins_are_told_at_once(install: Install) -> None:
    """The first error has a note about each other one, and one about how to block them all."""
    install("ant", "1 / 0")
    install("bee", "import no_such_module_anywhere")
    with pytest.raises(PluginError, match="plugin 'ant'") as told:
        load_plugins()
    also, block = told.value.__notes__
    assert also.startswith("also broken: plugin 'bee' (voicekit-bee 1.0): the import raised ModuleNotFoundError")
    assert block == "to continue without what failed: VOICEKIT_BLOCK=ant,bee"


def test_a_program_that_lists_plugins_can_go_on_without_the_broken_ones(install: Install) -> None:
    """With strict off, errors are kept by name, the broken plugins are listed without hooks, and the rest works."""
    install("ant", "1 / 0")
    register = plugin("greedy", voicekit_register=lambda registry: registry.vad("webrtc"), voicekit_observe=lambda: 1)
    plugins = load_plugins(extra=[register], strict=False)
    assert {"ant", "greedy"} <= plugins.failures.keys()
    assert "webrtc" in plugins.registry.names("vad")
    assert [each.hooks for each in plugins.listing() if each.name == "ant"] == [()]
    assert plugins.observe(SessionStarted(), FakeSession()) == ()  # greedy is not called again


def test_a_name_that_two_distributions_give_is_an_error_with_both(install: Install) -> None:
    """Two plugins of one name could not be told apart or blocked."""
    source = "from voicekit.extend import hookimpl\n@hookimpl\ndef voicekit_observe(): ..."
    install("sonar", source, distribution="voicekit-sonar")
    install("sonar", source, distribution="acme-sonar")
    with pytest.raises(
        PluginError, match=r"plugin 'sonar': two plugins have this name: acme-sonar 1\.0 and voicekit-sonar 1"
    ):
        load_plugins()


def test_the_name_of_a_plugin_must_be_a_plain_word(install: Install) -> None:
    """Names stand in variables and in lists with commas, so an odd one is refused before anything is imported."""
    install("Sonar.X", "raise RuntimeError('imported')", distribution="voicekit-sonar")
    with pytest.raises(
        PluginError, match=r"plugin 'Sonar\.X' \(voicekit-sonar 1\.0\): its name: expected a lower-case"
    ):
        load_plugins()


def test_a_hook_that_does_not_exist_is_an_error_with_a_guess() -> None:
    """A marked function must have the name of a hook."""
    with pytest.raises(
        PluginError, match=r"'rules': voicekit_awnser: there is no hook 'voicekit_awnser' \(did you mean 'voicekit_ans"
    ):
        loaded(plugin("rules", voicekit_awnser=lambda turn: None))


def test_a_function_that_looks_like_a_hook_must_be_one() -> None:
    """What begins with voicekit_ is taken for a hook even without the marker, so a slip can't pass unseen."""
    with pytest.raises(
        PluginError, match=r"there is no hook 'voicekit_observed' \(did you mean 'voicekit_observe'\?\)"
    ):
        loaded(unmarked("rules", voicekit_observed=lambda event: None))


def test_a_marked_function_without_the_prefix_is_an_error() -> None:
    """A marker on any other name hooks nothing, and says so."""
    with pytest.raises(PluginError, match="plugin 'rules': answer: there is no hook 'answer'"):
        loaded(plugin("rules", answer=lambda turn: None))


def test_a_hook_of_a_later_voicekit_may_be_marked_optional() -> None:
    """`optionalhook` lets one plugin serve several versions: what this one doesn't have, it doesn't ask."""
    module = plugin("rules", voicekit_observe=lambda event: None)
    module.voicekit_tomorrow = hookimpl(lambda: None, optionalhook=True)  # type: ignore[attr-defined]
    assert loaded(module).listing()[0].hooks == ("voicekit_observe",)


def test_a_hook_may_have_another_name_in_the_code() -> None:
    """`specname` says which hook a function of any name is."""
    module = ModuleType("rules")
    module.heed = hookimpl(lambda event: None, specname="voicekit_observe")  # type: ignore[attr-defined]
    assert loaded(module).listing()[0].hooks == ("voicekit_observe",)


def test_a_hook_without_the_marker_is_an_error() -> None:
    """A hook that would never be asked says what it lacks."""
    with pytest.raises(
        PluginError, match=r"plugin 'rules': voicekit_observe: a hook needs the decorator @voicekit\.hook"
    ):
        loaded(unmarked("rules", voicekit_observe=lambda event: None))


@pytest.mark.parametrize(
    ("hook", "function", "told"),
    [
        ("voicekit_answer", lambda trun: None, r"from \(turn\), got 'trun' \(did you mean 'turn'\?\)"),
        ("voicekit_observe", lambda event, sesion: None, r"from \(event, session\), got 'sesion' \(did you mean 's"),
        ("voicekit_observe", lambda event, *, session: None, r"from \(event, session\), got 'session'"),
    ],
)
def test_a_misspelt_argument_is_an_error_with_a_guess(hook: str, function: Callable[..., Any], told: str) -> None:
    """A hook takes what is offered, by name and position; what it can't be given is said before it is asked."""
    with pytest.raises(PluginError, match=rf"plugin 'rules': {hook}: expected only arguments {told}"):
        loaded(plugin("rules", **{hook: function}))


def test_a_class_in_place_of_its_instance_is_an_error() -> None:
    """The methods of a class want a self that nobody can give them."""

    class Rules:
        @hookimpl
        def voicekit_answer(self, turn: object) -> None: ...

    with pytest.raises(PluginError, match=r"plugin 'rules': .* expected only arguments from \(turn\), got 'self'"):
        loaded(Rules)


def test_a_hook_may_have_arguments_of_its_own_with_defaults() -> None:
    """An argument with a default is the plugin's own affair."""
    answers: list[object] = []

    def voicekit_observe(event: object, keep: list[object] = answers) -> None:
        keep.append(event)

    loaded(plugin("rules", voicekit_observe=voicekit_observe)).observe(SessionStarted(), FakeSession())
    assert answers == [SessionStarted()]


async def _later(turn: object) -> None: ...


async def _never(event: object) -> Any:
    yield


@pytest.mark.parametrize(("hook", "function"), [("voicekit_answer", _later), ("voicekit_observe", _never)])
def test_a_hook_that_is_asynchronous_is_an_error(hook: str, function: Callable[..., Any]) -> None:
    """Nobody would await it: hooks are plain functions."""
    with pytest.raises(PluginError, match=f"plugin 'rules': {hook}: a hook must be a plain function"):
        loaded(plugin("rules", **{hook: function}))


def test_a_hook_wrapper_is_an_error() -> None:
    """Plugins are asked one by one, so there is no call to wrap."""

    def voicekit_answer(turn: object) -> Any:
        return (yield)

    module = ModuleType("rules")
    module.voicekit_answer = hookimpl(voicekit_answer, wrapper=True)  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="plugin 'rules': voicekit_answer: a hook can't be a wrapper"):
        loaded(module)


@pytest.mark.parametrize(
    ("thing", "kind"),
    [(ModuleType("empty"), "module empty"), (42, "int object"), ("sonar", "str object"), (None, "No")],
)
def test_a_plugin_without_hooks_is_an_error(thing: object, kind: str) -> None:
    """What implements nothing was given by mistake."""
    with pytest.raises(PluginError, match=f"expected a module or object with hooks, got {kind}"):
        loaded(thing)


def test_a_plugin_that_raises_at_start_up_stops_the_program() -> None:
    """The error names plugin and hook; the original is its cause."""
    original = KeyError("model")

    def fail() -> None:
        raise original

    with pytest.raises(PluginError, match="plugin 'rules': voicekit_register raised KeyError: 'model'") as told:
        loaded(plugin("rules", voicekit_register=fail))
    assert told.value.__cause__ is original


def test_a_registered_name_that_is_taken_is_an_error_with_both() -> None:
    """Neither plugin silently replaces what the other brought."""
    first, second = (
        plugin(name, voicekit_register=lambda registry: registry.sink("loud", FakeSink)) for name in ("first", "second")
    )
    with pytest.raises(PluginError, match=r"plugin 'second': .*sink 'loud' is already registered by plugin 'first'"):
        loaded(first, second)


@pytest.mark.parametrize("name", ["", "Loud", "9lives", "two words", "a.b", 7])
def test_a_registered_name_that_is_malformed_is_an_error(name: object) -> None:
    """Names are lower-case words."""
    with pytest.raises(PluginError, match=rf"plugin 'rules': .*sink name: expected a lower-case letter.* got {name!r}"):
        loaded(plugin("rules", voicekit_register=lambda registry: registry.sink(name, FakeSink)))
