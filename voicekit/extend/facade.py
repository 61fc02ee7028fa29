"""The plugins as the rest of voicekit sees them: one typed method for each hook, and no pluggy.

Implementations are called one by one, in pluggy's order, because the error of one must name its plugin, and because
one observer's failure must not cost the others theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import pluggy

from voicekit.errors import PluginError
from voicekit.events import Trouble
from voicekit.extend.check import HOOKS
from voicekit.extend.hookspecs import Apologise, Restart
from voicekit.extend.options import Commands, Options
from voicekit.extend.parts import Part, Role, misfit
from voicekit.extend.registry import Registry

if TYPE_CHECKING:
    from voicekit.events import SessionEvent
    from voicekit.extend.view import SessionView
    from voicekit.reply.handler import Answer, Turn

P = TypeVar("P", bound=Part)

Misfit: TypeAlias = Callable[[object], str | None]
"""Why an answer can't be used, as "expected ..., got ..."; None where it can."""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin that was found: `origin` says where, `hooks` what it implements (nothing where it is blocked)."""

    name: str
    origin: str
    hooks: tuple[str, ...] = ()
    blocked: bool = False


class _Silenced(set[str]):
    """The plugins that may not observe a session any more, kept in its stash."""


class _Signed(Protocol):
    """A collection that plugins add to, each under its own name."""

    def signed(self, plugin: str) -> object: ...


class Plugins:
    """The plugins that are loaded. Nothing here changes later: what belongs to one session is kept in its stash.

    `registry` and `options` hold what the plugins have brought. Every method raises PluginError, naming the plugin,
    where one raises (the original is the cause) or answers with what the hook doesn't know; `observe` reports it
    instead.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        found: tuple[PluginInfo, ...],
        failures: Mapping[str, PluginError],
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self._found = found
        self._trace = trace
        self._implementations = {hook: list(reversed(getattr(manager.hook, hook).get_hookimpls())) for hook in HOOKS}
        self.registry = Registry()
        self.options = Options()
        self.failures: dict[str, PluginError] = dict(failures)
        """The error of each plugin that is not fit for work, by its name. It is asked nothing more."""
        self.failures.update(self._failed_to_fill("voicekit_add_options", "options", self.options))
        self.failures.update(self._failed_to_fill("voicekit_register", "registry", self.registry))
        for hook, implementations in self._implementations.items():
            self._implementations[hook] = [each for each in implementations if each.plugin_name not in self.failures]

    def listing(self) -> tuple[PluginInfo, ...]:
        """Every plugin that was found, in the order in which they are asked; blocked and failed ones too."""
        return self._found

    def add_options(self, options: Options) -> None:
        self._fill("voicekit_add_options", "options", options)

    def register(self, registry: Registry) -> None:
        self._fill("voicekit_register", "registry", registry)

    def commands(self, commands: Commands) -> None:
        self._fill("voicekit_commands", "commands", commands)

    def configure(self, session: SessionView) -> None:
        for _ in self._answers("voicekit_configure", _not_nothing, session=session):
            pass

    def wrap(self, stage: P, role: Role, session: SessionView) -> P:
        """`stage` in the layers of all plugins, those of the first one asked innermost."""
        for implementation in self._implementations["voicekit_wrap_stage"]:
            given = {"stage": stage, "role": role, "session": session}
            layer = self._ask("voicekit_wrap_stage", implementation, partial(misfit, role), given)
            stage = stage if layer is None else layer
        return stage

    def session_contexts(self, session: SessionView) -> list[AbstractAsyncContextManager[object]]:
        """What to enter around the conversation, in this order."""
        return list(self._answers("voicekit_session", _no_context, session=session))

    def answer(self, turn: Turn) -> Answer | None:
        """What the first plugin that wants this turn has to say to it: anything that `as_handler` takes."""
        return next(self._answers("voicekit_answer", _no_answer, turn=turn), None)

    def observe(self, event: SessionEvent, session: SessionView) -> tuple[Trouble, ...]:
        """Show `event` to all observers; what is returned are the failures, to be said as events of the session.

        A plugin that failed is not shown any more of this session.
        """
        troubles = []
        silenced = session.stash.get(_Silenced) or _Silenced()
        for implementation in self._implementations["voicekit_observe"]:
            plugin = implementation.plugin_name
            if plugin in silenced:
                continue
            try:
                self._ask("voicekit_observe", implementation, _not_nothing, {"event": event, "session": session})
            except PluginError as error:
                silenced.add(plugin)
                session.stash[_Silenced] = silenced
                troubles.append(Trouble(f"plugin {plugin!r}", error))
        return tuple(troubles)

    def handle_error(self, error: Exception, role: Role, session: SessionView) -> Apologise | Restart | None:
        """What the first plugin with an opinion wants done. A PluginError from here has a note about `error`."""
        try:
            return next(
                self._answers("voicekit_handle_error", _no_remedy, error=error, role=role, session=session), None
            )
        except PluginError as failure:
            failure.add_note(f"while it was asked about {type(error).__name__} in the {role}: {error}")
            raise

    def _fill(self, hook: str, argument: str, collection: _Signed) -> None:
        for _, error in self._failed_to_fill(hook, argument, collection):
            raise error

    def _failed_to_fill(self, hook: str, argument: str, collection: _Signed) -> Iterator[tuple[str, PluginError]]:
        """Let each plugin add to `collection` under its own name; says those that failed."""
        for implementation in self._implementations[hook]:
            plugin = implementation.plugin_name
            try:
                self._ask(hook, implementation, _not_nothing, {argument: collection.signed(plugin)})
            except PluginError as error:
                yield plugin, error

    def _answers(self, hook: str, wrong: Misfit, **given: object) -> Iterator[Any]:
        """The answers that are not None, one at a time: who stops listening leaves the other plugins unasked."""
        for implementation in self._implementations[hook]:
            answer = self._ask(hook, implementation, wrong, given)
            if answer is not None:
                yield answer

    def _ask(self, hook: str, implementation: pluggy.HookImpl, wrong: Misfit, given: Mapping[str, object]) -> Any:
        """One plugin's answer to one hook, checked by `wrong`."""
        plugin = implementation.plugin_name
        try:
            answer = implementation.function(*(given[name] for name in implementation.argnames))
        except Exception as error:  # a plugin is a stranger's: whatever it raises is told with its name
            self._tell(hook, plugin, f"raised {type(error).__name__}")
            raise PluginError(f"plugin {plugin!r}: {hook} raised {type(error).__name__}: {error}") from error
        self._tell(hook, plugin, "None" if answer is None else type(answer).__name__)
        why = None if answer is None else wrong(answer)
        if why is not None:
            raise PluginError(f"plugin {plugin!r}: from {hook}, {why}")
        return answer

    def _tell(self, hook: str, plugin: str, outcome: str) -> None:
        """Trace one call: names and types only, because values may be private."""
        if self._trace is not None:
            self._trace(f"{hook}: {plugin} -> {outcome}")


def _not_nothing(answer: object) -> str:
    return f"expected None, got {type(answer).__name__}"


def _no_context(answer: object) -> str | None:
    if hasattr(answer, "__aenter__") and hasattr(answer, "__aexit__"):
        return None
    return f"expected an async context manager, got {type(answer).__name__}"


def _no_answer(answer: object) -> str | None:
    return None if isinstance(answer, str) else misfit("handler", answer)


def _no_remedy(answer: object) -> str | None:
    if isinstance(answer, Apologise | Restart):
        return None
    return f"expected Apologise, Restart or None, got {type(answer).__name__}"
