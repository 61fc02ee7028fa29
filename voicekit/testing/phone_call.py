"""Makes calls over a scripted carrier: acts as the caller of a script, and finds the dialect of a transport."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import TypeAlias

import trio

from voicekit.audio.format import AudioFormat
from voicekit.call.peer import Dialect
from voicekit.errors import ConfigError
from voicekit.events import Dtmf, Typed
from voicekit.extend import Plugins
from voicekit.testing.carrier import PhoneLine, ScriptedCarrier
from voicekit.testing.phone_sound import SLOT, caller_sound
from voicekit.testing.scripted import Script

CallerSound: TypeAlias = Callable[[Script, int, int, AudioFormat], bytes]
"""A function that makes the caller's sound, given a script, the first slot's number, how many slots, and a format."""

SWAPPED_S = 1.5
"""By how many packets a message is delayed so that it comes after the next one."""


def line_of(over: str | Dialect | PhoneLine) -> PhoneLine:
    return over if isinstance(over, PhoneLine) else PhoneLine(transport=over)


def dialect_of(line: PhoneLine, plugins: Plugins) -> Dialect:
    """The dialect of the line's transport. Raises ConfigError if the transport has no peer for tests."""
    if isinstance(line.transport, Dialect):
        return line.transport
    factory = plugins.registry.find("transport", line.transport).factory
    found = getattr(resolve_name(factory) if isinstance(factory, str) else factory, "dialect", None)
    if not isinstance(found, Dialect):
        raise ConfigError(f"transport {line.transport!r}: expected an attribute `dialect` with both roles, found none")
    return found


def carrier_of(line: PhoneLine, dialect: Dialect) -> ScriptedCarrier:
    """The carrier's end of a new call on `line`."""
    return ScriptedCarrier(
        dialect.peer(),
        dialect.format,
        delay=line.delay,
        jitter=line.jitter,
        late_marks=line.late_marks,
        lose_marks=line.lose_marks,
        seed=line.seed,
    )


async def dial(
    carrier: ScriptedCarrier, line: PhoneLine, dialect: Dialect, script: Script, sound: CallerSound | None = None
) -> None:
    """Act as the caller of `script` on `line`, until the caller or our side hangs up, or the line is lost.

    `sound`, if given, makes the caller's audio; the usual audio is understood only by `PhoneEars`.
    """
    if any(isinstance(act, Typed) for _, act in script.acts):
        raise ConfigError("a script over a wire: expected words, sounds and keys, got typed text")
    if line.holds and not hasattr(carrier.peer, "hold"):
        raise ConfigError(f"holds: {type(carrier.peer).__name__} can't put the call on hold")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.run)
        await carrier.begun.wait()
        with trio.CancelScope() as talking:
            nursery.start_soon(_cancel_after, carrier.hung_up, talking)
            await _Caller(carrier, line, dialect, script, sound or caller_sound).talk()
        await carrier.hung_up.wait()


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


class _Caller:
    """Makes each event on the line happen at its time."""

    def __init__(
        self, carrier: ScriptedCarrier, line: PhoneLine, dialect: Dialect, script: Script, sound: CallerSound
    ) -> None:
        self._carrier = carrier
        self._line = line
        self._form = dialect.format
        self._slots = round(dialect.packet / SLOT)
        self._script = script
        self._sound = sound
        self._sent = 0

    async def talk(self) -> None:
        start = trio.current_time()
        acts = sorted(self._moments(), key=lambda moment: moment[0])
        packet, number = self._slots * SLOT, 0
        until = min(self._script.until, *(at for at, act in acts if act in ("hang up", "die")), float("inf"))
        while True:
            due = (number + 1) * packet
            while acts and acts[0][0] <= min(due, until):
                at, act = acts.pop(0)
                await trio.sleep_until(start + at)
                self._act(act)
                if act in ("hang up", "die"):
                    return
            if due > until + packet:
                self._carrier.hang_up()
                return
            await trio.sleep_until(start + due)
            self._send(number, due)
            number += 1

    def _moments(self) -> list[tuple[float, str]]:
        """The times and names of events other than sound; the name of a pressed key is the key itself."""
        found = [(at, act.digit if isinstance(act, Dtmf) else "hang up") for at, act in self._script.acts]
        found += [(at, "hold") for at, _ in self._line.holds] + [(at, "resume") for _, at in self._line.holds]
        found += [] if self._line.dies_at is None else [(self._line.dies_at, "die")]
        found += [] if self._line.stuck_at is None else [(self._line.stuck_at, "get stuck")]
        return found

    def _act(self, act: str) -> None:
        carrier = self._carrier
        match act:
            case "hang up":
                carrier.hang_up()
            case "die":
                carrier.vanish(1006)
            case "get stuck":
                carrier.get_stuck()
            case "hold" | "resume":
                carrier.say(carrier.peer.hold(act == "hold"))  # type: ignore[attr-defined]  # `dial` has checked it
            case digit:
                carrier.say(carrier.peer.digit(digit))

    def _send(self, number: int, due: float) -> None:
        line, packet = self._line, self._slots * SLOT
        if any(start < due <= end for start, end in (*line.silences, *line.holds)):
            return
        sound = self._sound(self._script, number * self._slots, self._slots, self._form)
        message = self._carrier.peer.sound(sound, round((due - packet) * 1000))
        self._sent += 1
        if line.lose and self._sent % line.lose == 0:
            return
        late = SWAPPED_S * packet if line.swap and self._sent % line.swap == 0 else 0.0
        self._carrier.say(message, late=late)
