"""Parts by role and name: registering, finding, `Use`, and the parts that voicekit brings itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.plugins.support import FakeSink
from voicekit import contracts
from voicekit.call.transport import Transport
from voicekit.errors import ConfigError, PluginError
from voicekit.extend import ROLES, Registry, Role, Use, load_plugins, parts
from voicekit.extend.install import install_command
from voicekit.flow.stage import Stage


class Loud:
    """A sink with options."""

    name, format, pausable = "loud", None, True

    def __init__(self, gain: float, *, device: str = "", api_key: str = "") -> None:
        self.gain = gain

    def open(self) -> None: ...


@pytest.fixture
def registry() -> Registry:
    registry = Registry("studio")
    registry.sink("loud", Loud)  # type: ignore[arg-type]
    registry.sink("later", "tests.plugins.test_registry:Loud")
    return registry


def test_each_role_has_a_method_to_register_with() -> None:
    """The registry has a method for every role, and keeps roles apart: one name may stand in each."""
    registry = Registry()
    for role in ROLES:
        getattr(registry, role)("same", "a:b")
    assert [registry.find(role, "same").role for role in ROLES] == list(ROLES)


def test_a_default_is_the_first_that_a_plugin_brings_as_one(registry: Registry) -> None:
    """Of two, that of the plugin asked first counts, and if there is none the error lists what to choose from."""
    first, second = registry.signed("first"), registry.signed("second")
    first.tts("lark", "a:b", default=True)
    second.tts("crow", "a:b", default=True)
    assert registry.default("tts") == Use("lark")
    with pytest.raises(ConfigError, match=r"^no plugin registers a default sink; choose one of: later, loud$"):
        registry.default("sink")


def test_voicekit_s_defaults_are_those_of_its_plugins() -> None:
    """Nothing else names them: without the plugin there is no default."""
    assert [load_plugins().registry.default(role) for role in ("stt", "tts", "vad")] == [
        Use("soniox"),
        Use("soniox"),
        Use("webrtc"),
    ]
    with pytest.raises(ConfigError, match="no plugin registers a default stt"):
        load_plugins(block=["voicekit-soniox"]).registry.default("stt")


@pytest.mark.parametrize(
    ("role", "name", "distribution"),
    [("source", "microphone", "device"), ("vad", "silero", "silero"), ("handler", "openai", "openai")],
)
def test_a_part_of_a_plugin_that_is_not_installed_names_the_command(role: Role, name: str, distribution: str) -> None:
    """The error has the one command that installs it."""
    with pytest.raises(ConfigError) as told:
        Registry().find(role, name)
    said = f"no {role} is called {name!r}: it comes with voicekit-{distribution}, which is not installed: "
    assert str(told.value) == said + install_command(f"voicekit-{distribution}")


def test_names_are_told_by_role_and_sorted(registry: Registry) -> None:
    """What can be asked for is listed for one role at a time."""
    assert registry.names("sink") == ("later", "loud")
    assert registry.names("vad") == ()


def test_an_unknown_name_is_a_config_error_that_says_what_there_is(registry: Registry) -> None:
    """A slip gets a guess and the list."""
    with pytest.raises(ConfigError) as told:
        registry.find("sink", "lowd")
    assert str(told.value) == "no sink is called 'lowd' (did you mean 'loud'?); known: later, loud"


def test_a_name_of_another_role_is_unknown(registry: Registry) -> None:
    """A sink can't be asked for as a vad."""
    with pytest.raises(ConfigError, match=r"^no vad is called 'loud'; known: none$"):
        Use("loud").build(registry, "vad")


@pytest.mark.parametrize("factory", [None, 7, object()])
def test_what_cannot_be_called_is_no_factory(factory: object) -> None:
    """A part in place of its factory is found when it is registered, not in the middle of a start."""
    with pytest.raises(PluginError, match=r"sink 'x': expected a factory or its 'package\.module:name', got "):
        Registry().sink("x", factory)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["loud", "later"])
def test_use_builds_with_its_options(registry: Registry, name: str) -> None:
    """A factory is called with the options as keywords, whether it was given or named."""
    built: Any = Use(name, gain=2.0).build(registry, "sink")
    assert type(built).__name__ == "Loud"
    assert built.gain == 2.0


def test_use_builds_anew_each_time(registry: Registry) -> None:
    """Two sessions never share a part by accident."""
    use = Use("loud", gain=1.0)
    assert use.build(registry, "sink") is not use.build(registry, "sink")


def test_an_unknown_option_is_a_config_error_that_says_what_is_accepted(registry: Registry) -> None:
    """A slip in an option gets a guess and the list."""
    with pytest.raises(ConfigError) as told:
        Use("loud", gian=2.0).build(registry, "sink")
    expected = "sink 'loud': unknown option 'gian' (did you mean 'gain'?); known options: gain, device, api_key"
    assert str(told.value) == expected


def test_a_missing_option_is_a_config_error(registry: Registry) -> None:
    """An option without a default has to be given."""
    with pytest.raises(ConfigError, match=r"^sink 'loud': the option 'gain' is required$"):
        Use("loud").build(registry, "sink")


