"""A conversation in the console: typed lines in, the bot's words out as they would be heard.

It is an ordinary session with silence for a source and a quiet voice, so pacing, interruptions and history are those
of a call: a line typed while the bot speaks cuts it off.
"""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

import trio

from voicekit.events import End, HeardSoFar, SessionEnded, SessionEvent, SessionStarted, TurnCommitted, TurnEnded
from voicekit.extend import Plugins
from voicekit.flow.threads import in_thread
from voicekit.listen.source import SilenceSource
from voicekit.play.sink import NullSink
from voicekit.reply.quiet import QuietTts
from voicekit.session.session import Session
from voicekit.turn.policy import CallPolicy, Policy

BLOCK = 4_096
"""Bytes asked of the terminal at once; a line is far shorter."""


async def chat(handler: Any, greeting: str | None = None, plugins: Plugins | None = None) -> SessionEnded:
    """Hold a typed conversation on standard input and output until the input ends or the bot ends it.

    From a terminal, a line may be typed at any time; from a file or a pipe, the next line waits for the answer.
    """
    session = Session(
        handler=handler,
        source=SilenceSource(),
        vad=None,
        stt=None,
        tts=QuietTts(),
        sink=NullSink(),
        policy=Policy(call=CallPolicy(greeting=greeting)),
        plugins=plugins,
    )
    printer = Printer(session, sys.stdout, speaking=greeting is not None)
    session.watch(printer.note)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_type, session, printer, sys.stdin.fileno(), sys.stdin.isatty())
        ended = await session.run()
        nursery.cancel_scope.cancel()
    return ended


class Printer:
    """Prints the bot's words when they would be heard, and knows whether it is the user's turn to type."""

    def __init__(self, session: Session, out: TextIO, *, speaking: bool) -> None:
        self._session = session
        self._out = out
        self._speaking = speaking
        self._ending = False
        self._shown = 0
        self.started = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()

    def note(self, event: SessionEvent) -> None:
        match event:
            case SessionStarted():
                self.started.set()
            case TurnCommitted():
                self._speaking = True
                self._shown = 0
                self._print("bot> ")
            case HeardSoFar(_, said_to):
                self._show(self._session.reply.said if self._session.reply else "", said_to)
            case TurnEnded(_, _, heard, cut):
                self._show(heard, len(heard))
                self._print(" ...\n" if cut else "\n")
                self._speaking = False
                self._changed.unpark_all()
            case End():
                self._ending = True

    def asked(self) -> None:
        """A line has been typed: the bot speaks next."""
        self._speaking = True

    async def until_silent(self) -> None:
        """Wait until the bot has nothing to say; for ever, when it has ended the call."""
        while self._speaking or self._ending:
            await self._changed.park()

    def _show(self, said: str, to: int) -> None:
        self._print(said[self._shown : to])
        self._shown = max(self._shown, to)

    def _print(self, text: str) -> None:
        print(text, end="", file=self._out, flush=True)


async def _type(session: Session, printer: Printer, fd: int, terminal: bool) -> None:
    await printer.started.wait()
    rest = b""
    while block := await in_thread(os.read, fd, BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            await _say(session, printer, line, terminal)
    await _say(session, printer, rest, terminal)
    session.end(why="the input ended")


async def _say(session: Session, printer: Printer, line: bytes, terminal: bool) -> None:
    text = line.decode(errors="replace").strip()
    if not text:
        return
    if terminal:
        session.type(text)
        return
    await printer.until_silent()
    print(f"you> {text}", flush=True)
    printer.asked()
    session.type(text)
    await printer.until_silent()
