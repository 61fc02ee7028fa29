"""Runs a conversation in the console: the caller types lines, and the bot's words appear as they would be heard.

The conversation is an ordinary session with silence as its source and a quiet voice. So pacing, interruptions and
history work as in a spoken call: a line that is typed while the bot is speaking cuts the reply.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Final, TextIO

import trio

from voicekit.events import End, HeardSoFar, SessionEnded, SessionEvent, SessionStarted, TurnCommitted, TurnEnded
from voicekit.extend import Plugins
from voicekit.flow.groups import alone
from voicekit.flow.threads import in_thread
from voicekit.listen.source import SilenceSource
from voicekit.play.sink import NullSink
from voicekit.reply.quiet import QuietTts
from voicekit.session.bot import Bot
from voicekit.session.eventlog import Troubles
from voicekit.session.screen import Screen
from voicekit.session.session import Session
from voicekit.session.stopping import stopping

BLOCK: Final = 4_096
"""The maximum number of bytes read from the terminal in one step; a line is far shorter."""

BEGIN: Final = "Type to the bot; Ctrl-D ends the conversation.\n"
PROMPT, BOT, OVER = "you> ", "bot> ", "\r\x1b[K"


async def chat(bot: Any, plugins: Plugins | None = None, **parts: Any) -> SessionEnded:
    """Run a typed conversation on standard input and output until the input ends, or until the bot ends the
    conversation.

    `bot` is a handler or a Bot. `parts` are keyword arguments for Session, which may replace the silent source and the
    quiet voice. At a terminal, a line may be typed at any time; from a file or a pipe, the next line is read only after
    the answer. Each Trouble is printed as one line on standard error. Ctrl-C ends the conversation immediately and
    raises KeyboardInterrupt.
    """
    quiet = {"source": SilenceSource(), "vad": None, "stt": None, "sink": NullSink()}
    session = Session(plugins=plugins, **Bot.of(bot).silent(QuietTts(), **{**quiet, **parts}))
    typing = sys.stdin.isatty()
    printer = Printer(session, sys.stdout, typing=typing)
    session.watch(printer.note)
    with alone(), stopping(lambda number, times: session.end(graceful=False, why="Ctrl-C"), signal.SIGINT) as stopped:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_type, session, printer, sys.stdin.fileno(), typing)
            ended = await session.run()
            nursery.cancel_scope.cancel()
    if stopped.times:
        raise KeyboardInterrupt
    printer.screen.check()
    return ended


class Printer:
    """Prints the bot's words as they would be heard, and tracks whether it is the caller's turn to type."""

    def __init__(self, session: Session, out: TextIO, *, typing: bool = False) -> None:
        self.screen = Screen(out)
        self._session = session
        self._typing = typing
        self._trouble = Troubles()
        self._troubles = Screen(sys.stderr)
        self._speaking = session.policy.call.greeting is not None
        self._ending = False
        self._shown = 0
        self.started = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()

    def note(self, event: SessionEvent) -> None:
        match event:
            case SessionStarted():
                self.started.set()
                self._prompt(BEGIN)
            case TurnCommitted():
                self._speaking = True
                self._shown = 0
                over = OVER if self._typing and self.screen.terminal else ""
                self.screen.show(f"{over}{BOT}")
            case HeardSoFar(_, said_to):
                self._show(self._session.reply.said if self._session.reply else "", said_to)
            case TurnEnded(_, _, heard, cut):
                self._show(heard, len(heard))
                self.screen.show(" ...\n" if cut else "\n")
                self._speaking = False
                self._changed.unpark_all()
                self._prompt()
            case End():
                self._ending = True
            case _ if (line := self._trouble(event)) is not None:
                self._troubles.show(f"voicekit: {line}\n")

    def asked(self, text: str) -> None:
        """Print the line `text`, which was read from a file or a pipe (a terminal would already show it), and note that
        the bot speaks next."""
        self.screen.show(f"{PROMPT}{text}\n")
        self._speaking = True

    async def until_silent(self) -> None:
        """Wait until the bot has nothing more to say; if the bot has ended the call, wait forever."""
        while self._speaking or self._ending:
            await self._changed.park()

    def _show(self, said: str, to: int) -> None:
        self.screen.show(said[self._shown : to])
        self._shown = max(self._shown, to)

    def _prompt(self, before: str = "") -> None:
        if self._typing and self.screen.terminal and not self._ending:
            self.screen.show(before + PROMPT)


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
    printer.asked(text)
    session.type(text)
    await printer.until_silent()
