"""The plugins as the rest of voicekit sees them: one typed method for each hook, and no pluggy.

pluggy calls the hooks, through a guard around each plugin's function (see `voicekit.extend.guard`).
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

import pluggy

from voicekit.errors import PluginError
from voicekit.events import Trouble
from voicekit.extend.commands import Commands
from voicekit.extend.guard import Layers
from voicekit.extend.hookspecs import Apologise, Restart
from voicekit.extend.parts import Part, Role
from voicekit.extend.registry import Registry

if TYPE_CHECKING:
    from voicekit.events import SessionEvent
    from voicekit.extend.view import SessionView
    from voicekit.reply.handler import Answer, Turn

P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin that was found: `origin` is where it was found, `hooks` the hooks that it implements (empty if it is
    blocked).
    """

    name: str
    origin: str
    hooks: tuple[str, ...] = ()
    blocked: bool = False


class Plugins:
    """The loaded plugins. This object never changes: the data of a session is kept in that session's stash.

    `registry` contains the parts that the plugins registered. Every method raises PluginError, naming the plugin, if a
    plugin raises an error (which becomes the cause) or returns an invalid value; `observe` reports the failure instead.
    """

    def __init__(
        self, manager: pluggy.PluginManager, found: tuple[PluginInfo, ...], failures: dict[str, PluginError]
    ) -> None:
        self._found = found
        self._hook = manager.hook
        self.registry = Registry()
        self.failures = dict(failures)
        """The error of each broken plugin, by its name. A broken plugin is not called again."""
        failed: dict[str, PluginError] = dict(self._hook.voicekit_register(registry=self.registry))
        self.failures.update(failed)
        for name in failed:
            manager.unregister(name=name)

    def listing(self) -> tuple[PluginInfo, ...]:
        """Every plugin that was found, in calling order, including blocked and failed ones."""
        return self._found

    def commands(self, commands: Commands) -> None:
        self._hook.voicekit_commands(commands=commands)

    def wrap(self, stage: P, role: Role, session: SessionView) -> P:
        """`stage` wrapped in the layers of all plugins; the first plugin's layer is the innermost."""
        layers = Layers(stage, role)
        self._hook.voicekit_wrap_stage(stage=layers, role=role, session=session)
        return cast("P", layers.part)

    def session_contexts(self, session: SessionView) -> list[AbstractAsyncContextManager[object]]:
        """The plugins' context managers, in the order in which they are to be entered around the conversation. Call
        this before anything in the session is opened.
        """
        return cast("list[AbstractAsyncContextManager[object]]", self._hook.voicekit_session(session=session))

    def answer(self, turn: Turn) -> Answer | None:
        """The handler of the first plugin that answers this turn: anything that `as_handler` accepts."""
        return cast("Answer | None", self._hook.voicekit_answer(turn=turn))

    @property
    def observes(self) -> bool:
        """Whether any plugin observes events."""
        return bool(self._hook.voicekit_observe.get_hookimpls())

    def observe(self, event: SessionEvent, session: SessionView) -> tuple[Trouble, ...]:
        """Show `event` to all observers, and return the failures, to be reported as events of the session.

        A plugin that failed gets no further events in this session.
        """
        return tuple(self._hook.voicekit_observe(event=event, session=session))

    def handle_error(self, error: Exception, role: Role | None, session: SessionView) -> Apologise | Restart | None:
        """What to do about `error`: the decision of the first plugin that makes one. If a plugin fails while deciding,
        its PluginError has a note about `error`.
        """
        try:
            decided = self._hook.voicekit_handle_error(error=error, role=role, session=session)
        except PluginError as failure:
            failure.add_note(f"while it was asked about {type(error).__name__} in the {role or 'call'}: {error}")
            raise
        return cast("Apologise | Restart | None", decided)
