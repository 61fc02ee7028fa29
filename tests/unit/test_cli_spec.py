"""Parts as they are named on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from voicekit.cli.spec import read_part
from voicekit.errors import ConfigError, PluginError
from voicekit.extend import Registry, Role, Use


def _camera(path: str, *, paced: bool = False, gain: float = 1.0, limit: int | None = None, label: str = "") -> Any:
    """A source that takes everything that an option can be."""


def _bell() -> Any:
    """A sink that takes nothing."""


@pytest.fixture
def registry() -> Registry:
    registry = Registry("tests")
    registry.source("camera", _camera)
    registry.sink("bell", _bell)
    registry.sink("gone", "voicekit_of_yesterday.sink:Gone")
    return registry


@pytest.mark.parametrize(
    ("role", "spec", "part"),
    [
        ("source", "camera:front.wav", Use("camera", path="front.wav", paced=True)),
        ("source", "camera:7,gain=2,limit=-3", Use("camera", path="7", gain=2, limit=-3, paced=True)),
        ("source", "camera:a,paced=no,gain=0.5", Use("camera", path="a", paced=False, gain=0.5)),
        ("source", "camera:a,label=12=b", Use("camera", path="a", label="12=b", paced=True)),
        ("source", "camera,path=a,zoom=2", Use("camera", path="a", zoom="2", paced=True)),
        ("sink", "bell", Use("bell")),
    ],
)
def test_a_part_is_a_name_and_its_options(registry, role: Role, spec: str, part: Use):
    """The first value needs no name, each value becomes what its option is, and a source keeps a person's pace."""
    assert read_part(spec, role, registry) == part


@pytest.mark.parametrize(
    ("role", "spec", "message"),
    [
        ("source", "camra:a", "did you mean 'camera'"),
        ("source", "caller.wav", "a sound file is file:caller.wav"),
        ("source", "camera:a,paced=perhaps", "expected yes or no, got 'perhaps'"),
        ("source", "camera:a,gain=loud", "gain: expected a number, got 'loud'"),
        ("source", "camera:a,paced", "expected option=value, got 'paced'"),
        ("sink", "bell:a", "takes nothing, got 'a'"),
    ],
)
def test_what_can_be_no_part_is_told(registry, role: Role, spec: str, message: str):
    """The sentence says what was expected and what came."""
    with pytest.raises(ConfigError, match=message):
        read_part(spec, role, registry)


def test_a_part_whose_package_is_missing_names_its_plugin(registry):
    """A factory that can't be imported is an error of its plugin."""
    with pytest.raises(PluginError, match=r"plugin 'tests': sink 'gone' can't be imported"):
        read_part("gone", "sink", registry)
