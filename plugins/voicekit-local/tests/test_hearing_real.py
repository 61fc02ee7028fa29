"""Hearing with the real recogniser and aligner: people's words, in order, once, each utterance ended."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import pytest

from voicekit.soniox.api.wire import SttConfig, Token
from voicekit_local.engines.align import SphinxAligner
from voicekit_local.engines.interface import HEARING_RATE
from voicekit_local.engines.moonshine import Moonshine
from voicekit_local.hearing import Hearing
from voicekit_local.wer import plain_words, total_errors

pytestmark = pytest.mark.slow

FRAME = HEARING_RATE // 50
SPOKEN = ("austen-0880", "something", "austen-0920", "goforward", "austen-0930")


def heard(sound: Any, recogniser: Moonshine, aligner: SphinxAligner) -> list[Token]:
    """The final tokens of a session in which each job is done at once."""
    hearing = Hearing(SttConfig(enable_endpoint_detection=True))
    finals: list[Token] = []
    for start in range(0, len(sound), FRAME):
        hearing.feed((sound[start : start + FRAME] * 32_767).astype("<i2").tobytes())
        while (job := hearing.job()) is not None:
            hearing.done(job.run(recogniser, aligner))
        finals += [token for result in hearing.results() for token in result.tokens if token.is_final]
    return finals


def utterances(finals: Sequence[Token]) -> list[str]:
    return "".join(token.text or "" for token in finals).split("<end>")


def test_people_are_understood_utterance_by_utterance(
    recogniser: Moonshine, aligner: SphinxAligner, recordings: dict[str, Any], labels: dict[str, Any]
) -> None:
    """Recordings in a row come out as one utterance each, at most three words in twenty wrong, settled early or not."""
    quiet = np.random.default_rng(1).normal(0, 1e-4, 2 * HEARING_RATE).astype(np.float32)
    row = [part for name in SPOKEN for part in (recordings[name], quiet)]
    finals = heard(np.concatenate([quiet, *row]), recogniser, aligner)
    *said, rest = utterances(finals)
    assert rest == ""
    assert len(said) == len(SPOKEN)
    assert total_errors((labels[name]["text"], text) for name, text in zip(SPOKEN, said, strict=True)).rate <= 0.15


@pytest.mark.parametrize("name", ["austen-0880", "austen-0930", "something", "goforward"])
def test_words_are_timed_where_they_sound(
    name: str, recogniser: Moonshine, aligner: SphinxAligner, recordings: dict[str, Any], labels: dict[str, Any]
) -> None:
    """Three seconds in, each word that is recognised starts within 0.3 s of where the whole recording has it."""
    quiet = np.random.default_rng(1).normal(0, 1e-4, 3 * HEARING_RATE).astype(np.float32)
    finals = heard(np.concatenate([quiet, recordings[name], quiet]), recogniser, aligner)
    tokens = [token for token in finals if token.text != "<end>"]
    texts = ["".join(plain_words(token.text or "")) for token in tokens]
    spoken = labels[name]["text"].split()
    times = aligner.align(recordings[name], HEARING_RATE, spoken)
    starts, ends = [start for start, _ in times], [end for _, end in times]
    starts[0], ends[-1] = labels[name]["aligned"][0]
    # which words are recognised may differ between processors
    same = SequenceMatcher(a=texts, b=spoken, autojunk=False).get_matching_blocks()
    pairs = [(tokens[one.a + place], one.b + place) for one in same for place in range(one.size)]
    assert len(pairs) >= 0.75 * len(spoken)
    for token, place in pairs:
        assert (token.start_ms or 0) / 1000 - 3 == pytest.approx(starts[place], abs=0.3), token
    if pairs[-1] == (tokens[-1], len(spoken) - 1):
        assert (tokens[-1].end_ms or 0) / 1000 - 3 == pytest.approx(ends[-1], abs=0.3)
    assert all(0 < (token.confidence or 0) <= 1 for token in tokens)
