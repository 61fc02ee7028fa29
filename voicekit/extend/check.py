"""Checks a plugin before it is used: which hooks it implements, and whether they can work."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType

import pluggy

from voicekit.errors import PluginError
from voicekit.extend import hookspecs
from voicekit.extend.names import guess

HOOKS: dict[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(spec).parameters)
    for name, spec in vars(hookspecs).items()
    if name.startswith(hookspecs.PREFIX)
}
"""Every hook and its arguments, in the order of hookspecs.py."""


MARK = f"{hookspecs.PROJECT}_impl"
"""The attribute that pluggy's marker sets on a function."""


def hooks_of(plugin: object, name: str, manager: pluggy.PluginManager) -> tuple[str, ...]:
    """The hooks that `plugin`, called `name`, implements. Raises PluginError if a hook can't work, or if there are no
    hooks.
    """
    found = []
    for attribute, hook, options in candidates(plugin, manager):
        where = f"plugin {name!r}: {attribute}"
        if hook in HOOKS:
            if options is None:
                raise PluginError(f"{where}: a hook needs the decorator @voicekit.hookimpl")
            _check_kind(getattr(plugin, attribute), options, where)
            _check_arguments(getattr(plugin, attribute), hook, where)
            found.append(hook)
        elif options is None or not options.get("optionalhook"):
            raise PluginError(f"{where}: there is no hook {hook!r}{guess(hook, HOOKS)}")
    if not found:
        raise PluginError(f"plugin {name!r}: expected a module or object with hooks, got {kind_of(plugin)} without any")
    return tuple(hook for hook in HOOKS if hook in found)


def candidates(plugin: object, manager: pluggy.PluginManager) -> Iterator[tuple[str, str, pluggy.HookimplOpts | None]]:
    """Every function that is marked as a hook or has the name of one, with the options given to its marker."""
    for attribute in _routines(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            yield attribute, options.get("specname") or attribute, options
        elif attribute.startswith(hookspecs.PREFIX) and inspect.isroutine(getattr(plugin, attribute)):
            yield attribute, attribute, None


def _routines(plugin: object) -> list[str]:
    """The names in `plugin` that may be hooks. For a module, the list is shorter, because its functions can be
    inspected without running code.
    """
    if not isinstance(plugin, ModuleType):
        return [name for name in dir(plugin) if not name.startswith("__")]
    functions = {name: value for name, value in vars(plugin).items() if isinstance(value, FunctionType)}
    return sorted(
        name for name, value in functions.items() if name.startswith(hookspecs.PREFIX) or hasattr(value, MARK)
    )


def _check_kind(function: Callable[..., object], options: pluggy.HookimplOpts, where: str) -> None:
    if options.get("wrapper") or options.get("hookwrapper"):
        raise PluginError(f"{where}: a hook can't be a wrapper, because each plugin is called separately")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(
            f"{where}: a hook must be a plain function; only its return value may be async (see the "
            "hook's documentation)"
        )


def _check_arguments(function: Callable[..., object], hook: str, where: str) -> None:
    """Raise PluginError for an argument without a default that `hook` does not offer."""
    for each in inspect.signature(function).parameters.values():
        optional = each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        if not optional and (each.kind is each.KEYWORD_ONLY or each.name not in HOOKS[hook]):
            offered = ", ".join(HOOKS[hook])
            raise PluginError(
                f"{where}: expected only arguments from ({offered}), got {each.name!r}{guess(each.name, HOOKS[hook])}"
            )


def kind_of(plugin: object) -> str:
    """A description of `plugin`, without its repr: "module rules", "Rules object"."""
    name = getattr(plugin, "__name__", None)
    return f"{type(plugin).__name__} object" if name is None else f"{type(plugin).__name__} {name}"
