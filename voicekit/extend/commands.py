"""The commands that plugins add to `voicekit` on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from voicekit.errors import PluginError
from voicekit.extend.names import check_name


class Command(Struct, frozen=True):
    """A command: `run` gets the arguments that follow the command's name, and returns the exit status."""

    plugin: str
    name: str
    run: Callable[[list[str]], int]
    help: str


class Commands:
    """The commands that plugins add."""

    def __init__(self, plugin: str = "voicekit") -> None:
        self._plugin = plugin
        self._commands: dict[str, Command] = {}

    def signed(self, plugin: str) -> Commands:
        """The same collection; commands that are added through the returned object belong to `plugin`."""
        end = Commands(plugin)
        end._commands = self._commands
        return end

    def add(self, name: str, run: Callable[[list[str]], int], help: str) -> None:  # noqa: A002
        """Add a command. Raises PluginError for a name that is taken or malformed."""
        check_name(name, "command")
        taken = self._commands.get(name)
        if taken is not None:
            raise PluginError(f"command {name!r} was already added by plugin {taken.plugin!r}")
        self._commands[name] = Command(self._plugin, name, run, help)

    def __iter__(self) -> Iterator[Command]:
        """The commands, sorted by name."""
        return iter(sorted(self._commands.values(), key=lambda command: command.name))
