"""What plugins add to a program: settings (from the command line or the environment) and commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from voicekit.errors import ConfigError, PluginError
from voicekit.extend.names import check_name, guess, listed, shown

_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Option:
    """A declared setting. `type` makes a value of the text that was given; `default` is used as it is."""

    plugin: str
    name: str
    default: object
    help: str
    type: Callable[[str], object]
    env: str

    @property
    def key(self) -> str:
        """Its name among all settings, such as "silero-threshold"; the flag is the same after two dashes."""
        return _key(self.plugin, self.name)

    def parse(self, given: str, where: str) -> object:
        """The value that `given`, found in `where`, stands for; ConfigError where it stands for none."""
        try:
            return _yes_or_no(given) if self.type is bool else self.type(given)
        except ValueError as error:
            what = getattr(self.type, "__name__", "value")
            raise ConfigError(f"{where}: expected a {what}, got {shown(self.name, given)}") from error


class Settings(dict[str, object]):
    """The value of each declared option by its key. The repr shows no secrets."""

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {shown(key, value)}" for key, value in self.items()) + "}"


class Options:
    """The settings that plugins declare."""

    def __init__(self, plugin: str = "voicekit") -> None:
        self._plugin = plugin
        self._options: dict[str, Option] = {}

    def signed(self, plugin: str) -> Options:
        """The same collection; what is added through this end of it is `plugin`'s."""
        end = Options(plugin)
        end._options = self._options
        return end

    def add(
        self,
        name: str,
        *,
        default: object,
        help: str,  # noqa: A002  # the word that argparse users know
        type: Callable[[str], object] = str,  # noqa: A002
        env: str | None = None,
    ) -> None:
        """Declare a setting: `--PLUGIN-NAME` on the command line, VOICEKIT_PLUGIN_NAME (or `env`) around it.

        `type` raises ValueError for text it can't read; `bool` reads yes and no, true and false, on and off, 1 and 0.
        Raises PluginError for a malformed name, or where the flag is taken.
        """
        check_name(name, "option")
        key = _key(self._plugin, name)
        if key in self._options:
            raise PluginError(f"--{key} is already declared by plugin {self._options[key].plugin!r}")
        env = env or "VOICEKIT_" + key.upper().replace("-", "_")
        self._options[key] = Option(self._plugin, name, default, help, type, env)

    def __iter__(self) -> Iterator[Option]:
        """Sorted by key."""
        return iter(sorted(self._options.values(), key=lambda option: option.key))

    def resolve(self, argv_values: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
        """The value of every option: from the command line, else the environment, else its default.

        `argv_values` holds text by key; None is "not given". Raises ConfigError for a key that nobody declared and
        for text that the option's type can't read.
        """
        for key in argv_values:
            if key not in self._options:
                raise ConfigError(
                    f"unknown option --{key}{guess(key, self._options)}; there are: {listed(self._options)}"
                )
        return Settings({option.key: _resolved(option, argv_values, environ) for option in self})


@dataclass(frozen=True, slots=True)
class Command:
    """A word after `voicekit` on the command line: `run` gets what follows it and returns the exit status."""

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
        """The same collection; what is added through this end of it is `plugin`'s."""
        end = Commands(plugin)
        end._commands = self._commands
        return end

    def add(self, name: str, run: Callable[[list[str]], int], help: str) -> None:  # noqa: A002
        """Raises PluginError for a name that is taken or malformed."""
        check_name(name, "command")
        taken = self._commands.get(name)
        if taken is not None:
            raise PluginError(f"command {name!r} is already added by plugin {taken.plugin!r}")
        self._commands[name] = Command(self._plugin, name, run, help)

    def __iter__(self) -> Iterator[Command]:
        """Sorted by name."""
        return iter(sorted(self._commands.values(), key=lambda command: command.name))

    def find(self, name: str) -> Command:
        """The command called `name`; ConfigError with what there is instead."""
        if name not in self._commands:
            raise ConfigError(
                f"no command is called {name!r}{guess(name, self._commands)}; there are: {listed(self._commands)}"
            )
        return self._commands[name]


def _key(plugin: str, name: str) -> str:
    return f"{plugin}-{name}".replace("_", "-")


def _resolved(option: Option, argv_values: Mapping[str, str | None], environ: Mapping[str, str]) -> object:
    given = argv_values.get(option.key)
    if given is not None:
        return option.parse(given, f"--{option.key}")
    if option.env in environ:
        return option.parse(environ[option.env], option.env)
    return option.default


def _yes_or_no(given: str) -> bool:
    word = given.strip().lower()
    if word not in _YES + _NO:
        raise ValueError(word)
    return word in _YES
