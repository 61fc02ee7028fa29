"""Parts as they are named on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.cli.spec import read_part, read_policy
from voicekit.errors import ConfigError, PluginError
from voicekit.extend import Registry, Role, Use
from voicekit.turn.policy import Ahead, CallPolicy, InterruptPolicy, Policy, TurnPolicy


def _camera(path: str, *, paced: bool = False, gain: float = 1.0, limit: int | None = None, label: str = "") -> Any:
    """A source that takes everything that an option can be."""


def _clip(form: AudioFormat = PCM16K, words: tuple[str, ...] = (), kind: Ahead = "text") -> Any:
    """A vad that takes what can't be written."""


def _bell() -> Any:
    """A sink that takes nothing."""


@pytest.fixture
def registry() -> Registry:
    registry = Registry("tests")
    registry.source("camera", _camera)
    registry.sink("bell", _bell)
    registry.vad("clip", _clip)
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
        ("source", "camera:gain=2,label=x", Use("camera", gain=2, label="x", paced=True)),
        ("source", "camera:a=b.wav", Use("camera", path="a=b.wav", paced=True)),
        ("source", "camera:a,limit=none", Use("camera", path="a", limit=None, paced=True)),
        ("source", "camera:a, 3 May.wav", Use("camera", path="a, 3 May.wav", paced=True)),
        ("source", "camera:a, 3 May.wav,gain=2", Use("camera", path="a, 3 May.wav", gain=2, paced=True)),
        ("source", "camera:/x:y.wav", Use("camera", path="/x:y.wav", paced=True)),
        ("vad", "clip", Use("clip")),
        ("vad", "clip:words=a+b,kind=x", Use("clip", words=("a", "b"), kind="x")),
    ],
)
def test_a_part_is_a_name_and_its_options(registry, role: Role, spec: str, part: Use):
    """The first value needs no name, each value becomes what its option is, and a source keeps a person's pace."""
    assert read_part(spec, role, registry) == part


@pytest.mark.parametrize(
    ("role", "spec", "message"),
    [
        ("source", "camra:a", "did you mean 'camera'"),
        ("source", "caller.wav", "for a sound file, write file:caller.wav"),
        ("source", "camera:a,paced=perhaps", "expected yes or no, got 'perhaps'"),
        ("source", "camera:a,gain=loud", "gain: expected a number, got 'loud'"),
        ("source", "camera:a,paced", "expected option=value, got 'paced'"),
        ("sink", "bell:a", "takes no value, got 'a'"),
        ("source", "camera:a,limit=1.5", "limit: expected a whole number, got '1.5'"),
        ("source", "camera:a,gain=inf", "gain: expected a number, got 'inf'"),
        ("source", "camera:a,gain=", "gain: expected a number, got ''"),
        ("vad", "clip:a", "form can't be set here"),
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


def test_a_path_with_commas_is_the_longest_that_is_there(registry, tmp_path, monkeypatch):
    """A file's name is what is on the disk, whatever stands in it; options may follow it."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "a,gain=2", "a,gain=2,b.wav"):
        (tmp_path / name).touch()
    assert read_part("camera:a,gain=2,b.wav", "source", registry) == Use("camera", path="a,gain=2,b.wav", paced=True)
    assert read_part("camera:a,gain=2,gain=3", "source", registry) == Use("camera", path="a,gain=2", gain=3, paced=True)
    assert read_part("camera:a,gain=3", "source", registry) == Use("camera", path="a", gain=3, paced=True)


def test_a_policy_is_changed_field_by_field():
    """Numbers, words, yes and no, and none where a field may be; everything else stays."""
    before = Policy(call=CallPolicy(idle_after=9.0, idle_limit=2))
    changes = ["turn.settle=1.2", "turn.endpointing=vad", "interrupt.barge-in=no", "call.idle_after=none",
               "interrupt.min_words=3", "call.greeting=Well, hello = hi"]  # fmt: skip
    assert read_policy(before, changes) == Policy(
        TurnPolicy(settle=1.2, endpointing="vad"),
        InterruptPolicy(barge_in=False, min_words=3),
        CallPolicy(greeting="Well, hello = hi", idle_limit=2),
    )
    assert read_policy(before, []) is before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("settle=1", r"expected FIELD=VALUE such as turn\.settle=1\.2, got 'settle=1'"),
        ("turn.setle=1", r"did you mean 'turn\.settle'"),
        ("turn=1", "expected FIELD=VALUE"),
        ("turn.settle", "expected FIELD=VALUE"),
        ("turn.settle=soon", "turn.settle: expected a number, got 'soon'"),
        ("interrupt.min_words=2.5", "min_words: expected a whole number, got '2.5'"),
        ("interrupt.min_words=0", "InterruptPolicy.min_words: expected"),
        ("turn.endpointing=ears", "TurnPolicy.endpointing: expected"),
        ("interrupt.stop_words=halt", "stop_words can't be set here"),
    ],
)
def test_a_policy_that_cannot_be_is_told(change: str, message: str):
    """The sentence names the field, what was expected and what came."""
    with pytest.raises(ConfigError, match=message):
        read_policy(Policy(), [change])
