"""Which call a line of the log is about, and what there is of a call that fails and goes on."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from voicekit import Use
from voicekit.call.info import CallInfo, Known
from voicekit.errors import QuotaExceeded, Unavailable
from voicekit.events import Audible, ReplyFailed, SttDown, SttUp, Switched, Trouble
from voicekit.extend import load_plugins
from voicekit.flow.threads import inline
from voicekit.session.bot import Bot
from voicekit.testing import PhoneLine, Script
from voicekit_phone.rehearsal import FirstContact
from voicekit_serve.bots import answering
from voicekit_serve.logs import CallNumber, carriers_id, log_trouble
from voicekit_serve.site import CallSite


class Kept(logging.Handler):
    """Lines as `voicekit serve` writes them, but for the time."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("[%(call)s] %(message)s"))
        self.addFilter(CallNumber())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Any:
    handler, root = Kept(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


def bot(turn: Any) -> str:
    """Logs each key with a logger of its own, and fails at one of them."""
    logging.getLogger("my.bot").info("asked by %s", turn.reason)
    if turn.keys == "9":
        raise KeyError("no such department")
    return "Yes?"


def pressing(key: str) -> Script:
    user = Script()
    user.presses(key, at=2.0)
    user.stays(until=6.0)
    return user


def test_each_line_of_a_call_has_its_number(kept: Kept) -> None:
    """Two calls at once, with a bot that logs and fails in one of them: no line is without its call's number."""

    async def main() -> None:
        inline.set(True)
        plugins = load_plugins(block=["metrics", "otel"])
        async with answering(Bot(bot, tts=Use("quiet"), stt=None, vad=None), plugins, print) as answer:
            first = FirstContact("twilio")
            transport: Any = first.transport()
            site = CallSite(
                answer, [transport], public_url="https://bot.example", now=lambda: 1.7e9 + trio.current_time()
            )
            async with trio.open_nursery() as nursery:
                for call, key in (("call-a", "1"), ("call-b", "9")):
                    line = PhoneLine(transport=first.dialect)
                    nursery.start_soon(FirstContact("twilio", call).ring, site, transport, pressing(key), line)
                    await trio.sleep(0.5)
            log = logging.getLogger("voicekit.serve")
            log.info("outside")

    trio.run(main, clock=MockClock(autojump_threshold=0))
    begun = {line.rpartition(" over twilio, ")[2]: line[:3] for line in kept.lines if "begins" in line}
    assert begun == {"call-a there": "[1]", "call-b there": "[2]"}
    assert [line for line in kept.lines if "asked by" in line] == ["[1] asked by dtmf", "[2] asked by dtmf"]
    failed = [line for line in kept.lines if "KeyError" in line]
    assert failed == ["[2] KeyError in handler", "[2] KeyError in the reply of turn 1"]
    assert sorted(line for line in kept.lines if "ended" in line)[0].startswith("[1] call 1 ended: caller")
    assert kept.lines[-1] == "[-] outside"
    assert "department" not in "\n".join(kept.lines)


def test_what_a_call_survives_is_a_line_without_the_words_of_anybody(kept: Kept) -> None:
    """Types and names alone; what is no failure is no line."""
    spent = QuotaExceeded("balance of Ann is 0", service="a")
    for event in (
        Trouble("handler", KeyError("Ann")),
        ReplyFailed(3, Unavailable("Ann", service="tts")),
        Switched("tts", "a 1", "b 2", spent),
        SttDown("Ann"),
        SttUp(),
        Audible(1),
    ):
        log_trouble(event)
    assert kept.lines == [
        "[-] KeyError in handler",
        "[-] Unavailable in the reply of turn 3",
        "[-] tts: a 1 failed with QuotaExceeded; b 2 takes over",
        "[-] the stt has lost its connection",
        "[-] the stt has recovered",
    ]


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        (Known("CA01", "signed"), ", CA01 there"),
        (Known("CA01", "claimed"), ""),
        (Known("Ann Miller\n[7] call 7 ended", "signed"), ""),
        (Known("x" * 81, "signed"), ""),
    ],
    ids=["signed", "claimed", "a text", "too long"],
)
def test_only_a_signed_id_that_is_one_is_logged(known: Known, shown: str) -> None:
    """Whoever reaches the socket may claim anything."""
    assert carriers_id(CallInfo("twilio", known)) == shown
