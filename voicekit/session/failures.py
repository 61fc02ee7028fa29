"""Decides what follows a failed reply: an apology or the end of the call."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

from voicekit.contracts import Reply
from voicekit.errors import PluginError, ServiceError
from voicekit.events import (
    End,
    Prompt,
    ReplyDone,
    ReplyFailed,
    SessionEvent,
    Signal,
    SttDown,
    SttUp,
    Trouble,
    TurnCommitted,
)
from voicekit.extend import Apologise, Restart

if TYPE_CHECKING:
    from voicekit.session.session import Session

MOST_FAILURES = 3
"""How many failed replies in a row end the call. By then, the caller has said the same thing three times."""

_FOLLOWED = frozenset({TurnCommitted, ReplyDone, SttDown, SttUp})


class Failures:
    """Counts the failures in one call, and decides what follows each of them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reason = ""  # the reason for the latest reply
        self._in_a_row = 0
        self._stt_down: str | None = None  # why the stt is down; None if it is not

    def why_ended(self, why: str) -> str:
        """Return `why`, plus a remark if the stt is down. If `why` is a signal such as SIGINT, it stays unchanged."""
        if self._stt_down is None or why in signal.Signals.__members__:
            return why
        return f"{why}, and the stt was down: {self._stt_down or 'it gave no reason'}"

    def judge(self, error: Exception) -> Apologise | Restart | None:
        """What the plugins decide about `error`; they get the role of the part that raised it. A plugin that fails is
        ignored.
        """
        session = self._session
        try:
            return session.plugins.handle_error(error, session.parts.role_of(error), session)
        except PluginError as failure:
            if session.strict:
                raise
            session.report(Trouble("voicekit_handle_error", failure))
            return None

    def follow(self, event: SessionEvent) -> None:
        """Take note of an event in the session."""
        if type(event) not in _FOLLOWED:
            return
        match event:
            case TurnCommitted():
                self._reason = event.reason
            case ReplyDone() if self._reason != "apology":
                self._in_a_row = 0
            case SttDown(why):
                self._stt_down = why
            case SttUp():
                self._stt_down = None

    def after(self, reply: Reply, error: Exception) -> Sequence[Signal] | None:
        """The signals to send after `error` has ended `reply`; None if the error must end the call."""
        session, failed = self._session, ReplyFailed(reply.turn, error)
        verdict, role, strict = self.judge(error), session.parts.role_of(error), session.strict
        if verdict is None and not isinstance(error, ServiceError):
            if strict or role == "sink":  # without a sink, the bot can't speak
                return None
            session.report(Trouble(role or "a stage", error))
        # no apology if the caller has continued, and none for a failed apology, since that could go on forever
        if reply.cut or reply.reason == "apology":
            return [failed]
        call = session.policy.call
        self._in_a_row += 1
        if self._in_a_row >= MOST_FAILURES and not strict:
            last_words = call.apology if call.farewell is None else call.farewell
            return [failed, End(True, f"{MOST_FAILURES} replies in a row failed", last_words)]
        words = None if strict or role == "tts" else call.apology
        if isinstance(verdict, Apologise):
            words = verdict.text
        return [failed] if words is None else [failed, Prompt("apology", words)]
