"""Hearing with the real recogniser and aligner: people's words, in order, once, each utterance ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from voicekit.soniox.api.wire import SttConfig, Token
from voicekit_local.engines.align import SphinxAligner
from voicekit_local.engines.interface import HEARING_RATE
from voicekit_local.engines.moonshine import Moonshine
from voicekit_local.hearing import Hearing
from voicekit_local.wer import total_errors

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


def test_words_are_timed_where_they_sound(
    recogniser: Moonshine, aligner: SphinxAligner, recordings: dict[str, Any], labels: dict[str, Any]
) -> None:
    """The first and the last word of a recording are within 0.3 s of where its label says, three seconds in."""
    quiet = np.random.default_rng(1).normal(0, 1e-4, 3 * HEARING_RATE).astype(np.float32)
    finals = heard(np.concatenate([quiet, recordings["austen-0930"], quiet]), recogniser, aligner)
    words = [token for token in finals if token.text != "<end>"]
    began, ended = labels["austen-0930"]["aligned"][0]
    assert abs((words[0].start_ms or 0) / 1000 - 3 - began) < 0.3
    assert abs((words[-1].end_ms or 0) / 1000 - 3 - ended) < 0.3
    assert all(0 < (token.confidence or 0) <= 1 for token in words)
