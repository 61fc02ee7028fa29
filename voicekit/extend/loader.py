"""Finds plugins, checks them, registers them with pluggy, and returns them as a `Plugins` object.

Importing this module loads no plugin. Only the list of installed plugins is cached in this module: building it takes 20
ms, and without the cache a server would stop for that long at each new call. At start-up a broken plugin stops the
program, because the plugin may be a safeguard; the message explains how to block it. During a call, a plugin that fails
affects the call, unless it was only observing.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from msgspec import Struct

from voicekit.errors import ConfigError, PluginError
from voicekit.extend import hookspecs
from voicekit.extend.builtin import BUILT_IN
from voicekit.extend.check import HOOKS, candidates, hooks_of, kind_of
from voicekit.extend.facade import PluginInfo, Plugins
from voicekit.extend.guard import Tracer, guarded
from voicekit.extend.names import check_name

BLOCK = "VOICEKIT_BLOCK"
"""The environment variable with the names of plugins that are not loaded, separated by commas."""

TRACE = "VOICEKIT_TRACE"
"""The environment variable that prints every hook call to stderr if it is set to 1."""

VOICEFILE = "voicefile"
"""The name of `voicefile.py` as a plugin and as a module."""


class _Found(Struct, frozen=True):
    """A plugin that has been found but not imported."""

    name: str
    origin: str
    load: Callable[[], object]


def load_plugins(
    block: Iterable[str] = (), extra: Iterable[object] = (), *, voicefile: Path | None = None, strict: bool = True
) -> Plugins:
    """Load the objects in `extra`, `voicefile`, the installed plugins (entry points in the group "voicekit"), and
    voicekit's own plugins.

    Their hooks are called in this order. Plugins named in `block` or in VOICEKIT_BLOCK are left out without being
    imported; blocking an unknown name is not an error. An object that is found twice counts once. With VOICEKIT_TRACE=1
    each hook call is printed to stderr, with names and types only.

    Raises PluginError, naming the plugin, if one can't be imported, has the same name as another, implements a hook
    wrongly, or fails in `voicekit_register`. If several are broken, notes on the error name the others. With
    `strict=False`, broken plugins are not called again, and the result's `failures` lists them. Raises ConfigError if
    `voicefile` is not a file.
    """
    if voicefile is not None and not voicefile.is_file():
        raise ConfigError(f"voicefile: expected a Python file, got {voicefile}")
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    found = [*_given(extra), *_beside(voicefile), *_installed(), *_ours()]
    plugins, listing, failures = _load(found, {*block, *_blocked_around()}, manager)
    tracer = _print_trace if _is_traced() else None
    for name in _pluggy_order(plugins):
        _register(manager, name, plugins[name], tracer)
    loaded = Plugins(manager, listing, failures)
    if strict:
        _raise_first(loaded.failures)
    return loaded


def installed_plugins() -> Plugins:
    """The result of `load_plugins()`: one unchanging object, shared by all calls without plugins of their own.

    Loading takes 2 to 6 ms, during which a server's other calls stand still. Plugins are loaded again only if other
    plugins are installed or blocked, or if tracing is switched on or off. If `load_plugins` raises PluginError, each
    call to this function raises it again.
    """
    return _loaded_once(tuple(_installed()), frozenset(_blocked_around()), _is_traced())


@lru_cache(4)
def _loaded_once(installed: tuple[_Found, ...], blocked: frozenset[str], traced: bool) -> Plugins:
    return load_plugins()


def _register(manager: pluggy.PluginManager, name: str, plugin: object, trace: Tracer | None) -> None:
    """Register the guards of a plugin's hooks with pluggy, including the plugin's wishes about its place in the
    order.
    """
    guards = ModuleType(name)
    for attribute, hook, options in candidates(plugin, manager):
        if options is not None and hook in HOOKS:
            first, last = options.get("tryfirst", False), options.get("trylast", False)
            guard = guarded(hook, name, getattr(plugin, attribute), trace)
            setattr(guards, hook, hookspecs.hookimpl(guard, tryfirst=first, trylast=last))
    manager.register(guards, name)


def _load(
    found: Iterable[_Found], blocked: set[str], manager: pluggy.PluginManager
) -> tuple[dict[str, object], tuple[PluginInfo, ...], dict[str, PluginError]]:
    """Import and check what is not blocked: returns the plugins by name, everything found, and the errors by name."""
    plugins: dict[str, object] = {}
    listing: list[PluginInfo] = []
    failures: dict[str, PluginError] = {}
    for each in found:
        info = PluginInfo(each.name, each.origin, blocked=each.name in blocked)
        try:
            if not info.blocked:
                plugin = _imported(each)
                if plugin in plugins.values():
                    continue
                _check_free(each, listing)
                info = replace(info, hooks=hooks_of(plugin, each.name, manager))
                plugins[each.name] = plugin
        except PluginError as error:
            failures.setdefault(each.name, error)
        listing.append(info)
    return plugins, tuple(listing), failures


def _imported(found: _Found) -> object:
    check_name(found.name, f"plugin {found.name!r} ({found.origin}): its")
    try:
        return found.load()
    except Exception as error:  # an import runs third-party code: any error is reported with the plugin's name
        where = f"plugin {found.name!r} ({found.origin})"
        raise PluginError(f"{where}: the import raised {type(error).__name__}: {error}") from error


def _check_free(found: _Found, listing: Iterable[PluginInfo]) -> None:
    for info in listing:
        if info.name == found.name:
            raise PluginError(f"plugin {found.name!r}: two plugins have this name: {info.origin} and {found.origin}")


def _given(extra: Iterable[object]) -> Iterator[_Found]:
    """The objects in `extra`, named after their module or class; a second one with the same name is NAME-2."""
    times: Counter[str] = Counter()
    for plugin in extra:
        name = _name_of(plugin)
        times[name] += 1
        numbered = name if times[name] == 1 else f"{name}-{times[name]}"
        yield _Found(numbered, f"given: {kind_of(plugin)}", partial(_itself, plugin))


def _name_of(plugin: object) -> str:
    """The name of a plugin: "silero" for the package voicekit_silero (like its entry point, by convention), and
    "call-notes" for an object of class CallNotes.
    """
    name: str = getattr(plugin, "__name__", type(plugin).__name__).rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower().lstrip("_").removeprefix(hookspecs.PREFIX)


def _beside(voicefile: Path | None) -> Iterator[_Found]:
    if voicefile is not None:
        yield _Found(VOICEFILE, str(voicefile), partial(_import_voicefile, voicefile))


def _installed() -> Iterator[_Found]:
    from importlib.metadata import entry_points  # this import takes 35 ms, too long for `import voicekit`

    yield from _entries(entry_points, tuple(sys.path))


@lru_cache(4)
def _entries(entry_points: Callable[..., Any], path: tuple[str, ...]) -> tuple[_Found, ...]:
    """The plugins that are installed in the folders of `path`, looked up once: later installations are not seen."""
    found = []
    for entry in sorted(entry_points(group=hookspecs.PROJECT), key=lambda entry: (entry.name, entry.value)):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        found.append(_Found(entry.name, origin, entry.load))
    return tuple(found)


def _ours() -> Iterator[_Found]:
    for name, plugin in BUILT_IN.items():
        load = partial(import_module, plugin) if isinstance(plugin, str) else partial(_itself, plugin)
        yield _Found(name, "built in", load)


def _pluggy_order(plugins: Iterable[str]) -> list[str]:
    """The order of registration that makes pluggy call `plugins` in their order.

    pluggy calls the last registered plugin first. voicekit's own plugins ask to be last, and of these the one
    registered last is called last of all.
    """
    names = list(plugins)
    return [*(name for name in reversed(names) if name not in BUILT_IN), *(name for name in names if name in BUILT_IN)]


def _import_voicefile(path: Path) -> ModuleType:
    """Import `path` as the module `voicefile`, once: a program that imports it too gets the same module."""
    known = sys.modules.get(VOICEFILE)
    if known is not None and known.__file__ == str(path.resolve()):
        return known
    spec = importlib.util.spec_from_file_location(VOICEFILE, path.resolve())
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a file that ends in .py, got {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[VOICEFILE] = module  # set before the module runs, because dataclasses look up their own module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[VOICEFILE]
        raise
    return module


def _itself(plugin: object) -> object:
    return plugin


def _blocked_around() -> set[str]:
    return {name.strip() for name in os.environ.get(BLOCK, "").split(",")}


def _is_traced() -> bool:
    return os.environ.get(TRACE, "0") not in ("", "0")


def _print_trace(line: str) -> None:
    print(f"voicekit: {line}", file=sys.stderr)


def _raise_first(failures: Mapping[str, PluginError]) -> None:
    """Raise the first of `failures`, if any, with a note about each of the others."""
    if not failures:
        return
    first, *others = failures.values()
    for other in others:
        first.add_note(f"also broken: {other}")
    first.add_note(f"to continue without what failed: {BLOCK}={','.join(failures)}")
    raise first
