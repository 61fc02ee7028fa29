"""The hooks: what a plugin may do, grouped by when each hook is called.

Hooks are synchronous: they build, choose or observe. The object that a hook returns may be asynchronous. Audio never
passes through a hook. A plugin implements a hook with a function of the same name, marked with `voicekit.hookimpl`; the
function may take any of the hook's arguments. docs/hooks.md has a section for each hook, with an example.

Plugins are called in this order: the objects passed to `load_plugins`, in the given order; `voicefile.py`; the
installed plugins by name; voicekit's own. `@hookimpl(tryfirst=True)` and `@hookimpl(trylast=True)` move a plugin to the
beginning or the end. If several plugins other than voicekit's own ask to be last, they are called in the reverse of
this order.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pluggy
from msgspec import Struct

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
"""The prefix of every hook's name; a plugin's functions with this prefix are treated as hooks."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Apologise(Struct, frozen=True):
    """A reaction to an error: speak `text` and continue the call."""

    text: str


class Restart(Struct, frozen=True):
    """A reaction to an error: open the failed part again and continue the call."""


# --- start-up ---


@hookspec
def voicekit_register(registry: Registry) -> None:
    """Register parts that can be requested by name: `registry.vad("silero", make_silero)` and so on for each role.

    The factory (here `make_silero`) is called later, if at all; import heavy packages inside it.
    """


@hookspec
def voicekit_commands(commands: Commands) -> None:
    """Add commands to `voicekit` on the command line, with `commands.add(name, run, help)`."""


# --- once per session ---


@hookspec
def voicekit_session(session: SessionView) -> AbstractAsyncContextManager[object] | None:
    """Change `session.policy`, or put private data into `session.stash`. Called just before anything in the session is
    opened.

    If you return an async context manager, it is entered for the duration of the conversation. Context managers are
    entered in the order of the plugins, and left in reverse order.
    """


@hookspec
def voicekit_wrap_stage(stage: Part, role: Role, session: SessionView) -> Part | None:
    """Return a layer around `stage`, another part for `role`, or None to keep `stage` unchanged.

    Each plugin gets the previous plugin's result, so the first plugin's layer is the innermost.
    """


# --- once per turn ---


@hookspec(firstresult=True)
def voicekit_answer(turn: Turn) -> Answer | None:
    """Return the handler for this turn, or None to leave the turn to the next plugin and finally to the session's own
    handler.

    The handler may be anything that `voicekit.as_handler` takes: a handler, a function or a string.
    """


# --- while the session runs ---


@hookspec
def voicekit_observe(event: SessionEvent, session: SessionView) -> None:
    """Observe every event of the session, outside the time-critical path: about 10 ms after it happened.

    If a plugin raises an error here, the error is reported once, as an `events.Trouble`. That plugin gets no further
    events in this session; the other plugins still do.
    """


# --- when something fails ---


@hookspec(firstresult=True)
def voicekit_handle_error(error: Exception, role: Role | None, session: SessionView) -> Apologise | Restart | None:
    """Decide how the call continues after `error` in the part with this `role`; None leaves the decision to the next
    plugin.

    `role` is None if the error did not come from a part. If every plugin returns None, the error is handled as usual.
    """
