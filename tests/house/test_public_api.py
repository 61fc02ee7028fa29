"""The public names are those of public_api.txt: adding or dropping one is a decision, not an accident.

A decision is put down, from the project's root, with

    python -c 'import voicekit; print(*voicekit.__all__, sep="\\n")' > tests/house/public_api.txt
"""

from __future__ import annotations

import difflib
from pathlib import Path

import voicekit

SNAPSHOT = Path(__file__).with_name("public_api.txt")


def test_the_public_names_are_the_agreed_ones() -> None:
    """`voicekit.__all__` is the snapshot, in the same order; a wanted change is made in both."""
    agreed = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    changes = difflib.unified_diff(agreed, voicekit.__all__, "public_api.txt", "voicekit.__all__", lineterm="")
    assert "\n".join(changes) == ""


def test_every_public_name_is_there_once() -> None:
    """Each public name leads to something, and none is listed twice."""
    assert [name for name in voicekit.__all__ if not hasattr(voicekit, name)] == []
    assert len(set(voicekit.__all__)) == len(voicekit.__all__)
