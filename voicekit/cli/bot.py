"""Finds the bot that a user names on the command line: a Python file with a handler in it, or a plugin's handler."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from voicekit.errors import ConfigError
from voicekit.extend import Plugins, Use, load_plugins
from voicekit.extend.names import listed

NAMES = ("handler", "bot", "answer")
"""What the handler in a bot's file may be called, looked for in this order."""


def plugins_beside(bot: str | None) -> Plugins:
    """What is installed, and the `voicefile.py` beside the file `bot` or, without one, in this folder."""
    voicefile = Path(bot or "bot.py").with_name("voicefile.py")
    return load_plugins(voicefile=voicefile if voicefile.is_file() else None)


def find_handler(bot: str, plugins: Plugins) -> Any:
    """The handler in the file `bot`, or the one that a plugin has registered as `bot`; ConfigError for neither."""
    known = plugins.registry.names("handler")
    if bot in known and not Path(bot).is_file():
        return Use(bot).build(plugins.registry, "handler")
    if not bot.endswith(".py") and not Path(bot).is_file():
        raise ConfigError(f"expected a bot's Python file or the name of a handler ({listed(known)}), got {bot!r}")
    return load_handler(bot)


def load_handler(path: str) -> Any:
    """The handler of the bot in the Python file `path`. ConfigError when there is no file, or no handler in it.

    The file may import what lies beside it, as it may when it is run as a program.
    What the file raises while it is imported passes, with its traceback: it is the bot's author who needs it.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"expected a Python file with a bot in it, got {path!r}, which is no file")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"expected a Python file with a bot in it, got {path!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    beside = str(file.resolve().parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    spec.loader.exec_module(module)
    for name in NAMES:
        if hasattr(module, name):
            return getattr(module, name)
    raise ConfigError(f"{path}: expected a handler called {', '.join(NAMES[:-1])} or {NAMES[-1]}, found none of them")
