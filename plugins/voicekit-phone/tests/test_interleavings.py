"""Any order of writing, holding, releasing, discarding and marks, against a model carrier that plays by its own clock.

The session's side may do anything at any moment, and the carrier's marks come late, twice, never, or under names that
nobody gave. Whatever happens: only our exceptions, a position that never falls, never passes what was sent, and never
passes what the carrier has played by more than the way to it and the stated error.
"""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock

from tests.counts import count
from voicekit.audio.frame import AudioFrame
from voicekit.call.connection import Call, open_call
from voicekit.contracts import Speaker
from voicekit.errors import ConfigError
from voicekit.extend import load_plugins
from voicekit.testing import PhoneLine, ScriptedCarrier
from voicekit.testing.phone_call import carrier_of, dialect_of

WIRES = ("twilio", "signalwire", "cloudonix", "telnyx", "plivo", "vobiz", "exotel", "vonage", "genesys", "jambonz")
STEPS = 100
"""Steps of one call."""

ACTS = ("write", "write", "write", "write", "wait", "wait", "hold", "release", "discard", "mark", "digit")


class Player:
    """The session's side: what it has written, and what it has seen of the position."""

    def __init__(self, call: Call, carrier: ScriptedCarrier, speaker: Speaker) -> None:
        self.call = call
        self.carrier = carrier
        self.speaker = speaker
        self.form = call.sink.format
        self.written = 0
        self.last = 0
        self.has_marks = call.info.transport != "genesys"

    def look(self) -> None:
        """The promises about the position."""
        position = self.speaker.position
        assert position >= self.last, "the position falls"
        assert position <= self.written, "it counts what was never written"
        error: float = self.speaker.position_error  # type: ignore[attr-defined]  # optional in the contract
        assert position <= self.carrier.position + self.form.samples(error), "it counts what was not played"
        self.last = position

    async def write(self, roll: random.Random) -> None:
        """Write a random piece; sometimes the write is cancelled before it is taken."""
        samples = roll.randrange(1, self.form.samples(0.08))
        frame = AudioFrame(b"\x55" * samples * self.form.sample_bytes, self.written, self.form)
        with trio.move_on_after(roll.choice([0.0, 0.05, 10.0])) as patience:
            await self.speaker.write(frame)
        self.written += 0 if patience.cancelled_caught else samples

    def discard(self) -> None:
        self.speaker.discard()
        self.written = self.speaker.position


async def play(player: Player, roll: random.Random) -> None:
    """STEPS random steps of one call."""
    carrier = player.carrier
    for _ in range(STEPS):
        match roll.choice(ACTS):
            case "write":
                await player.write(roll)
            case "wait":
                await trio.sleep(roll.choice([0.0, 0.005, 0.02, 0.1, 0.5]))
            case "hold":
                with pytest.raises(ConfigError, match="can't pause"):
                    player.speaker.hold()
            case "release":
                player.speaker.release()
            case "discard":
                player.discard()
            case "mark" if player.has_marks:
                carrier.say(carrier.peer.passed(roll.choice(["", "mark", "9.9.9", "77.160", *carrier.marks[-3:]])))
            case "digit":
                carrier.say(carrier.peer.digit(roll.choice("0123456789*#")))
        player.look()


def weather(wire: str, roll: random.Random) -> PhoneLine:
    return PhoneLine(
        transport=wire,
        delay=roll.choice([0.0, 0.01, 0.05]),
        jitter=roll.choice([0.0, 0.02]),
        late_marks=roll.choice([0.0, 0.1, 1.0]),
        lose_marks=roll.choice([0, 1, 2, 5]),
        seed=roll.randrange(10**6),
    )


@pytest.mark.slow
@pytest.mark.full_counts
@pytest.mark.parametrize("wire", WIRES)
def test_no_order_of_acts_breaks_the_position(wire: str) -> None:
    """A tenth of 100,000 steps for each wire."""
    roll = random.Random(wire)
    dialect = dialect_of(PhoneLine(transport=wire), load_plugins())

    async def one_call() -> None:
        line = weather(wire, roll)
        carrier = carrier_of(line, dialect)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(carrier.run)
            async with open_call(carrier.stream, dialect.wire()) as call, call.sink.open() as speaker:
                await play(Player(call, carrier, speaker), roll)

    for _ in range(count(100_000) // len(WIRES) // STEPS):
        trio.run(one_call, clock=MockClock(autojump_threshold=0))
