"""Which bot a user has named, and which settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from voicekit.cli.bot import find_handler, plugins_beside
from voicekit.cli.run import _settings
from voicekit.errors import ConfigError
from voicekit.extend import Plugins, hookimpl, load_plugins


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    """What a test imports as a bot or a voicefile is nobody else's."""
    yield
    for name in ("butler", "voicefile"):
        sys.modules.pop(name, None)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """A plugin with a handler called "butler" and the setting "floor", and nothing that is installed."""
    house = ModuleType("house")

    def register(registry: Any) -> None:
        registry.handler("butler", lambda greeting="Very good.": lambda turn: greeting)

    def add_options(options: Any) -> None:
        options.add("floor", default=1, type=int, help="which one")

    vars(house).update(voicekit_register=hookimpl(register), voicekit_add_options=hookimpl(add_options))
    monkeypatch.setattr("voicekit.extend.loader._installed", lambda: iter(()))
    monkeypatch.delenv("VOICEKIT_HOUSE_FLOOR", raising=False)
    return load_plugins(extra=[house])


def test_a_bot_is_a_file_or_a_handler_by_its_name(plugins, tmp_path, monkeypatch):
    """A file of that name comes first; without one, the plugin's handler is made."""
    monkeypatch.chdir(tmp_path)
    assert find_handler("butler", plugins)(None) == "Very good."
    (tmp_path / "butler.py").write_text("bot = 'Sir?'\n", encoding="utf-8")
    assert find_handler("butler.py", plugins) == "Sir?"
    with pytest.raises(ConfigError, match=r"the name of a handler \(butler\), got 'cook'"):
        find_handler("cook", plugins)


def test_the_voicefile_beside_the_bot_is_loaded(tmp_path, monkeypatch):
    """The one in the bot's folder, or without a bot the one in this folder."""
    (tmp_path / "voicefile.py").write_text(
        "from voicekit import hookimpl\n\n@hookimpl\ndef voicekit_answer(turn):\n    return None\n", encoding="utf-8"
    )
    assert "voicefile" in [info.name for info in plugins_beside(str(tmp_path / "bot.py")).listing()]
    monkeypatch.chdir(tmp_path)
    assert "voicefile" in [info.name for info in plugins_beside(None).listing()]


def test_a_flag_wins_over_the_environment_and_that_over_the_default(plugins, monkeypatch):
    """The settings of plugins are flags of `voicekit run`."""
    assert _settings([], plugins)["house-floor"] == 1
    monkeypatch.setenv("VOICEKIT_HOUSE_FLOOR", "2")
    assert _settings([], plugins)["house-floor"] == 2
    assert _settings(["--house-floor", "3"], plugins)["house-floor"] == 3
    with pytest.raises(ConfigError, match="--house-floor: expected a int, got 'top'"):
        _settings(["--house-floor", "top"], plugins)
