"""A real voice through `voicekit run` and a local server of its own, as the benchmark holds such calls."""

from __future__ import annotations

import pytest
import trio

from benchmarks.recordings import hear_all, recordings, report
from voicekit_local.wer import total_errors

pytestmark = pytest.mark.slow


@pytest.mark.real
def test_people_are_understood_through_the_whole_product(tmp_path, machine):
    """Two recordings, each a call: the words, when they were final, and what that cost, in a table."""
    chosen = [recording for recording in recordings(13) if recording.path.stem in ("something", "austen-0880")]
    heard, real_time_factor = trio.run(hear_all, chosen, tmp_path)
    shown = report(heard, real_time_factor)
    assert all(each.final_after > 0 for each in heard), shown
    assert real_time_factor > 0, shown
    if machine.keeps_time(within=0.03):  # otherwise the recogniser falls behind
        assert total_errors((each.recording.said, each.text) for each in heard).wrong <= 2, shown
    _, row, total, cost = shown.splitlines()
    assert row.split()[:2] == ["16", "kHz"]
    assert total.split()[:2] == ["all", "2"]
    assert cost.startswith("real-time factor on one core: ")
