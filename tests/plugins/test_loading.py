"""Finding plugins: where they come from, in which order they are asked, how one is left out and looked upon."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.plugins.conftest import Install
from tests.plugins.support import FakeSession, loaded, plugin
from voicekit.errors import ConfigError, PluginError
from voicekit.events import SessionStarted
from voicekit.extend import PluginInfo, Plugins, hookimpl, load_plugins
from voicekit.extend.loader import installed_plugins

VAD = """
from voicekit.extend import hookimpl

@hookimpl
def voicekit_register(registry):
    registry.vad("{name}", "nowhere:at_all")
"""


def info(plugins: Plugins, name: str) -> PluginInfo:
    return next(each for each in plugins.listing() if each.name == name)


def test_an_installed_package_is_found_by_its_entry_point(install: Install) -> None:
    """An entry point in the group voicekit is a plugin; the listing says which distribution it came with."""
    install("sonar", VAD.format(name="sonar"), version="2.1")
    plugins = load_plugins()
    assert "sonar" in plugins.registry.names("vad")
    assert info(plugins, "sonar") == PluginInfo("sonar", "voicekit-sonar 2.1", ("voicekit_register",))


def test_a_voicefile_beside_the_program_is_a_plugin(voicefile: Callable[[str], Path]) -> None:
    """The file that is named is loaded as the plugin voicefile."""
    path = voicefile(VAD.format(name="homemade"))
    plugins = load_plugins(voicefile=path)
    assert "homemade" in plugins.registry.names("vad")
    assert info(plugins, "voicefile").origin == str(path)


def test_a_voicefile_runs_once_however_often_plugins_are_loaded(voicefile: Callable[[str], Path]) -> None:
    """Loading again, or importing it as voicefile, shares the one module."""
    path = voicefile(VAD.format(name="homemade"))
    load_plugins(voicefile=path)
    module = sys.modules["voicefile"]
    load_plugins(voicefile=path)
    assert sys.modules["voicefile"] is module


def test_a_dataclass_may_stand_in_a_voicefile(voicefile: Callable[[str], Path]) -> None:
    """The module is known to Python while it runs, which dataclasses with deferred annotations need."""
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Note:\n    a: int\n"
    )
    plugins = load_plugins(voicefile=voicefile(source + VAD.format(name="homemade")))
    assert not plugins.failures


def test_a_voicefile_that_is_missing_is_a_config_error(tmp_path: Path) -> None:
    """Who names a file wants it: a missing one is said at once, with its path."""
    with pytest.raises(ConfigError, match=r"voicefile: expected a Python file, got .*nobody\.py"):
        load_plugins(voicefile=tmp_path / "nobody.py")


@pytest.mark.parametrize(("cls", "name"), [("Rules", "rules"), ("CallNotes", "call-notes"), ("_HTTPLog2", "httplog2")])
def test_an_object_is_named_after_its_class(cls: str, name: str) -> None:
    """An object's name is that of its class, in words with dashes."""
    made = type(cls, (), {"voicekit_observe": hookimpl(lambda self, event: None)})
    assert loaded(made()).listing()[0].name == name


def test_a_module_is_named_as_its_entry_point_would_be() -> None:
    """A package voicekit_NAME is NAME, whether it is installed or given."""
    made = plugin("packages.voicekit_sonar", voicekit_observe=lambda event: None)
    assert loaded(made).listing()[0] == PluginInfo(
        "sonar", "given: module packages.voicekit_sonar", ("voicekit_observe",)
    )


def test_two_objects_of_one_class_are_two_plugins() -> None:
    """The second object of a class gets a number, so each can be named and blocked."""

    class Rules:
        @hookimpl
        def voicekit_observe(self, event: object) -> None: ...

    names = [each.name for each in loaded(Rules(), Rules()).listing()]
    assert names[:2] == ["rules", "rules-2"]


def test_what_is_found_twice_counts_once(install: Install) -> None:
    """A package that is installed may be given too, as its own tests do; it is asked once."""
    install("sonar", VAD.format(name="sonar"))
    import voicekit_sonar  # type: ignore[import-not-found]

    names = [each.name for each in loaded(voicekit_sonar, voicekit_sonar).listing()]
    assert names.count("sonar") == 1
    assert "sonar-2" not in names


def asked(stderr: str, hook: str, among: set[str]) -> list[str]:
    """The plugins that the trace shows `hook` to have asked, in order."""
    calls = [line.removeprefix(f"voicekit: {hook}: ") for line in stderr.splitlines() if f" {hook}:" in line]
    return [name for name in (call.partition(" -> ")[0] for call in calls) if name in among]


