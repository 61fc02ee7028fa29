"""The registry: factories by role and name; and `Use`, a part by name that is built when it is needed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

from voicekit.errors import ConfigError, PluginError, VoicekitError
from voicekit.extend.names import check_name, guess, listed, shown
from voicekit.extend.parts import Part, Role, misfit

if TYPE_CHECKING:
    from voicekit.contracts import Sink, Source, Stt, Tts, Vad
    from voicekit.flow.stage import Stage
    from voicekit.reply.handler import Handler

T = TypeVar("T")

Factory: TypeAlias = Callable[..., T] | str
"""What makes a part: something to call, or "package.module:name" of it, which is imported when it is needed."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A factory, what it makes, and the plugin that brought it."""

    role: Role
    name: str
    factory: Factory[Part]
    plugin: str

    def make(self, options: Mapping[str, object]) -> Part:
        """Import the factory if need be, and call it; ConfigError where `options` are not those that it takes."""
        factory: Callable[..., Part] = resolve_name(self.factory) if isinstance(self.factory, str) else self.factory
        _check_options(f"{self.role} {self.name!r}", inspect.signature(factory), options)
        return factory(**options)


class Registry:
    """What can be asked for by name: one factory for each role and name.

    Factories are called with the options of a `Use`, as keywords, and return something that fulfils the role. One
    given as "package.module:name" is imported when it is asked for, which keeps the import of a plugin cheap. Adding
    raises PluginError for a name that is taken or malformed.
    """

    def __init__(self, plugin: str = "the program") -> None:
        self._plugin = plugin
        self._entries: dict[tuple[Role, str], Registered] = {}

    def signed(self, plugin: str) -> Registry:
        """The same registry; what is added through this end of it is `plugin`'s."""
        end = Registry(plugin)
        end._entries = self._entries
        return end

    def source(self, name: str, factory: Factory[Source]) -> None:
        self._add("source", name, factory)

    def vad(self, name: str, factory: Factory[Vad]) -> None:
        self._add("vad", name, factory)

    def stt(self, name: str, factory: Factory[Stt]) -> None:
        self._add("stt", name, factory)

    def handler(self, name: str, factory: Factory[Handler]) -> None:
        self._add("handler", name, factory)

    def tts(self, name: str, factory: Factory[Tts]) -> None:
        self._add("tts", name, factory)

    def sink(self, name: str, factory: Factory[Sink]) -> None:
        self._add("sink", name, factory)

    def stage(self, name: str, factory: Factory[Stage[Any, Any]]) -> None:
        self._add("stage", name, factory)

    def names(self, role: Role) -> tuple[str, ...]:
        """The names that can be asked for in `role`, sorted."""
        return tuple(sorted(name for kind, name in self._entries if kind == role))

    def find(self, role: Role, name: str) -> Registered:
        """The factory of `role` called `name`; ConfigError with what there is instead."""
        found = self._entries.get((role, name))
        if found is None:
            known = self.names(role)
            raise ConfigError(f"no {role} is called {name!r}{guess(name, known)}; there are: {listed(known)}")
        return found

    def _add(self, role: Role, name: str, factory: Factory[Part]) -> None:
        check_name(name, role)
        if not callable(factory) and not isinstance(factory, str):
            raise PluginError(
                f"{role} {name!r}: expected a factory or its 'package.module:name', got {type(factory).__name__}"
            )
        taken = self._entries.get((role, name))
        if taken is not None:
            raise PluginError(f"{role} {name!r} is already registered by plugin {taken.plugin!r}")
        self._entries[role, name] = Registered(role, name, factory, self._plugin)


class Use:
    """A part by name, with its options, built when a session needs it. Immutable; the repr shows no secrets.

    >>> Use("silero", threshold=0.6, api_key="sesame")
    Use('silero', threshold=0.6, api_key='***')
    """

    __slots__ = ("_name", "_options")

    def __init__(self, name: str, /, **options: object) -> None:
        self._name = name
        self._options = options

    @property
    def name(self) -> str:
        return self._name

    @property
    def options(self) -> dict[str, object]:
        return dict(self._options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Use) and (self._name, self._options) == (other._name, other._options)

    __hash__ = None  # type: ignore[assignment]  # options may be unhashable, and nobody needs a Use as a key

    def __repr__(self) -> str:
        options = (f", {name}={shown(name, value)}" for name, value in self._options.items())
        return f"Use({self._name!r}{''.join(options)})"

    @overload
    def build(self, registry: Registry, role: Literal["source"]) -> Source: ...
    @overload
    def build(self, registry: Registry, role: Literal["vad"]) -> Vad: ...
    @overload
    def build(self, registry: Registry, role: Literal["stt"]) -> Stt: ...
    @overload
    def build(self, registry: Registry, role: Literal["handler"]) -> Handler: ...
    @overload
    def build(self, registry: Registry, role: Literal["tts"]) -> Tts: ...
    @overload
    def build(self, registry: Registry, role: Literal["sink"]) -> Sink: ...
    @overload
    def build(self, registry: Registry, role: Literal["stage"]) -> Stage[Any, Any]: ...
    def build(self, registry: Registry, role: Role) -> Part:
        """Call the factory that `registry` has for `role` under this name.

        Raises ConfigError for an unknown name, an option that the factory doesn't take or one that it misses, and
        PluginError where the factory fails or makes something that can't be a `role`. The factory's own
        VoicekitErrors pass.
        """
        entry = registry.find(role, self._name)
        where = f"plugin {entry.plugin!r}: {role} {entry.name!r}"
        try:
            part = entry.make(self._options)
        except VoicekitError:
            raise
        except Exception as error:  # the factory is a stranger's: whatever it raises is told with its plugin's name
            raise PluginError(f"{where}: the factory raised {type(error).__name__}: {error}") from error
        wrong = misfit(role, part)
        if wrong is not None:
            raise PluginError(f"{where}: from the factory, {wrong}")
        return part


def _check_options(where: str, signature: inspect.Signature, options: Mapping[str, object]) -> None:
    """Raise ConfigError unless the factory takes each of `options` and misses none."""
    parameters = signature.parameters.values()
    named = {each.name: each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    for name in options:
        if name not in named and not takes_any:
            known = ", ".join(named) or "none"
            raise ConfigError(f"{where}: unknown option {name!r}{guess(name, named)}; it takes: {known}")
    for name, parameter in named.items():
        if parameter.default is parameter.empty and name not in options:
            raise ConfigError(f"{where}: the option {name!r} is needed")
