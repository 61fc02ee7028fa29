"""The registry, which holds factories of parts by role and name; and `Use`: a part, requested by name and options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

from msgspec import Struct

from voicekit.errors import ConfigError, PluginError, VoicekitError
from voicekit.extend.install import brought_by, how_to_install
from voicekit.extend.names import check_name, guess, listed, shown
from voicekit.extend.parts import Part, Role, misfit

if TYPE_CHECKING:
    from voicekit.call.transport import Transport
    from voicekit.contracts import Sink, Source, Stt, Tts, Vad
    from voicekit.reply.handler import Handler

T = TypeVar("T")

Factory: TypeAlias = Callable[..., T] | str
"""What makes a part: a callable, or its "package.module:name", from which it is imported when it is needed."""


AUTO = "auto"
"""The name of each role's default."""


class Needs(Struct, frozen=True):
    """What a part requires: an API key, in the environment variable `variable` or as the option `key`.

    If the key is missing, `stand_in` (a function or its name) prepares a replacement. It gets a function for reporting
    progress line by line, and returns an async context manager that yields the options to build the part with.
    """

    variable: str
    stand_in: Factory[Any]


@dataclass(frozen=True, slots=True)
class Registered:
    """A factory, and the plugin that registered it."""

    role: Role
    name: str
    factory: Factory[Part]
    plugin: str
    needs: Needs | None = None

    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The factory's parameters. Raises PluginError if the factory can't be imported."""
        try:
            return inspect.signature(self._imported()).parameters
        except ImportError as error:
            what = f"{self.role} {self.name!r} can't be imported: {error}"
            raise PluginError(f"plugin {self.plugin!r}: {what}") from error

    def make(self, options: Mapping[str, object]) -> Part:
        """Import the factory if necessary, and call it. Raises ConfigError if it does not take these `options`."""
        factory = self._imported()
        _check_options(f"{self.role} {self.name!r}", inspect.signature(factory), options)
        return factory(**options)

    def _imported(self) -> Callable[..., Part]:
        return resolve_name(self.factory) if isinstance(self.factory, str) else self.factory


class Registry:
    """The parts that can be requested by name: one factory for each role and name.

    Factories are called with the options of a `Use`, as keyword arguments, and return something that fulfils the role.
    A factory given as "package.module:name" is imported only when it is requested, which keeps the import of a plugin
    cheap. If several plugins declare a default for one role, the plugin that is called first wins; voicekit's own come
    last. Adding a factory raises PluginError for a name that is taken or malformed.
    """

    def __init__(self, plugin: str = "the program") -> None:
        self._plugin = plugin
        self._entries: dict[tuple[Role, str], Registered] = {}
        self._defaults: dict[Role, str] = {}

    def signed(self, plugin: str) -> Registry:
        """The same registry; parts that are added through the returned object belong to `plugin`."""
        end = Registry(plugin)
        end._entries, end._defaults = self._entries, self._defaults
        return end

    def source(self, name: str, factory: Factory[Source]) -> None:
        self._add("source", name, factory)

    def vad(self, name: str, factory: Factory[Vad], *, default: bool = False) -> None:
        self._add("vad", name, factory, default)

    def stt(self, name: str, factory: Factory[Stt], *, default: bool = False, needs: Needs | None = None) -> None:
        self._add("stt", name, factory, default, needs)

    def handler(self, name: str, factory: Factory[Handler]) -> None:
        self._add("handler", name, factory)

    def tts(self, name: str, factory: Factory[Tts], *, default: bool = False, needs: Needs | None = None) -> None:
        self._add("tts", name, factory, default, needs)

    def sink(self, name: str, factory: Factory[Sink]) -> None:
        self._add("sink", name, factory)

    def transport(self, name: str, factory: Factory[Transport]) -> None:
        self._add("transport", name, factory)

    def default(self, role: Role) -> Use:
        """The default part for `role`. Raises ConfigError if no plugin has registered one."""
        if role not in self._defaults:
            raise ConfigError(f"no plugin registers a default {role}; choose one of: {listed(self.names(role))}")
        return Use(self._defaults[role])

    def names(self, role: Role) -> tuple[str, ...]:
        """The names that can be requested for `role`, sorted."""
        return tuple(sorted(name for kind, name in self._entries if kind == role))

    def find(self, role: Role, name: str) -> Registered:
        """The factory for `role` that is registered as `name`; "auto" means the default part. Raises ConfigError,
        listing the known names, for any other name.
        """
        found = self._entries.get((role, self._defaults.get(role, name) if name == AUTO else name))
        if found is None:
            known = self.names(role)
            what = f"no {role} is called {name!r}"
            distribution = brought_by(role, name)
            if distribution is not None:
                raise ConfigError(f"{what}: it comes with {distribution}, {how_to_install(distribution)}")
            raise ConfigError(f"{what}{guess(name, known)}; known: {listed(known)}")
        return found

    def _add(
        self, role: Role, name: str, factory: Factory[Part], default: bool = False, needs: Needs | None = None
    ) -> None:
        check_name(name, role)
        if not callable(factory) and not isinstance(factory, str):
            raise PluginError(
                f"{role} {name!r}: expected a factory or its 'package.module:name', got {type(factory).__name__}"
            )
        taken = self._entries.get((role, name))
        if taken is not None:
            raise PluginError(f"{role} {name!r} is already registered by plugin {taken.plugin!r}")
        self._entries[role, name] = Registered(role, name, factory, self._plugin, needs)
        if default:
            self._defaults.setdefault(role, name)


class Use:
    """A part that is requested by name, with options, and built when a session needs it. Immutable; the repr shows no
    secrets.

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
    def build(self, registry: Registry, role: Literal["transport"]) -> Transport: ...
    def build(self, registry: Registry, role: Role) -> Part:
        """Call the factory that is registered for `role` in `registry` under the name of this Use.

        Raises ConfigError for an unknown name and for unknown or missing options, and PluginError if the factory fails
        or makes something that can't be a `role`. VoicekitErrors that the factory itself raises are passed on
        unchanged.
        """
        entry = registry.find(role, self._name)
        where = f"plugin {entry.plugin!r}: {role} {entry.name!r}"
        try:
            part = entry.make(self._options)
        except VoicekitError:
            raise
        except Exception as error:  # the factory is third-party code: any error is reported with the plugin's name
            raise PluginError(f"{where}: the factory raised {type(error).__name__}: {error}") from error
        wrong = misfit(role, part)
        if wrong is not None:
            raise PluginError(f"{where}: the factory returned a wrong value: {wrong}")
        return part


def _check_options(where: str, signature: inspect.Signature, options: Mapping[str, object]) -> None:
    """Raise ConfigError unless the factory takes all of `options` and none is missing."""
    parameters = signature.parameters.values()
    named = {each.name: each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    for name in options:
        if name not in named and not takes_any:
            known = ", ".join(named) or "none"
            raise ConfigError(f"{where}: unknown option {name!r}{guess(name, named)}; known options: {known}")
    for name, parameter in named.items():
        if parameter.default is parameter.empty and name not in options:
            raise ConfigError(f"{where}: the option {name!r} is required")
