"""Makes the sessions of many calls from one bot: each call has its own parts, so no call can hear another."""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from voicekit import Fallback, Session, Use
from voicekit.call.connection import Call
from voicekit.call.desk import CallAnswer, Conversation
from voicekit.call.transport import ListeningTransport, Transport
from voicekit.errors import ConfigError
from voicekit.extend import Plugins, Registry, Role
from voicekit.flow.threads import in_thread
from voicekit.session.bot import Bot, asked_for
from voicekit.session.callfolder import open_call_folder
from voicekit.session.running import served
from voicekit_serve.logs import log_trouble

SPOKEN: Final[tuple[Role, ...]] = ("stt", "tts", "vad")


@asynccontextmanager
async def answering(
    bot: Bot, plugins: Plugins, tell: Callable[[str], None], record: Path | None = None
) -> AsyncIterator[CallAnswer]:
    """Yield a function that answers each call with `bot`: the parts that the bot names are made anew for each call.

    Raises ConfigError for a part or handler that all calls would share, unless its `shared` is true. If there is no API
    key, one local server provides speech recognition and synthesis for all calls until the block ends. With `record`,
    each call is recorded into a new folder inside `record`.
    """
    parts = bot.spoken(plugins.registry)
    for role in SPOKEN:
        _check_own(role, parts[role])
    make_handler = _handlers(parts.pop("handler"))
    async with served(parts, plugins.registry, tell) as ready:

        async def answer(call: Call) -> Conversation:
            session = Session(handler=make_handler(), call=call, plugins=plugins, **ready)
            session.watch(log_trouble)
            return session if record is None else Recorded(session, record)

        yield answer


class Recorded:
    """A session that is recorded into its own folder inside `where`."""

    def __init__(self, session: Session, where: Path) -> None:
        self._session = session
        self._where = where

    async def run(self) -> object:
        async with open_call_folder(await in_thread(_own_folder, self._where)) as recording:
            recording.record(self._session)
            return await self._session.run()

    def end(self, *, why: str, farewell: str | None = None) -> None:
        self._session.end(why=why, farewell=farewell)


def _own_folder(where: Path) -> Path:
    """Make a new folder in `where`; calls that begin at the same moment get different folders."""
    for number in itertools.count(1):
        with suppress(FileExistsError):
            (folder := where / f"call-{number:06}").mkdir(mode=0o700)
            return folder
    raise AssertionError("the numbers of folders never end")


def check_shareable(transports: Sequence[Transport], parts: Mapping[str, Any], registry: Registry) -> None:
    """Raise ConfigError for a part that several processes can't share: a listener, or the local server."""
    for transport in transports:
        if isinstance(transport, ListeningTransport):
            raise ConfigError(f"--workers: {transport.name} opens its own listener, which only one process can do")
    for role in SPOKEN:
        use = asked_for(role, parts.get(role, ...), registry) if role != "vad" else None
        needs = None if use is None else registry.find(role, use.name).needs
        if use is not None and needs is not None and "key" not in use.options and not os.environ.get(needs.variable):
            raise ConfigError(
                f"--workers: the local server can serve only one process: set {needs.variable}, or --workers 1"
            )


def _check_own(role: str, thing: Any) -> None:
    last = thing[-1] if isinstance(thing, list | tuple) else thing
    if (
        last is None
        or last is ...
        or isinstance(last, str | Use)
        or _is_fallback_of_names(last)
        or getattr(last, "shared", False)
    ):
        return
    raise ConfigError(
        f"{role}: expected a name or Use(...), which makes a new part for each call, got one "
        f"{type(last).__name__} for all calls"
    )


def _is_fallback_of_names(thing: object) -> bool:
    return isinstance(thing, Fallback) and all(isinstance(member, str | Use) for member in thing.members)


def _handlers(handler: Any) -> Callable[[], Any]:
    """A function that returns a call's handler: a new object of a class, or the same function or text for all calls."""
    if isinstance(handler, type):
        return handler
    if inspect.isroutine(handler) or isinstance(handler, str) or getattr(handler, "shared", False):
        return lambda: handler
    raise ConfigError(
        f"bot: expected a function, or a class to instantiate for each call, got one {type(handler).__name__} for all "
        "calls; if it stores nothing about a call, set `shared = True` on it"
    )


def with_greeting(bot: Bot, greeting: str | None) -> Bot:
    return bot if greeting is None else replace(bot, greeting=greeting)