def test_a_factory_may_take_any_option() -> None:
    """Options pass unchecked to a factory that takes all; it knows best."""
    registry = Registry()
    taken: dict[str, object] = {}

    def make(**options: object) -> Any:
        taken.update(options)
        return FakeSink()

    registry.sink("open", make)
    Use("open", anything=1).build(registry, "sink")
    assert taken == {"anything": 1}


def _fails() -> Any:
    raise RuntimeError("no card")


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        (_fails, "the factory raised RuntimeError: no card"),
        ("no_such_module:Sink", "the factory raised ModuleNotFoundError: No module named 'no_such_module'"),
        ("voicekit.play.sink:NoSuchSink", "the factory raised AttributeError"),
        (
            object,
            r"the factory returned a wrong value: expected a sink \(with name, .*\), got object without name",
        ),
        (lambda: FakeSink, "the factory returned a wrong value: expected a sink .*, got the class FakeSink itself"),
    ],
)
def test_a_factory_that_fails_is_a_plugin_error(factory: Callable[..., Any] | str, told: str) -> None:
    """The error names the plugin, the role and the name, and what was raised or made."""
    registry = Registry("studio")
    registry.sink("broken", factory)
    with pytest.raises(PluginError, match=f"^plugin 'studio': sink 'broken': {told}"):
        Use("broken").build(registry, "sink")


def test_a_factory_may_complain_about_its_options() -> None:
    """A ConfigError from a factory is meant for the user and passes as it is."""
    original = ConfigError("gain: expected less than 10, got 11")

    def picky() -> Any:
        raise original

    registry = Registry()
    registry.sink("picky", picky)
    with pytest.raises(ConfigError) as told:
        Use("picky").build(registry, "sink")
    assert told.value is original


def test_use_shows_its_options_but_no_secrets() -> None:
    """The repr reads like the code that made it, with stars for what nobody should see."""
    use = Use("cloud", model="m1", api_key="k1", auth_TOKEN="t1", password="p1", client_secret="s1", rate=8000)
    assert repr(use) == (
        "Use('cloud', model='m1', api_key='***', auth_TOKEN='***', password='***', client_secret='***', rate=8000)"
    )
    assert repr(Use("webrtc")) == "Use('webrtc')"


def test_use_is_a_value() -> None:
    """Two of the same name and options are equal, and none can be changed."""
    use = Use("cloud", model="m1")
    assert use == Use("cloud", model="m1")
    assert use != Use("cloud", model="m2")
    assert use != Use("other", model="m1")
    assert use != "cloud"
    use.options["model"] = "m2"
    assert use.options == {"model": "m1"}
    with pytest.raises(AttributeError):
        use.name = "other"  # type: ignore[misc]


def test_an_option_may_be_called_name() -> None:
    """The name of the part is positional, so an option can have that word."""
    assert Use("loud", name="x").options == {"name": "x"}


CONTRACTS: dict[str, type] = {
    "source": contracts.Source,
    "vad": contracts.Vad,
    "stt": contracts.Stt,
    "tts": contracts.Tts,
    "sink": contracts.Sink,
    "transport": Transport,
    "stage": Stage,
}


def _members(contract: type) -> set[str]:
    return {name for cls in contract.__mro__ for name in vars(cls) if not name.startswith("_")}


@pytest.mark.parametrize("role", CONTRACTS)
def test_what_a_role_asks_for_is_what_its_contract_says(role: Role) -> None:
    """The table of members that a part must have stays true to the protocols."""
    assert set(parts._MEMBERS[role]) == _members(CONTRACTS[role])


def test_every_role_has_a_contract() -> None:
    """Only the handler, which is called, has no protocol with members; a stage is no role, but is checked too."""
    assert set(CONTRACTS) | {"handler"} == {*get_args(Role), "stage"} == set(parts._MEMBERS)


BUILT_IN: list[tuple[Role, str, dict[str, object]]] = [
    ("vad", "webrtc", {"mode": 3}),
    ("vad", "energy", {"threshold_dbfs": -30.0}),
    ("source", "file", {}),
    ("source", "silence", {}),
    ("source", "tone", {}),
    ("stt", "soniox", {"key": "sesame"}),
    ("tts", "soniox", {"key": "sesame"}),
    ("tts", "quiet", {}),
    ("sink", "null", {}),
    ("sink", "file", {}),
]


@pytest.mark.parametrize(("role", "name", "options"), BUILT_IN, ids=[f"{role}-{name}" for role, name, _ in BUILT_IN])
def test_voicekit_brings_its_own_parts_by_name(
    role: Role, name: str, options: dict[str, object], tmp_path: Path
) -> None:
    """Each part that the documentation names can be built by its name."""
    if name == "file":
        options = {"path": _recording(tmp_path) if role == "source" else tmp_path / "out.wav"}
    build: Any = Use(name, **options).build
    assert not inspect.isclass(build(load_plugins().registry, role))


def _recording(folder: Path) -> Path:
    import wave

    path = folder / "in.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(640))
    return path


def test_the_table_of_built_in_parts_is_complete() -> None:
    """Whatever voicekit registers itself is built in the test above."""
    registry = load_plugins().registry
    ours = {
        (role, name)
        for role in ROLES
        for name in registry.names(role)
        if registry.find(role, name).plugin.startswith("voicekit-")
    }
    assert ours == {(role, name) for role, name, _ in BUILT_IN}
