"""Ctrl-C and SIGTERM end a call: with real signals, in virtual time and in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from voicekit.errors import Unavailable
from voicekit.events import SessionEnded, SessionStarted
from voicekit.extend import load_plugins
from voicekit.flow.layers import Layer
from voicekit.play.sink import RecordingSink
from voicekit.session import Session, run_session
from voicekit.testing import FakeTts, Script, ScriptedSource, ScriptedStt
from voicekit.turn.policy import CallPolicy, Policy

GREETING = "Hello, this is the bot, and it has a good deal to say."


class NeverOpen(Layer):
    @asynccontextmanager
    async def open(self):
        await trio.sleep_forever()
        yield


class BrokenOpen(Layer):
    @asynccontextmanager
    async def open(self):
        raise Unavailable("no answer", service="source")
        yield


async def silent(turn, say):
    """Says nothing."""


def greeting(layer=lambda source: source) -> Session:
    """A call with a long greeting that would go on for a minute."""
    script = Script()
    script.stays(until=60.0)
    return Session(
        handler=silent,
        source=layer(ScriptedSource(script)),
        stt=ScriptedStt(script),
        tts=FakeTts(),
        sink=RecordingSink(),
        policy=Policy(call=CallPolicy(greeting=GREETING)),
        plugins=load_plugins(),
    )


def held(session: Session, *signals: tuple[float, signal.Signals]) -> tuple[SessionEnded, float]:
    """How and when a call ended whose process was sent `signals` at these times."""

    async def send(at, number):
        await trio.sleep(at)
        os.kill(os.getpid(), number)

    async def main():
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for at, number in signals:
                nursery.start_soon(send, at, number)
            ended = await run_session(session)
        return ended, trio.current_time() - began

    return trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_the_call_gracefully(number):
    """What is being said is heard to its end, and the reason is the signal's name."""
    session = greeting()
    ended, seconds = held(session, (1.0, number))
    assert ended == SessionEnded(number.name)
    assert session.history[0].heard == GREETING
    assert 0.06 * len(GREETING) < seconds < 0.06 * len(GREETING) + 1.0


def test_the_second_signal_ends_it_at_once():
    """Whoever asks twice is in a hurry, whichever signals they are."""
    session = greeting()
    ended, seconds = held(session, (1.0, signal.SIGTERM), (1.5, signal.SIGINT))
    assert ended == SessionEnded("SIGTERM")
    assert seconds == pytest.approx(1.5, abs=0.01)
    assert session.history[0].cut


def test_a_signal_while_opening_ends_the_call_at_once():
    """There is nothing yet to be graceful about, and an `open` that hangs is not waited for."""
    ended, seconds = held(greeting(NeverOpen), (1.0, signal.SIGTERM))
    assert ended == SessionEnded("SIGTERM")
    assert seconds == pytest.approx(1.0)


def test_afterwards_signals_do_what_they_did_before():
    """The handlers that were there before the call are there again."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    held(greeting(), (1.0, signal.SIGTERM))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_error_of_the_call_comes_out_alone():
    """Minding signals puts no group around it."""
    with pytest.raises(Unavailable, match="no answer"):
        trio.run(run_session, greeting(BrokenOpen), clock=MockClock(autojump_threshold=0))


def test_outside_the_main_thread_the_call_is_simply_held():
    """Where Python delivers no signals, none are minded, and the call goes on as it would."""
    session = greeting()
    ends: list[SessionEnded] = []
    session.watch(lambda event: session.end(why="heard enough") if isinstance(event, SessionStarted) else None)
    thread = threading.Thread(target=lambda: ends.append(held(session)[0]))
    thread.start()
    thread.join()
    assert ends == [SessionEnded("heard enough")]


PROGRAM = f"""
import trio
from voicekit.events import SessionStarted
from voicekit.extend import load_plugins
from voicekit.listen.source import SilenceSource
from voicekit.play.sink import NullSink
from voicekit.session import Session, run_session
from voicekit.testing import FakeTts
from voicekit.turn.policy import CallPolicy, Policy

session = Session(
    handler="", source=SilenceSource(), stt=None, vad=None, tts=FakeTts(per_character=0.01), sink=NullSink(),
    policy=Policy(call=CallPolicy(greeting={GREETING!r})), plugins=load_plugins(),
)
session.watch(lambda event: print("started", flush=True) if isinstance(event, SessionStarted) else None)
print(trio.run(run_session, session).why, "after", session.history[0].heard)
"""


def test_a_program_that_is_terminated_says_goodbye():
    """In a process of its own and on the real clock: SIGTERM, the rest of the greeting, and a clean exit."""
    with subprocess.Popen([sys.executable, "-W", "error", "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        program.terminate()
        assert program.stdout.read() == f"SIGTERM after {GREETING}\n"
        assert program.wait(timeout=10) == 0
