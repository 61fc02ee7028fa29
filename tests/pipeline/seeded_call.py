"""A long call that is made up from a seed, and its timeline: `python -m tests.pipeline.seeded_call SEED SECONDS`."""

from __future__ import annotations

import sys
from random import Random

import trio

from voicekit import Say, Turn
from voicekit.play.sink import RecordingSink
from voicekit.reply import spoken_forms
from voicekit.testing import FakeTts, HeldCall, Script, Timeline, hold_call
from voicekit.turn.policy import CallPolicy, Policy, TurnPolicy

WORDS = "please tell me what it costs at 3:05 and **really** when the last train to the sea leaves for $5".split()  # noqa: SIM905  # reads better as words


def script(random: Random, seconds: float) -> Script:
    """Questions, coughs, interruptions of all kinds, typed lines and keys, at any instant."""
    user = Script()
    now = 0.0
    while (now := now + random.uniform(0.1, 3.0)) < seconds - 5.0:
        length = random.uniform(0.2, 2.0)
        match random.randrange(6):
            case 0 | 1:
                user.says(" ".join(random.choices(WORDS, k=random.randint(2, 8))), at=now, for_=length)
            case 2:
                user.says(random.choice(["stop", "wait", "mhm", "okay", "no"]), at=now, for_=min(length, 0.5))
            case 3:
                user.coughs(at=now, for_=length)
            case 4:
                user.types(" ".join(random.choices(WORDS, k=3)), at=now)
            case 5:
                user.presses(random.choice("0123456789*#"), at=now)
        now += length
    user.stays(until=seconds)
    return user


def hold(seed: int, seconds: float, turn: TurnPolicy | None = None) -> HeldCall:
    """Hold the call that the seed makes up."""
    random = Random(seed)

    async def model(turn: Turn, say: Say) -> None:
        """Thinks for a while, and then says some words one by one."""
        chance = Random(f"{seed} {turn.number}")
        await trio.sleep(chance.choice([0.0, 0.1, 0.32, 1.0]))
        for word in chance.choices(WORDS, k=chance.randint(3, 30)):
            await say(word + " ")
            await trio.sleep(chance.choice([0.0, 0.02, 0.05]))

    return hold_call(
        model,
        script(random, seconds),
        sink=RecordingSink(latency=random.choice([0.0, 0.02, 0.2]), pausable=random.random() < 0.5),
        tts=[spoken_forms(), FakeTts()],
        policy=Policy(
            turn=turn or TurnPolicy(), call=CallPolicy(greeting="Hello, what can I do for you?", idle_after=5.0)
        ),
    )


def timeline(call: HeldCall) -> str:
    """The call's event log, with the interim words."""
    whole = Timeline(interims=True)
    whole.events.extend(call.events)
    return str(whole)


if __name__ == "__main__":
    print(timeline(hold(int(sys.argv[1]), float(sys.argv[2]))), end="")
