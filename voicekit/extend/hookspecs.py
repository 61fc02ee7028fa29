"""The hooks: what a plugin may do, grouped by the moment at which it is asked.

Hooks are synchronous: they build, choose or observe, and what they return may be asynchronous. Sound never passes
through them. A plugin implements a hook by a function of the same name, marked with `voicekit.hookimpl`; it takes
those of the arguments that it needs. docs/hooks.md has a section for each, with an example.

Several plugins are asked in this order: objects given to `load_plugins` in their order, `voicefile.py`, installed
plugins by name, voicekit's own. `@hookimpl(tryfirst=True)` and `@hookimpl(trylast=True)` move one to an end; of
several that ask to be last, the order is the other way round, so the nearest to the program is the very last.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from voicekit.events import SessionEvent
    from voicekit.extend.commands import Commands
    from voicekit.extend.parts import Part, Role
    from voicekit.extend.registry import Registry
    from voicekit.extend.view import SessionView
    from voicekit.reply.handler import Answer, Turn

PROJECT = "voicekit"
"""The name of the markers, and of the group of entry points."""

PREFIX = "voicekit_"
"""What the name of every hook begins with; a plugin's functions that begin so are taken for hooks."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Apologise:
    """Answer to trouble: say `text` and go on with the call."""

    text: str


@dataclass(frozen=True, slots=True)
class Restart:
    """Answer to trouble: open what failed anew and go on with the call."""


# --- start-up ---


@hookspec
def voicekit_register(registry: Registry) -> None:
    """Bring parts that can be asked for by name: `registry.vad("silero", make_silero)` and so on for each role.

    The factory is called later, if at all; what is heavy to import is imported there.
    """


@hookspec
def voicekit_commands(commands: Commands) -> None:
    """Add words after `voicekit` on the command line, with `commands.add(name, run, help)`."""


# --- once per session ---


@hookspec
def voicekit_session(session: SessionView) -> AbstractAsyncContextManager[object] | None:
    """The last word before anything opens: change `session.policy`, put private data into `session.stash`.

    An async context manager that is returned is entered around the one conversation: in the order in which plugins are
    asked, and left in the reverse.
    """


@hookspec
def voicekit_wrap_stage(stage: Part, role: Role, session: SessionView) -> Part | None:
    """Return a layer around `stage`, or another part for `role` altogether; None leaves it as it is.

    Each plugin is given what the plugin before it made, so the first one asked is the innermost.
    """


# --- once per turn ---


@hookspec(firstresult=True)
def voicekit_answer(turn: Turn) -> Answer | None:
    """Return what answers this turn, or None to leave it to the next plugin and at last to the session's own handler.

    Anything that `voicekit.as_handler` takes will do: a handler, a function, a text.
    """


# --- while it runs ---


@hookspec
def voicekit_observe(event: SessionEvent, session: SessionView) -> None:
    """See every event of the session, off the hot path.

    Who raises here is reported once, as an `events.Trouble`, and sees no more of that session; the others do.
    """


# --- when something fails ---


@hookspec(firstresult=True)
def voicekit_handle_error(error: Exception, role: Role | None, session: SessionView) -> Apologise | Restart | None:
    """Decide how the call goes on after `error` in the part that plays `role`; None leaves it to the next plugin.

    `role` is None for an error that came from no part. If every plugin returns None, the error takes its course.
    """