def test_plugins_are_asked_from_the_program_outwards(
    install: Install,
    voicefile: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Given objects in their order, then the voicefile, then installed ones by name, then voicekit's own."""
    install("zebra", VAD.format(name="zebra"), distribution="acme-zebra")
    install("ant", VAD.format(name="ant"))
    path = voicefile(VAD.format(name="homemade"))
    given = [plugin(name, voicekit_register=lambda: None) for name in ("second", "first")]
    monkeypatch.setenv("VOICEKIT_TRACE", "1")
    plugins = load_plugins(extra=given, voicefile=path)
    expected = ["second", "first", "voicefile", "ant", "zebra", "voicekit-listen", "voicekit-speakers"]
    assert [each.name for each in plugins.listing() if each.name in expected] == expected
    assert asked(capsys.readouterr().err, "voicekit_register", set(expected)) == expected


def test_a_plugin_can_ask_to_be_first_or_last(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """tryfirst and trylast move a plugin to an end; nobody comes after voicekit's own."""
    wishes = {"a": "trylast", "b": "trylast", "c": "", "d": "tryfirst", "e": "tryfirst"}
    given = []
    for name, wish in wishes.items():
        module = ModuleType(name)
        mark = hookimpl(tryfirst=wish == "tryfirst", trylast=wish == "trylast")
        module.voicekit_register = mark(lambda: None)  # type: ignore[attr-defined]
        given.append(module)
    monkeypatch.setenv("VOICEKIT_TRACE", "1")
    loaded(*given)
    among = {*wishes, "voicekit-listen"}
    assert asked(capsys.readouterr().err, "voicekit_register", among) == ["d", "e", "c", "b", "a", "voicekit-listen"]


@pytest.mark.parametrize("blocked", ["sonar", "other, sonar", ",sonar,"])
def test_a_blocked_plugin_is_not_even_imported(install: Install, monkeypatch: pytest.MonkeyPatch, blocked: str) -> None:
    """VOICEKIT_BLOCK leaves plugins out by name, broken ones too; the listing still shows them."""
    install("sonar", "raise RuntimeError('imported')")
    monkeypatch.setenv("VOICEKIT_BLOCK", blocked)
    plugins = load_plugins()
    assert info(plugins, "sonar") == PluginInfo("sonar", "voicekit-sonar 1.0", (), blocked=True)
    assert "voicekit_sonar" not in sys.modules


def test_a_program_can_block_plugins_itself(install: Install) -> None:
    """`block` and the environment add up; ours can be blocked like everybody's."""
    install("sonar", VAD.format(name="sonar"))
    plugins = load_plugins(block=["sonar", "voicekit-speakers", "nobody"])
    assert "sonar" not in plugins.registry.names("vad")
    assert plugins.registry.names("sink") == ()


def test_the_environment_is_read_when_plugins_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered between loads: a later value counts for a later load only."""
    monkeypatch.setenv("VOICEKIT_BLOCK", "voicekit-listen")
    assert "webrtc" not in load_plugins().registry.names("vad")
    monkeypatch.delenv("VOICEKIT_BLOCK")
    assert "webrtc" in load_plugins().registry.names("vad")


def test_the_trace_shows_each_call_and_no_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each call: the hook, the plugin, and the type of its answer or of its error."""

    @dataclass
    class Greeter:
        password: str = "sesame"

        def __call__(self, turn: object, say: object) -> None: ...

    def fail(event: object) -> None:
        raise ValueError("sesame")

    monkeypatch.setenv("VOICEKIT_TRACE", "1")
    plugins = loaded(
        plugin("rules", voicekit_answer=lambda turn: None),
        plugin("model", voicekit_answer=lambda turn: Greeter()),
        plugin("broken", voicekit_observe=fail),
    )
    capsys.readouterr()
    turn: Any = None
    plugins.answer(turn)
    plugins.observe(SessionStarted(), FakeSession())
    assert capsys.readouterr().err.splitlines() == [
        "voicekit: voicekit_answer: rules -> None",
        "voicekit: voicekit_answer: model -> Greeter",
        "voicekit: voicekit_observe: broken -> raised ValueError",
    ]


@pytest.mark.parametrize("value", ["", "0"])
def test_without_the_variable_nothing_is_traced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    """The trace is off unless it is asked for."""
    monkeypatch.setenv("VOICEKIT_TRACE", value)
    load_plugins()
    assert capsys.readouterr().err == ""


def test_loads_are_independent_of_each_other() -> None:
    """There is no state in the module: what one load was given, another doesn't see."""
    first = loaded(plugin("rules", voicekit_register=lambda registry: registry.vad("mine", "a:b")))
    assert "mine" in first.registry.names("vad")
    assert "mine" not in load_plugins().registry.names("vad")


def test_calls_without_plugins_of_their_own_share_those_that_are_installed(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are loaded once for a process; something else installed or blocked is found all the same."""
    before = installed_plugins()
    assert installed_plugins() is before
    install("sonar", VAD.format(name="sonar"))
    monkeypatch.syspath_prepend("elsewhere")
    found = installed_plugins()
    assert ("sonar" in before.registry.names("vad"), "sonar" in found.registry.names("vad")) == (False, True)
    monkeypatch.setenv("VOICEKIT_BLOCK", "sonar")
    assert info(installed_plugins(), "sonar").blocked


def test_plugins_that_are_broken_are_broken_for_each_call(install: Install) -> None:
    """An error is not shared: it is raised each time, and gone once the plugin is mended."""
    install("sonar", "raise RuntimeError('no sea')")
    for _ in range(2):
        with pytest.raises(PluginError, match="no sea"):
            installed_plugins()


def test_importing_the_room_and_loading_loads_nothing_heavy() -> None:
    """Neither import nor load_plugins brings numpy, soundfile, soxr, webrtcvad or a network package in."""
    program = (
        "import sys, voicekit.extend as e\n"
        "late = 'importlib.metadata' not in sys.modules\n"
        "e.load_plugins(block=[i.name for i in e.load_plugins(strict=False).listing() if i.origin != 'built in'])\n"
        "heavy = {'numpy', 'soundfile', 'soxr', 'webrtcvad', 'httpx', 'trio_websocket'} & set(sys.modules)\n"
        "print(late, sorted(heavy))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert run.stdout.strip() == "True []"
