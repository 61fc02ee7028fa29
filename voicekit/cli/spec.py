"""Reads a part from the command line: `NAME[:VALUE][,option=value...]`, as in `file:caller.wav,trailing_silence=1`.

VALUE is the first thing that the part takes. A value becomes what its option's default is: a number, yes or no, text.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name

from voicekit.errors import ConfigError, PluginError
from voicekit.extend import Registry, Role, Use

YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


def read_part(spec: str, role: Role, registry: Registry) -> Use:
    """The part that `spec` names. ConfigError for an unknown name, and for text that no option could be made of.

    A source that can be played at the pace of a person is, where `spec` does not say otherwise.
    """
    first, *rest = spec.split(",")
    name, colon, value = first.partition(":")
    if not colon and name not in registry.names(role) and Path(spec).suffix:
        raise ConfigError(f"{role}: expected a name first, got {spec!r}; a sound file is file:{spec}")
    parameters = _parameters(name, role, registry)
    options: dict[str, object] = {}
    if colon:
        if not parameters:
            raise ConfigError(f"{role} {name!r} takes nothing, got {value!r}")
        options[next(iter(parameters))] = value
    for option in rest:
        key, equals, text = option.partition("=")
        if not equals:
            raise ConfigError(f"{role} {name!r}: expected option=value, got {option!r}")
        options[key.strip().replace("-", "_")] = text
    made = {key: _value(f"{role} {name!r}", key, str(text), parameters) for key, text in options.items()}
    if role == "source" and "paced" in parameters:
        made.setdefault("paced", True)
    return Use(name, **made)


def _parameters(name: str, role: Role, registry: Registry) -> Mapping[str, inspect.Parameter]:
    entry = registry.find(role, name)
    try:
        factory = resolve_name(entry.factory) if isinstance(entry.factory, str) else entry.factory
    except ImportError as error:
        raise PluginError(f"plugin {entry.plugin!r}: {role} {name!r} can't be imported: {error}") from error
    return inspect.signature(factory).parameters


def _value(where: str, key: str, text: str, parameters: Mapping[str, inspect.Parameter]) -> object:
    """`text` as the kind of value that the option `key` takes; an unknown one stays text, and is refused later."""
    parameter = parameters.get(key)
    if parameter is None:
        return text
    default, kind = parameter.default, str(parameter.annotation)
    if isinstance(default, bool):
        return _yes_or_no(where, key, text)
    if isinstance(default, int | float) or ("int" in kind.split() or "float" in kind.split()):
        return _number(where, key, text)
    return text


def _yes_or_no(where: str, key: str, text: str) -> bool:
    if text.lower() not in YES + NO:
        raise ConfigError(f"{where}: {key}: expected yes or no, got {text!r}")
    return text.lower() in YES


def _number(where: str, key: str, text: str) -> float:
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        raise ConfigError(f"{where}: {key}: expected a number, got {text!r}") from None
