"""Finds the bot that a user names on the command line: a Python file with a handler, or a plugin's handler.

Instead of a handler, the file may define a function `make_bot` that returns one. It may also define `policy`,
`greeting`, `stt`, `tts`, `vad` and `language`, or one `voicekit.Bot` with all of these.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from difflib import SequenceMatcher
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from voicekit.cli.terminal import complain
from voicekit.errors import ConfigError, VoicekitError
from voicekit.extend import Plugins, Use, load_plugins
from voicekit.extend.install import brought_by, how_to_install
from voicekit.extend.names import guess, listed
from voicekit.session.bot import Bot
from voicekit.session.running import importing
from voicekit.turn.policy import Policy

NAMES: Final = ("handler", "bot", "answer")
"""The possible names of the handler in a bot's file, in order of precedence."""

MAKER: Final = "make_bot"
"""The name of a function that returns the handler, or a Bot, if the file has none of NAMES. It is called when the file
is used, so a test can import the file without the key that the bot needs."""

BESIDE: Final[dict[str, type]] = {
    "policy": Policy, "greeting": str, "stt": object, "tts": object, "vad": object, "language": str,
}  # fmt: skip
"""What else a bot's file may contain: the variable's name and its type."""

Tell = Callable[[str], None]


def plugins_beside(bot: str | None, tell: Tell = complain, *, strict: bool = True) -> Plugins:
    """The installed plugins and, if `bot` is a file, the `voicefile.py` beside it."""
    voicefile = Path(bot).with_name("voicefile.py") if bot is not None and Path(bot).is_file() else None
    if voicefile is None and Path("voicefile.py").is_file():
        tell("./voicefile.py is not loaded: it goes with a bot's file in this folder")
    return load_plugins(voicefile=voicefile if voicefile and voicefile.is_file() else None, strict=strict)


def find_bot(bot: str, plugins: Plugins, tell: Tell = complain) -> Bot:
    """The bot in the file `bot`, or a bot with the handler that a plugin has registered as `bot`. Raises ConfigError if
    there is neither.
    """
    known = plugins.registry.names("handler")
    if bot in known and not Path(bot).is_file():
        return Bot(Use(bot).build(plugins.registry, "handler"))
    if bot.endswith(".py") or Path(bot).is_file():
        return load_bot(bot, tell)
    distribution = brought_by("handler", bot)
    if distribution is not None:
        raise ConfigError(f"the handler {bot!r} comes with {distribution}, {how_to_install(distribution)}")
    raise ConfigError(f"expected a bot's Python file or a handler's name ({listed(known)}), got {bot!r}")


def load_bot(path: str | Path, tell: Tell = complain) -> Bot:
    """The bot in the Python file `path`; `tell` is called with a line that lists what was taken from the file besides
    the handler.

    The file may import modules in its own folder, as when it is run as a program. Raises ConfigError if the file does
    not exist, has no handler or can't be imported; the error shows the lines of the author's own code.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"expected a Python file with a bot, got {str(path)!r}, which is not a file")
    found = vars(_imported(file))
    name = next((name for name in (*NAMES, MAKER) if name in found), None)
    if name is None:
        near = next((guess(each, NAMES) for each in _own(found) if guess(each, NAMES)), "")
        raise ConfigError(f"{path}: expected a handler called {', '.join(NAMES[:-1])} or {NAMES[-1]}, found none{near}")
    bot = Bot.of(_made(file, found[name]) if name == MAKER else found[name])
    unset = [each.name for each in fields(Bot) if each.default is getattr(bot, each.name)]
    taken = {key: found[key] for key in BESIDE if key in unset and _fits(file, key, found, tell)}
    bot = replace(bot, **taken)
    used = [each.name for each in fields(Bot) if each.name in BESIDE and getattr(bot, each.name) is not each.default]
    if used:
        tell(f"{file.name}: {', '.join(used)} and {name}")
    for each in _own(found):
        wanted = next((key for key in BESIDE if key not in found and _slip(each, key, found[each])), None)
        if wanted is not None:
            tell(f"{file.name}: {each!r} is not used (did you mean {wanted!r}?)")
    return bot


def _imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"expected a Python file with a bot, got {str(file)!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    beside = str(file.resolve().parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    token = importing.set(file.name)
    try:
        spec.loader.exec_module(module)
    except VoicekitError:
        raise
    except SyntaxError as error:
        raise ConfigError(f"{error.filename or file}:{error.lineno}: {type(error).__name__}: {error.msg}") from error
    except Exception as error:  # the bot is its author's code: any error is shown with the lines of that code
        frames = [each for each in traceback.extract_tb(error.__traceback__) if "importlib" not in each.filename]
        where = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in frames[1:][::-1][:4])
        raise ConfigError(f"{file}: {type(error).__name__}: {error} ({where or file.name})") from error
    finally:
        importing.reset(token)
    return module


def _made(file: Path, make: object) -> object:
    """The result of the file's `make_bot`. Raises ConfigError if `make_bot` can't be called without arguments."""
    try:
        if inspect.iscoroutinefunction(make) or not callable(make):
            raise TypeError
        inspect.signature(make).bind()
    except (TypeError, ValueError):
        raise ConfigError(f"{file}: {MAKER}: expected a plain function that needs no argument, got {make!r}") from None
    return make()


def _fits(file: Path, key: str, found: Mapping[str, Any], tell: Tell) -> bool:
    """Whether the module's variable `key` can belong to a bot; if the variable is a function or module, `tell` reports
    that it is not used.
    """
    if key not in found:
        return False
    value = found[key]
    if isinstance(value, ModuleType) or (callable(value) and BESIDE[key] is not object):
        tell(f"{file.name}: {key!r} is not used: it is a {type(value).__name__}")
        return False
    if value is not None and not isinstance(value, BESIDE[key]):
        raise ConfigError(f"{file}: {key}: expected a {BESIDE[key].__name__}, got {value!r}")
    return value is not None or key in ("stt", "vad")


def _own(found: Mapping[str, Any]) -> list[str]:
    """The names that a module defines itself."""
    return [name for name, value in found.items() if not name.startswith("_") and not isinstance(value, ModuleType)]


def _slip(name: str, wanted: str, value: object) -> bool:
    """Whether `name` is `wanted` with one typing error, and `value` fits. Short words never count: they are too
    similar.
    """
    if not isinstance(value, BESIDE[wanted]) or len(wanted) < 5 or name in (f"{wanted}s", wanted.upper()):
        return False
    if name.lower() == wanted:
        return True
    same = sum(block.size for block in SequenceMatcher(None, name, wanted, autojunk=False).get_matching_blocks())
    return max(len(name), len(wanted)) - same <= 1 and name[0] == wanted[0]
