"""Commands that plugins add, and the stash in which they keep what belongs to a session."""

from __future__ import annotations

import pytest

from voicekit.contracts import Stash
from voicekit.errors import PluginError
from voicekit.extend import Commands


def test_commands_are_sorted() -> None:
    """Help shows them in order, and each knows whose it is."""
    commands = Commands()
    for name in ("talk", "greet"):
        commands.signed("rules").add(name, lambda arguments: 0, help="h")
    assert [(command.name, command.plugin) for command in commands] == [("greet", "rules"), ("talk", "rules")]


def test_a_command_with_a_malformed_name_is_an_error() -> None:
    """A word of the command line is one word."""
    with pytest.raises(PluginError, match=r"command name: expected a lower-case letter.* got 'two words'"):
        Commands().add("two words", lambda arguments: 0, help="h")


class Notes(list[str]):
    """A plugin's own type."""


def test_the_stash_keeps_one_value_for_each_type() -> None:
    """What is kept under a type comes back under it, until it is replaced."""
    stash = Stash()
    assert stash.get(Notes) is None
    assert Notes not in stash
    stash[Notes] = Notes(["old"])
    stash[Notes] = Notes(["new"])
    assert stash[Notes] == stash.get(Notes) == ["new"]
    assert Notes in stash


def test_what_was_never_kept_is_a_key_error() -> None:
    """As with a dictionary."""
    with pytest.raises(KeyError):
        Stash()[Notes]


def test_the_stash_refuses_a_value_of_another_type() -> None:
    """A slip is found where it is made, not where it is read."""
    with pytest.raises(TypeError, match=r"stash\[Notes\]: expected an instance of Notes, got list"):
        Stash()[Notes] = ["a plain list"]
