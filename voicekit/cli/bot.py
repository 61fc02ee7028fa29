"""Loads the bot that a user names on the command line: a Python file with a handler in it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from voicekit.errors import ConfigError

NAMES = ("handler", "bot", "answer")
"""What the handler in a bot's file may be called, looked for in this order."""


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
