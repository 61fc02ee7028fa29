"""Random conversations with the turn machine: sequences of acts, and a world that makes events of them.

An act is abstract ("two finals, one word late"), because what it means depends on the call so far; the World knows
which words were spoken and which reply is alive. Every word has a text of its own, so it can be found again in
whatever turn it was committed to. Words come out of order, late, never, or as interims again and again, and news may
be of a reply that is long gone; but each final comes once, as the recogniser promises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from hypothesis import strategies as st

from voicekit.events import (
    AnswerExpected,
    Audible,
    CallerHeld,
    CollectKeys,
    Dtmf,
    End,
    Endpoint,
    Final,
    Finalized,
    Hangup,
    HeardSoFar,
    Interim,
    PauseScored,
    Progress,
    Prompt,
    ReplyDone,
    ReplyFailed,
    Signal,
    SourceEnded,
    SpeechStarted,
    SpeechStopped,
    SttDown,
    SttUp,
    TurnCommand,
    Typed,
    Word,
)
from voicekit.turn.advice import Advice, AdviceAct, CallerPause
from voicekit.turn.machine import TurnMachine, TurnState
from voicekit.turn.policy import CallPolicy, InterruptPolicy, Policy, Speculation, TurnPolicy
from voicekit.writing import letters

RATE = 1_000
WORD = 300  # samples from the start of one word to the start of the next
MOST_WORDS = 200
MISHEARD = 60  # how many samples too late a misheard word seems to begin
# Which words are backchannels, and which always cut, so that all kinds come up often. A misheard "w5" is "m5"
# until it is heard correctly; if one of the two is a backchannel, the other is not.
LISTS: dict[str, Any] = {
    "ignore_words": {"en": tuple(f"{'wm'[n % 2]}{n}" for n in range(MOST_WORDS))},
    "stop_words": {"en": tuple(f"w{n}" for n in range(5, MOST_WORDS, 11))},
}
IDLE = CallPolicy(idle_after=5.0, idle_limit=1)
SILENT_END = CallPolicy(idle_after=5.0, idle_limit=1, farewell=None)

BARGE_IN, NO_BARGE_IN = InterruptPolicy(**LISTS), InterruptPolicy(barge_in=False, **LISTS)
OFTEN, ONCE = Speculation(after=0.04, most=5), Speculation(after=0.0, most=1)
HASTY = InterruptPolicy(doubt=0.1, min_speech=0.5, regret=0.0, min_words=4, **LISTS)

POLICIES = {
    "stt": Policy(interrupt=BARGE_IN),
    "stt, idle prompts": Policy(interrupt=BARGE_IN, call=IDLE),
    "stt, no barge-in": Policy(interrupt=NO_BARGE_IN),
    "vad": Policy(TurnPolicy(endpointing="vad"), BARGE_IN),
    "vad, idle prompts": Policy(TurnPolicy(endpointing="vad"), BARGE_IN, SILENT_END),
    "vad, no barge-in": Policy(TurnPolicy(endpointing="vad"), NO_BARGE_IN),
    "stt, speculating": Policy(TurnPolicy(speculate=OFTEN), BARGE_IN),
    "vad, speculating": Policy(TurnPolicy(endpointing="vad", speculate=OFTEN), BARGE_IN, IDLE),
    "stt, speculating once": Policy(TurnPolicy(speculate=ONCE), BARGE_IN),
    "hasty": Policy(TurnPolicy(settle=0.0, max_endpoint_delay=0.0), HASTY, IDLE),
}


def moody(pause: CallerPause) -> Advice:
    """An adviser of all moods, by the last word: the limits on what it may do are the machine's."""
    number = int(letters(pause.words[-1].text)[1:] or 0)
    act = tuple(AdviceAct)[number % len(AdviceAct)]
    return Advice(act, f"mood {number}", (number % 7) / 5)


POLICIES |= {
    "stt, advised": Policy(TurnPolicy(adviser=moody), BARGE_IN),
    "stt, advised and speculating": Policy(TurnPolicy(adviser=moody, speculate=OFTEN), BARGE_IN, IDLE),
    "vad, advised": Policy(TurnPolicy(endpointing="vad", adviser=moody), BARGE_IN),
}

Act: TypeAlias = Callable[["World"], Signal | None]


@dataclass(frozen=True, slots=True)
class Step:
    """After `wait` seconds comes `act`."""

    wait: float
    name: str
    act: Act

    def __repr__(self) -> str:
        return f"{self.wait} s: {self.name}"


