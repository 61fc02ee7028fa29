"""Turns a Python signature into a description for a model, and the model's JSON back into arguments.

msgspec does both from one type that is built from the parameters, so that the schema and the check always agree. If the
model omits a parameter with a default, the call omits it too. A parameter's purpose is in the docstring

    city: the city, in English

on a separate line, or in `Annotated[str, "the city, in English"]`.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

import msgspec

from voicekit.errors import ConfigError
from voicekit.reply.handler import Turn

_PARAMETER = re.compile(r"^\s*(?::param )?(\w+)(?: \([^)]*\))?: +(\S.*)$")
_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Reader(Protocol):
    """Reads the arguments that a model writes; `turn` names the parameter that receives the current Turn."""

    turn: str | None

    def arguments(self, text: str) -> dict[str, Any]: ...


class AnyObject:
    """Accepts any JSON object as arguments: its shape is checked elsewhere."""

    turn: str | None = None

    def arguments(self, text: str) -> dict[str, Any]:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])


class Signature:
    """The parameters of `function` that a model may fill in. Raises ConfigError for a parameter that has no type, or
    whose type has no JSON form.

    `schema` is the JSON schema of the object that the model writes; `turn` names the parameter that receives the
    current Turn and is hidden from the model.
    """

    def __init__(self, function: Callable[..., Any], where: str) -> None:
        hints = _hints(function, where)
        said = _said_of_parameters(inspect.getdoc(function) or "")
        fields: list[tuple[str, Any, Any]] = []
        self.turn: str | None = None
        for name, parameter in inspect.signature(function).parameters.items():
            if hints.get(name) is Turn:
                self.turn = name
                continue
            fields.append(_field(name, parameter, hints, said.get(name), where))
        try:
            self._type = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
            self.schema: Mapping[str, Any] = _schema(self._type)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{where}: {error}") from error

    def arguments(self, text: str) -> dict[str, Any]:
        """The arguments in the model's JSON. Raises msgspec's DecodeError if they do not fit the schema."""
        filled = msgspec.json.decode(text or "{}", type=self._type)
        values = {name: getattr(filled, name) for name in self._type.__struct_fields__}
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def described(function: Callable[..., Any]) -> str:
    """The description in the docstring of `function`: everything before its lines about parameters."""
    lines = (inspect.getdoc(function) or "").splitlines()
    parameters = inspect.signature(function).parameters
    kept: list[str] = []
    for line in lines:
        found = _PARAMETER.match(line)
        if line.strip() in ("Args:", "Arguments:", "Parameters:") or (found and found[1] in parameters):
            break
        kept.append(line)
    return "\n".join(kept).strip()


def _hints(function: Callable[..., Any], where: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f"{where}: the type hints can't be read: {error}") from error


def _field(
    name: str, parameter: inspect.Parameter, hints: Mapping[str, Any], said: str | None, where: str
) -> tuple[str, Any, Any]:
    if parameter.kind not in _KINDS:
        raise ConfigError(f"{where}: expected named parameters, got {parameter}")
    if name not in hints:
        raise ConfigError(f"{where}: the parameter {name!r} needs a type hint, which shows the model what to write")
    kind, said = _without_words(hints[name], said)
    if said:
        kind = Annotated[kind, msgspec.Meta(description=said)]
    if parameter.default is parameter.empty:
        return name, kind, msgspec.NODEFAULT
    return name, Union[kind, msgspec.UnsetType], msgspec.UNSET  # noqa: UP007  # of objects, at run time


def _without_words(kind: Any, said: str | None) -> tuple[Any, str | None]:
    """The type and the text of `Annotated[type, "text"]`; other annotations are left to msgspec."""
    if get_origin(kind) is not Annotated:
        return kind, said
    inner, *notes = get_args(kind)
    words = [note for note in notes if isinstance(note, str)]
    for note in notes:
        if not isinstance(note, str):
            inner = Annotated[inner, note]
    return inner, words[0] if words else said


def _said_of_parameters(doc: str) -> dict[str, str]:
    return {found[1]: found[2] for line in doc.splitlines() if (found := _PARAMETER.match(line))}


def _schema(kind: type) -> dict[str, Any]:
    """The JSON schema of `kind` as services want it: the object itself at the top level, and other types beside it."""
    (reference,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    top: dict[str, Any] = components.pop(reference["$ref"].removeprefix("#/$defs/"))
    top.pop("title", None)
    top["additionalProperties"] = False
    return {**top, "$defs": components} if components else top
