"""What a handler may expect of an answer."""

from __future__ import annotations

import pytest

from voicekit.errors import ConfigError
from voicekit.reply.expecting import checked_answer
from voicekit.reply.handler import Turn


def test_an_answer_is_a_kind_or_seconds() -> None:
    """Anything else is a mistake, told where it is made."""
    assert [checked_answer(each) for each in ("number", "name", "yes_no", 1, 0.5)] == [
        "number",
        "name",
        "yes_no",
        1,
        0.5,
    ]
    for wrong in ("digits", -1, True, None, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="expected 'number', 'name', 'yes_no' or a number of seconds"):
            checked_answer(wrong)


def test_a_turn_of_no_call_expects_nothing() -> None:
    """A handler that is tried out on its own may ask; what is wrong is wrong there, too."""
    Turn(1, "hello").expect("number")
    with pytest.raises(ConfigError, match="got 'digits'"):
        Turn(1, "hello").expect("digits")  # type: ignore[arg-type]
