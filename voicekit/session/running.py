"""Runs a session as a program's main task; Ctrl-C and SIGTERM end the call gracefully."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from pkgutil import resolve_name
from typing import Any

import trio

from voicekit.errors import ConfigError
from voicekit.events import Blocked, SessionEnded
from voicekit.extend import Needs, Registry, Use
from voicekit.extend.loader import installed_plugins
from voicekit.flow.groups import alone
from voicekit.flow.watchdog import watching_the_loop
from voicekit.session.bot import SPOKEN, Bot, asked_for, instead
from voicekit.session.console import chat
from voicekit.session.session import Session
from voicekit.session.stopping import stopping

importing: ContextVar[str] = ContextVar("importing")
"""The file of the bot that is being imported; while it is imported, it must not start a call."""


async def run(bot: Any, **parts: Any) -> SessionEnded:
    """Run one conversation with `bot`, a handler or a Bot; `parts` are keyword arguments of `Session`, which override
    the bot's parts.

    This is meant for `trio.run(voicekit.run, bot)`. Without any parts, the conversation is typed in the console. If
    Soniox is needed but there is no key, a local server stands in for it, in a process that ends with the call.
    """
    if not trio.lowlevel.in_trio_run():
        raise ConfigError("voicekit runs on trio: expected trio.run(voicekit.run, bot), not asyncio")
    if (file := importing.get(None)) is not None:
        raise ConfigError(
            f'{file} starts a call when it is imported: put trio.run(...) under if __name__ == "__main__":'
        )
    if not parts:
        return await chat(bot)
    plugins = parts.pop("plugins", None) or installed_plugins()
    spoken = Bot.of(bot).spoken(plugins.registry, **parts)
    with alone():
        async with served(spoken, plugins.registry) as ready:
            return await run_session(Session(plugins=plugins, **ready))


def _to_stderr(line: str) -> None:
    print(f"voicekit: {line}", file=sys.stderr, flush=True)


@asynccontextmanager
async def served(
    parts: Mapping[str, Any], registry: Registry, tell: Callable[[str], None] = _to_stderr
) -> AsyncIterator[dict[str, Any]]:
    """Yield `parts` for a Session. If a part is given by name and its API key is missing, the part is replaced by its
    stand-in.

    The stand-in runs while this is open; `tell` is called with lines about its progress. Raises ConfigError if the
    stand-in is not installed. If the stand-in does not start, its own error is raised.
    """
    ready, opened = dict(parts), dict[Needs, dict[str, Any]]()
    asked = [(role, asked_for(role, parts.get(role, ...), registry)) for role in SPOKEN]
    known = [(role, use, registry.find(role, use.name).needs) for role, use in asked if use is not None]
    async with AsyncExitStack() as stack:
        for role, use, needs in known:
            if needs is None or "key" in use.options or os.environ.get(needs.variable):
                continue
            if needs not in opened:
                stand_in = resolve_name(needs.stand_in) if isinstance(needs.stand_in, str) else needs.stand_in
                opened[needs] = await stack.enter_async_context(stand_in(tell))
            ready[role] = instead(parts.get(role, ...), Use(use.name, **{**opened[needs], **use.options}))
        yield ready


async def run_session(session: Session) -> SessionEnded:
    """Run `session.run()`; the first SIGINT or SIGTERM ends it gracefully, and the second immediately.

    The third signal ends the process. The process also ends if the event loop is blocked for 5 s after a signal. If a
    task blocks the event loop, this is reported as a Blocked event. Outside the main thread, where Python delivers no
    signals, this function does the same as `session.run()`.
    """

    def stop(number: int, times: int) -> None:
        session.end(graceful=times == 1, why=signal.Signals(number).name)

    watching = watching_the_loop(lambda task, seconds: session.report(Blocked(task, seconds)))
    with watching, stopping(stop, signal.SIGINT, signal.SIGTERM):
        return await session.run()
