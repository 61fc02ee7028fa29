"""What a cell of a state table may be besides a state.

The tables are total: a cell is the next state, or a verdict. WRONG is a mistake, ours (LocalProtocolError) or theirs
(RemoteProtocolError). IGNORE is for what crossed something else on the wire, so that nobody is to blame: what the
service says of a stream that we have cancelled or that it has terminated, and what we say to one that has failed
meanwhile, since that event is still on its way to the caller.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class Verdict(Enum):
    """A cell that is no state."""

    IGNORE = auto()
    WRONG = auto()


IGNORE: Final = Verdict.IGNORE
WRONG: Final = Verdict.WRONG
