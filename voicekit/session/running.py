"""Holds a session as a program's main job: Ctrl-C and SIGTERM end the call, they do not tear it down."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import trio

from voicekit.events import Blocked, SessionEnded
from voicekit.flow.groups import alone
from voicekit.flow.watchdog import watching_the_loop
from voicekit.session.console import chat
from voicekit.session.session import Session
from voicekit.soniox.api.region import KEY_VARIABLE

SERVED = {"stt", "tts"}
"""The parts that Soniox plays, or a local server in its place, where no others are given."""


async def run(handler: Any, **parts: Any) -> SessionEnded:
    """Hold one conversation with `handler`; `parts` are those of `Session`. Made for `trio.run(voicekit.run, hello)`.

    Without any parts, the conversation is typed in the console. Where Soniox is to hear or speak and there is no key,
    a local server does (see `voicekit.session.local`), in a process that ends with the call.
    """
    if not parts:
        return await chat(handler)
    if os.environ.get(KEY_VARIABLE) or parts.keys() >= SERVED:
        return await run_session(Session(handler=handler, **parts))
    from voicekit.session.local import soniox_or_local  # loads the websocket library, which most programs need later

    async with soniox_or_local() as service:
        served = {"stt": service.transcriber(), "tts": service.voice()}
        return await run_session(Session(handler=handler, **(served | parts)))


async def run_session(session: Session) -> SessionEnded:
    """`session.run()`, while the first SIGINT or SIGTERM ends it gracefully and the second at once.

    Whoever blocks the event loop meanwhile is named in a Blocked event. Outside the main thread, where Python delivers
    no signals, it is only `session.run()`.
    """
    with watching_the_loop(lambda task, seconds: session.report(Blocked(task, seconds))):
        if threading.current_thread() is not threading.main_thread():
            return await session.run()
        return await _run_minding_signals(session)


async def _run_minding_signals(session: Session) -> SessionEnded:
    with alone():
        async with trio.open_nursery() as nursery:
            await nursery.start(_mind_signals, session)
            ended = await session.run()
            nursery.cancel_scope.cancel()
    return ended


async def _mind_signals(session: Session, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        graceful = True
        async for number in signals:
            session.end(graceful=graceful, why=signal.Signals(number).name)
            graceful = False
