"""`voicekit init NAME [--bot | --plugin]`: creates a working bot or plugin, with its tests, as a starting point."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from voicekit.cli.templates import bot_files, plugin_files
from voicekit.cli.terminal import Parser
from voicekit.errors import ConfigError, PluginError
from voicekit.extend import load_plugins
from voicekit.extend.names import check_name

HELP = "create a new bot or plugin, with tests"
PREFIX = "voicekit-"


def main(arguments: Sequence[str]) -> int:
    """Write the files into a new folder with the given name, and print the next steps."""
    parser = Parser(prog="voicekit init", description=HELP)
    parser.add_argument("name", metavar="NAME", help="name of the bot or plugin (a-z, 0-9 and -)")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--bot", action="store_true", help="create a bot: one file and its tests (default)")
    kind.add_argument("--plugin", action="store_true", help="create an installable plugin that registers a handler")
    options = parser.parse_args(arguments)
    name = options.name.removeprefix(PREFIX) if options.plugin else options.name
    _check_name(name, plugin=options.plugin)
    folder = Path(f"{PREFIX}{name}" if options.plugin else name)
    write_files(folder, plugin_files(name) if options.plugin else bot_files(name))
    print(_next_steps(folder, name, plugin=options.plugin))
    return 0


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Create `folder`, which must not exist, and `files` in it. Raises ConfigError if that is not possible."""
    try:
        folder.mkdir()
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise ConfigError(f"{folder} already exists and would be overwritten: choose another name") from error
    except OSError as error:
        raise ConfigError(f"{folder} can't be written: {error.strerror}") from error


def _check_name(name: str, *, plugin: bool) -> None:
    try:
        check_name(name, "plugin" if plugin else "bot")
    except PluginError as error:
        raise ConfigError(str(error)) from error
    if name.endswith(("-", "_")) or "--" in name:
        raise ConfigError(f"expected a name that ends in a letter or digit and has no double dashes, got {name!r}")
    if plugin and name in [info.name for info in load_plugins(strict=False).listing()]:
        raise ConfigError(f"a plugin called {name!r} is already installed: choose another name")


def _next_steps(folder: Path, name: str, *, plugin: bool) -> str:
    python = sys.executable
    if not plugin:
        return (
            f"Created {folder}. Chat with the bot, then run its tests:\n    voicekit chat "
            f"{folder}/bot.py\n    pytest {folder}"
        )
    return (
        f"Created {folder}. Install it, check that it is found, chat with its bot, and run its tests:\n"
        f"    {python} -m pip install -e './{folder}[test]'\n    voicekit plugins\n    voicekit chat {name}\n"
        f"    {python} -m pytest {folder}"
    )
