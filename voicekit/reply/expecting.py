"""Validates the kind of answer that a bot's question expects."""

from __future__ import annotations

import math
from typing import get_args

from voicekit.errors import ConfigError
from voicekit.events import AnswerKind, ExpectedAnswer


def checked_answer(answer: object) -> ExpectedAnswer:
    """Return `answer` if it is a known kind of answer, or a number of seconds; otherwise raise ConfigError.

    >>> checked_answer("number"), checked_answer(1)
    ('number', 1.0)
    """
    if isinstance(answer, str) and answer in get_args(AnswerKind):
        return answer  # type: ignore[return-value]  # it is one of the literals
    if isinstance(answer, int | float) and not isinstance(answer, bool) and 0 <= answer < math.inf:
        return float(answer)
    kinds = ", ".join(map(repr, get_args(AnswerKind)))
    raise ConfigError(f"expect: expected {kinds} or a number of seconds, got {answer!r}")
