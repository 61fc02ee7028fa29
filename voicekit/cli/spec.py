"""Reads parts and policies from the command line: `NAME[:VALUE][,OPTION=VALUE...]` and `FIELD.FIELD=VALUE`.

    file:caller.wav,trailing_silence=1      silero:threshold=0.6      soniox:voice=Maya,language=de
    turn.settle=1.2

VALUE is the part's first option; if that option is a path, VALUE may contain commas. A value is converted to the type
of its option: a number, yes or no, or text.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from voicekit.errors import ConfigError
from voicekit.extend import Registry, Role, Use
from voicekit.extend.names import guess
from voicekit.turn.policy import Policy

YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")

TEXTS: Final = {"str", "Path", "PathLike", "Any", "object"}
"""Types whose values may be written as text."""


def read_part(spec: str, role: Role, registry: Registry) -> Use:
    """The part that `spec` names. Raises ConfigError for an unknown name, and for text that does not fit an option.

    A source that can run in real time does so, unless `spec` turns this off.
    """
    name, *rest = re.split("[:,]", spec, maxsplit=1)
    if name == spec and name not in registry.names(role) and Path(spec).suffix:
        raise ConfigError(f"{role}: expected a name first, got {spec!r}; for a sound file, write file:{spec}")
    parameters, where = registry.find(role, name).parameters(), f"{role} {name!r}"
    pieces = rest[0].split(",") if rest else []
    made: dict[str, object] = {}
    first = next(iter(parameters), "")
    takes_text = bool(parameters) and bool(TEXTS & _words(parameters[first].annotation))
    option = bool(pieces) and (_is_option(pieces[0], parameters) or ("=" in pieces[0] and not takes_text))
    if spec[len(name) :].startswith(":") and not option:
        if not parameters:
            raise ConfigError(f"{where} takes no value, got {rest[0]!r}")
        length = _length_of_path(pieces, parameters) if takes_text else 1
        made[first] = read_value(where, first, ",".join(pieces[:length]), parameters[first])
        pieces = pieces[length:]
    for piece in pieces:
        key, equals, text = piece.partition("=")
        if not equals:
            raise ConfigError(f"{where}: expected option=value, got {piece!r}")
        key = _key(key)
        made[key] = read_value(where, key, text, parameters[key]) if key in parameters else text
    if role == "source" and "paced" in parameters:
        made.setdefault("paced", True)
    return Use(name, **made)


def read_policy(policy: Policy, changes: Sequence[str]) -> Policy:
    """A copy of `policy` with `changes` such as turn.settle=1.2. Raises ConfigError for an unknown field or an invalid
    value.
    """
    for change in changes:
        path, equals, text = change.partition("=")
        group, _, field = path.replace("-", "_").partition(".")
        groups = {each.name: getattr(policy, each.name) for each in fields(policy)}
        known = [f"{name}.{each.name}" for name, part in groups.items() for each in fields(part)]
        if not equals or f"{group}.{field}" not in known:
            raise ConfigError(
                f"--policy: expected FIELD=VALUE such as turn.settle=1.2, got {change!r}{guess(path, known)}"
            )
        parameter = inspect.signature(type(groups[group])).parameters[field]
        value = read_value("--policy", path, text, parameter)
        policy = replace(policy, **{group: replace(groups[group], **{field: value})})
    return policy


def read_value(where: str, key: str, text: str, parameter: inspect.Parameter) -> object:
    """`text` converted to the type that `parameter` takes. Raises ConfigError if that is not possible."""
    default, kinds = parameter.default, _words(parameter.annotation)
    if "None" in kinds and text == "none":
        return None
    if isinstance(default, bool) or "bool" in kinds:
        if text.lower() not in YES + NO:
            raise ConfigError(f"{where}: {key}: expected yes or no, got {text!r}")
        return text.lower() in YES
    if isinstance(default, int | float) or kinds & {"int", "float"}:
        return _number(f"{where}: {key}", text, whole="float" not in kinds and "int" in kinds)
    if "tuple" in kinds:
        return tuple(text.split("+"))
    if isinstance(default, str) or kinds & TEXTS or parameter.annotation is parameter.empty:
        return text
    raise ConfigError(f"{where}: {key} can't be set here, because its value is neither text nor a number; got {text!r}")


def _is_option(piece: str, parameters: Mapping[str, Any]) -> bool:
    key, equals, _ = piece.partition("=")
    return bool(equals) and _key(key) in parameters


def _length_of_path(pieces: Sequence[str], parameters: Mapping[str, Any]) -> int:
    """How many of `pieces` form one path: as many as name an existing file, otherwise those before the first option."""
    there = [count for count in range(len(pieces), 0, -1) if Path(",".join(pieces[:count])).exists()]
    options = (count for count, piece in enumerate(pieces) if count and "=" in piece and _is_option(piece, parameters))
    rest = next(options, len(pieces))
    # "call, 3 May.wav" is one path, but "a.wav,pased" is a path and a misspelt option
    plain = rest if all(" " in piece for piece in pieces[1:rest]) else 1
    return there[0] if there else plain


def _key(text: str) -> str:
    return text.strip().replace("-", "_")


def _words(annotation: object) -> set[str]:
    """The names in a type annotation, which may be given as text."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "") + " " + str(annotation)
    return set(re.findall(r"\w+", text))


def _number(where: str, text: str, *, whole: bool) -> float:
    try:
        number = int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (whole and not isinstance(number, int)):
        raise ConfigError(f"{where}: expected a {'whole ' if whole else ''}number, got {text!r}")
    return number
