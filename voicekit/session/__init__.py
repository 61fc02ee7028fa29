"""One conversation: listening pipeline -> conductor -> reply pipeline. `run` runs a session and handles signals."""

from voicekit.session.bot import Bot
from voicekit.session.console import chat
from voicekit.session.eventlog import describe, open_event_log
from voicekit.session.running import run, run_session
from voicekit.session.session import Session

__all__ = ["Bot", "Session", "chat", "describe", "open_event_log", "run", "run_session"]
