"""The pytest plugin, available wherever voicekit is installed: `hold_call` and `script` as fixtures.

def test_it_greets(hold_call, script):
    script.says("good morning", at=1.0, for_=1.0)
    assert hold_call(my_handler, script).history[0].heard == "Good morning!"
"""

from __future__ import annotations

from typing import Any

import pytest

from voicekit.testing import Script
from voicekit.testing import hold_call as hold


@pytest.fixture
def hold_call() -> Any:
    """`voicekit.testing.hold_call`: runs one whole call in virtual time."""
    return hold


@pytest.fixture
def script() -> Script:
    """An empty `voicekit.testing.Script`, for the user's actions."""
    return Script()
