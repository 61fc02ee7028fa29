"""The verdicts that a state table may contain in place of a next state, for clients and servers.

Every cell of a state table is the next state or a verdict. WRONG is a mistake, made by our side (LocalProtocolError) or
by the other side (RemoteProtocolError). REFUSE is a mistake by the client; the server answers it with an error frame.
IGNORE is for messages that crossed others on the wire, so neither side is to blame: messages about a stream that was
cancelled or terminated in the meantime, and messages to a stream whose failure was still in transit.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final


class Verdict(Enum):
    """An entry in a state table other than a next state."""

    IGNORE = auto()
    REFUSE = auto()
    WRONG = auto()


IGNORE: Final = Verdict.IGNORE
REFUSE: Final = Verdict.REFUSE
WRONG: Final = Verdict.WRONG


def assert_total(table: Mapping[Any, Mapping[Any, Any]], states: type[Enum], inputs: type[Enum]) -> None:
    """Raise AssertionError unless the table has a cell for each pair of a state and an input, and no other cells."""
    cells = {(state, what) for state, row in table.items() for what in row}
    odd = cells ^ {(state, what) for state in states for what in inputs}
    if odd:
        raise AssertionError(
            f"expected one cell for each state and input; wrong or missing cells: {sorted(map(str, odd))}"
        )
