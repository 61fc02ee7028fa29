"""The function that pluggy calls instead of a plugin's own: it checks the result and names the plugin in every error.

pluggy alone would pass on a third-party exception without the plugin's name, and one observer's failure would affect
the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Any, Final, TypeAlias

from voicekit.errors import PluginError
from voicekit.events import Trouble
from voicekit.extend import hookspecs
from voicekit.extend.commands import Commands
from voicekit.extend.hookspecs import Apologise, Restart
from voicekit.extend.parts import Role, misfit
from voicekit.extend.registry import Registry

Tracer: TypeAlias = Callable[[str], None]


class Silenced(set[str]):
    """The set of plugins that may no longer observe a session. It is kept in the session's stash."""


@dataclass
class Layers:
    """A part, wrapped in the layers of the plugins called so far. The next plugin gets the wrapped part."""

    part: Any
    role: Role

    def signed(self, plugin: str) -> Any:
        return self.part


def guarded(hook: str, plugin: str, function: Callable[..., object], trace: Tracer | None) -> Callable[..., object]:
    """The function that pluggy calls instead of `plugin`'s own `function`: it takes all arguments of the `hook`.

    If the plugin fails, this function raises PluginError. For two hooks it returns the error instead, so that the other
    plugins are still called: `voicekit_observe` (as a Trouble) and `voicekit_register` (with the plugin's name).
    """
    spec = getattr(hookspecs, hook)
    offered, wanted = tuple(signature(spec).parameters), _wanted(function)

    @wraps(spec)  # pluggy reads the argument names from the wrapped function
    def ask(*arguments: Any) -> object:
        given = dict(zip(offered, arguments, strict=True))
        silenced = given["session"].stash.get(Silenced) or Silenced() if hook == "voicekit_observe" else ()
        if plugin in silenced:
            return None
        try:
            answer = _checked(hook, plugin, function, [_own(given[name], plugin) for name in wanted], given, trace)
        except PluginError as failure:
            if hook == "voicekit_register":
                return plugin, failure
            if not isinstance(silenced, Silenced):
                raise
            given["session"].stash[Silenced] = Silenced({*silenced, plugin})
            return Trouble(f"plugin {plugin!r}", failure)
        if hook == "voicekit_wrap_stage" and answer is not None:
            given["stage"].part = answer
        return answer

    return ask


def _checked(
    hook: str,
    plugin: str,
    function: Callable[..., object],
    own: list[Any],
    given: dict[str, Any],
    trace: Tracer | None,
) -> object:
    """The checked result of one hook call. The trace has only names and types, because values may be private."""
    try:
        answer = function(*own)
    except Exception as error:  # a plugin is third-party code: any error gets the plugin's name
        if trace is not None:
            trace(f"{hook}: {plugin} -> raised {type(error).__name__}")
        raise PluginError(f"plugin {plugin!r}: {hook} raised {type(error).__name__}: {error}") from error
    if trace is not None:
        trace(f"{hook}: {plugin} -> {'None' if answer is None else type(answer).__name__}")
    why = None if answer is None else _CHECKS.get(hook, _not_nothing)(answer, given)
    if why is not None:
        raise PluginError(f"plugin {plugin!r}: {hook}: {why}")
    return answer


def _wanted(function: Callable[..., object]) -> list[str]:
    """The parameters without a default: the plugin's function takes these arguments of the hook."""
    parameters = signature(function).parameters.values()
    some = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in some]


def _own(value: Any, plugin: str) -> Any:
    """`value` as `plugin` gets it: what the plugin adds to a collection is added under the plugin's name."""
    return value.signed(plugin) if isinstance(value, Registry | Commands | Layers) else value


def _not_nothing(answer: object, given: dict[str, Any]) -> str:
    return f"expected None, got {type(answer).__name__}"


def _no_layer(answer: object, given: dict[str, Any]) -> str | None:
    return misfit(given["role"], answer)


def _no_context(answer: object, given: dict[str, Any]) -> str | None:
    if hasattr(answer, "__aenter__") and hasattr(answer, "__aexit__"):
        return None
    return f"expected an async context manager, got {type(answer).__name__}"


def _no_answer(answer: object, given: dict[str, Any]) -> str | None:
    return None if isinstance(answer, str) else misfit("handler", answer)


def _no_decision(answer: object, given: dict[str, Any]) -> str | None:
    if isinstance(answer, Apologise | Restart):
        return None
    return f"expected Apologise, Restart or None, got {type(answer).__name__}"


_CHECKS: Final[dict[str, Callable[[object, dict[str, Any]], str | None]]] = {
    "voicekit_wrap_stage": _no_layer,
    "voicekit_session": _no_context,
    "voicekit_answer": _no_answer,
    "voicekit_handle_error": _no_decision,
}
"""For each hook, the function that explains why an answer is wrong ("expected ..., got ...", or None if it is right).
Hooks that are not listed here must return None.
"""