class World:
    """A machine with a caller. `seen` is told the state before, the event (None: a deadline), and the commands.

    It is not told of stale news, which must change nothing.
    """

    def __init__(self, policy: Policy, seen: Callable[[TurnState, Signal | None, list[TurnCommand]], None]) -> None:
        self.machine = TurnMachine(policy, rate=RATE, endpoints=True, now=0.0, finalizes=True, scores=True)
        self.now = 0.0
        self.spoken = 0
        self.final: set[int] = set()  # words and noises that will not come again
        self.said: set[int] = set()  # words that came as final
        self.typed = 0
        self.down = False  # whether the recogniser is down
        self.turn = 0
        self._seen = seen

    def take(self, step: Step) -> None:
        self.wait(step.wait)
        event = step.act(self)
        if event is not None:
            self.hand(event)

    def hand(self, event: Signal) -> None:
        before, deadline = self.machine.state, self.machine.deadline
        stale = getattr(event, "turn", self.machine.live) != self.machine.live
        commands = self.machine.handle(event, self.now)
        if stale:
            assert (self.machine.state, self.machine.deadline, commands) == (before, deadline, [])
            return
        self.turn = self.machine.live or self.turn
        self._seen(before, event, commands)

    def wait(self, seconds: float) -> None:
        """Let the time pass. Deadlines must come to an end, however short they are."""
        until = self.now + seconds
        for _ in range(100):
            if self.machine.deadline > until:
                self.now = until
                return
            self.now = max(self.now, self.machine.deadline)
            before = self.machine.state
            commands = self.machine.due(self.now)
            self.turn = self.machine.live or self.turn
            self._seen(before, None, commands)
        raise AssertionError(f"100 deadlines in {seconds} s, the last at {self.machine.deadline}")

    def settle(self) -> None:
        """The caller is quiet, replies are played to their end, and time passes until nothing is pending."""
        self.hand(CallerHeld(False))
        self.hand(SpeechStopped(self.heard))
        for _ in range(50):
            if self.machine.state in (TurnState.WAITING, TurnState.CLOSED):
                return
            if self.machine.live is not None:
                self.hand(ReplyDone(self.machine.live))
            else:
                self.wait(self.machine.deadline - self.now)
        raise AssertionError(f"no rest in sight, in {self.machine.state}")

    @property
    def heard(self) -> int:
        """The end of the last word spoken."""
        return self.spoken * WORD

    def words(self, first: int, last: int, *, longer: int = 0, misheard: bool = False) -> tuple[Word, ...]:
        name, late = ("m", MISHEARD) if misheard else ("w", 0)
        return tuple(
            Word(f" {name}{n}", n * WORD + late, n * WORD + WORD - 50 + longer) for n in range(max(0, first), last)
        )

    def speak(self, count: int, longer: int = 0, *, misheard: bool = False) -> Signal:
        """`count` new words, as the whole tail that is not final yet."""
        self.spoken = min(self.spoken + count, MOST_WORDS)
        return self.tail(4, longer, misheard=misheard)

    def noise(self) -> Signal:
        """A sound in the place of a word; no word ever comes of it."""
        start = self.heard
        if self.spoken < MOST_WORDS:
            self.final.add(self.spoken)
            self.spoken += 1
        return SpeechStarted(start)

    def tail(self, count: int, longer: int = 0, *, misheard: bool = False) -> Signal:
        """The last `count` words, without those that are final; their ends may be wrong by `longer`."""
        words = self.words(self.spoken - count, self.spoken, longer=longer, misheard=misheard)
        return Interim(tuple(word for word in words if word.start // WORD not in self.final))

    def finish(self, count: int, back: int) -> Signal:
        """`count` words that end `back` words ago become final, those that are not."""
        last = max(0, self.spoken - back)
        fresh = [n for n in range(max(0, last - count), last) if n not in self.final]
        self.final.update(fresh)
        self.said.update(fresh)
        return Final(tuple(word for n in fresh for word in self.words(n, n + 1)))

    def position(self, kind: Callable[[int], Signal], back: int) -> Signal:
        """An Endpoint or Finalized that is about the sound until `back` words ago."""
        return kind(self.heard - back * WORD)

    def news(self, kind: Callable[[int], Signal], other: int) -> Signal:
        """News of the last reply, or of that many after it."""
        return kind(self.turn + other)

    def ears(self, news: SttDown | SttUp) -> Signal:
        self.down = isinstance(news, SttDown)
        return news

    def type(self) -> Signal:
        self.typed += 1
        return Typed(f"t{self.typed}")


def _acts() -> dict[str, Act]:
    acts: dict[str, Act] = {
        "speech starts": lambda world: SpeechStarted(world.heard),
        "a noise starts": lambda world: world.noise(),
        "speech stops": lambda world: SpeechStopped(world.heard),
        "an empty tail": lambda world: Interim(()),
        "progress": lambda world: Progress(world.heard),
        "stt down": lambda world: world.ears(SttDown()),
        "stt up": lambda world: world.ears(SttUp()),
        "a line": lambda world: world.type(),
        "a blank line": lambda world: Typed(" "),
        "a key": lambda world: Dtmf("#"),
        "a digit": lambda world: Dtmf("5"),
        "collect keys": lambda world: CollectKeys(3, within=0.5, first=2.0),
        "hold": lambda world: CallerHeld(True),
        "the far side is back": lambda world: CallerHeld(False),
        "a prompt": lambda world: Prompt("say", "p"),
        "a prompt that must be heard": lambda world: Prompt("say", interruptible=False),
        "silence": lambda world: None,
    }
    for count in (1, 2, 3):
        acts[f"speak {count}"] = partial(World.speak, count=count, longer=0)
        acts[f"speak {count}, longer"] = partial(World.speak, count=count, longer=120)
        acts[f"the last {count} again"] = partial(World.tail, count=count)
        acts[f"speak {count}, misheard"] = partial(World.speak, count=count, misheard=True)
        for back in (0, 1, 4):
            acts[f"{count} final, {back} back"] = partial(World.finish, count=count, back=back)
    for back in (0, 1, 4):
        acts[f"endpoint {back} back"] = partial(World.position, kind=Endpoint, back=back)
        acts[f"finalized {back} back"] = partial(World.position, kind=Finalized, back=back)
    acts["a good melody"] = lambda world: PauseScored(world.heard, 0.9)
    for other in (0, -1, 1):
        acts[f"expect a number {other}"] = partial(
            World.news, kind=partial(AnswerExpected, answer="number"), other=other
        )
        acts[f"expect 1 s {other}"] = partial(World.news, kind=partial(AnswerExpected, answer=1.0), other=other)
        acts[f"audible {other}"] = partial(World.news, kind=Audible, other=other)
        acts[f"heard {other}"] = partial(World.news, kind=partial(HeardSoFar, said_to=3), other=other)
        acts[f"done {other}"] = partial(World.news, kind=ReplyDone, other=other)
        acts[f"failed {other}"] = partial(World.news, kind=partial(ReplyFailed, error=ValueError()), other=other)
    return acts


ACTS = _acts()
ENDS: dict[str, Act] = {
    "graceful end": lambda world: End(True, "asked"),
    "farewell": lambda world: End(True, "asked", "bye"),
    "end at once": lambda world: End(False, "asked"),
    "source ended": lambda world: SourceEnded(),
    "hangup": lambda world: Hangup(),
}
WAITS = (0.0, 0.0, 0.0, 0.05, 0.05, 0.3, 0.7, 6.0)

# Steps that are common in calls come up more often than rare ones.
SPEECH = ("speech starts", "a noise starts", "speech stops", "speak 1", "endpoint 0 back", "finalized 0 back")
REPLY = ("audible 0", "done 0")
KEYS = ("collect keys", "a digit", "the far side is back")
MIX = [*ACTS, *(SPEECH + REPLY) * 4, "a prompt", "a prompt", *KEYS * 2]

STEPS = [Step(wait, name, ACTS[name]) for name in MIX for wait in WAITS]
LAST_STEPS = [Step(wait, name, ENDS[name]) for name in [*ENDS, "source ended", "source ended"] for wait in WAITS]


def conversations() -> st.SearchStrategy[tuple[str, list[Step]]]:
    """The name of a policy, and steps. Those that end the call come late, so that most calls have a life first."""
    short = st.lists(st.sampled_from(STEPS), max_size=20)
    long = st.lists(st.sampled_from(STEPS), min_size=20, max_size=60)
    ends = st.lists(st.sampled_from(LAST_STEPS + STEPS), max_size=8)
    steps = st.tuples(short | long, ends).map(lambda parts: parts[0] + parts[1])
    return st.tuples(st.sampled_from(sorted(POLICIES)), steps)
