"""Logs of many calls: each record has the number of its call, and each failure in a call gets a line.

    handler.addFilter(CallNumber())      then a format may have %(call)s: "7", or "-" outside of calls

Types of errors, and names of stages and services, are logged; the words of services and callers are not.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from voicekit.call.info import CallInfo
from voicekit.events import ReplyFailed, SessionEvent, SttDown, SttUp, Switched, Trouble

log = logging.getLogger("voicekit.serve")

FORMAT: Final = "%(asctime)s [%(call)s] %(message)s"
WORKERS_FORMAT: Final = "%(asctime)s [%(process)d/%(call)s] %(message)s"
"""The format for several processes, each of which numbers its own calls."""

_number: ContextVar[str] = ContextVar("voicekit_serve_call", default="-")
_TIDY = re.compile(r"[A-Za-z0-9._@:-]{1,80}")


class CallNumber(logging.Filter):
    """Adds the attribute `call` to each log record: the number of the call whose task logged it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.call = _number.get()
        return True


@contextmanager
def numbered(number: int) -> Iterator[None]:
    """Give the log records of this block, and of tasks started in it, the call number `number`."""
    token = _number.set(str(number))
    try:
        yield
    finally:
        _number.reset(token)


def carriers_id(info: CallInfo) -> str:
    """The carrier's own id for the call, to find the call in the carrier's console; "" if the id is unverified."""
    known = info.call_id
    return f", {known.value} there" if known.trust == "signed" and _TIDY.fullmatch(known.value) else ""


def log_trouble(event: SessionEvent) -> None:
    """Watches a session, and logs a line for each failure that the call survives."""
    match event:
        case Trouble(where, error):
            log.warning("%s in %s", type(error).__name__, where)
        case ReplyFailed(turn, error):
            log.warning("%s in the reply of turn %d", type(error).__name__, turn)
        case Switched(role, left, taken, error):
            log.warning("%s: %s failed with %s; %s takes over", role, left, type(error).__name__, taken)
        case SttDown():
            log.warning("the stt has lost its connection")
        case SttUp():
            log.info("the stt has recovered")
