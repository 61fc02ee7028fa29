"""Scores a recording: finds when each side is audible, and applies the rules of `score`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from voicekit_scenes.activity import Stretch, stretches
from voicekit_scenes.held import Recording
from voicekit_scenes.noises import RATE
from voicekit_scenes.scene import CallerAct, Due, Scene, lines
from voicekit_scenes.score import (
    Became,
    Heard,
    Outcome,
    cuts_in,
    empty_questions,
    history_differs,
    lost_words,
    outcomes,
    soon,
    whole,
)
from voicekit_scenes.sounds import sounding, span

if TYPE_CHECKING:
    from voicekit_scenes.noises import Samples

TALKS = (Due.ANSWER, Due.YIELD)
"""The kinds of sounds whose words must be in a question to the handler."""


@dataclass(frozen=True)
class Judged:
    """The score of one scene."""

    scene: Scene
    heard: tuple[Heard, ...]
    bot: tuple[Stretch, ...]
    outcomes: tuple[Outcome, ...]
    replies: tuple[Became, ...]
    """What happened to the replies that no caller meant to interrupt."""
    lost: tuple[str, ...]
    empty: int
    history_wrong: int
    history_of: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the bot did everything that it had to do."""
        cut = Became.CUT in self.replies or Became.ELSEWHERE in self.replies
        return all(one.good for one in self.outcomes) and not (cut or self.lost or self.empty or self.history_wrong)


def judge(recording: Recording) -> Judged:
    scene = recording.scene
    heard = tuple(_heard(recording))
    replies = [utterance.samples for utterance in recording.said]
    bot = tuple(stretches(recording.bot, replies, [utterance.since for utterance in recording.said]))
    lengths = [_length(samples) for samples in replies]
    came = outcomes(heard, bot, lengths, may_cut_in=scene.kind == "restart")
    came += [Outcome(act.due, given=False, mark=0.0) for act in _not_reached(recording) if act.due in TALKS]
    wrong, of = _history(recording, bot)
    return Judged(
        scene,
        heard,
        bot,
        tuple(came),
        tuple(whole(bot, lengths, heard)),
        tuple(_lost(recording)),
        empty_questions(recording.asked),
        wrong,
        of,
        len(recording.caller) / RATE,
    )


def _heard(recording: Recording) -> list[Heard]:
    found = []
    for placed in recording.placed:
        begins, ends = span(placed.act.sound)
        start = placed.start / RATE
        found.append(Heard(start + begins, start + ends, placed.act.due))
    return found


def _not_reached(recording: Recording) -> Sequence[CallerAct]:
    acts = recording.scene.acts * recording.scene.rounds
    return acts[len(recording.placed) :]


def _length(samples: Samples) -> float:
    last = sounding(samples).nonzero()[0]
    return float(last[-1] + 1) / 100 if len(last) else 0.0


def _lost(recording: Recording) -> list[str]:
    """Final words that need an answer but are in no question. Words of sounds that need no answer don't count."""
    due = [
        (placed.start, placed.start + placed.samples)
        for placed in recording.placed
        if placed.act.due in TALKS and placed.act.sound in lines()
    ]
    words = [word.text for word in recording.final_words if any(start <= word.start < end for start, end in due)]
    return lost_words(words, recording.asked)


def _history(recording: Recording, bot: Sequence[Stretch]) -> tuple[int, int]:
    """How many exchanges of the history differ from the sound that was heard, and how many were compared."""
    wrong = of = 0
    replies = {said.turn: place for place, said in enumerate(recording.said)}
    for exchange in recording.history:
        if exchange.turn in replies:
            reply = replies[exchange.turn]
            stops = max((stretch.stops for stretch in bot if stretch.reply == reply), default=0.0)
            of += 1
            wrong += history_differs(exchange.heard, recording.said[reply].words, stops)
    return wrong, of


@dataclass(frozen=True)
class Summary:
    """The figures for many scenes. Times are in seconds; a figure is None if there is nothing to measure."""

    scenes: int
    good: int
    due: int
    given: int
    latency: tuple[float, float] | None
    cut_ins: int
    cut_ins_uncut: int
    mark: float
    yielded: tuple[float, float] | None
    talked_over: int
    false: int
    undisturbed: int
    resumed_soon: int
    resumed_late: tuple[float, float] | None
    false_cuts: int
    empty: int
    lost: int
    history_right: int
    history_of: int
    seconds: float


def summary(judged: Sequence[Judged]) -> Summary:
    came = [(one.scene, outcome) for one in judged for outcome in one.outcomes]
    answers = [outcome for _, outcome in came if outcome.due in TALKS]
    false = [outcome for _, outcome in came if outcome.due is Due.WHOLE]
    yields = [o.yielded for _, o in came if o.yielded is not None]
    late = [o.late for o in false if o.became is Became.RESUMED and o.late is not None]
    return Summary(
        scenes=len(judged),
        good=sum(one.good for one in judged),
        due=len(answers),
        given=sum(bool(outcome.given) for outcome in answers),
        latency=_spread([outcome.latency for outcome in answers if outcome.latency is not None]),
        cut_ins=sum(outcome.cut_in for _, outcome in came),
        cut_ins_uncut=sum(outcome.cut_in for scene, outcome in came if cuts_in(scene.kind)),
        mark=sum(outcome.mark or 0.0 for outcome in answers) / max(1, len(answers)),
        yielded=_spread(yields),
        talked_over=sum(outcome.talked > 0.3 for _, outcome in came),
        false=len(false),
        undisturbed=sum(outcome.became is Became.WHOLE for outcome in false),
        resumed_soon=sum(outcome.became is Became.RESUMED and soon(outcome.late) for outcome in false),
        resumed_late=_spread(late),
        false_cuts=sum(became in (Became.CUT, Became.ELSEWHERE) for one in judged for became in one.replies),
        empty=sum(one.empty for one in judged),
        lost=sum(len(one.lost) for one in judged),
        history_right=sum(one.history_of - one.history_wrong for one in judged),
        history_of=sum(one.history_of for one in judged),
        seconds=sum(one.seconds for one in judged),
    )


def _spread(values: Sequence[float]) -> tuple[float, float] | None:
    """The median and the worst value."""
    return (median(values), max(values)) if values else None
