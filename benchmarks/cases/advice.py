"""What the adviser of words, which runs on the event loop, costs for each word that the recogniser emits in a pause.

The adviser is asked about each word of an utterance while it is the last word, first as an interim and then as a final
word. The floor is to find the letters of the new word, which the turn machine always does, for speculation and
interruptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from benchmarks.case import Case
from voicekit.events import Word
from voicekit.turn.advice import CallerPause
from voicekit.turn.adviser import WordAdviser
from voicekit.writing import letters

SENTENCE = "Good morning, I would like to book a table for two, um, no, for three people on Friday at half past seven."
NUMBER = "My number is oh one seven one, five five one two three, double four, nine. Yes, that's it."
GERMAN = "Ich hätte gern einen Tisch für zwei Personen, äh, am Freitag um halb acht, und zwar am Fenster, bitte."

ADVISER = WordAdviser()


def pauses(text: str, language: str) -> list[CallerPause]:
    words = [Word(f" {word}", n, n + 1, language) for n, word in enumerate(text.split())]
    return [
        CallerPause(words[: count + 1], 0.3, final, score=None)
        for count in range(len(words))
        for final in (False, True)
    ]


PAUSES = [pauses(SENTENCE, "en"), pauses(NUMBER, "en"), pauses(GERMAN, "de")]

advice = Case("advice", "the adviser, per word of an utterance, interim and final", operations=20, rounds=60)


@advice.floor("the letters of the word")
async def bare(count: int) -> Sequence[float]:
    taken = []
    for _ in range(count):
        for said in PAUSES:
            began = perf_counter()
            for pause in said:
                letters(pause.words[-1].text)
            taken.append((perf_counter() - began) * 2 / len(said))
    return taken


@advice.subject("the adviser", limit=50e-6)
async def advised(count: int) -> Sequence[float]:
    """Ask the adviser twice about each word: when it comes, and when it is final."""
    taken = []
    for _ in range(count):
        for said in PAUSES:
            began = perf_counter()
            for pause in said:
                ADVISER(pause)
            taken.append((perf_counter() - began) * 2 / len(said))
    return taken
