"""Nothing of a reply is heard after it was cut, though its voice goes on for a while."""

from __future__ import annotations

import pytest

from benchmarks.cases.old_frames import Watched, played_after_a_cut
from voicekit.play.lease import PlaybackLease


async def test_no_frame_of_a_reply_is_played_after_the_decision_to_cut_it(autojump_clock: object) -> None:
    """The sink's own position stands still from the decision on, while a stubborn voice sends half a second more."""
    assert await played_after_a_cut(Watched()) == 0


async def test_old_frames_would_be_seen(autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the cut takes no sound back, at least two frames are counted."""
    monkeypatch.setattr(PlaybackLease, "revoke", lambda lease: None)
    assert await played_after_a_cut(Watched()) >= 2
