"""What the core knows of voicekit's own plugins is true, and what stands in for a key is opened once and for all."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from voicekit.errors import ConfigError
from voicekit.extend import ROLES, Commands, Needs, Registry, Use, load_plugins
from voicekit.extend.install import OFFERS
from voicekit.reply.spoken import spoken_forms
from voicekit.session.running import served

PLUGINS = sorted((Path(__file__).parents[2] / "plugins").glob("voicekit-*"))


@pytest.mark.parametrize("folder", PLUGINS, ids=[folder.name for folder in PLUGINS])
def test_the_one_table_of_plugins_is_true(folder, monkeypatch):
    """Each plugin of the repository brings the parts and verbs that the table has for it, and no others."""
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr("voicekit.extend.loader._installed", lambda: iter(()))
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [module] = project["entry-points"]["voicekit"].values()
    plugin = importlib.import_module(module)
    plugins = load_plugins(extra=[plugin])
    name, commands, registry = plugins.listing()[0].name, Commands(), plugins.registry
    plugins.commands(commands)
    brought: dict[str, tuple[str, ...]] = {
        role: tuple(part for part in registry.names(role) if registry.find(role, part).plugin == name) for role in ROLES
    }
    brought["verb"] = tuple(command.name for command in commands)
    expected = {kind: names for kind, names in brought.items() if names}
    assert OFFERS.get(folder.name, {}) == expected


class Voice:
    """A tts that keeps what it was made with."""

    name = "voice"

    def __init__(self, key: str = "", where: str = "", gain: float = 1.0) -> None: ...

    def open(self) -> None: ...
    def negotiate(self) -> None: ...
    def cut(self) -> None: ...


@pytest.fixture
def opened() -> list[str]:
    """What stood in, and what it told."""
    return []


@pytest.fixture
def registry(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An stt and a tts of one service, and a voice of its own."""

    @asynccontextmanager
    async def stand_in(tell: Callable[[str], None]) -> AsyncIterator[dict[str, Any]]:
        tell("it starts")
        opened.append("begun")
        yield {"key": "local", "where": "here"}
        opened.append("over")

    monkeypatch.delenv("CLOUD_KEY", raising=False)
    registry, needs = Registry(), Needs("CLOUD_KEY", stand_in)
    registry.stt("cloud", Voice, default=True, needs=needs)  # type: ignore[arg-type]
    registry.tts("cloud", Voice, default=True, needs=needs)  # type: ignore[arg-type]
    registry.tts("own", Voice)  # type: ignore[arg-type]
    return registry


async def ready(registry: Registry, opened: list[str], **parts: Any) -> dict[str, Any]:
    async with served(parts, registry, opened.append) as found:
        return found


async def test_both_parts_of_a_service_are_served_by_one_stand_in(registry, opened):
    """Its options are under those that were given, and it is there for the call and no longer."""
    texts = spoken_forms()
    found = await ready(registry, opened, tts=[texts, Use("cloud", gain=2.0)], source="silence")
    assert found["stt"] == Use("cloud", key="local", where="here")
    assert found["tts"] == [texts, Use("cloud", key="local", where="here", gain=2.0)]
    assert found["source"] == "silence"
    assert opened == ["it starts", "begun", "over"]


@pytest.mark.parametrize(
    "parts",
    [
        {"stt": None, "tts": "own"},
        {"stt": Use("cloud", key="mine"), "tts": "own"},
        {"stt": Voice(), "tts": [spoken_forms(), Voice()]},
    ],
)
async def test_nothing_stands_in_for_what_is_not_asked_for(registry, opened, parts):
    """Parts with a key, without a need, and parts that are there already are left as they are."""
    assert await ready(registry, opened, **parts) == parts
    assert opened == []


async def test_nothing_stands_in_where_there_is_a_key(registry, opened, monkeypatch):
    """The environment has it: the parts find it themselves."""
    monkeypatch.setenv("CLOUD_KEY", "mine")
    assert await ready(registry, opened) == {}
    assert opened == []


async def test_an_unknown_part_is_told_before_anything_is_started(registry, opened):
    """Its name is looked up first."""
    for role in ("stt", "tts"):
        with pytest.raises(ConfigError, match=f"no {role} is called 'clod'"):
            await ready(registry, opened, **{role: "clod"})
    assert opened == []


def test_the_modules_of_this_test_are_the_repository_s():
    """Not some that are installed elsewhere."""
    for name in ("voicekit_echo", "voicekit_device"):
        module = sys.modules.get(name)
        assert module is None or str(PLUGINS[0].parent) in str(module.__file__)
